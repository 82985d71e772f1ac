"""Rules for dropping tracked objects and accepting new ones."""

import pytest

from engine.models.sam3.association import LOST_AFTER, MissedResults, best_candidates, surplus_ids, threshold_for_new


def test_an_object_missed_in_thirty_consecutive_results_is_lost() -> None:
    absence = MissedResults()
    for _ in range(LOST_AFTER - 1):
        assert absence.after({1: True, 2: False}) == []
    assert absence.after({1: True, 2: False}) == [2]
    assert LOST_AFTER == 30


def test_being_seen_once_resets_the_count() -> None:
    absence = MissedResults()
    for _ in range(LOST_AFTER - 1):
        absence.after({7: False})
    assert absence.after({7: True}) == []
    for _ in range(LOST_AFTER - 1):
        assert absence.after({7: False}) == []
    assert absence.after({7: False}) == [7]


def test_dropped_objects_are_not_counted_any_more() -> None:
    absence = MissedResults()
    for _ in range(LOST_AFTER):
        absence.after({1: False})
    assert absence.after({2: False}) == []


def test_a_lower_limit_keeps_the_best_and_the_oldest_of_equals() -> None:
    assert surplus_ids({1: 0.6, 2: 0.9, 3: 0.6, 4: 0.8}, threshold=0.5, max_objects=3) == [3]
    assert surplus_ids({1: 0.6, 2: 0.9, 3: 0.6, 4: 0.8}, threshold=0.5, max_objects=16) == []


def test_a_higher_threshold_drops_objects_with_lower_scores() -> None:
    assert surplus_ids({1: 0.6, 2: 0.9, 3: 0.8}, threshold=0.8, max_objects=16) == [1]


def test_new_objects_with_the_best_scores_get_the_free_places() -> None:
    scores = [0.9, 0.6, 0.95, 0.7]
    assert best_candidates([1, 2, 3], scores, free=2) == [2, 3]
    assert best_candidates([1, 2, 3], scores, free=3) == [1, 2, 3]
    assert best_candidates([1, 2, 3], scores, free=0) == []


@pytest.mark.parametrize(("threshold", "for_new"), [(0.05, 0.43), (0.5, 0.7), (0.95, 0.97)])
def test_a_new_object_needs_more_than_the_threshold(threshold: float, for_new: float) -> None:
    assert threshold_for_new(threshold, 0.5, 0.7) == pytest.approx(for_new)


def test_the_models_own_threshold_gives_its_own_value_for_new_objects() -> None:
    assert threshold_for_new(0.5, 0.5, 0.7) == 0.7
