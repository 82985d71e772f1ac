"""Timecode that a network brings late, twice, in pairs or from two senders: the right cues start at
their time."""

import random
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from engine.osc.encode import encode_message
from tests.control.commands.timecode_rig import FRAME_S, TimecodeRig
from tests.support.dmx import art_timecode
from tests.support.mtc_signal import quarter_frames

LABEL_S = 0.04
FIRST = 8 * 25
"""The first label is 00:00:08:00. Cue 1 is at 10 s, cue 2 at 12 s, cue 3 five minutes later."""
SECONDS = 6.0
FAULTY_FROM = 25
"""The number of the first message to which something may happen."""
BURST_S = 2e-5
Late = Callable[[int, float, float], list[float]]
"""`late(number, sent_s, interval_s)`: the times at which message `number` of a sender arrives."""


def delayed(count: int) -> Late:
    """Once a second, `count` messages are held and sent with the next one."""

    def arrive(number: int, sent_s: float, interval_s: float) -> list[float]:
        turn = number % round(1.0 / interval_s)
        if number < FAULTY_FROM or turn >= count:
            return [sent_s]
        return [sent_s + (count - turn) * (interval_s - BURST_S)]

    return arrive


def stalled(seconds: float) -> Late:
    """Once a second nothing is read for a while, and when it arrived is not known any better."""

    def arrive(number: int, sent_s: float, interval_s: float) -> list[float]:
        passed_s = sent_s % 1.0
        is_delayed = number >= FAULTY_FROM and passed_s < seconds
        return [sent_s + (seconds - passed_s) * (1.0 - BURST_S) if is_delayed else sent_s]

    return arrive


def grouped(count: int) -> Late:
    """A network that sends so many messages at a time, as Wi-Fi does."""
    return lambda number, sent_s, interval_s: [
        sent_s + (count - 1 - number % count) * interval_s + number % count * BURST_S
    ]


def caught_up(number: int, sent_s: float, interval_s: float) -> list[float]:
    """Once a second a delay of 200 ms, made up at twice the speed."""
    passed_s = sent_s % 1.0
    return [sent_s + (max(0.0, 0.2 - passed_s / 2.0) if number >= FAULTY_FROM else 0.0)]


def jittering(seconds: float) -> Late:
    """Delays at random, in order."""
    rng, last_s = random.Random(3), 0.0

    def arrive(number: int, sent_s: float, interval_s: float) -> list[float]:
        nonlocal last_s
        last_s = max(sent_s + rng.uniform(0.0, seconds), last_s + BURST_S)
        return [last_s]

    return arrive


def twice(later_s: float) -> Late:
    """A desk and its backup as one sender."""
    return lambda number, sent_s, interval_s: [sent_s, sent_s + later_s]


NETWORKS: dict[str, Callable[[], Late]] = {
    "one held": lambda: delayed(1),
    "five held": lambda: delayed(5),
    "a stall of 80 ms": lambda: stalled(0.08),
    "a stall of 200 ms": lambda: stalled(0.2),
    "pairs": lambda: grouped(2),
    "groups of five": lambda: grouped(5),
    "200 ms made up": lambda: caught_up,
    "20 ms of jitter": lambda: jittering(0.02),
    "a backup at once": lambda: twice(BURST_S),
    "a backup after 15 ms": lambda: twice(0.015),
}


@pytest.fixture
def rig(tmp_path: Path, reports: Any) -> Iterator[TimecodeRig]:
    rig = TimecodeRig(tmp_path, reports)
    for number, name, label in (
        (1, "low", "00:00:10:00"),
        (2, "mid", "00:00:12:00"),
        (3, "high", "00:05:00:00"),
    ):
        rig.done("/cue/set", number, name, 0.0, 0.0, 0, label)
    rig.store.set("/tempo/source", "timecode")
    yield rig
    rig.close()


def label_of(number: int) -> tuple[int, int, int, int]:
    return number // 90_000, number // 1500 % 60, number // 25 % 60, number % 25


def text_of(number: int) -> str:
    return "{:02}:{:02}:{:02}:{:02}".format(*label_of(number))


def arrivals(late: Late, interval_s: float, count: int) -> list[tuple[float, int]]:
    """(time, number) of all messages, in the order in which they arrive."""
    return sorted((at_s, n) for n in range(count) for at_s in late(n, n * interval_s, interval_s))


