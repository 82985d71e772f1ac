"""Which detection is which object, with masks and overlaps that can be counted by hand."""

from types import SimpleNamespace

import numpy as np
import pytest

from engine.models.sam3.association import (
    LOST_AFTER,
    MaskStats,
    associate,
    count_missed,
    decide,
    greedy_nms,
    surplus_ids,
)
from engine.models.sam3.tracked_object import TrackedObject

RULES = SimpleNamespace(
    det_nms_thresh=0.1,
    assoc_iou_thresh=0.1,
    trk_assoc_iou_thresh=0.5,
    high_conf_thresh=0.8,
    high_iou_thresh=0.8,
    suppress_overlapping_based_on_recent_occlusion_threshold=0.7,
    score_threshold_detection=0.5,
    new_det_thresh=0.7,
)
"""The settings of a Sam3VideoModel."""


def table(*rows: tuple[int, int]) -> np.ndarray:
    """Shared pixels of masks that are rows `first` to `last` of a picture of 10 x 10."""
    inside = np.zeros((len(rows), 10, 10), np.float32)
    for mask, (first, last) in zip(inside, rows, strict=True):
        mask[first:last] = 1.0
    flat = inside.reshape(len(rows), -1)
    return flat @ flat.T


def test_detections_are_matched_are_new_or_recondition() -> None:
    scores = np.array([0.9, 0.75, 0.7, 0.85], np.float32)
    iou = np.array(
        [[0.9, 0.0, 0.0], [0.0, 0.2, 0.0], [0.0, 0.0, 0.0], [0.0, 0.05, 0.0]], np.float32
    )
    new, unmatched, confirmed = associate(
        scores, iou, np.array([True, True, False]), RULES, score_for_new=0.72, free=9
    )
    assert new == [3]  # 1 overlaps an object, and 2 has too low a score
    assert unmatched == {1}  # it overlaps too little to be confirmed; the third has no mask
    assert confirmed == {0: 0}
    assert associate(scores, iou[:, :0], np.zeros(0, bool), RULES, score_for_new=0.99, free=2) == (
        [0, 3],
        set(),
        {},
    )
    none = associate(
        scores[:0], iou[:0], np.array([True, True, False]), RULES, score_for_new=0.7, free=9
    )
    assert none == ([], {0, 1}, {})


def test_missing_results_are_counted_until_an_object_is_seen_or_gone() -> None:
    missed: dict[int, int] = {}
    for seen, counts in (
        ({1: True, 7: False}, {1: 0, 7: 1}), ({1: True, 7: False}, {1: 0, 7: 2}), ({7: True},
            {7: 0}),
        ({1: False, 7: False}, {1: 1, 7: 1}),
    ):  # fmt: skip
        missed = count_missed(missed, seen)
        assert missed == counts
    assert LOST_AFTER == 30


@pytest.mark.parametrize(
    ("threshold", "max_objects", "surplus"), [(0.5, 3, [3]), (0.5, 16, []), (0.8, 16, [1, 3])]
)
def test_the_best_and_the_oldest_of_equals_stay(
    threshold: float, max_objects: int, surplus: list[int]
) -> None:
    scores = {1: 0.6, 2: 0.9, 3: 0.6, 4: 0.8}
    assert sorted(surplus_ids(scores, threshold, max_objects)) == surplus


def test_greedy_nms_keeps_the_best_first() -> None:
    ious = np.array([[1.0, 0.5, 0.05], [0.5, 1.0, 0.3], [0.05, 0.3, 1.0]])
    assert greedy_nms(ious, np.array([0.6, 0.9, 0.7]), 0.1) == [1]
    assert greedy_nms(ious, np.array([0.9, 0.6, 0.7]), 0.1) == [0, 2]
    assert greedy_nms(ious, np.array([0.5, 0.5, 0.5]), 0.1) == [0, 2]
    assert greedy_nms(np.zeros((0, 0)), np.zeros(0), 0.1) == []
    chain = np.array([[1.0, 0.6, 0.0], [0.6, 1.0, 0.6], [0.0, 0.6, 1.0]])
    # a dropped mask drops no others
    assert greedy_nms(chain, np.array([0.7, 0.8, 0.9]), 0.5) == [2, 0]
    # an equal overlap does not count
    assert greedy_nms(chain, np.array([0.7, 0.8, 0.9]), 0.6) == [2, 1, 0]


def test_a_hidden_object_is_noted_as_hidden_and_one_that_the_tracker_doubts_is_not_reconditioned() -> (
    None
):
    facts = MaskStats(
        shared=table((0, 4), (6, 9), (0, 4), (0, 4), (6, 9), (9, 9)),
        scores=np.array([[0.9, 0.9]], np.float32),
        logits=np.array([4.0, 4.0, 0.7, 4.0], np.float32),
        is_inside=np.ones((1, 2), bool),
    )
    objects = [
        TrackedObject(id=each, prompt=1, score=0.9, last_hidden=5 - each) for each in range(1, 5)
    ]
    options = {"threshold": 0.5, "max_objects": 16, "first_id": 5}
    decided = decide(facts, objects, [1], RULES, may_recondition=True, **options)
    assert (decided.hidden, decided.empty) == ([0], [0, 3])
    assert decided.reconditioned == {0: 0} and not decided.new and not decided.unmatched
    assert decide(facts, objects, [1], RULES, may_recondition=False, **options).reconditioned == {}
