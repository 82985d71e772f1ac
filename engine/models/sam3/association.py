"""Decides which detections are which tracked objects, which are new, and which objects are hidden
or dropped. No torch.

The rules are those of transformers' Sam3VideoModel for streams, which copies each decision from the
device separately. Here the device computes one table of the overlaps of all masks, and the host
decides everything from that table. It holds numbers of pixels below 2^24, exact in float32, so
every overlap is the float32 that transformers computes.

SAM 3.1 has other rules (sam3/model/sam3_multiplex_base.py in Meta's program). Masks are compared by
the part of the smaller one that they share, not by IoU. Detections at the picture's edge are
ignored, and a new object always needs the higher score. A detection reconditions an object only if
no others are concerned. An object of the last 15 frames is dropped after 8 without a detection, and
after 8 detections shared with an older object. Meta's program also holds its results back until it
knows which objects stay.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from engine.models.sam3.tracked_object import NEVER, Doubts, TrackedObject

LOST_AFTER = 30
"""An object that is missing in this many consecutive results, of those that looked for objects, is
dropped, to free memory for others."""
DROPPED = 1 << 40  # instead of the last frame that hid an object: it is hidden before all others


@dataclass(frozen=True, slots=True, kw_only=True)
class MaskStats:
    """The masks' statistics in one picture, copied from the device: the basis of all decisions on
    the host."""

    shared: np.ndarray
    """(n, n) float32: number of pixels that two masks share. First the candidates of each prompt,
    then the objects."""
    scores: np.ndarray
    """(prompts, k) float32, descending: scores of the candidates."""
    logits: np.ndarray
    """(m,) float32: logits of the objects being visible."""
    is_inside: np.ndarray
    """(prompts, k) bool: False for candidates of SAM 3.1 at the picture's edge."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TrackingDecision:
    """The outcome for the objects in one picture. Objects are given by their index, candidates by
    their table row."""

    new: list[TrackedObject]
    rows: list[int]
    """Rows of the masks of the new objects."""
    reconditioned: dict[int, int]
    """By object, the row of the detector's mask that replaces the object's own."""
    hidden: list[int]
    """Objects that another one hides."""
    empty: list[int]
    """Objects without a mask, hidden ones included."""
    unmatched: set[int]
    """Ids of the visible objects that no detection confirms."""
    doubts: list[Doubts]
    """The doubts about each object; empty for SAM 3, like the next."""
    dropped: set[int]
    """Ids of the objects to drop after this picture."""


def decide(
    stats: MaskStats,
    objects: Sequence[TrackedObject],
    prompt_numbers: Sequence[int],
    rules: Any,
    *,
    threshold: float,
    max_objects: int,
    first_id: int,
    may_recondition: bool,
    frame: int = 0,
    is_multiplex: bool = False,
) -> TrackingDecision:
    """Decide everything about the picture of index `frame`. `may_recondition`: detections may
    replace the masks of objects. `is_multiplex`: by the rules of SAM 3.1.

    `rules`: a Sam3VideoModel, whose settings are IoUs and scores, 0..1. `det_nms_thresh`: the worse
    of two detections that overlap more is dropped (0: none is). `assoc_iou_thresh`: a detection
    that overlaps an object this much is not new. `trk_assoc_iou_thresh`: an object that no
    detection overlaps this much is unmatched. `high_conf_thresh` and `high_iou_thresh`: the least
    score and overlap of a detection that reconditions an object, and of the object's logit.
    `suppress_overlapping_based_on_recent_occlusion_threshold`: of two objects that overlap this
    much, the one that was hidden last is hidden (0: none is). `hotstart_delay`,
    `hotstart_unmatch_thresh`, `hotstart_dup_thresh`: of SAM 3.1, the 15, 8 and 8 above."""
    compare = shared_part if is_multiplex else pairwise_iou
    found = select_detections(stats, prompt_numbers, threshold, rules.det_nms_thresh, compare)
    found_rows, found_prompts, found_scores = found
    rows = np.arange(stats.scores.size, len(stats.shared))
    prompts = np.array([each.prompt for each in objects], np.int64)

    def overlap(measure: Any, others: np.ndarray, prompts_of_others: np.ndarray) -> np.ndarray:
        is_same = prompts_of_others[:, None] == prompts
        return np.where(is_same, measure(stats.shared, others, rows), np.float32(0.0))

    ious = overlap(compare, found_rows, found_prompts)
    clear = without_doubtful(ious, rules.high_iou_thresh) if is_multiplex else None
    new, unmatched, confirmed = associate(
        found_scores,
        ious,
        stats.shared.diagonal()[rows] > 0,
        rules,
        score_for_new=threshold_for_new(
            threshold, rules.score_threshold_detection, rules.new_det_thresh
        ),
        free=max_objects - len(objects),
        clear=clear,
    )
    certainty = 1.0 / (1.0 + np.exp(-stats.logits)) if is_multiplex else stats.logits
    reconditioned = {
        index: int(found_rows[detection])
        for index, detection in confirmed.items()
        if may_recondition and certainty[index] > rules.high_conf_thresh
    }
    doubts, dropped = (
        ([], set()) if clear is None else doubt(objects, unmatched, clear, rules, frame)
    )
    if is_multiplex:
        rows[list(reconditioned)] = list(reconditioned.values())
    last_hidden = np.array(
        [DROPPED if each.id in dropped else each.last_hidden for each in objects], np.int64
    )
    is_hidden = hidden_by_others(
        overlap(pairwise_iou, rows, prompts),
        last_hidden,
        rules.suppress_overlapping_based_on_recent_occlusion_threshold,
    )
    return TrackingDecision(
        new=[
            TrackedObject(
                id=first_id + count,
                prompt=int(found_prompts[index]),
                score=float(found_scores[index]),
                first=frame,
            )
            for count, index in enumerate(new)
        ],
        rows=found_rows[new].tolist(),
        reconditioned=reconditioned,
        hidden=np.flatnonzero(is_hidden).tolist(),
        empty=np.flatnonzero(is_hidden | (stats.shared.diagonal()[rows] <= 0)).tolist(),
        unmatched={objects[index].id for index in unmatched},
        doubts=doubts,
        dropped=dropped,
    )


