"""A child's counters and the gate: one process stores, another reads."""

import time
from collections.abc import Iterator

import pytest

from engine.ipc import ChildCounters, Gate, Phase, sweep_dead_rings
from engine.ipc.layout import MAX_TURNS
from engine.ipc.ring_folder import system_folder

MS = 1_000_000
BothEnds = tuple[ChildCounters, ChildCounters]
FLICKER = """
import sys
from engine.ipc import ChildCounters, Phase
counters = ChildCounters.open(sys.argv[1])
low, high = 1, 1 << 59
counters.enter(Phase.LOADING, low)
print("ready", flush=True)
while True:
    counters.enter(Phase.LOADING, low)
    counters.enter(Phase.RUNNING, high)
"""
MAKE_ALL = """
import sys
from engine.ipc import AudioRing, ChildCounters, FrameRing, Gate
segments = [ChildCounters.create("sd"), Gate.create(), FrameRing.create("left", 6, 4)]
segments.append(AudioRing.create("left", channels=1, rate_hz=1000, seconds=1))
print(*(s.segment for s in segments), flush=True)
sys.stdin.read()
"""


@pytest.fixture
def both_ends() -> Iterator[BothEnds]:
    """The engine's and the child's side of one ChildCounters."""
    engine = ChildCounters.create("sd")
    child = ChildCounters.open(engine.segment)
    yield engine, child
    child.close()
    engine.close()


@pytest.fixture
def gate() -> Iterator[tuple[Gate, Gate]]:
    """The engine's and a child's side of one Gate."""
    engine = Gate.create()
    child = Gate.open(engine.segment)
    yield engine, child
    child.close()
    engine.close()


def test_the_engine_reads_the_values_that_the_child_stores(both_ends: BothEnds) -> None:
    engine, child = both_ends
    assert (engine.alive_ns, engine.progress, engine.results) == (0, (Phase.STARTING, 0), 0)
    assert (
        engine.last_result_ms,
        engine.last_result_ns,
        engine.wants_frame,
        engine.expected_s,
    ) == (0.0, 0, False, 0.0)
    child.expected_s = 12.5
    assert engine.expected_s == 12.5
    child.beat(11)
    child.count_result(17.25, 12)
    child.count_result(16.5, 13)
    child.wants_frame = True
    assert (engine.alive_ns, engine.results, engine.last_result_ms, engine.last_result_ns) == (
        11,
        2,
        16.5,
        13,
    )
    assert engine.wants_frame is True
    child.wants_frame = False
    assert engine.wants_frame is False
    child.close()  # leaves them to the engine
    assert engine.alive_ns == 11
    ChildCounters.open(engine.segment).close()


def test_a_phase_is_never_seen_with_the_time_of_another(children, both_ends: BothEnds) -> None:
    engine, _ = both_ends
    children.start(FLICKER, engine.segment).stdout.readline()
    seen: set[tuple[Phase, int]] = set()
    end_s = time.perf_counter() + 120.0
    while len(seen) < 2 and time.perf_counter() < end_s:  # the child may get no core for a while
        seen |= {engine.progress for _ in range(100_000)}
    assert seen == {(Phase.LOADING, 1), (Phase.RUNNING, 1 << 59)}


def test_a_thread_that_reads_after_closing_gets_the_last_values(both_ends: BothEnds) -> None:
    closed, _ = both_ends
    closed.beat(7)
    closed.wants_frame = True
    fields = closed._fields  # as a thread does that is reading at this moment
    closed.close()
    del fields
    closed.close()
    assert (closed.alive_ns, closed.wants_frame, closed.results) == (7, True, 0)
    closed.beat(8)
    assert closed.alive_ns == 8


def test_the_gate_is_closed_from_submit_until_it_is_published_and_again_when_the_next_is_due(
    gate: tuple[Gate, Gate],
) -> None:
    engine, child = gate
    engine.period_ns, engine.late_frames = 33 * MS, 3
    assert (child.period_ns, child.late_frames) == (33 * MS, 3)
    assert not child.is_drawing(1000 * MS)
    engine.draw_begins(1000 * MS)
    assert child.is_drawing(1000 * MS) and child.is_drawing(1032 * MS)
    engine.draw_ends(1034 * MS)
    assert not child.is_drawing(1033 * MS)
    assert child.is_drawing(1034 * MS) and child.draw_ns == 1034 * MS
    engine.draw_ends()
    assert not child.is_drawing(1034 * MS)


