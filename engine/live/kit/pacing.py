"""Limits a child's part of the device's time (its duty), and splits its work into slices that yield
to the renderer.

Processes share a GPU by time slices, and priorities do not work across processes: if a child queues
80 ms of work, the renderer waits 80 ms. So a child queues one slice, and waits until the device has
finished it (launches are asynchronous). Then it sleeps, and waits while a picture is drawn or a
voice converted, before it queues the next one.

Each wait leaves the device idle for a moment, so a slice has as many pieces as fit into `slice_ms`
and the time until the next draw. Their times are predicted from before. Children that share a GPU
take turns, so that a draw finds at most one slice under way. The duty is adapted like TCP's
congestion window (AIMD, Chiu and Jain 1989): a small increase each second, a large cut after a late
frame.
"""

import time
from collections import deque
from collections.abc import Callable, Hashable
from itertools import islice

from engine.ipc import Gate, Turns

MIN_DUTY = 0.05
INCREASE_PER_S = 0.05  # from the lowest duty to 1 in 19 s: too slow to be noticed as a stutter
DECREASE = 0.7  # as in CUBIC (RFC 9438): yields without falling to zero
REACTION_S = (
    0.25  # frames that are late within this time began before the cut, so they cause no second cut
)
MAX_STEP_S = 1.0  # a child that slept for long has measured nothing in that time
POLL_S = 0.0005
MAX_VOICE_WAIT_NS = 1_000_000_000
MAX_TURN_WAIT_NS = 250_000_000
MIN_REST_S = 1e-6  # a shorter rest is not worth a sleep
MAX_REST_S = 10.0  # even at the lowest duty, because a longer rest would look like a hang
RECENT_SLICES = 512
MAX_CALL_KINDS = (
    32  # kinds, such as sizes and numbers of tracked objects, whose pieces are remembered
)
LEARNING_RATE = 0.5  # weight of a new measurement in the time of a piece


class DutyControl:
    """Adapts a child's duty, 0.05..1, to the engine's count of late frames."""

    def __init__(self) -> None:
        self.duty = 1.0
        self._late_frames: int | None = None
        self._now_s = 0.0
        self._cut_s = float("-inf")

    def update(self, late_frames: int, now_s: float) -> float:
        """Adapt the duty and return it. `late_frames` is a running count; the first call sets the
        baseline, and so does a lower count, which comes from a new engine."""
        if self._late_frames is None:
            self._late_frames = late_frames
            self._now_s = now_s
        passed_s = now_s - self._now_s
        self._now_s = now_s
        is_late = late_frames > self._late_frames
        self._late_frames = late_frames
        if not is_late:
            self.duty = min(1.0, self.duty + INCREASE_PER_S * min(passed_s, MAX_STEP_S))
        elif now_s - self._cut_s >= REACTION_S:
            self.duty = max(MIN_DUTY, self.duty * DECREASE)
            self._cut_s = now_s
        return self.duty


