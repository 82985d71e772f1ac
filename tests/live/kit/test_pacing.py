"""How a child shares the device, on an injected clock and a real gate."""

from collections.abc import Callable, Sequence
from functools import partial

import pytest

from engine.ipc import Gate, Turns
from engine.live.kit.pacing import MAX_REST_S, MIN_DUTY, DutyControl, Pacer
from tests.live.kit.lockstep import Lockstep, Span, overlaps

PERIOD_NS = 33_333_333


class Time:
    """A clock that only advances during work and rests. `then[n]` is called at the end of the n-th
    rest."""

    def __init__(self) -> None:
        self.now_ns = 1_000_000_000
        self.rests_s: list[float] = []
        self.then: dict[int, Callable[[], object]] = {}

    def __call__(self) -> int:
        return self.now_ns

    def rest(self, seconds: float) -> None:
        self.rests_s.append(seconds)
        self.now_ns += round(seconds * 1e9)
        self.then.get(len(self.rests_s), lambda: None)()

    def work(self, ms: float) -> None:
        self.now_ns += round(ms * 1e6)


@pytest.fixture
def time() -> Time:
    return Time()


@pytest.fixture
def gate(gate: Gate) -> Gate:
    gate.period_ns = PERIOD_NS
    return gate


def test_a_late_frame_cuts_the_duty_at_once_and_it_recovers_slowly() -> None:
    """Rows of late frames so far, the second, and the duty from then on."""
    a_second = [
        (1, 1.0, 0.7),
        (1, 2.0, 0.75),
        (1, 3.0, 0.8),
        *((1, float(s), None) for s in range(4, 11)),
    ]
    for case, rows in {
        "no frame is late": [(7, 0.0, 1.0), (7, 1.0, 1.0), (7, 9.0, 1.0)],
        "one": [(0, 0.0, 1.0), *a_second, (1, 11.0, 1.0)],
        "six of one cause, and another": [
            (0, 0.0, 1.0),
            *((1 + n, 1 + 0.03 * n, 0.7) for n in range(6)),
            (10, 1.3, 0.49),
        ],
        "one in each second": [*((n, float(n), None) for n in range(199)), (199, 199.0, MIN_DUTY)],
        "a restarted engine counts from zero": [(500, 0.0, 1.0), (0, 1.0, 1.0), (1, 2.0, 0.7)],
        "a long sleep earns one second": [(0, 0.0, 1.0), (1, 1.0, 0.7), (1, 1000.0, 0.75)],
    }.items():
        control = DutyControl()
        for late, second, expected in rows:
            duty = control.update(late, second)
            assert expected is None or duty == pytest.approx(expected, abs=0.001), (case, second)


@pytest.mark.parametrize(
    ("duty", "work_ms", "rest_s"), [(0.25, 10.0, 0.030), (0.05, 4600.0, MAX_REST_S)]
)
def test_work_is_the_duty_fraction_of_work_and_rest(
    time: Time, duty: float, work_ms: float, rest_s: float
) -> None:
    pacer = Pacer(None, rest=time.rest, now_ns=time)
    pacer.fixed_duty = duty
    pacer.begin_call()
    time.work(work_ms)
    assert pacer.end_call() == pytest.approx(work_ms)
    assert time.rests_s == [pytest.approx(rest_s)]


def test_a_rest_that_ends_early_continues_with_the_new_duty(time: Time) -> None:
    """A child's own rest ends early for any message; most messages change no duty."""
    pacer = Pacer(None, rest=lambda seconds: time.rest(min(seconds, 0.5)), now_ns=time)
    pacer.fixed_duty = 0.1
    time.then[4] = lambda: setattr(pacer, "fixed_duty", 0.4)
    pacer.begin_call()
    time.work(1000.0)
    pacer.end_call()
    # 9 s were wanted; of the 1.5 s that are now, none is left
    assert time.rests_s == [0.5, 0.5, 0.5, 0.5]
    assert pacer.idle_s == pytest.approx(2.0)


def test_a_child_rests_only_after_late_frames_seen_in_the_gate(time: Time, gate: Gate) -> None:
    pacer = Pacer(gate, rest=time.rest, now_ns=time)
    paced(time, pacer, (10.0, 5.0))
    assert time.rests_s == []
    gate.late_frames = 1
    paced(time, pacer, (1000.0,))
    assert pacer.duty == pytest.approx(0.7)
    assert sum(time.rests_s) == pytest.approx(1.0 * (1 / 0.7 - 1))


