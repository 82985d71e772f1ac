"""How a child shares the device, on an injected clock and a real gate."""

from collections.abc import Iterator, Sequence

import pytest

from engine.ipc import Gate, Turns
from engine.live.kit.pacing import MAX_REST_S, MIN_DUTY, DutyControl, Pacer

PERIOD_NS = 33_333_333


class Time:
    """A clock that only advances during work and rests."""

    def __init__(self) -> None:
        self.now_ns = 1_000_000_000
        self.rests_s: list[float] = []

    def __call__(self) -> int:
        return self.now_ns

    def rest(self, seconds: float) -> None:
        self.rests_s.append(seconds)
        self.now_ns += round(seconds * 1e9)

    def work(self, ms: float) -> None:
        self.now_ns += round(ms * 1e6)


@pytest.fixture
def time() -> Time:
    return Time()


@pytest.fixture
def gate() -> Iterator[Gate]:
    gate = Gate.create()
    gate.period_ns = PERIOD_NS
    yield gate
    gate.close()


def test_the_duty_is_1_until_a_frame_is_late() -> None:
    control = DutyControl()
    assert [control.update(7, second) for second in range(5)] == [1.0] * 5


def test_a_late_frame_cuts_the_duty_at_once_and_it_recovers_slowly() -> None:
    control = DutyControl()
    control.update(0, 0.0)
    assert control.update(1, 1.0) == pytest.approx(0.7)
    assert control.update(1, 2.0) == pytest.approx(0.75)
    assert control.update(1, 3.0) == pytest.approx(0.8)
    for second in range(4, 12):
        control.update(1, float(second))
    assert control.duty == 1.0


def test_consecutive_late_frames_with_one_cause_cut_the_duty_once() -> None:
    control = DutyControl()
    control.update(0, 0.0)
    for index in range(6):
        control.update(1 + index, 1.0 + index * 0.03)
    assert control.duty == pytest.approx(0.7)
    assert control.update(10, 1.3) == pytest.approx(0.49)


def test_steady_lateness_leaves_the_lowest_duty() -> None:
    control = DutyControl()
    for index in range(200):
        control.update(index, float(index))
    assert control.duty == MIN_DUTY


def test_a_restarted_engine_counts_from_zero_without_a_cut() -> None:
    control = DutyControl()
    control.update(500, 0.0)
    assert control.update(0, 1.0) == 1.0
    assert control.update(1, 2.0) == pytest.approx(0.7)


def test_a_long_sleep_earns_one_second_of_growth() -> None:
    control = DutyControl()
    control.update(0, 0.0)
    control.update(1, 1.0)
    assert control.update(1, 1000.0) == pytest.approx(0.75)


def test_work_is_the_duty_share_of_work_and_rest(time: Time) -> None:
    pacer = Pacer(None, rest=time.rest, now_ns=time)
    pacer.fixed_duty = 0.25
    pacer.begin_call()
    time.work(10.0)
    assert pacer.end_call() == pytest.approx(10.0)
    assert time.rests_s == [pytest.approx(0.030)]


def test_a_rest_that_ends_early_continues_with_the_new_duty(time: Time) -> None:
    """A child's own rest ends early for any message; most messages change no duty."""

    def rest(seconds: float) -> None:
        time.rest(min(seconds, 0.5))
        if len(time.rests_s) == 4:
            pacer.fixed_duty = 0.4

    pacer = Pacer(None, rest=rest, now_ns=time)
    pacer.fixed_duty = 0.1
    pacer.begin_call()
    time.work(1000.0)
    pacer.end_call()
    assert time.rests_s == [0.5, 0.5, 0.5, 0.5]  # 9 s were wanted; of the 1.5 s that are now, none is left
    assert pacer.idle_s == pytest.approx(2.0)


def test_no_rest_is_longer_than_ten_seconds(time: Time) -> None:
    pacer = Pacer(None, rest=time.rest, now_ns=time)
    pacer.fixed_duty = 0.05
    pacer.begin_call()
    time.work(4600.0)
    pacer.end_call()
    assert time.rests_s == [MAX_REST_S]


def test_no_rest_at_full_duty(time: Time, gate: Gate) -> None:
    pacer = Pacer(gate, rest=time.rest, now_ns=time)
    pacer.begin_call()
    time.work(10.0)
    pacer.between()
    time.work(5.0)
    assert pacer.end_call() == pytest.approx(15.0)
    assert time.rests_s == []


def test_late_frames_seen_in_the_gate_make_the_child_rest(time: Time, gate: Gate) -> None:
    pacer = Pacer(gate, rest=time.rest, now_ns=time)
    for late in (0, 1):
        gate.late_frames = late
        pacer.begin_call()
        time.work(1000.0)
        pacer.end_call()
    assert pacer.duty == pytest.approx(0.7)
    assert sum(time.rests_s) == pytest.approx(1.0 * (1 / 0.7 - 1))


