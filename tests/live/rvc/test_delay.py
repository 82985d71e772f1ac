"""The delay of the voice and its parts."""

import itertools

import pytest

from engine.live.rvc.delay import (
    APART_S,
    AT_FIRST,
    CALM_S,
    GENEROUS_S,
    HAND_OVER_S,
    MARGIN_S,
    MAX_CALM_S,
    MEASURED_S,
    ROOM_S,
    VoiceDelay,
)
from engine.live.rvc.link import VoiceTiming
from tests.support.long_form import IS_SOAK

NOW_S = 100.0
POLL_S = 0.1


def timing(
    work_p99_s: float | None = None, block_s: float = 0.25, lag_s: float = 0.06
) -> VoiceTiming:
    return VoiceTiming(block_s=block_s, lag_s=lag_s, work_p99_s=work_p99_s)


@pytest.fixture
def delay() -> VoiceDelay:
    delay = VoiceDelay()
    delay.follow(timing(), 0.0)
    return delay


def measured(delay: VoiceDelay, spare_s: float, now_s: float = NOW_S) -> None:
    for tenth in range(-1, 20):
        delay.had_spare(spare_s, 0, now_s + tenth / 10)


def test_the_delay_covers_the_block_the_join_and_the_work(delay) -> None:
    assert delay.parts.algorithmic_s == pytest.approx(0.31)
    # unknown work: one block is allowed
    assert delay.parts.compute_s == pytest.approx(0.25 + HAND_OVER_S)
    delay.follow(timing(0.04), 0.0)
    assert delay.parts.compute_s == pytest.approx(AT_FIRST * 0.04 + HAND_OVER_S)
    assert delay.parts.total_s == pytest.approx(0.31 + AT_FIRST * 0.04 + HAND_OVER_S + GENEROUS_S)
    before = delay.parts
    for work_s in (0.01, 0.2, None):
        delay.follow(timing(work_s), 0.0)
        assert delay.parts == before, "the work on later blocks does not change it"


def test_a_late_block_lengthens_the_delay_by_its_lateness_but_at_most_to_two_blocks(delay) -> None:
    delay.follow(timing(0.04), 0.0)
    before = delay.parts.compute_s
    delay.was_late(0.03, NOW_S)
    assert delay.parts.compute_s == pytest.approx(before + 0.03 + MARGIN_S)
    delay.was_late(5.0, NOW_S)
    assert delay.parts.compute_s == pytest.approx(2 * 0.25 + HAND_OVER_S)
    slow = VoiceDelay()
    slow.follow(timing(9.0), 0.0)
    assert slow.parts.compute_s == pytest.approx(2 * 0.25 + HAND_OVER_S), "at the start neither"


def test_a_shortage_lengthens_the_delay_but_a_stall_does_not(delay) -> None:
    measured(delay, 0.3)
    before = delay.parts.device_s
    delay.had_spare(-0.02, 0, 200.0)
    assert delay.parts.device_s == pytest.approx(before + 0.02 + MARGIN_S)
    delay.had_spare(0.1, 0, 200.5)
    delay.had_spare(-0.8, 0, 201.0)
    delay.had_spare(-0.02, 1, 202.0)  # a clock that was disturbed
    assert delay.parts.device_s == pytest.approx(before + 0.02 + MARGIN_S)


def test_a_requested_delay_includes_the_devices_and_is_never_below_the_shortest(delay) -> None:
    delay.follow(timing(0.04), 0.0)
    shortest_s = delay.parts.total_s
    delay.follow(timing(0.04), 1200.0)
    assert delay.parts.total_s == pytest.approx(1.2)
    measured(delay, 0.3)
    assert delay.parts.total_s == pytest.approx(1.2), (
        "it stays, padded by what the devices no longer need"
    )
    delay.follow(timing(0.04), 100.0)
    assert delay.parts.total_s == pytest.approx(shortest_s - 0.3 + ROOM_S)


