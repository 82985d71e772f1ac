"""Splits a child's work into pieces and reports the phase, a heartbeat and the expected time of
each to the engine."""

import time
from collections import deque
from collections.abc import Callable, Hashable, Mapping
from typing import Any

from engine.children.port import ChildPort
from engine.ipc import Phase, Turns
from engine.live.kit.pace import ChildPace
from engine.live.kit.pacing import Pacer

MAX_NAP_S = 0.05  # poll interval of the control pipe: the longest time before a command is read
# about seven pictures of SD; after that a single long piece, such as a capture, is forgotten
RECENT_PIECES = 64


class Stopped(Exception):
    """Raised to abort the current call when the engine asks the child to stop. Caught by the
    child's `run`."""


class CallProgress:
    """Reports the phases, pieces and rests of one main loop. Main thread."""

    def __init__(
        self,
        port: ChildPort,
        *,
        wait_device: Callable[[], None],
        turns: Turns | None,
        read_pace: Callable[[Mapping[str, Any]], ChildPace],
        work: Callable[[], float],
        kind: Callable[[], Hashable],
        capture_phase: Phase,
    ) -> None:
        """`turns`: as in `Pacer`. `work()`: the amount of work in a call; the time of its pieces is
        proportional to it. `kind()`: what the number of its pieces and their times depend on.
        `capture_phase`: CAPTURING or COMPILING, the phase of the work done once for each shape."""
        self.pacer = Pacer(port.gate, wait_device=wait_device, rest=self._rest, turns=turns)
        self._port = port
        self._read_pace = read_pace
        self._work = work
        self._kind = kind
        self._capture_phase = capture_phase
        self._pieces = PieceTimes()
        # until the warm-up is over
        self._phase = Phase.COMPILING
        self._usual_phase = self._phase
        self._paced_version = 0

    def take_pace(self) -> ChildPace:
        """Read the pace from the port's values, apply it and return it."""
        pace = self._take_duty()
        self.pacer.slice_ms = pace.slice_ms
        self.pacer.yields_to_drawing = pace.has_gate
        return pace

    def _take_duty(self) -> ChildPace:
        """Read the duty from the values; 1 during a pause, so that the current picture is finished
        without rests."""
        self._paced_version = self._port.values_version
        pace = self._read_pace(self._port.values)
        self.pacer.fixed_duty = 1.0 if pace.is_paused else pace.duty
        return pace

    def begin_call(self) -> None:
        """Wait until the renderer is idle, then begin work on a picture."""
        self._phase = Phase.RUNNING
        self._usual_phase = self._phase
        self._expect()
        self.pacer.begin_call(self._kind())
        self.begin_piece()

    def between(self) -> None:
        """End one piece and begin the next: yield to the renderer and the voice, send the
        heartbeat. Raises Stopped."""
        if self._port.should_stop:
            raise Stopped
        self.pacer.between()
        self.end_piece()
        self._phase = self._usual_phase
        self.begin_piece()

    def before_capture(self) -> None:
        """Enter the phase of the slow work done once for each shape."""
        self.pacer.plan.forget_slice()
        if self._usual_phase is Phase.RUNNING:
            self._phase = self._capture_phase
            self._port.enter(self._phase)

    def take_values(self) -> None:
        """Adapt to new values. Call in the first piece of a call that took some."""
        self._expect()
        self.pacer.plan.change_kind(self._kind())

    def _expect(self) -> None:
        """Tell the engine how long the longest piece of the call may take."""
        self._port.expect(self._pieces.longest_s(self._work()))

    def begin_piece(self) -> None:
        self._port.enter(self._phase)
        self._piece_began_s = time.perf_counter()
        self._idle_before_s = self.pacer.idle_s

    def end_piece(self) -> None:
        """Record how long the piece took, without waits and rests."""
        idle_s = self.pacer.idle_s - self._idle_before_s
        self._pieces.count(time.perf_counter() - self._piece_began_s - idle_s, self._work())

    def _rest(self, seconds: float) -> None:
        """Sleep while polling the control pipe and sending the heartbeat. Returns early when values
        arrive: a new duty applies immediately, other values from the next picture on."""
        end_s = time.perf_counter() + seconds
        while (left_s := end_s - time.perf_counter()) > 0.0:
            time.sleep(min(left_s, MAX_NAP_S))
            if self._port.should_stop:
                raise Stopped
            self._port.poll()
            self._port.enter(self._phase)
            if self._port.values_version != self._paced_version:
                self._take_duty()
                return


class PieceTimes:
    """Durations of the newest pieces, each with the amount of work of its call, so that slow work
    is not mistaken for a hang. The first call with larger pictures takes longer than any before
    it."""

    def __init__(self) -> None:
        self._pieces: deque[tuple[float, float]] = deque(maxlen=RECENT_PIECES)

    def count(self, piece_s: float, work: float) -> None:
        """Record one piece of a call with this amount of work."""
        self._pieces.append((piece_s, work))

    def longest_s(self, work: float) -> float:
        """The longest expected piece in a call with this amount of work; scaled up if it exceeds
        the measured amounts. 0 before the first piece."""
        return max(
            (piece_s * max(1.0, work / before) for piece_s, before in self._pieces), default=0.0
        )