def test_the_device_has_finished_before_the_rest_begins(time: Time) -> None:
    order: list[str] = []

    def rest(seconds: float) -> None:
        order.append("rest")
        time.rest(seconds)

    pacer = Pacer(None, wait_device=lambda: order.append("wait"), rest=rest, now_ns=time)
    pacer.fixed_duty = 0.5
    pacer.begin_call()
    time.work(8.0)
    pacer.between()
    time.work(8.0)
    pacer.end_call()
    assert order == ["wait", "rest", "wait", "rest"]


def test_no_slice_starts_while_a_picture_is_drawn(time: Time, gate: Gate) -> None:
    pacer = Pacer(gate, rest=time.rest, now_ns=time)
    gate.draw_begins(time.now_ns)

    def rest(seconds: float) -> None:
        time.rest(seconds)
        if len(time.rests_s) == 8:
            gate.draw_ends()

    pacer = Pacer(gate, rest=rest, now_ns=time)
    pacer.before_slice()
    assert len(time.rests_s) == 8
    assert sum(time.rests_s) < PERIOD_NS / 1e9


def test_a_draw_that_never_ends_delays_a_slice_by_one_period_only(time: Time, gate: Gate) -> None:
    pacer = Pacer(gate, rest=time.rest, now_ns=time)

    def rest(seconds: float) -> None:
        time.rest(seconds)
        gate.draw_begins(time.now_ns)  # one draw after the other without a gap

    gate.draw_begins(time.now_ns)
    pacer = Pacer(gate, rest=rest, now_ns=time)
    pacer.before_slice()
    assert sum(time.rests_s) == pytest.approx(PERIOD_NS / 1e9, abs=0.001)


def test_with_the_gate_off_a_slice_does_not_wait_for_drawing(time: Time, gate: Gate) -> None:
    pacer = Pacer(gate, rest=time.rest, now_ns=time)
    pacer.yields_to_drawing = False
    gate.draw_begins(time.now_ns)
    pacer.before_slice()
    assert time.rests_s == []


def test_the_voice_goes_first_even_with_the_gate_off(time: Time, gate: Gate) -> None:
    gate.voice_begins(time.now_ns)

    def rest(seconds: float) -> None:
        time.rest(seconds)
        if len(time.rests_s) == 20:
            gate.voice_ends()

    pacer = Pacer(gate, rest=rest, now_ns=time)
    pacer.yields_to_drawing = False
    pacer.before_slice()
    assert len(time.rests_s) == 20


def paced(time: Time, pacer: Pacer, pieces_ms: Sequence[float]) -> None:
    pacer.begin_call()
    for place, ms in enumerate(pieces_ms):
        if place:
            pacer.between()
        time.work(ms)
    pacer.end_call()


def test_pieces_are_joined_to_slices_by_the_times_they_took_before(time: Time) -> None:
    waits: list[int] = []
    pacer = Pacer(None, wait_device=lambda: waits.append(1), rest=time.rest, now_ns=time)
    pacer.slice_ms = 4.0
    counts = []
    for _ in range(2):
        paced(time, pacer, (1.0, 2.5, 1.0, 1.0, 6.0, 1.0))
        counts.append(len(waits))
        waits.clear()
    assert counts == [6, 4], "first each piece alone, then 1 + 2.5, 1 + 1, 6, 1"
    assert pacer.slice_times().p99_ms == pytest.approx(6.0)


def test_a_slice_that_captures_is_not_learnt_from(time: Time) -> None:
    waits: list[int] = []
    pacer = Pacer(None, wait_device=lambda: waits.append(1), rest=time.rest, now_ns=time)
    paced(time, pacer, (1.0, 1.0))
    pacer.begin_call()
    pacer.forget_slice()
    time.work(5000.0)
    pacer.end_call()
    waits.clear()
    paced(time, pacer, (1.0, 1.0))
    assert len(waits) == 1


@pytest.fixture
def turns(gate: Gate) -> dict[str, Turns]:
    made = {name: gate.turns(gate.take_place(), 1) for name in ("sd", "sam3")}
    return {name: turn for name, turn in made.items() if turn is not None}


