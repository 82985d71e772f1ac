"""Which detection is which object, with masks and overlaps that can be counted by hand."""

import numpy as np
import pytest

from engine.models.sam3.association import (
    MaskFacts,
    Rules,
    associate,
    decide,
    detections_in,
    greedy_nms,
    hidden_by_others,
    overlap_of,
)
from engine.models.sam3.tracked_object import NEVER, TrackedObject

RULES = Rules(same_iou=0.1, known_iou=0.1, match_iou=0.5, sure_score=0.8, sure_iou=0.8, hidden_iou=0.7)


def table(*rows: tuple[int, int]) -> np.ndarray:
    """Shared pixels of masks that are rows `first` to `last` of a picture of 10 x 10."""
    inside = np.zeros((len(rows), 10, 10), np.float32)
    for mask, (first, last) in zip(inside, rows, strict=True):
        mask[first:last] = 1.0
    flat = inside.reshape(len(rows), -1)
    return flat @ flat.T


def test_overlaps_are_counted_from_shared_pixels() -> None:
    shared = table((0, 4), (2, 6), (8, 8))
    everyone = np.arange(3)
    third = pytest.approx(1 / 3)
    assert overlap_of(shared, everyone, everyone).tolist() == [[1.0, third, 0.0], [third, 1.0, 0.0], [0.0, 0.0, 0.0]]
    assert overlap_of(shared, everyone[:0], everyone).shape == (0, 3)


def test_greedy_nms_keeps_the_best_first() -> None:
    ious = np.array([[1.0, 0.5, 0.05], [0.5, 1.0, 0.3], [0.05, 0.3, 1.0]])
    assert greedy_nms(ious, np.array([0.6, 0.9, 0.7]), 0.1) == [1]
    assert greedy_nms(ious, np.array([0.9, 0.6, 0.7]), 0.1) == [0, 2]
    assert greedy_nms(ious, np.array([0.5, 0.5, 0.5]), 0.1) == [0, 2]
    assert greedy_nms(np.zeros((0, 0)), np.zeros(0), 0.1) == []
    chain = np.array([[1.0, 0.6, 0.0], [0.6, 1.0, 0.6], [0.0, 0.6, 1.0]])
    assert greedy_nms(chain, np.array([0.7, 0.8, 0.9]), 0.5) == [2, 0]  # a dropped mask drops no others
    assert greedy_nms(chain, np.array([0.7, 0.8, 0.9]), 0.6) == [2, 1, 0]  # an equal overlap does not count


def test_of_two_detections_of_one_object_the_better_is_taken_for_each_prompt() -> None:
    shared = table((0, 4), (0, 5), (6, 8), (0, 10), (0, 4), (0, 4), (9, 9), (9, 9))
    scores = np.array([[0.9, 0.8, 0.7, 0.4], [0.6, 0.6, 0.2, 0.1]], np.float32)
    found = detections_in(shared, scores, [3, 5], 0.5, 0.1)
    assert (found.rows.tolist(), found.prompts.tolist()) == ([0, 2, 4], [3, 3, 5])
    assert found.scores.tolist() == pytest.approx([0.9, 0.7, 0.6])
    assert detections_in(shared, scores, [3, 5], 0.5, 0.0).rows.tolist() == [0, 1, 2, 4, 5]
    assert len(detections_in(shared, scores, [3, 5], 0.95, 0.1).rows) == 0


def test_detections_are_matched_are_new_or_recondition() -> None:
    scores = np.array([0.9, 0.75, 0.7, 0.85], np.float32)
    iou = np.array([[0.9, 0.0, 0.0], [0.0, 0.2, 0.0], [0.0, 0.0, 0.0], [0.0, 0.05, 0.0]], np.float32)
    matched = associate(scores, iou, np.array([True, True, False]), RULES, score_for_new=0.72, free=9)
    assert matched.new == [3]  # 1 overlaps an object, and 2 has too low a score
    assert matched.unmatched == {1}  # it overlaps too little to be confirmed; the third has no mask
    assert matched.confirmed == {0: 0}
    every = associate(scores, iou[:, :0], np.zeros(0, bool), RULES, score_for_new=0.99, free=2)
    assert (every.new, every.unmatched, every.confirmed) == ([0, 3], set(), {})
    none = associate(scores[:0], iou[:0], np.array([True, True, False]), RULES, score_for_new=0.7, free=9)
    assert (none.new, none.unmatched, none.confirmed) == ([], {0, 1}, {})


def test_of_two_that_overlap_the_one_that_was_hidden_last_is_hidden() -> None:
    iou = np.array([[1.0, 0.8, 0.0], [0.8, 1.0, 0.7], [0.0, 0.7, 1.0]], np.float32)

    def hidden(*last: int, limit: float = 0.7) -> list[bool]:
        return hidden_by_others(iou, np.array(last), limit).tolist()

    assert hidden(4, 2, 2) == [True, False, False]
    assert hidden(2, 4, 3) == [False, True, False]
    assert hidden(2, NEVER, 3) == hidden(3, 3, 3) == [False, False, False]  # the other must have been hidden once
    assert hidden(2, 4, 3, limit=0.0) == [False, False, False]


def test_a_hidden_object_is_noted_as_hidden_and_one_that_the_tracker_doubts_is_not_reconditioned() -> None:
    facts = MaskFacts(
        shared=table((0, 4), (6, 9), (0, 4), (0, 4), (6, 9), (9, 9)),
        scores=np.array([[0.9, 0.9]], np.float32),
        logits=np.array([4.0, 4.0, 0.7, 4.0], np.float32),
    )
    objects = [TrackedObject(id=each, prompt=1, score=0.9, last_hidden=5 - each) for each in range(1, 5)]
    options = {"threshold": 0.5, "score_for_new": 0.7, "max_objects": 16, "first_id": 5}
    decided = decide(facts, objects, [1], RULES, is_due=True, **options)
    assert (decided.hidden, decided.empty) == ([0], [0, 3])
    assert decided.reconditioned == {0: 0} and not decided.new and not decided.unmatched
    assert decide(facts, objects, [1], RULES, is_due=False, **options).reconditioned == {}
