"""Which detection is which object, with masks and overlaps that can be counted by hand."""

from types import SimpleNamespace

import numpy as np
import pytest

from engine.models.sam3.association import (
    LOST_AFTER,
    associate,
    missed_after,
    surplus_ids,
)

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


def test_detections_are_matched_are_new_or_recondition() -> None:
    scores = np.array([0.9, 0.75, 0.7, 0.85], np.float32)
    iou = np.array([[0.9, 0.0, 0.0], [0.0, 0.2, 0.0], [0.0, 0.0, 0.0], [0.0, 0.05, 0.0]], np.float32)
    new, unmatched, confirmed = associate(scores, iou, np.array([True, True, False]), RULES, score_for_new=0.72, free=9)
    assert new == [3]  # 1 overlaps an object, and 2 has too low a score
    assert unmatched == {1}  # it overlaps too little to be confirmed; the third has no mask
    assert confirmed == {0: 0}
    every = associate(scores, iou[:, :0], np.zeros(0, bool), RULES, score_for_new=0.99, free=2)
    assert every == ([0, 3], set(), {})
    none = associate(scores[:0], iou[:0], np.array([True, True, False]), RULES, score_for_new=0.7, free=9)
    assert none == ([], {0, 1}, {})


def test_missing_results_are_counted_until_an_object_is_seen_or_gone() -> None:
    missed: dict[int, int] = {}
    for seen, counts in (
        ({1: True, 7: False}, {1: 0, 7: 1}), ({1: True, 7: False}, {1: 0, 7: 2}), ({7: True}, {7: 0}),
        ({1: False, 7: False}, {1: 1, 7: 1}),
    ):  # fmt: skip
        missed = missed_after(missed, seen)
        assert missed == counts
    assert LOST_AFTER == 30


@pytest.mark.parametrize(("threshold", "max_objects", "surplus"), [(0.5, 3, [3]), (0.5, 16, []), (0.8, 16, [1, 3])])
def test_the_best_and_the_oldest_of_equals_stay(threshold: float, max_objects: int, surplus: list[int]) -> None:
    scores = {1: 0.6, 2: 0.9, 3: 0.6, 4: 0.8}
    assert sorted(surplus_ids(scores, threshold, max_objects)) == surplus
