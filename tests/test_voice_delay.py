"""How long the voice is behind, and why."""

import pytest

from engine.children.voice_link import VoiceTiming
from engine.voice_delay import GENEROUS_S, HAND_OVER_S, MARGIN_S, VoiceDelay


def timing(work_p99_s: float | None = None, block_s: float = 0.25, lag_s: float = 0.06) -> VoiceTiming:
    return VoiceTiming(block_s=block_s, lag_s=lag_s, work_p99_s=work_p99_s)


@pytest.fixture
def delay() -> VoiceDelay:
    delay = VoiceDelay()
    delay.follow(timing(), 0.0)
    return delay


def measured(delay: VoiceDelay, spare_s: float, now_s: float = 100.0) -> None:
    for tenth in range(-1, 20):
        delay.was_spare(spare_s, 0, now_s + tenth / 10)


def test_a_sample_waits_for_its_block_for_the_join_and_for_the_work(delay) -> None:
    assert delay.parts.algorithmic_s == pytest.approx(0.31)
    assert delay.parts.compute_s == pytest.approx(0.25 + HAND_OVER_S)  # nothing is known: as long as a block may take
    delay.follow(timing(0.04), 0.0)
    assert delay.parts.compute_s == pytest.approx(0.04 + HAND_OVER_S)
    assert delay.parts.total_s == pytest.approx(0.31 + 0.04 + HAND_OVER_S + GENEROUS_S)


def test_what_the_work_takes_later_moves_nothing(delay) -> None:
    delay.follow(timing(0.04), 0.0)
    before = delay.parts
    for work_s in (0.01, 0.2, None):
        delay.follow(timing(work_s), 0.0)
    assert delay.parts == before


def test_a_late_block_makes_it_longer_by_as_much_for_good_but_never_longer_than_two_blocks(delay) -> None:
    delay.follow(timing(0.04), 0.0)
    before = delay.parts.compute_s
    delay.was_late(0.03)
    assert delay.parts.compute_s == pytest.approx(before + 0.03 + MARGIN_S)
    delay.was_late(5.0)
    assert delay.parts.compute_s == pytest.approx(2 * 0.25 + HAND_OVER_S)


def test_work_that_begins_slower_than_two_blocks_is_not_waited_for(delay) -> None:
    delay.follow(timing(9.0), 0.0)
    assert delay.parts.compute_s == pytest.approx(2 * 0.25 + HAND_OVER_S)


def test_another_block_is_another_beginning(delay) -> None:
    delay.follow(timing(0.04), 0.0)
    delay.was_late(0.1)
    delay.follow(timing(block_s=0.1), 0.0)
    assert delay.parts.compute_s == pytest.approx(0.1 + HAND_OVER_S)
    assert delay.parts.algorithmic_s == pytest.approx(0.16)


def test_what_the_devices_did_not_need_is_given_up_once_after_they_ran_undisturbed(delay) -> None:
    measured(delay, 0.3)
    assert delay.parts.device_s == pytest.approx(GENEROUS_S - 0.3 + MARGIN_S)
    measured(delay, 0.2, 200.0)
    assert delay.parts.device_s == pytest.approx(GENEROUS_S - 0.3 + MARGIN_S)


def test_the_least_that_was_left_over_counts_and_only_since_the_last_disturbance(delay) -> None:
    delay.was_spare(0.01, 0, 10.0)
    delay.was_spare(0.02, 1, 10.9)  # some of it was before
    for tenth in range(20):
        delay.was_spare(0.2 if tenth != 7 else 0.15, 1, 11.0 + tenth / 10)
    assert delay.parts.device_s == pytest.approx(GENEROUS_S - 0.15 + MARGIN_S)


def test_disturbed_devices_are_not_measured(delay) -> None:
    for tenth in range(50):
        delay.was_spare(0.2, tenth, tenth / 10)
    assert delay.parts.device_s == GENEROUS_S


def test_what_was_missing_is_added_but_a_standstill_is_not(delay) -> None:
    measured(delay, 0.3)
    before = delay.parts.device_s
    delay.was_spare(-0.02, 0, 200.0)
    assert delay.parts.device_s == pytest.approx(before + 0.02 + MARGIN_S)
    delay.was_spare(0.1, 0, 200.5)
    delay.was_spare(-0.8, 0, 201.0)
    delay.was_spare(-0.02, 1, 202.0)  # a clock that was disturbed
    assert delay.parts.device_s == pytest.approx(before + 0.02 + MARGIN_S)


def test_a_delay_that_is_asked_for_is_kept_devices_included_and_what_cannot_be_kept_is_the_shortest(delay) -> None:
    delay.follow(timing(0.04), 0.0)
    shortest_s = delay.parts.total_s
    delay.follow(timing(0.04), 1200.0)
    assert delay.parts.total_s == pytest.approx(1.2)
    measured(delay, 0.3)
    assert delay.parts.total_s == pytest.approx(1.2)  # what the devices give up is waited instead
    delay.follow(timing(0.04), 100.0)
    assert delay.parts.total_s == pytest.approx(shortest_s - 0.3 + MARGIN_S)
