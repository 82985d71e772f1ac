"""The filter that skips still pictures, compared with its formula."""

import numpy as np
import pytest

from engine.models.sd.similarity import MAX_RUN, SimilarityFilter, skip_probability


def picture(seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).uniform(-1, 1, (64, 64, 3)).astype(np.float32)


def test_the_probability_rises_evenly_from_the_threshold_to_the_same_picture() -> None:
    assert skip_probability(1.0, 0.98) == 1.0
    assert skip_probability(0.99, 0.98) == pytest.approx(0.5)
    assert skip_probability(0.98, 0.98) == pytest.approx(0.0)
    assert skip_probability(-1.0, 0.98) == 0.0
    assert skip_probability(1.0, 1.0) == 0.0


def test_a_still_scene_is_painted_every_eleventh_time() -> None:
    filter = SimilarityFilter(0.98, seed=1)
    assert [filter.should_skip(picture()) for _ in range(34)] == (
        [False] + [True] * MAX_RUN
    ) * 3 + [False]


def test_a_moving_scene_is_always_painted() -> None:
    filter = SimilarityFilter(0.98, seed=1)
    assert not any(filter.should_skip(picture(seed)) for seed in range(50))


def test_the_caller_may_reuse_its_picture_buffer() -> None:
    filter, buffer = SimilarityFilter(0.98, seed=1), picture(1)
    filter.should_skip(buffer)
    buffer[:] = picture(2)
    assert not filter.should_skip(buffer)


def test_after_forget_the_picture_is_painted_again() -> None:
    filter = SimilarityFilter(0.5, seed=1)
    filter.should_skip(picture())
    filter.forget()
    assert not filter.should_skip(picture())


def test_a_picture_is_compared_with_the_last_painted_one_not_the_last_seen() -> None:
    start, end = (picture(seed).astype(np.float64) for seed in (1, 2))
    filter = SimilarityFilter(0.6, seed=3)
    skipped = [
        filter.should_skip(start * np.cos(turn) + end * np.sin(turn))
        for turn in np.arange(200) * 0.2
    ]
    runs = "".join(".x"[each] for each in skipped).split(".")
    assert 0 < max(map(len, runs)) < 6, "after that it has drifted below the threshold"