class Night:
    """Simulates hours of voice conversion with a block and a poll every 0.1 s; spare times depend
    on the delay."""

    def __init__(self) -> None:
        self.delay = VoiceDelay()
        self.device_s, self.work_s = 0.06, 0.04
        self._timing = timing(0.04)
        self.now_s, self.disturbances, self.gaps = 0.0, 0, 0
        self.totals_s: list[tuple[float, float]] = []
        """When it has become which."""

    def run(self, seconds: float) -> None:
        end_s = self.now_s + seconds
        while self.now_s < end_s:
            self.look()

    def look(self) -> None:
        self.now_s += POLL_S
        self.delay.follow(self._timing, 0.0)
        parts = self.delay.parts
        if not self.totals_s or abs(self.totals_s[-1][1] - parts.total_s) > 1e-9:
            self.totals_s.append((self.now_s, parts.total_s))
        early_s = parts.compute_s - (self.work_s + HAND_OVER_S)
        if early_s < -1e-9:
            self.gaps += 1
            self.delay.was_late(-early_s, self.now_s)
        else:
            self.delay.was_in_time(early_s, self.now_s)
        spare_s = parts.device_s - self.device_s
        self.gaps += spare_s < 0.0
        self.delay.had_spare(spare_s, self.disturbances, self.now_s)

    @property
    def falls_s(self) -> list[float]:
        """The times at which the delay became shorter."""
        return [
            at_s
            for (_, before), (at_s, after) in itertools.pairwise(self.totals_s)
            if after < before
        ]


def test_it_starts_long_and_shrinks_to_the_need_after_a_calm_time() -> None:
    night = Night()
    night.run(MEASURED_S + 0.5)
    assert night.delay.parts.device_s == pytest.approx(0.06 + ROOM_S)
    night.run(CALM_S - 5.0)
    assert night.delay.parts.compute_s == pytest.approx(AT_FIRST * 0.04 + HAND_OVER_S)
    night.run(APART_S + 10.0)
    assert night.delay.parts.compute_s == pytest.approx(0.04 + HAND_OVER_S + MARGIN_S)
    assert night.delay.parts.device_s == pytest.approx(0.06 + MARGIN_S)
    assert night.gaps == 0 and len(night.falls_s) == 3


def test_a_bad_minute_lengthens_the_delay_only_for_a_while() -> None:
    night = Night()
    night.run(2 * CALM_S)
    before = night.delay.parts
    night.device_s, night.work_s = 0.09, 0.07
    night.run(60.0)
    assert night.delay.parts.total_s > before.total_s + 0.05
    night.device_s, night.work_s = 0.06, 0.04
    night.run(2 * CALM_S + 2 * APART_S + 10.0)  # each part was shortened too much
    assert night.delay.parts.total_s == pytest.approx(before.total_s)
    night.run(3600.0)
    assert night.delay.parts.total_s == pytest.approx(before.total_s) and night.gaps == 2


@pytest.mark.soak
def test_recurring_gaps_keep_the_delay_long() -> None:
    """Eight hours in the long form; in the short form longer than the delay may still shrink."""
    night, hours = Night(), 8 if IS_SOAK else 3
    # one block in 20 minutes takes longer than all that were seen meanwhile
    for _ in range(hours * 3):
        night.work_s = 0.04
        night.run(1200.0)
        night.work_s = 0.09
        night.run(POLL_S)
    assert night.gaps < 5
    assert night.falls_s[-1] < 2 * MAX_CALM_S


def test_another_block_length_restarts_the_measurement(delay) -> None:
    delay.follow(timing(0.04), 0.0)
    delay.was_late(0.1, NOW_S)
    delay.follow(timing(block_s=0.1), 0.0)
    assert delay.parts.compute_s == pytest.approx(0.1 + HAND_OVER_S)
    assert delay.parts.algorithmic_s == pytest.approx(0.16)