def test_the_device_has_finished_before_the_rest_begins(time: Time) -> None:
    order: list[str] = []
    time.then = dict.fromkeys((1, 2), lambda: order.append("rest"))
    pacer = Pacer(None, wait_device=lambda: order.append("wait"), rest=time.rest, now_ns=time)
    pacer.fixed_duty = 0.5
    paced(time, pacer, (8.0, 8.0))
    assert order == ["wait", "rest", "wait", "rest"]


def test_a_slice_waits_for_a_draw_and_for_the_voice_even_with_the_gate_off(
    time: Time, gate: Gate
) -> None:
    pacer = Pacer(gate, rest=time.rest, now_ns=time)
    gate.draw_begins(time.now_ns)
    time.then[8] = gate.draw_ends
    pacer.before_slice()
    assert len(time.rests_s) == 8 and sum(time.rests_s) < PERIOD_NS / 1e9
    pacer.yields_to_drawing = False
    gate.draw_begins(time.now_ns)
    pacer.before_slice()
    assert len(time.rests_s) == 8
    gate.voice_begins(time.now_ns)
    time.then[28] = gate.voice_ends
    pacer.before_slice()
    assert len(time.rests_s) == 28


def test_a_draw_that_never_ends_delays_a_slice_by_one_period_only(time: Time, gate: Gate) -> None:
    def rest(seconds: float) -> None:
        time.rest(seconds)
        gate.draw_begins(time.now_ns)  # one draw after the other without a gap

    gate.draw_begins(time.now_ns)
    Pacer(gate, rest=rest, now_ns=time).before_slice()
    assert sum(time.rests_s) == pytest.approx(PERIOD_NS / 1e9, abs=0.001)


def paced(time: Time, pacer: Pacer, pieces_ms: Sequence[float], kind: str = "") -> None:
    pacer.begin_call(kind)
    for index, ms in enumerate(pieces_ms):
        if index:
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
    assert pacer.slice_p99_ms == pytest.approx(6.0)
    pacer.begin_call()
    pacer.plan.forget_slice()
    time.work(5000.0)
    pacer.end_call()
    waits.clear()
    paced(time, pacer, (1.0, 2.5, 1.0, 1.0, 6.0, 1.0))
    assert len(waits) == 4, "a slice that captures is not learnt from"


def test_calls_with_other_pieces_are_learnt_apart(time: Time) -> None:
    """As with a ControlNet, whose piece comes before the network's. New values make the first piece
    longer."""
    ended_ms: list[float] = []
    pacer = Pacer(
        None,
        wait_device=lambda: ended_ms.append((time.now_ns - began_ns) / 1e6),
        rest=time.rest,
        now_ns=time,
    )
    began_ns = time.now_ns
    paced(time, pacer, (1.0, 1.0, 6.0), "plain")
    paced(time, pacer, (6.0, 1.0, 1.0), "control")
    ended_ms.clear()
    began_ns = time.now_ns
    pacer.begin_call("control")
    pacer.plan.change_kind("plain")
    for ms in (50.0, 1.0):
        time.work(ms)
        pacer.between()
    time.work(6.0)
    pacer.end_call()
    paced(time, pacer, (1.0, 1.0, 6.0), "plain")
    assert ended_ms == [51.0, 57.0, 59.0, 65.0]


@pytest.fixture
def turns(gate: Gate) -> dict[str, Turns]:
    created = {name: gate.turns(gate.acquire_turn_index(), 1) for name in ("sd", "sam3")}
    return {name: turn for name, turn in created.items() if turn is not None}


