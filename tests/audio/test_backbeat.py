"""Votes of snares for the period of a beat, from snare times alone."""

import numpy as np
import pytest

from engine.audio.beat_states import Backbeat

PERIODS_S = np.arange(0.30, 1.04, 0.01)
UNDIVIDED, DIVIDED = np.zeros(len(PERIODS_S)), np.ones(len(PERIODS_S))


def votes(gaps_s: list[float], divided: np.ndarray = UNDIVIDED) -> np.ndarray:
    """Share for each period after snares with these gaps between them."""
    backbeat = Backbeat(0.01, PERIODS_S)
    backbeat.step(True)
    for gap_s in gaps_s:
        for _ in range(round(gap_s * 100) - 1):
            backbeat.step(False)
        backbeat.step(True)
    return backbeat.share(divided)


def at(share: np.ndarray, period_s: float) -> float:
    return float(share[np.abs(PERIODS_S - period_s).argmin()])


def test_snares_on_two_and_four_vote_for_the_beat_and_for_no_other_count() -> None:
    share = votes([1.30, 1.31, 1.29, 1.30])
    assert at(share, 0.65) > 0.8
    assert at(share, 0.33) == at(share, 0.43) == at(share, 0.98) == 0.0


@pytest.mark.parametrize("gaps_s", [[0.4, 0.8, 0.4, 0.8, 0.4], [1.3, 0.9, 1.5, 0.6, 1.1], [1.3], []])
def test_uneven_snares_and_a_single_interval_decide_nothing(gaps_s: list[float]) -> None:
    assert not votes(gaps_s).any()


def test_a_new_song_overrules_the_old_one_after_two_intervals() -> None:
    share = votes([1.0] * 8 + [0.7, 1.3, 1.3])
    assert at(share, 0.65) > 0.7 and at(share, 0.5) == 0.0


def test_a_snare_on_every_beat_does_not_double_the_tempo() -> None:
    assert not votes([0.67] * 6).any(), "90 a minute, not 180"


def test_a_half_time_groove_with_divided_beats_keeps_its_fast_count() -> None:
    assert at(votes([1.71] * 5), 0.86) > 0.8, "rock at 70 ..."
    assert at(votes([1.71] * 5, DIVIDED), 0.86) == 0.0, "... or half-time at 140"


def test_without_snares_the_votes_fade() -> None:
    backbeat = Backbeat(0.01, PERIODS_S)
    for hop in range(520):
        backbeat.step(hop % 130 == 0)
    before = backbeat.share(UNDIVIDED).max()
    for _ in range(2400):
        backbeat.step(False)
    assert backbeat.share(UNDIVIDED).max() < 0.4 < before