class SlicePlan:
    """The pieces of a call, in order, and the milliseconds that each is expected to take. Single
    thread. A piece that was never measured is a slice of its own. Several in one slice share the
    difference to what was expected."""

    def __init__(self) -> None:
        self._pieces_by_kind: dict[Hashable, dict[int, float]] = {}
        self._kind: Hashable = None
        self._pieces_ms: dict[int, float] = {}
        self._first = 0
        self._next = 0
        """Index of the first piece of the slice under way, and of the one that comes after it."""
        self._is_odd = False

    @property
    def first_ms(self) -> float:
        """The expected time of the piece that comes next; 0 if it was never measured."""
        return self._pieces_ms.get(self._next, 0.0)

    def begin_call(self, kind: Hashable) -> None:
        """Begin with the first piece. Calls of the same `kind` have the same pieces."""
        self._kind = kind
        self._pieces_ms = self._pieces_by_kind.pop(kind, {})
        self._pieces_by_kind[kind] = self._pieces_ms
        for oldest in list(
            islice(self._pieces_by_kind, max(0, len(self._pieces_by_kind) - MAX_CALL_KINDS))
        ):
            del self._pieces_by_kind[oldest]
        self._first = 0
        self._next = 0
        self._is_odd = False

    def change_kind(self, kind: Hashable) -> None:
        """Call in the first piece if the call may be of another kind than at its beginning. If it
        is, the first piece is not learnt from: it has prepared the new kind."""
        if kind != self._kind:
            self.begin_call(kind)
            self._is_odd = True

    def fits_next(self, limit_ms: float) -> bool:
        """End a piece. True if the next one fits into the same slice of at most `limit_ms`."""
        self._next += 1
        expected_ms = [self._pieces_ms.get(index) for index in range(self._first, self._next + 1)]
        return None not in expected_ms and sum(filter(None, expected_ms)) <= limit_ms

    def end_call(self) -> None:
        """End the last piece."""
        self._next += 1

    def forget_slice(self) -> None:
        """Do not learn from the slice under way: it is not like those to come."""
        self._is_odd = True

    def learn(self, slice_ms: float) -> None:
        """End the slice: all pieces since the last one took `slice_ms` together."""
        indices = range(self._first, self._next)
        self._first = self._next
        if self._is_odd:
            self._is_odd = False
            return
        if len(indices) == 1 and indices[0] not in self._pieces_ms:
            self._pieces_ms[indices[0]] = slice_ms
            return
        expected_ms = sum(self._pieces_ms[index] for index in indices)
        for index in indices:
            fraction = self._pieces_ms[index] / expected_ms if expected_ms else 1 / len(indices)
            self._pieces_ms[index] += LEARNING_RATE * fraction * (slice_ms - expected_ms)


