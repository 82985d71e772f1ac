"""Decides which detections are which tracked objects, which are new, and which objects are hidden or dropped. No torch.

The rules are those of transformers' Sam3VideoModel for streams, which reads each decision from the device by itself.
Here the device makes one table of overlaps of all masks, and everything is decided from that table on the host. The
table holds numbers of pixels below 2^24, exact in float32, so every overlap is the float32 that transformers computes.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from engine.models.sam3.tracked_object import NEVER, TrackedObject

LOST_AFTER = 30
"""An object that is missing in this many consecutive results is dropped, to make room for others."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MaskFacts:
    """All that the host learns of a picture before it decides, from the device."""

    shared: np.ndarray
    """(n, n) float32: the pixels that two masks share. First the candidates of each prompt, then the objects."""
    scores: np.ndarray
    """(prompts, k) float32, descending: the candidates'."""
    logits: np.ndarray
    """(m,) float32 of the objects being visible."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Decided:
    """The fate of the objects in one picture. They are given by their place, candidates by their row in the table."""

    new: list[TrackedObject]
    rows: list[int]
    """The masks of the new objects."""
    reconditioned: dict[int, int]
    """The mask that the detector gives to an object."""
    hidden: list[int]
    """Objects that another one hides."""
    empty: list[int]
    """Objects without a mask, hidden ones included."""
    unmatched: set[int]
    """Ids of the visible objects that no detection confirms."""


def decide(
    facts: MaskFacts,
    objects: Sequence[TrackedObject],
    numbers: Sequence[int],
    rules: Any,
    *,
    threshold: float,
    max_objects: int,
    first_id: int,
    is_due: bool,
) -> Decided:
    """Decide everything about a picture. `numbers`: of the prompts; `is_due`: objects may be reconditioned.

    `rules`: a Sam3VideoModel, whose settings are IoUs and scores, 0..1. `det_nms_thresh`: the worse of two detections
    that overlap more is dropped (0: none is). `assoc_iou_thresh`: a detection that overlaps an object this much is not
    new. `trk_assoc_iou_thresh`: an object that no detection overlaps this much is unmatched. `high_conf_thresh` and
    `high_iou_thresh`: the least score and overlap of a detection that reconditions an object, and of the object's
    logit. `suppress_overlapping_based_on_recent_occlusion_threshold`: of two objects that overlap this much, the one
    that was hidden last is hidden (0: none is).
    """
    found_rows, found_prompts, found_scores = detections_in(facts, numbers, threshold, rules.det_nms_thresh)
    rows = np.arange(facts.scores.size, len(facts.shared))
    prompts = np.array([each.prompt for each in objects], np.int64)
    last_hidden = np.array([each.last_hidden for each in objects], np.int64)

    def overlap(others: np.ndarray, prompts_of_others: np.ndarray) -> np.ndarray:
        is_same = prompts_of_others[:, None] == prompts
        return np.where(is_same, overlap_of(facts.shared, others, rows), np.float32(0.0))

    is_visible = facts.shared.diagonal()[rows] > 0
    new, unmatched, confirmed = associate(
        found_scores,
        overlap(found_rows, found_prompts),
        is_visible,
        rules,
        score_for_new=threshold_for_new(threshold, rules.score_threshold_detection, rules.new_det_thresh),
        free=max_objects - len(objects),
    )
    is_hidden = hidden_by_others(
        overlap(rows, prompts), last_hidden, rules.suppress_overlapping_based_on_recent_occlusion_threshold
    )
    return Decided(
        new=[
            TrackedObject(id=first_id + count, prompt=int(found_prompts[place]), score=float(found_scores[place]))
            for count, place in enumerate(new)
        ],
        rows=found_rows[new].tolist(),
        reconditioned={
            place: int(found_rows[detection])
            for place, detection in confirmed.items()
            if is_due and facts.logits[place] > rules.high_conf_thresh
        },
        hidden=np.flatnonzero(is_hidden).tolist(),
        empty=np.flatnonzero(is_hidden | ~is_visible).tolist(),
        unmatched={objects[place].id for place in unmatched},
    )


def overlap_of(shared: np.ndarray, rows: np.ndarray, columns: np.ndarray) -> np.ndarray:
    """IoU (rows, columns) float32 from `shared` (n, n) float32, the pixels that two masks share; 0 for empty masks."""
    areas = shared.diagonal()
    both = shared[rows[:, None], columns]
    iou: np.ndarray = both / np.maximum(areas[rows][:, None] + areas[columns] - both, np.float32(1.0))
    return iou


def greedy_nms(ious: np.ndarray, scores: np.ndarray, threshold: float) -> list[int]:
    """Indices of the kept masks, best first. Of equal scores the first wins."""
    order = np.argsort(-scores, kind="stable")
    kept: list[int] = []
    while order.size:
        kept.append(int(order[0]))
        order = order[1:][ious[order[0], order[1:]] <= threshold]
    return kept


def detections_in(
    facts: MaskFacts, prompts: Sequence[int], threshold: float, same_iou: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The candidates with a score above `threshold`, without duplicates of one prompt; prompt by prompt, best first.
    Their masks' rows in `facts.shared` and the numbers of their prompts, (n,) int64, and their scores, (n,) float32."""
    rows, numbers = [], []
    k = facts.scores.shape[1]
    for place, number in enumerate(prompts):
        kept = np.flatnonzero(facts.scores[place] > threshold)
        if same_iou > 0.0:
            ious = overlap_of(facts.shared, place * k + kept, place * k + kept)
            kept = kept[sorted(greedy_nms(ious, facts.scores[place, kept], same_iou))]
        rows += (place * k + kept).tolist()
        numbers += [number] * len(kept)
    chosen = np.array(rows, np.int64)
    return chosen, np.array(numbers, np.int64), facts.scores.reshape(-1)[chosen]


