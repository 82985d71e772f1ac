"""Scores of found boxes against labels, by pycocotools: average precision, F1, false positives."""

import contextlib
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from pycocotools import mask
from pycocotools.cocoeval import COCOeval

from tests.benchmarks.detector.network import MAX_FOUND, FoundBoxes
from tests.benchmarks.detector.training import LabelledPicture

MIN_OVERLAP = 0.5
"""Intersection over union from which a box counts as found, as in AP50."""
MIN_DISTANCE_PX = 4.0
MIDDLE_OF_SIZE = 0.5
"""A middle counts as found within this fraction of the box's mean side, but at least within
MIN_DISTANCE_PX."""
Likeness = Callable[[np.ndarray, LabelledPicture], np.ndarray]
"""(n, 4) found boxes and the k labels of their picture to (n, k): MIN_OVERLAP or more for the same
pile."""


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
    average_precision: float | None
    """Mean precision at 101 recalls, 0..1; None without a label."""

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


class _Judge(COCOeval):  # type: ignore[misc]  # the package has no annotations
    """Judges boxes by any likeness in place of intersection over union."""

    def __init__(
        self, found: Sequence[FoundBoxes], pictures: Sequence[LabelledPicture], likeness: Likeness
    ) -> None:
        super().__init__(iouType="bbox")
        self._found, self._pictures, self._likeness = found, pictures, likeness
        self.params.imgIds, self.params.catIds = list(range(len(pictures))), [1]
        self.params.iouThrs, self.params.maxDets = np.array([MIN_OVERLAP]), [MAX_FOUND]
        self.params.areaRng, self.params.areaRngLbl = [[0, np.inf]], ["all"]

    def _prepare(self) -> None:
        for image, (boxes, picture) in enumerate(zip(self._found, self._pictures, strict=True)):
            self._dts[image, 1] = [
                {"id": n, "area": 1, "score": s} for n, s in enumerate(boxes.scores.tolist(), 1)
            ]
            crowds = enumerate(picture.is_ignored.tolist(), 1)
            self._gts[image, 1] = [
                {"id": n, "area": 1, "iscrowd": crowd, "ignore": crowd} for n, crowd in crowds
            ]

    def computeIoU(self, image: int, category: int) -> np.ndarray:
        order = np.argsort(-self._found[image].scores, kind="mergesort")
        return self._likeness(self._found[image].boxes[order], self._pictures[image])


def rank(
    found: Sequence[FoundBoxes], pictures: Sequence[LabelledPicture], likeness: Likeness
) -> Ranked:
    """Match each picture's boxes, best first, to the likest label that is still free.

    A box that fits only ignored labels counts neither as right nor as wrong.
    """
    judge = _Judge(found, pictures, likeness)
    with open(os.devnull, "w") as nowhere, contextlib.redirect_stdout(nowhere):
        judge.evaluate()
        judge.accumulate()
    # None: neither boxes nor labels
    images = [image for image in judge.evalImgs if image is not None]
    is_counted = np.concatenate(
        [np.zeros(0, bool), *(~image["dtIgnore"][0].astype(bool) for image in images)]
    )
    every = np.concatenate([np.zeros(0), *(image["dtScores"] for image in images)])[is_counted]
    is_right = np.concatenate(
        [np.zeros(0, bool), *(image["dtMatches"][0] > 0 for image in images)]
    )[is_counted]
    order = np.argsort(-every, kind="stable")
    labelled = sum(int((~picture.is_ignored).sum()) for picture in pictures)
    return Ranked(
        scores=every[order],
        is_right=is_right[order],
        labelled=labelled,
        pictures=len(pictures),
        average_precision=float(judge.eval["precision"].mean()) if labelled else None,
    )


def overlap(found: np.ndarray, picture: LabelledPicture) -> np.ndarray:
    """Intersection over union, (n, k); with ignored labels intersection over the found box."""
    sides = [
        np.concatenate([boxes[:, :2], boxes[:, 2:] - boxes[:, :2]], axis=1)
        for boxes in (found, picture.boxes)
    ]
    likeness: np.ndarray = mask.iou(*sides, picture.is_ignored.astype(np.uint8))
    return np.reshape(likeness, (len(found), len(picture.boxes)))


def nearness(found: np.ndarray, picture: LabelledPicture) -> np.ndarray:
    """Nearness of the middles of found and labelled boxes, (n, k): 1 at distance 0, 0.5 at the
    largest that counts."""
    labelled = picture.boxes
    middles = [(boxes[:, :2] + boxes[:, 2:]) / 2 for boxes in (found, labelled)]
    away = np.sqrt(((middles[0][:, None] - middles[1][None]) ** 2).sum(axis=2))
    sides = (labelled[:, 2:] - labelled[:, :2]).mean(axis=1)
    reach = np.maximum(MIDDLE_OF_SIZE * sides, MIN_DISTANCE_PX)
    near: np.ndarray = np.maximum(1 - away / (2 * reach[None]), 0)
    return near