class Pacer:
    """Splits a child's work into slices. Used by the child's main thread only. `wait_device` blocks
    until the device has finished all work. `rest(seconds)` sleeps; in a child it also serves the
    control pipe and the heartbeat, and may return early so that a new duty takes effect. `turns`:
    those of this child on a GPU; None on a CPU, where `yield_within` stops the work at any
    layer."""

    def __init__(
        self,
        gate: Gate | None,
        *,
        wait_device: Callable[[], None] = lambda: None,
        rest: Callable[[float], None] = time.sleep,
        now_ns: Callable[[], int] = time.perf_counter_ns,
        turns: Turns | None = None,
    ) -> None:
        self.fixed_duty: float | None = None
        """None: adapted by `DutyControl` to the gate's count of late frames; 1 without a gate."""
        self.yields_to_drawing = gate is not None
        self.slice_ms = 4.0
        """Pieces that take no longer than this together are one slice."""
        self.idle_s = 0.0
        """Total time spent in waits and rests."""
        self._gate = gate
        self._turns = turns
        self._wait_device = wait_device
        self._rest = rest
        self._now_ns = now_ns
        self._control = DutyControl()
        self._slices_ms: deque[float] = deque(maxlen=RECENT_SLICES)
        self._slice_began_ns: int | None = None  # None: outside a call
        self._slice_limit_ms = 0.0
        self._work_ms = 0.0
        self.plan = SlicePlan()

    @property
    def duty(self) -> float:
        return self._control.duty if self.fixed_duty is None else self.fixed_duty

    def begin_call(self, kind: Hashable = None) -> None:
        """Begin a call, before the first work on a picture. Calls of the same `kind` have the same
        pieces."""
        self._work_ms = 0.0
        self.plan.begin_call(kind)
        self._begin_slice()

    def between(self) -> None:
        """End a piece: ends the slice if the next piece does not fit into it. No effect outside a
        call."""
        if self._slice_began_ns is not None and not self.plan.fits_next(self._slice_limit_ms):
            self._end_slice()
            self._begin_slice()

    def yield_within(self) -> None:
        """Wait inside a slice, at any duty, while a picture is being drawn, at most one frame
        period. For a CPU that also renders: it has no queue, so the work can stop between any two
        layers."""
        gate = self._gate
        if gate is None or self._slice_began_ns is None or not self.yields_to_drawing:
            return
        began_ns = now_ns = self._now_ns()
        while gate.is_drawing(now_ns) and now_ns - began_ns < gate.period_ns:
            self._rest(POLL_S)
            now_ns = self._now_ns()
        self._slice_began_ns += now_ns - began_ns  # time spent waiting does not count as work
        self.idle_s += (now_ns - began_ns) / 1e9

    def end_call(self) -> float:
        """End the call after its last work. Returns the milliseconds of its work, without waits and
        rests."""
        self.plan.end_call()
        self._end_slice()
        self._slice_began_ns = None
        return self._work_ms

    def before_slice(self) -> None:
        """Wait until the slice may begin, and take this child's turn. It waits while a voice is
        converted (at most 1 s) and while another child has its turn on this GPU (at most 250 ms).
        It also waits while a picture is drawn, or will be before the first piece ends (at most one
        frame period)."""
        gate = self._gate
        turns = self._turns
        if gate is None:
            return
        began_ns = now_ns = self._now_ns()
        left_ns = {"voice": MAX_VOICE_WAIT_NS, "draw": gate.period_ns, "turn": MAX_TURN_WAIT_NS}
        was_drawing = False
        # check everything each time: a draw may begin while the child waits for its turn
        while True:
            is_drawing = gate.is_drawing(now_ns)
            meets_draw = is_drawing or not (was_drawing or self._ends_before_draw(gate, now_ns))
            was_drawing = (
                is_drawing  # a piece that fits between no two draws begins when one has just ended
            )
            if left_ns["voice"] > 0 and gate.is_voice_running(now_ns):
                cause = "voice"
                left_ns["draw"] = gate.period_ns  # the draw that comes after it is another one
            elif self.yields_to_drawing and left_ns["draw"] > 0 and meets_draw:
                cause = "draw"
                if turns is not None:  # until the draw, a child with shorter pieces may go first
                    turns.request(began_ns if is_drawing else 0)
            elif (
                turns is not None and left_ns["turn"] > 0 and not turns.try_begin(now_ns, began_ns)
            ):
                cause = "turn"
                # no draw would hold it back now, so the next is another one
                left_ns["draw"] = gate.period_ns
            else:
                break
            self._rest(POLL_S)
            before_ns = now_ns
            now_ns = self._now_ns()
            left_ns[cause] -= now_ns - before_ns
        self.idle_s += (now_ns - began_ns) / 1e9

    def after_slice(self, work_ms: float) -> None:
        """Record the slice, then rest until it amounts to `duty` of the time, at most 10 s."""
        self._slices_ms.append(work_ms)
        if self.fixed_duty is None and self._gate is not None:
            self._control.update(self._gate.late_frames, self._now_ns() / 1e9)
        began_ns = now_ns = self._now_ns()
        while (left_s := self._rest_s(work_ms) - (now_ns - began_ns) / 1e9) > MIN_REST_S:
            self._rest(left_s)
            now_ns = self._now_ns()
        self.idle_s += (now_ns - began_ns) / 1e9

    @property
    def slice_p99_ms(self) -> float:
        """Milliseconds of device work between two checks of the gate, of the newest 512 slices; 0
        before the first."""
        ordered = sorted(self._slices_ms)
        return ordered[len(ordered) * 99 // 100] if ordered else 0.0

    def _rest_s(self, work_ms: float) -> float:
        """Seconds to rest after this much work at the current duty."""
        return min(work_ms / 1000.0 * (1.0 / self.duty - 1.0), MAX_REST_S)

    def _begin_slice(self) -> None:
        self.before_slice()
        self._slice_began_ns = now_ns = self._now_ns()
        self._slice_limit_ms = self.slice_ms
        if self._turns is not None:
            self._turns.begin(now_ns)
            if self._gate is not None and self.yields_to_drawing and self._gate.draw_ns > now_ns:
                self._slice_limit_ms = min(self.slice_ms, (self._gate.draw_ns - now_ns) / 1e6)

    def _end_slice(self) -> None:
        assert self._slice_began_ns is not None
        self._wait_device()
        work_ms = (self._now_ns() - self._slice_began_ns) / 1e6
        if self._turns is not None:
            self._turns.end()
        self.plan.learn(work_ms)
        self._work_ms += work_ms
        self.after_slice(work_ms)

    def _ends_before_draw(self, gate: Gate, now_ns: int) -> bool:
        """True if the first piece ends before the next draw begins. A piece as long as a frame
        period would meet a draw anyway, and on a CPU the work stops when the draw begins."""
        first_ns = self.plan.first_ms * 1e6
        return (
            self._turns is None
            or first_ns >= gate.period_ns
            or not now_ns < gate.draw_ns < now_ns + first_ns
        )