def associate(
    scores: np.ndarray, iou: np.ndarray, is_visible: np.ndarray, rules: Any, *, score_for_new: float, free: int
) -> tuple[list[int], set[int], dict[int, int]]:
    """Match n detections with m tracked objects, both given by their index. `scores` (n,); `iou` (n, m) float32, 0 for
    different prompts; `is_visible` (m,) bool. Returns the detections of new objects, in the order of their ids; the
    visible objects that no detection confirms; and the detection that may recondition an object, by object. At most
    `free` detections are new, the best ones. While nothing is tracked, all of them may be new, whatever their score."""
    if not iou.shape[1]:
        return best_candidates(range(len(scores)), scores.tolist(), free), set(), {}
    is_new = (scores >= score_for_new) & ~(iou >= rules.assoc_iou_thresh).any(axis=1)
    is_unmatched = is_visible & ~(iou >= rules.trk_assoc_iou_thresh).any(axis=0)
    is_sure = (scores >= rules.high_conf_thresh) & ~is_new & (iou.max(axis=1) >= rules.high_iou_thresh)
    return (
        best_candidates(np.flatnonzero(is_new).tolist(), scores.tolist(), free),
        set(np.flatnonzero(is_unmatched).tolist()),
        {int(iou[place].argmax()): place for place in np.flatnonzero(is_sure).tolist()},
    )


def hidden_by_others(iou: np.ndarray, last_hidden_frames: np.ndarray, hidden_iou: float) -> np.ndarray:
    """The objects to hide, (m,) bool: of two that overlap, the one that was hidden last, if the other was once hidden.
    `iou` (m, m) float32, 0 for different prompts; `last_hidden_frames` (m,) int64, NEVER for none."""
    if hidden_iou <= 0.0:
        return np.zeros(len(iou), bool)
    first, second = last_hidden_frames[:, None], last_hidden_frames[None]
    is_pair = np.triu(iou >= hidden_iou, 1)
    is_first = is_pair & (first > second) & (second > NEVER)
    is_second = is_pair & (second > first) & (first > NEVER)
    result: np.ndarray = np.any(is_first | is_second.T, axis=1)
    return result


def missed_after(missed: Mapping[int, int], is_seen: Mapping[int, bool]) -> dict[int, int]:
    """Number of consecutive results in which each object was missing, by id, with one more result than `missed`.
    `is_seen` has all tracked objects: True if this result shows the object and the detector confirms it."""
    return {each: 0 if seen else missed.get(each, 0) + 1 for each, seen in is_seen.items()}


def surplus_ids(scores: Mapping[int, float], threshold: float, max_objects: int) -> list[int]:
    """Ids to drop so that only the best `max_objects` with a score of at least `threshold` stay. Of equal scores the
    older object, with the smaller id, stays."""
    ranked = sorted(scores, key=lambda object_id: (-scores[object_id], object_id))
    return [
        object_id for place, object_id in enumerate(ranked) if place >= max_objects or scores[object_id] < threshold
    ]


def best_candidates(candidates: Sequence[int], scores: Sequence[float], free: int) -> list[int]:
    """The candidates (indices into `scores`) to accept: at most `free`, best first."""
    if len(candidates) <= free:
        return list(candidates)
    return sorted(candidates, key=lambda place: -scores[place])[:free]


def threshold_for_new(threshold: float, own_threshold: float, own_for_new: float) -> float:
    """Minimum score for a detection to become a new object while others are tracked. The model's own thresholds are 0.5
    for detections and 0.7 for new objects, so 0.6 of the range from 0.5 to 1 lies above 0.7. The same proportion is
    used for every threshold: 0.43 for 0.05, 0.7 for 0.5 and 0.97 for 0.95."""
    return 1.0 - (1.0 - threshold) * (1.0 - own_for_new) / (1.0 - own_threshold)
