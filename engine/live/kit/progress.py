"""Cuts a child's work into pieces and reports each of them to the engine: phase, heartbeat, expected time."""

import time
from collections.abc import Callable, Mapping
from typing import Any

from engine.children.port import ChildPort
from engine.ipc import Phase
from engine.live.kit.pace import ChildPace
from engine.live.kit.pacing import Pacer
from engine.live.kit.piece_times import PieceTimes

MAX_NAP_S = 0.05  # interval of polling the control pipe: the longest wait of a command


class Stopped(Exception):
    """Unwinds the current call when the engine asks the child to stop. Caught by the child's `run`."""


class CallProgress:
    """The phases, pieces and rests of one main loop. Main thread."""

    def __init__(
        self,
        port: ChildPort,
        *,
        wait_device: Callable[[], None],
        read_pace: Callable[[Mapping[str, Any]], ChildPace],
        work: Callable[[], float],
        capture_phase: Phase,
    ) -> None:
        """`work()`: the amount of work in a call; the time of its pieces is proportional to it. `capture_phase`:
        CAPTURING or COMPILING, the phase of the work done once for each shape."""
        self.pacer = Pacer(port.gate, wait_device=wait_device, rest=self._rest)
        self._port = port
        self._read_pace = read_pace
        self._work = work
        self._capture_phase = capture_phase
        self._pieces = PieceTimes()
        self._phase = self._usual_phase = Phase.COMPILING  # until the warm-up is over
        self._paced_version = 0

    def take_pace(self) -> ChildPace:
        """Follow the pace of the port's values from now on, and return it."""
        pace = self._take_duty()
        self.pacer.slice_ms = pace.slice_ms
        self.pacer.yields_to_drawing = pace.has_gate
        return pace

    def _take_duty(self) -> ChildPace:
        """Take the duty from the values; 1 during a pause, so that the picture in hand is finished without rests."""
        self._paced_version = self._port.values_version
        pace = self._read_pace(self._port.values)
        self.pacer.fixed_duty = 1.0 if pace.is_paused else pace.duty
        return pace

    def begin_call(self) -> None:
        """Begin the work on a picture as soon as nothing is being drawn."""
        self._phase = self._usual_phase = Phase.RUNNING
        self.expect()
        self.pacer.begin_call()
        self.begin_piece()

    def between(self) -> None:
        """Cut the work here: yield to the renderer and the voice, and renew the heartbeat. Raises Stopped."""
        if self._port.should_stop:
            raise Stopped
        self.pacer.between()
        self.end_piece()
        self._phase = self._usual_phase
        self.begin_piece()

    def before_capture(self) -> None:
        """Enter the phase of the work done once for each shape, which takes long."""
        if self._usual_phase is Phase.RUNNING:
            self._phase = self._capture_phase
            self._port.enter(self._phase)

    def expect(self) -> None:
        """Tell the engine how long the longest piece of a call may take now."""
        self._port.expect(self._pieces.longest_s(self._work()))

    def begin_piece(self) -> None:
        self._port.enter(self._phase)
        self._piece_began_s, self._idle_before_s = time.perf_counter(), self.pacer.idle_s

    def end_piece(self) -> None:
        """Remember how long the piece took, without its waits and rests."""
        idle_s = self.pacer.idle_s - self._idle_before_s
        self._pieces.count(time.perf_counter() - self._piece_began_s - idle_s, self._work())

    def _rest(self, seconds: float) -> None:
        """Sleep while polling the engine and renewing the heartbeat. Returns early when values come: a new duty counts
        at once, other values from the next picture on."""
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