@pytest.mark.parametrize(
    ("until_draw_ms", "waits", "why"),
    [
        (5.0, 1, "3 + 1 end before the draw"),
        (3.5, 2, "only 3 ends before it"),
        (2.0, 1, "the draw goes first"),
    ],
)
def test_a_slice_ends_before_the_next_draw(
    time: Time, gate: Gate, turns: dict[str, Turns], until_draw_ms: float, waits: int, why: str
) -> None:
    ended: list[float] = []
    pacer = Pacer(
        gate, wait_device=lambda: ended.append((time.now_ns - began_ns) / 1e6), rest=time.rest,
        now_ns=time,
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
    if until_draw_ms < 3.0:  # it waits for the draw, which never comes, for one period
        assert ended[0] == pytest.approx(PERIOD_NS / 1e6 + 4.0, abs=1.0)


@pytest.mark.parametrize(
    ("is_on_card", "draw_in_ms", "piece_ms"),
    [(True, 1.0, PERIOD_NS / 1e6), (False, 5.0, 10.0)],
    ids=["a piece as long as a frame", "on a CPU, a draw that has not begun"],
)
def test_there_is_no_wait_for_the_next_draw(
    time: Time,
    gate: Gate,
    turns: dict[str, Turns],
    is_on_card: bool,
    draw_in_ms: float,
    piece_ms: float,
) -> None:
    pacer = Pacer(gate, rest=time.rest, now_ns=time, turns=turns["sd"] if is_on_card else None)
    for _ in range(3):
        gate.draw_ends(time.now_ns + round(draw_in_ms * 1e6))
        paced(time, pacer, (piece_ms,))
    assert time.rests_s == []


@pytest.mark.parametrize("what", ["draw", "voice"])
def test_a_slice_waits_for_what_begins_while_it_waits_for_its_turn(
    time: Time, gate: Gate, turns: dict[str, Turns], what: str
) -> None:
    begins, ends = (getattr(gate, f"{what}_{act}") for act in ("begins", "ends"))
    time.then = {2: lambda: begins(time.now_ns), 4: turns["sam3"].end, 6: ends}
    turns["sam3"].begin(time.now_ns)
    Pacer(gate, rest=time.rest, now_ns=time, turns=turns["sd"]).begin_call()
    assert len(time.rests_s) == 6


@pytest.mark.parametrize("draw_ms", [4.0, 10.0])
def test_stable_diffusion_and_sam3_share_what_the_draws_leave(draw_ms: float) -> None:
    """7 pieces of 3 ms and 4 of 5 ms beside a draw every 16.7 ms, each child in its own thread with
    its own gate."""
    machine, engine = Lockstep(seconds=2.0), Gate.create()
    engine.period_ns = 16_700_000
    draws: list[Span] = []
    slices: dict[str, list[Span]] = {"sd": [], "sam3": []}

    def draw() -> None:
        due_ns = machine.now_ns()
        while True:
            began_ns = machine.now_ns()
            engine.draw_begins(began_ns)
            machine.rest(draw_ms / 1000.0)
            draws.append((began_ns, machine.now_ns()))
            due_ns += engine.period_ns
            engine.draw_ends(due_ns)
            machine.rest((due_ns - machine.now_ns()) / 1e9)

    def child(name: str, pieces_ms: Sequence[float]) -> None:
        gate = Gate.open(engine.segment)
        pacer = Pacer(
            gate,
            rest=machine.rest,
            now_ns=machine.now_ns,
            turns=gate.turns(engine.acquire_turn_index(), 1),
        )
        while True:
            pacer.begin_call()
            for index, ms in enumerate(pieces_ms):
                if index:
                    pacer.between()
                began_ns = machine.now_ns()
                machine.rest(ms / 1000.0)
                slices[name].append((began_ns, machine.now_ns()))
            pacer.end_call()

    machine.run(draw, partial(child, "sd", [3.0] * 7), partial(child, "sam3", [5.0] * 4))
    engine.close()
    measured = {
        name: spans[pieces:] for (name, spans), pieces in zip(slices.items(), (7, 4), strict=True)
    }
    assert not overlaps(*slices.values())
    assert not [name for name, spans in measured.items() if overlaps(spans, draws)]
    free_ns = 2e9 - sum(end - begin for begin, end in draws)
    fractions = {
        name: sum(end - begin for begin, end in spans) / free_ns for name, spans in slices.items()
    }
    assert fractions["sd"] > 0.35 and fractions["sam3"] > 0.35 and sum(fractions.values()) > 0.8


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


def test_a_warm_up_is_not_a_slice_and_causes_no_rest(time: Time) -> None:
    """It is cut like a picture, but before the first: a rest for all the time since the clock's
    start would hang."""
    pacer = Pacer(None, rest=time.rest, now_ns=time)
    pacer.fixed_duty = 0.5
    pacer.between()
    pacer.begin_call()
    time.work(10)
    pacer.between()
    pacer.end_call()
    pacer.between()
    assert time.rests_s == [pytest.approx(0.01)]


def test_a_wait_for_the_renderer_inside_a_slice_is_not_counted_as_work(
    time: Time, gate: Gate
) -> None:
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