def play(rig: TimecodeRig, source: str, late: Late) -> None:
    rig.store.set("/timecode/source", source.split()[0])
    count = round(SECONDS / LABEL_S)
    if source == "ltc":
        rig.play_ltc(label_of(FIRST), SECONDS, 0.0)
    elif source == "artnet":
        for at_s, n in arrivals(late, LABEL_S, count):
            rig.artnet.append((at_s, "10.0.0.1", art_timecode(*label_of(FIRST + n))))
    elif source == "mtc text":
        for at_s, n in arrivals(late, LABEL_S, count):
            rig.midi.append((at_s, encode_message("/mtc", text_of(FIRST + n), 25)))
    elif source == "mtc of Open Stage Control":
        lead_s = 1.75 * LABEL_S
        for at_s, n in arrivals(late, 2 * LABEL_S, count // 2):
            rig.midi.append((at_s + lead_s, encode_message("/mtc", text_of(FIRST + 2 * n))))
    else:
        pieces = [data for _, data in quarter_frames(label_of(FIRST), count)]
        for at_s, n in arrivals(late, LABEL_S / 4, len(pieces)):
            rig.midi.append((at_s, encode_message("/mtc", pieces[n])))


def check_show(rig: TimecodeRig, *, begin_s: float = 0.9, stall_s: float = 0.0) -> None:
    """Draw the show: cues 1 and 2 start within 0.1 s of their time, no other one, and position and
    beat are right. `stall_s`: for so long no picture is drawn, once a second."""
    started = rig.run(begin_s)
    assert started == []
    while rig.clock.now_s() < SECONDS - 0.3:
        if rig.clock.now_s() % 1.0 < FRAME_S / 2:
            rig.clock.advance(stall_s)
        now_s = rig.clock.now_s() + FRAME_S
        started += rig.run(now_s)
        assert rig.control.status.seconds == pytest.approx(FIRST / 25 + now_s, abs=0.1)
        assert 0.4 <= rig.control.status.speed <= 2.6
        assert rig.tempo.beat_at(now_s) / 2.0 == pytest.approx(FIRST / 25 + now_s, abs=0.1)
    assert started == [(pytest.approx(2.0, abs=0.1), 1), (pytest.approx(4.0, abs=0.1), 2)]


@pytest.mark.parametrize(
    ("network", "source"),
    [
        (network, source)
        for network in NETWORKS
        for source in ("artnet", "mtc text", "mtc of Open Stage Control", "mtc quarters")
        # No two cables become one, and nothing holds labels for 400 ms all the time.
        if (network[:8], source)
        not in {("a backup", "mtc quarters"), ("groups o", "mtc of Open Stage Control")}
    ],
)
def test_late_labels_start_the_cues_at_their_time_and_no_other_cue(
    rig: TimecodeRig, source: str, network: str
) -> None:
    play(rig, source, NETWORKS[network]())
    # its rate shows when a second ends
    check_show(rig, begin_s=1.3 if source.endswith("Control") else 0.9)


@pytest.mark.parametrize("source", ["artnet", "mtc text", "mtc quarters", "ltc"])
def test_a_stall_of_our_own_moves_nothing_where_the_time_of_arrival_is_known(
    rig: TimecodeRig, source: str
) -> None:
    play(rig, source, lambda number, sent_s, interval_s: [sent_s])
    check_show(rig, stall_s=0.08)


@pytest.mark.parametrize(
    ("other", "host", "stream"),
    [("10.0.0.2, stream 0", "10.0.0.2", 0), ("10.0.0.1, stream 5", "10.0.0.1", 5)],
)
def test_of_two_art_net_timecodes_the_first_leads_until_it_is_silent(
    rig: TimecodeRig, reports: Any, other: str, host: str, stream: int
) -> None:
    play(rig, "artnet", lambda number, sent_s, interval_s: [sent_s])
    first = rig.artnet
    far_s = 40.0
    second = [
        (at_s + 0.001, host, art_timecode(*label_of(n + 25 * int(far_s)), stream=stream))
        for n, (at_s, _, _) in enumerate(first)
    ]
    rig.artnet = sorted(first + second)
    check_show(rig)
    line = f"Art-Net timecode of {other} is left out: 10.0.0.1, stream 0 leads until it is silent"
    assert reports.lines == [("clocks", line)]
    rig.artnet = [(at_s + SECONDS, *rest) for at_s, *rest in second]
    rig.run(2 * SECONDS - 0.3)
    assert rig.control.status.seconds == pytest.approx(far_s + SECONDS - 0.3, abs=0.1)
    assert reports.lines[1:] == [
        ("clocks", f"Art-Net timecode of 10.0.0.1, stream 0 is silent: {other} leads now")
    ]