def doubt(
    objects: Sequence[TrackedObject], unmatched: set[int], clear: np.ndarray, rules: Any, frame: int
) -> tuple[list[Doubts], set[int]]:
    """The doubts about each object after this picture, and the ids of those to drop. `clear`: from
    `without_doubtful`; `unmatched`: the objects without a detection."""
    is_matched = clear >= rules.assoc_iou_thresh
    shared = is_matched.T.astype(np.int64) @ is_matched
    doubts: list[Doubts] = []
    for index, each in enumerate(objects):
        missed = each.doubts[0] + (index in unmatched)
        doubles = Counter(each.doubts[1])
        met = np.flatnonzero(shared[:index, index]).tolist()
        older = [other for other in met if objects[other].first < each.first]
        doubles.update({objects[other].id: int(shared[other, index]) for other in older})
        doubts.append(
            (missed, dict(doubles)) if each.first > frame - rules.hotstart_delay else (0, {})
        )
    return doubts, {
        each.id
        for each, (missed, doubles) in zip(objects, doubts, strict=True)
        if missed >= rules.hotstart_unmatch_thresh
        or max(doubles.values(), default=0) >= rules.hotstart_dup_thresh
    }


def shared_part(shared: np.ndarray, rows: np.ndarray, columns: np.ndarray) -> np.ndarray:
    """Like `pairwise_iou`, with the pixels that two masks share as part of the smaller one."""
    areas = shared.diagonal()
    smaller = np.minimum(areas[rows][:, None], areas[columns])
    part: np.ndarray = shared[rows[:, None], columns] / np.maximum(smaller, np.float32(1.0))
    return part


def without_doubtful(overlap: np.ndarray, enough: float) -> np.ndarray:
    """Overlaps (n, m) with 0 for detections that cover several objects, and for objects that
    several cover."""
    covers = overlap >= enough
    is_doubtful = (covers.sum(axis=0) > 1) | (covers.sum(axis=1) > 1)[:, None]
    return np.where(is_doubtful, np.float32(0.0), overlap)


def pairwise_iou(shared: np.ndarray, rows: np.ndarray, columns: np.ndarray) -> np.ndarray:
    """IoU (rows, columns) float32 from `shared` (n, n) float32, the pixels shared by two masks; 0
    for empty masks."""
    areas = shared.diagonal()
    both = shared[rows[:, None], columns]
    iou: np.ndarray = both / np.maximum(
        areas[rows][:, None] + areas[columns] - both, np.float32(1.0)
    )
    return iou


def greedy_nms(ious: np.ndarray, scores: np.ndarray, threshold: float) -> list[int]:
    """Indices of the masks that greedy NMS selects, best first. Of equal scores the first wins."""
    order = np.argsort(-scores, kind="stable")
    best: list[int] = []
    while order.size:
        best.append(int(order[0]))
        order = order[1:][ious[order[0], order[1:]] <= threshold]
    return best


