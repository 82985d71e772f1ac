"""Shows the picture in a window, or on a whole display, of this machine: for a projector without another program.

The window belongs to a process of its own (window_program.py), which reads the pictures from shared memory. Drawing it
here, by a context that shares the renderer's textures, would save reading each picture back and a copy (0.8 ms of
1080p, see docs/window.md), but whatever holds up a window would hold up the frame loop: vsync of a
display at another rate, a dragged title bar on Windows and macOS, a display that is plugged in. It would also need a
desktop session for an engine that otherwise runs without one.
"""

import os
import sys
import threading
from collections.abc import Mapping
from contextlib import suppress

from engine.errors import ChildError, SharedMemoryError, SinkError, SinkUnavailableError
from engine.ipc import FrameRing, RingOwner
from engine.sinks.sink import TITLES, PictureName, Sink, SinkStatus, Stage
from engine.sinks.sink_thread import sink_thread
from engine.sinks.window_messages import (
    DEFAULTS,
    UNSAVED,
    Adjustment,
    DisplayAnswer,
    Opening,
    WindowState,
    line_of,
    message_of,
)
from engine.system.worker_process import WorkerProcess
from engine.values import PublishedFrame
from osc_schema import Value

PROGRAM = "engine.sinks.window_program"
MAX_START_S = 20.0  # of the process, with the driver's first window
WAIT_S = 0.5
MAX_END_S = 2.0  # then it is killed


def ask_displays(wanted: str = "") -> DisplayAnswer:
    """The displays of this machine, asked in a process of its own, because GLFW belongs to a main thread; and the one
    that `wanted` means. SinkError, in one line. Takes a fraction of a second."""
    _require_screen()
    try:
        process = WorkerProcess(PROGRAM, "tell_displays()")
    except (ChildError, OSError) as error:
        raise SinkError(f"window: the displays cannot be listed ({error})") from error
    try:
        process.send(wanted.replace("\n", " ").encode() + b"\n")
        line = process.receive(MAX_START_S)
    except EOFError:
        line = None
    finally:
        process.end(MAX_END_S)
    if line is None:
        raise SinkError(f"window: the displays cannot be listed ({process.reason})")
    answer = message_of(line, DisplayAnswer)
    if answer.error:
        raise SinkError(f"window: {answer.error}")
    return answer


def _require_screen() -> None:
    if sys.platform.startswith("linux") and not (os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")):
        raise SinkUnavailableError(
            "window: no screen: neither DISPLAY nor WAYLAND_DISPLAY is set; start the engine in a desktop session, "
            "or with DISPLAY=:0 beside one"
        )


class WindowSink(Sink):
    kind = "window"

    def __init__(self, argument: str, picture: PictureName = "main") -> None:
        self.name = argument or TITLES[picture]
        self._display = argument
        self._title = TITLES[picture]
        self._ring: RingOwner | None = None
        self._process: WorkerProcess | None = None
        self._change = threading.Condition()
        self._state = WindowState()
        self._wanted: dict[str, Value] = {}
        self._error: Exception | None = None
        self._is_ending = self._is_left = False
        self._frames = 0
        self._thread = sink_thread(f"window {self.name}", self._run, self._keep_error)

    def start(self, stage: Stage, *, may_wait: bool = False) -> None:
        _require_screen()
        try:
            self._ring = FrameRing.create(f"window {os.getpid()}", stage.width, stage.height)  # no rate: not listed
        except SharedMemoryError as error:
            raise SinkError(f"window: {error}") from error
        self._segment = self._ring.segment
        self._thread.start()
        if may_wait:
            with self._change:
                is_told = self._change.wait_for(lambda: self._state.display or self._error, MAX_START_S)
            self._raise_error()
            if not is_told:
                raise SinkError(f"window: its process opened no window within {MAX_START_S:.0f} s")

    def set_format(self, stage: Stage) -> None:
        assert self._ring is not None
        if self._ring.shape != (stage.height, stage.width, 4):
            self._ring.resize(stage.width, stage.height)

    def publish(self, frame: PublishedFrame) -> None:
        self._raise_error()
        assert self._ring is not None
        self._ring.write(frame.read_rgba(), index=frame.id.index, time_s=frame.id.time_s)
        self._frames += 1

    def pump(self) -> None:
        if self._ring is not None:
            self._ring.beat()  # an extra picture may rest while its model does

    def close(self) -> None:
        self._is_ending = True
        if self._thread.is_started:
            self._thread.join(timeout_s=2 * MAX_END_S)
        if self._ring is not None:
            self._ring.close()
            self._ring = None

    def drain(self) -> bool:
        self._is_ending = True
        return not self._thread.is_alive

    def status(self) -> SinkStatus:
        state = self._state
        detail = state.problem or state.detail
        return SinkStatus(kind=self.kind, name=self.name, frames=self._frames, detail=detail)

    # -- an AdjustableSink ----------------------------------------------------------------------

    @property
    def told(self) -> WindowState:
        """The newest line of its process. Any thread."""
        return self._state

    def adjust(self, values: Mapping[str, Value]) -> None:
        """Take over the values of `/window`. Before the start only those that are not saved with the display."""
        addresses = DEFAULTS if self._thread.is_started else UNSAVED
        wanted = {address: values[address] for address in addresses if address in values}
        if wanted != self._wanted:
            self._wanted = wanted
            if (process := self._process) is not None:
                process.send(line_of(Adjustment(values=wanted)))

    def leave(self) -> None:
        """The run ends: a full screen stays, black."""
        self._is_left = True

    # -- its thread -----------------------------------------------------------------------------

    def _keep_error(self, error: Exception) -> None:
        with self._change:
            self._error = error
            self._change.notify_all()

    def _raise_error(self) -> None:
        """Raise the error that ended the thread, once, as the sink is closed then."""
        if self._error is not None:
            error, self._error = self._error, None
            raise error

    def _run(self) -> None:
        try:
            process = WorkerProcess(PROGRAM, "main()")
        except (ChildError, OSError) as error:
            raise SinkError(f"window: its process cannot be started ({error})") from error
        values = self._wanted
        opening = Opening(title=self._title, segment=self._segment, display=self._display, values=values)
        process.send(line_of(opening))
        self._process = process
        if self._wanted is not values:  # adjusted meanwhile
            process.send(line_of(Adjustment(values=self._wanted)))
        try:
            with suppress(EOFError):
                while not self._is_ending:
                    if (line := process.receive(WAIT_S)) is not None:
                        with self._change:
                            self._state = message_of(line, WindowState)
                            self._change.notify_all()
        finally:
            self._process = None
            if self._is_left and self._is_ending:
                process.release()
            else:
                process.send(line_of(Adjustment(is_end=True)))
                process.end(MAX_END_S)
        if not self._is_ending and not self._state.is_closed:
            raise SinkError(f"window: {self._state.error or f'its process ended ({process.reason})'}")
