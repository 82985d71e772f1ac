"""How much of the device a child takes beside the renderer: a share (duty), cut into slices that yield to the picture.

Processes share a GPU by time slices, and no priority reaches across them: a child that queues 80 ms of work makes the
renderer wait 80 ms. So a child queues a slice, waits until the device has done it, rests, looks whether a picture is
being drawn or a voice is being converted, and only then queues the next. The rest is a host sleep after that wait:
launches are asynchronous, a sleep without it would stand beside the work and not between.

The share is found as TCP finds its window (Chiu and Jain 1989): a little more each second, much less after a late
frame.
"""

import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from engine.ipc import Gate

MIN_DUTY = 0.05
INCREASE_PER_S = 0.05  # from the lowest share to all in 19 s: slower than the ear and eye tie a stutter to its cause
DECREASE = 0.7  # as CUBIC (RFC 9438): gives way without falling to nothing
REACTION_S = 0.25  # frames that are late within it were under way when the share was cut: cut once for them all
MAX_STEP_S = 1.0  # a child that slept long has learnt nothing meanwhile
POLL_S = 0.0005
MAX_VOICE_WAIT_S = 1.0
MIN_REST_S = 1e-6  # what is left of one by rounding
MAX_REST_S = 10.0  # however little of the device it may have: nobody would tell a longer pause from a hang
KEPT_SLICES = 512


class DutyControl:
    """The share of the time that a child may keep the device busy, 0.05..1, from the engine's count of late frames."""

    def __init__(self) -> None:
        self.duty = 1.0
        self._late_frames: int | None = None
        self._now_s = 0.0
        self._cut_s = float("-inf")

    def update(self, late_frames: int, now_s: float) -> float:
        """The share from now on. The first count is where counting begins; one that fell is a new engine's."""
        if self._late_frames is None:
            self._late_frames, self._now_s = late_frames, now_s
        passed_s, self._now_s = now_s - self._now_s, now_s
        is_late, self._late_frames = late_frames > self._late_frames, late_frames
        if not is_late:
            self.duty = min(1.0, self.duty + INCREASE_PER_S * min(passed_s, MAX_STEP_S))
        elif now_s - self._cut_s >= REACTION_S:
            self.duty = max(MIN_DUTY, self.duty * DECREASE)
            self._cut_s = now_s
        return self.duty


@dataclass(frozen=True, slots=True, kw_only=True)
class SliceTimes:
    """Milliseconds of device work between two looks at the gate, over the newest 512 slices; 0 before the first."""

    p50_ms: float = 0.0
    p99_ms: float = 0.0


def _nothing() -> None:
    return None


class Pacer:
    """Cuts a child's work into slices. Used by the child's main thread only.

    `wait_device` returns when the device has done all it was given (on a CPU it has, when the call returns). `rest`
    sleeps for so many seconds; a child's own keeps its control pipe and its heartbeat going meanwhile, and may return
    early to have the duty looked at again.
    """

    def __init__(
        self,
        gate: Gate | None,
        *,
        wait_device: Callable[[], None] = _nothing,
        rest: Callable[[float], None] = time.sleep,
        now_ns: Callable[[], int] = time.perf_counter_ns,
    ) -> None:
        self.fixed_duty: float | None = None
        """None: found by `DutyControl` from the gate's late frames; without a gate it is 1."""
        self.yields_to_drawing = gate is not None
        self.slice_ms = 4.0
        """A call whose whole work was at most this long is one slice."""
        self.idle_s = 0.0
        """Spent in waits for others and in rests so far."""
        self._gate = gate
        self._wait_device = wait_device
        self._rest = rest
        self._now_ns = now_ns
        self._control = DutyControl()
        self._slices_ms: deque[float] = deque(maxlen=KEPT_SLICES)
        self._slice_began_ns: int | None = None  # None: no picture is being worked on
        self._work_ms = 0.0
        self._last_call_ms = float("inf")

    @property
    def duty(self) -> float:
        return self._control.duty if self.fixed_duty is None else self.fixed_duty

    def begin_call(self) -> None:
        """Before the first work of a picture."""
        self._work_ms = 0.0
        self.before_slice()
        self._slice_began_ns = self._now_ns()

    def between(self) -> None:
        """Where the work can be cut; not used where the last picture's whole work fitted into one slice, nor outside
        a call: a warm-up is nobody's picture."""
        if self._slice_began_ns is not None and self._last_call_ms > self.slice_ms:
            self._end_slice()
            self.before_slice()
            self._slice_began_ns = self._now_ns()

    def yield_within(self) -> None:
        """Inside a slice, as often as you like: wait while a picture is drawn, one frame period at most.

        For a CPU that draws as well: it has no queue that a slice would fill, so work can stop between any two layers.
        """
        if self._slice_began_ns is not None and self.yields_to_drawing and self._gate is not None:
            began_ns = self._now_ns()
            if self._gate.is_drawing(began_ns):
                self._wait_for_drawing(self._gate)
                self._slice_began_ns += self._now_ns() - began_ns  # a wait is no work

    def end_call(self) -> float:
        """After the last work of a picture; returns the milliseconds of its work, without waits and rests."""
        self._end_slice()
        self._slice_began_ns = None
        self._last_call_ms = self._work_ms
        return self._work_ms

    def before_slice(self) -> None:
        """Return when no voice is being converted (1 s at most) and no picture drawn (one frame period at most)."""
        gate = self._gate
        if gate is None:
            return
        self._look_until(lambda now_ns: not gate.is_voice_running(now_ns), MAX_VOICE_WAIT_S * 1e9)
        if self.yields_to_drawing:
            self._wait_for_drawing(gate)

    def after_slice(self, work_ms: float) -> None:
        """Count the slice and rest so long that it was `duty` of the time, 10 s at most."""
        self._slices_ms.append(work_ms)
        if self.fixed_duty is None and self._gate is not None:
            self._control.update(self._gate.late_frames, self._now_ns() / 1e9)
        began_ns = now_ns = self._now_ns()
        while (left_s := self._rest_s(work_ms) - (now_ns - began_ns) / 1e9) > MIN_REST_S:
            self._rest(left_s)
            now_ns = self._now_ns()
        self.idle_s += (now_ns - began_ns) / 1e9

    def slice_times(self) -> SliceTimes:
        ordered = sorted(self._slices_ms)
        if not ordered:
            return SliceTimes()
        return SliceTimes(
            p50_ms=ordered[len(ordered) // 2], p99_ms=ordered[min(len(ordered) * 99 // 100, len(ordered) - 1)]
        )

    def _rest_s(self, work_ms: float) -> float:
        """After that much work, by the duty as it is now."""
        return min(work_ms / 1000.0 * (1.0 / self.duty - 1.0), MAX_REST_S)

    def _end_slice(self) -> None:
        assert self._slice_began_ns is not None
        self._wait_device()
        work_ms = (self._now_ns() - self._slice_began_ns) / 1e6
        self._work_ms += work_ms
        self.after_slice(work_ms)

    def _wait_for_drawing(self, gate: Gate) -> None:
        self._look_until(lambda now_ns: not gate.is_drawing(now_ns), gate.period_ns)

    def _look_until(self, is_free: Callable[[int], bool], longest_ns: float) -> None:
        began_ns = now_ns = self._now_ns()
        while not is_free(now_ns) and now_ns - began_ns < longest_ns:
            self._rest(POLL_S)
            now_ns = self._now_ns()
        self.idle_s += (now_ns - began_ns) / 1e9