def test_children_of_two_devices_do_not_wait_for_each_other(gate: tuple[Gate, Gate]) -> None:
    _, child = gate
    sd, sam3 = child.turns(1, 1), child.turns(2, 2)
    assert sd is not None and sam3 is not None
    sd.begin(1000 * MS)
    assert sam3.try_begin(1001 * MS, 1001 * MS)
    assert child.turns(0, 1) is None


def test_a_turn_index_is_free_again_when_its_process_has_ended(
    gate: tuple[Gate, Gate], caplog: pytest.LogCaptureFixture
) -> None:
    engine, child = gate
    assert [engine.acquire_turn_index() for _ in range(MAX_TURNS + 1)] == [
        *range(1, MAX_TURNS + 1),
        0,
    ]
    assert f"all {MAX_TURNS} places" in caplog.text
    killed, other = child.turns(3, 1), child.turns(1, 1)
    assert killed is not None and other is not None
    killed.begin(1000 * MS)
    assert not other.try_begin(1001 * MS, 1001 * MS)
    engine.release_turn_index(3)
    assert other.try_begin(1002 * MS, 1001 * MS), "its last slice holds nobody back"
    engine.release_turn_index(0)  # that of one without a place
    assert [engine.acquire_turn_index(), engine.acquire_turn_index()] == [3, 0]


def test_the_one_that_asked_first_has_the_next_turn(gate: tuple[Gate, Gate]) -> None:
    _, child = gate
    sd, sam3, third = (child.turns(index, 1) for index in (1, 2, 3))
    assert sd is not None and sam3 is not None and third is not None
    assert sd.try_begin(1000 * MS, 1000 * MS)
    assert not third.try_begin(1001 * MS, 1001 * MS) and not sam3.try_begin(1002 * MS, 1002 * MS)
    sd.end()
    assert not sam3.try_begin(1003 * MS, 1002 * MS) and not sd.try_begin(1003 * MS, 1003 * MS)
    assert third.try_begin(1004 * MS, 1001 * MS)
    third.end()
    sam3.request(0)
    assert sd.try_begin(1005 * MS, 1003 * MS), "SAM3 does not want its turn now"


def test_of_two_that_begin_at_the_same_moment_one_does(gate: tuple[Gate, Gate]) -> None:
    """SAM3, which asked before but whose word comes late, tries between the two looks of SD."""
    one, other = gate
    sd, sam3 = one.turns(1, 1), other.turns(2, 1)
    assert sd is not None and sam3 is not None
    begun: list[bool] = []
    fence = one._fence
    one._fence = lambda: (fence(), begun.append(sam3.try_begin(1000 * MS, 999 * MS)))  # type: ignore[assignment,method-assign]  # where another process may run
    begun.append(sd.try_begin(1000 * MS, 1000 * MS))
    assert begun == [False, True]


def test_a_draw_older_than_one_frame_stops_no_child(gate: tuple[Gate, Gate]) -> None:
    engine, child = gate
    engine.draw_begins(1000 * MS)
    assert not child.is_drawing(1000 * MS), "the engine has not set its period"
    engine.period_ns = 33 * MS
    assert not child.is_drawing(1033 * MS)


def test_the_voice_has_priority_for_at_most_a_second(gate: tuple[Gate, Gate]) -> None:
    engine, child = gate
    assert not engine.is_voice_running(0)
    child.voice_begins(5000 * MS)
    assert engine.is_voice_running(5000 * MS) and engine.is_voice_running(5999 * MS)
    assert not engine.is_voice_running(6000 * MS)
    child.voice_ends()
    assert not engine.is_voice_running(5000 * MS)


def test_after_kill_9_of_the_engine_all_that_it_made_is_swept_at_once(children) -> None:
    engine = children.start(MAKE_ALL)
    segments = set(engine.stdout.readline().split())
    assert len(segments) == 4
    assert segments.isdisjoint(sweep_dead_rings()), "their engine is alive"
    children.kill(engine)
    assert segments <= set(system_folder().segments())
    assert segments <= set(sweep_dead_rings())
    assert segments.isdisjoint(system_folder().segments())