@pytest.mark.parametrize(
    ("until_draw_ms", "waits", "why"),
    [(5.0, 1, "3 + 1 end before the draw"), (3.5, 2, "only 3 ends before it"), (2.0, 1, "the draw goes first")],
)
def test_a_slice_ends_before_the_next_draw(
    time: Time, gate: Gate, turns: dict[str, Turns], until_draw_ms: float, waits: int, why: str
) -> None:
    ended: list[float] = []
    pacer = Pacer(
        gate, wait_device=lambda: ended.append((time.now_ns - began_ns) / 1e6), rest=time.rest, now_ns=time,
        turns=turns["sd"],
    )  # fmt: skip
    began_ns = time.now_ns
    paced(time, pacer, (3.0, 1.0))
    gate.draw_ends(time.now_ns + 1_000_000_000)
    paced(time, pacer, (3.0, 1.0))
    ended.clear()
    began_ns = time.now_ns
    gate.draw_ends(began_ns + round(until_draw_ms * 1e6))
    paced(time, pacer, (3.0, 1.0))
    assert len(ended) == waits, why
    if until_draw_ms < 3.0:  # until the draw that never comes has expired
        assert ended[0] == pytest.approx(until_draw_ms + PERIOD_NS / 1e6 + 4.0, abs=1.0)


def test_a_piece_as_long_as_a_frame_does_not_wait_for_the_next_draw(
    time: Time, gate: Gate, turns: dict[str, Turns]
) -> None:
    pacer = Pacer(gate, rest=time.rest, now_ns=time, turns=turns["sd"])
    for _ in range(3):
        gate.draw_ends(time.now_ns + 1_000_000)
        paced(time, pacer, (PERIOD_NS / 1e6,))
    assert time.rests_s == []


def test_on_a_cpu_nothing_waits_for_a_draw_that_has_not_begun(time: Time, gate: Gate) -> None:
    pacer = Pacer(gate, rest=time.rest, now_ns=time)
    for _ in range(3):
        gate.draw_ends(time.now_ns + 5_000_000)
        paced(time, pacer, (10.0,))
    assert time.rests_s == []


def test_two_children_of_one_device_take_turns(time: Time, gate: Gate, turns: dict[str, Turns]) -> None:
    """SAM3 begins while SD works; each asks again as soon as its slice has ended."""
    order: list[str] = []
    sd, sam3 = turns["sd"], turns["sam3"]

    def rest(seconds: float) -> None:  # as SD's process goes on meanwhile
        time.rest(seconds)
        order.append("sd")
        sd.end()
        sd.ask(time.now_ns)

    pacer = Pacer(gate, rest=rest, now_ns=time, turns=sam3)
    sd.begin(time.now_ns)
    for _ in range(2):
        pacer.begin_call()
        order.append("sam3")
        time.work(1.0)
        assert not sd.is_ours(time.now_ns)
        pacer.end_call()
        assert sd.is_ours(time.now_ns), "it has asked before"
        sd.begin(time.now_ns)
    assert order == ["sd", "sam3", "sd", "sam3"]


def test_a_child_that_stopped_in_its_slice_delays_the_other_by_a_quarter_second(
    time: Time, gate: Gate, turns: dict[str, Turns]
) -> None:
    turns["sd"].begin(time.now_ns)
    pacer = Pacer(gate, rest=time.rest, now_ns=time, turns=turns["sam3"])
    paced(time, pacer, (1.0,))
    assert sum(time.rests_s) == pytest.approx(0.25, rel=0.01)
    time.rests_s.clear()
    paced(time, pacer, (1.0,))
    assert time.rests_s == []


def test_slice_times_are_percentiles_of_the_newest_slices(time: Time) -> None:
    pacer = Pacer(None, rest=time.rest, now_ns=time)
    for ms in range(1, 101):
        pacer.after_slice(float(ms))
    assert pacer.slice_times().p50_ms == 51.0
    assert pacer.slice_times().p99_ms == 100.0


def test_a_warm_up_is_not_a_slice_and_causes_no_rest(time: Time) -> None:
    """It is cut like a picture, but before the first: a rest for all the time since the clock's start would hang."""
    pacer = Pacer(None, rest=time.rest, now_ns=time)
    pacer.fixed_duty = 0.5
    pacer.between()
    pacer.begin_call()
    time.work(10)
    pacer.between()
    pacer.end_call()
    pacer.between()
    assert time.rests_s == [pytest.approx(0.01)]


def test_a_wait_for_the_renderer_inside_a_slice_is_not_counted_as_work(time: Time, gate: Gate) -> None:
    pacer = Pacer(gate, rest=time.rest, now_ns=time)
    pacer.fixed_duty = 1.0
    pacer.begin_call()
    time.work(3)
    pacer.yield_within()
    assert time.rests_s == []
    gate.draw_begins(time.now_ns)
    pacer.yield_within()  # the draw never ends: after one period the child continues
    assert sum(time.rests_s) == pytest.approx(PERIOD_NS / 1e9, rel=0.05)
    time.work(4)
    assert pacer.end_call() == pytest.approx(7)
    rests = len(time.rests_s)
    gate.draw_begins(time.now_ns)
    pacer.yield_within()
    assert len(time.rests_s) == rests, "outside a call there is nothing to hold back"