def select_detections(
    stats: MaskStats,
    prompts: Sequence[int],
    threshold: float,
    same_iou: float,
    compare: Any = pairwise_iou,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Select the candidates with a score above `threshold`, without duplicates of one prompt;
    prompt by prompt, best first. Returns their rows in `stats.shared` and their prompts' numbers,
    (n,) int64, and scores, (n,) float32."""
    rows = []
    numbers = []
    k = stats.scores.shape[1]
    for index, number in enumerate(prompts):
        queries = np.flatnonzero(stats.scores[index] > threshold)
        if same_iou > 0.0:
            ious = compare(stats.shared, index * k + queries, index * k + queries)
            queries = queries[sorted(greedy_nms(ious, stats.scores[index, queries], same_iou))]
        queries = queries[stats.is_inside[index, queries]]
        rows += (index * k + queries).tolist()
        numbers += [number] * len(queries)
    chosen = np.array(rows, np.int64)
    return chosen, np.array(numbers, np.int64), stats.scores.reshape(-1)[chosen]


def associate(
    scores: np.ndarray,
    iou: np.ndarray,
    is_visible: np.ndarray,
    rules: Any,
    *,
    score_for_new: float,
    free: int,
    clear: np.ndarray | None = None,
) -> tuple[list[int], set[int], dict[int, int]]:
    """Match n detections with m tracked objects, both given by their index. `scores` (n,); `iou`
    (n, m) float32, 0 for different prompts; `is_visible` (m,) bool; `clear`: for SAM 3.1, from
    `without_doubtful`. Returns the detections of new objects, in the order of their ids; the
    visible objects that no detection confirms; and the detection that may recondition an object, by
    object. At most `free` detections are new, the best ones. While SAM 3 tracks nothing, all may be
    new, whatever their score."""
    if not iou.shape[1] and clear is None:
        return best_candidates(range(len(scores)), scores.tolist(), free), set(), {}
    clear = iou if clear is None else clear
    is_new = (scores >= score_for_new) & ~(iou >= rules.assoc_iou_thresh).any(axis=1)
    is_unmatched = is_visible & ~(iou >= rules.trk_assoc_iou_thresh).any(axis=0)
    is_sure = (
        (scores >= rules.high_conf_thresh)
        & ~is_new
        & (clear.max(axis=1, initial=0.0) >= rules.high_iou_thresh)
    )
    return (
        best_candidates(np.flatnonzero(is_new).tolist(), scores.tolist(), free),
        set(np.flatnonzero(is_unmatched).tolist()),
        {
            int(clear[detection].argmax()): detection
            for detection in np.flatnonzero(is_sure).tolist()
        },
    )


def hidden_by_others(
    iou: np.ndarray, last_hidden_frames: np.ndarray, hidden_iou: float
) -> np.ndarray:
    """The objects to hide, (m,) bool: of two that overlap, the more recently hidden one, if both
    were hidden before. `iou` (m, m) float32, 0 for different prompts; `last_hidden_frames` (m,)
    int64, NEVER for none."""
    if hidden_iou <= 0.0:
        return np.zeros(len(iou), bool)
    first = last_hidden_frames[:, None]
    second = last_hidden_frames[None]
    is_pair = np.triu(iou >= hidden_iou, 1)
    is_first = is_pair & (first > second) & (second > NEVER)
    is_second = is_pair & (second > first) & (first > NEVER)
    result: np.ndarray = np.any(is_first | is_second.T, axis=1)
    return result


def count_missed(missed: Mapping[int, int], is_confirmed: Mapping[int, bool]) -> dict[int, int]:
    """Number of consecutive results in which each object was missing, by id, with one more result
    than `missed`. `is_confirmed` has all tracked objects: True if this result shows the object and
    the detector confirms it."""
    return {
        each: 0 if confirmed else missed.get(each, 0) + 1
        for each, confirmed in is_confirmed.items()
    }


def surplus_ids(scores: Mapping[int, float], threshold: float, max_objects: int) -> list[int]:
    """Ids to drop so that only the best `max_objects` with a score of at least `threshold` remain.
    Of equal scores the older object, with the smaller id, remains."""
    ranked = sorted(scores, key=lambda object_id: (-scores[object_id], object_id))
    return [
        object_id
        for rank, object_id in enumerate(ranked)
        if rank >= max_objects or scores[object_id] < threshold
    ]


def best_candidates(candidates: Sequence[int], scores: Sequence[float], free: int) -> list[int]:
    """The candidates (indices into `scores`) to accept: at most `free`, best first."""
    if len(candidates) <= free:
        return list(candidates)
    return sorted(candidates, key=lambda index: -scores[index])[:free]


def threshold_for_new(threshold: float, own_threshold: float, own_for_new: float) -> float:
    """Minimum score for a detection to become a new object while others are tracked. The model's
    own thresholds are 0.5 for detections and 0.7 for new objects, so 0.6 of the range from 0.5 to 1
    lies above 0.7. The same proportion is used for every threshold: 0.43 for 0.05, 0.7 for 0.5 and
    0.97 for 0.95."""
    return 1.0 - (1.0 - threshold) * (1.0 - own_for_new) / (1.0 - own_threshold)
