"""How a child's work is cut into pieces, and what the engine hears of each: it moves, it rests, it takes long."""

import time
from collections.abc import Callable, Mapping
from typing import Any

from engine.children.port import ChildPort
from engine.ipc import Phase
from engine.live.kit.pace import ChildPace
from engine.live.kit.pacing import Pacer
from engine.live.kit.piece_times import PieceTimes

MAX_NAP_S = 0.05  # between two looks at the control pipe: a command waits no longer


class Stopped(Exception):
    """Unwinds a call that is under way when the engine asks for the end. Caught by the child's `run`."""


class CallProgress:
    """The phases, pieces and rests of one loop. Main thread."""

    def __init__(
        self,
        port: ChildPort,
        *,
        wait_device: Callable[[], None],
        read_pace: Callable[[Mapping[str, Any]], ChildPace],
        work: Callable[[], float],
        capture_phase: Phase,
    ) -> None:
        """`work()`: the amount of work in a call, what the time of its pieces grows with. `capture_phase`: CAPTURING or
        COMPILING, what is done once for a shape."""
        self.pacer = Pacer(port.gate, wait_device=wait_device, rest=self._rest)
        self._port = port
        self._read_pace = read_pace
        self._work = work
        self._capture_phase = capture_phase
        self._pieces = PieceTimes()
        self._phase = self._usual_phase = Phase.COMPILING  # until the warm-up is over
        self._paced_version = 0

    def take_pace(self) -> ChildPace:
        """The pace that the port's values ask for, from now on."""
        pace = self._take_duty()
        self.pacer.slice_ms = pace.slice_ms
        self.pacer.yields_to_drawing = pace.has_gate
        return pace

    def _take_duty(self) -> ChildPace:
        """How much of the device to take; a picture that is under way at a pause is no reason to rest."""
        self._paced_version = self._port.values_version
        pace = self._read_pace(self._port.values)
        self.pacer.fixed_duty = 1.0 if pace.is_paused else pace.duty
        return pace

    def begin_call(self) -> None:
        """The work on a picture begins now, or when nobody draws."""
        self._phase = self._usual_phase = Phase.RUNNING
        self.expect()
        self.pacer.begin_call()
        self.begin_piece()

    def between(self) -> None:
        """Where the work is cut: the picture and the voice go first, and the engine sees that we move."""
        if self._port.should_stop:
            raise Stopped
        self.pacer.between()
        self.end_piece()
        self._phase = self._usual_phase
        self.begin_piece()

    def before_capture(self) -> None:
        """What is done once for a shape takes long, and a compiler takes longer than a capture."""
        if self._usual_phase is Phase.RUNNING:
            self._phase = self._capture_phase
            self._port.enter(self._phase)

    def expect(self) -> None:
        """Tell the engine how long the longest piece of a call may honestly take now."""
        self._port.expect(self._pieces.longest_s(self._work()))

    def begin_piece(self) -> None:
        self._port.enter(self._phase)
        self._piece_began_s, self._idle_before_s = time.perf_counter(), self.pacer.idle_s

    def end_piece(self) -> None:
        """Remember how long it took, without what was waited and rested in it."""
        idle_s = self.pacer.idle_s - self._idle_before_s
        self._pieces.count(time.perf_counter() - self._piece_began_s - idle_s, self._work())

    def _rest(self, seconds: float) -> None:
        """Sleep, but hear the engine and show that we move. Ends early when values have come: the share of the device
        counts at once, all others from the next picture on."""
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
