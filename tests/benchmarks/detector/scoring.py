"""Scores of found boxes against labels: average precision, F1, false positives."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from tests.benchmarks.detector.network import FoundBoxes
from tests.benchmarks.detector.training import LabelledPicture

MIN_OVERLAP = 0.5
"""Intersection over union from which a box counts as found, as in AP50."""
MIN_DISTANCE_PX = 4.0
MIDDLE_OF_SIZE = 0.5
"""A middle counts as found within this fraction of the box's mean side, but at least within MIN_DISTANCE_PX."""
RECALLS = np.linspace(0, 1, 101)
Likeness = Callable[[np.ndarray, LabelledPicture], np.ndarray]
"""(n, 4) found boxes and the k labels of their picture to (n, k): MIN_OVERLAP or more for the same pile."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rates:
    """Precision, recall and F1, 0..1 each, and the mean number of false positives per picture."""

    precision: float
    recall: float
    f1: float
    false_positives: float


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Ranked:
    """All found boxes of several pictures, best first, without those on ignored labels."""

    scores: np.ndarray
    """(n,)"""
    is_right: np.ndarray
    """(n,) bool"""
    labelled: int
    pictures: int

    @property
    def average_precision(self) -> float | None:
        """Mean precision at 101 recalls, as COCO computes it, 0..1; None without a label."""
        if not self.labelled:
            return None
        right = np.cumsum(self.is_right)
        precision = right / np.arange(1, len(right) + 1)
        highest = np.maximum.accumulate(precision[::-1])[::-1]  # never rises with recall
        at = np.searchsorted(right / self.labelled, RECALLS, side="left")
        return float(np.append(highest, 0.0)[at].mean())

    def best_threshold(self) -> float:
        """The score that gives the highest F1."""
        if not len(self.scores) or not self.labelled:
            return 0.5
        right = np.cumsum(self.is_right)
        f1 = 2 * right / (np.arange(1, len(right) + 1) + self.labelled)
        return float(self.scores[int(np.argmax(f1))])

    def at(self, threshold: float) -> "Rates":
        """Rates of the boxes with this score or more."""
        is_counted = self.scores >= threshold
        count, right = int(is_counted.sum()), int(self.is_right[is_counted].sum())
        return Rates(
            precision=right / count if count else 1.0,
            recall=right / self.labelled if self.labelled else 1.0,
            f1=2 * right / (count + self.labelled) if count + self.labelled else 1.0,
            false_positives=(count - right) / max(self.pictures, 1),
        )


def rank(found: Sequence[FoundBoxes], pictures: Sequence[LabelledPicture], likeness: Likeness) -> Ranked:
    """Match each picture's boxes, best first, to the likest label that is still free, as COCO does.

    A box that fits only ignored labels counts neither as right nor as wrong.
    """
    scores, rights = [np.zeros(0)], [np.zeros(0, bool)]
    for boxes, picture in zip(found, pictures, strict=True):
        alike = likeness(boxes.boxes, picture)
        is_alike = alike >= MIN_OVERLAP
        is_free = ~picture.is_ignored
        is_right = np.zeros(len(boxes.boxes), bool)
        for number in np.flatnonzero((is_alike & is_free).any(axis=1)):
            row = np.where(is_free, alike[number], 0.0)
            best = int(row.argmax())
            if row[best] >= MIN_OVERLAP:
                is_free[best] = False
                is_right[number] = True
        is_counted = is_right | ~(is_alike & picture.is_ignored).any(axis=1)
        scores.append(boxes.scores[is_counted])
        rights.append(is_right[is_counted])
    every, right = np.concatenate(scores), np.concatenate(rights)
    order = np.argsort(-every, kind="stable")
    labelled = sum(int((~picture.is_ignored).sum()) for picture in pictures)
    return Ranked(scores=every[order], is_right=right[order], labelled=labelled, pictures=len(pictures))


def overlap(found: np.ndarray, picture: LabelledPicture) -> np.ndarray:
    """Intersection over union, (n, k); with ignored labels intersection over the found box, as COCO's for crowds."""
    labelled = picture.boxes
    low = np.maximum(found[:, None, :2], labelled[None, :, :2])
    shared = np.prod(np.maximum(np.minimum(found[:, None, 2:], labelled[None, :, 2:]) - low, 0), axis=2)
    own, label_areas = (np.prod(boxes[:, 2:] - boxes[:, :2], axis=1) for boxes in (found, labelled))
    either = np.where(picture.is_ignored[None], own[:, None], own[:, None] + label_areas[None] - shared)
    iou: np.ndarray = shared / np.maximum(either, 1e-9)
    return iou


def nearness(found: np.ndarray, picture: LabelledPicture) -> np.ndarray:
    """Nearness of the middles of found and labelled boxes, (n, k): 1 at distance 0, 0.5 at the largest that counts."""
    labelled = picture.boxes
    middles = [(boxes[:, :2] + boxes[:, 2:]) / 2 for boxes in (found, labelled)]
    away = np.sqrt(((middles[0][:, None] - middles[1][None]) ** 2).sum(axis=2))
    sides = (labelled[:, 2:] - labelled[:, :2]).mean(axis=1)
    reach = np.maximum(MIDDLE_OF_SIZE * sides, MIN_DISTANCE_PX)
    near: np.ndarray = np.maximum(1 - away / (2 * reach[None]), 0)
    return near
