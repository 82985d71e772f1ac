"""Shows the picture in a window, or on a whole display, of this machine: for a projector without
another program.

The window belongs to a process of its own (window_program.py), which reads the pictures from shared
memory. Drawing it here, by a context that shares the renderer's textures, would save reading each
picture back and a copy (0.8 ms of 1080p, see docs/how-to/window.md). But whatever holds up a window
would hold up the frame loop: vsync of a display at another rate, a dragged title bar on Windows and
macOS, a display that is plugged in. It would also need a desktop session for an engine that
otherwise runs without one.
"""

import os
import sys
from collections.abc import Mapping

from engine.errors import ChildError, SinkError, SinkUnavailableError
from engine.sinks import window_messages as messages
from engine.sinks.program_sink import MAX_END_S, MAX_START_S, ProgramSink
from engine.sinks.sink import OutputFormat, PictureName
from engine.system.worker_process import WorkerProcess
from osc_schema import Value

PROGRAM = "engine.sinks.window_program"


def query_displays(query: str = "") -> messages.DisplayAnswer:
    """List the displays of this machine, and find the one that `query` means. Done in a process of
    its own, because GLFW belongs to a main thread. SinkError, in one line. Takes a fraction of a
    second."""
    _require_screen()
    failed = "window: the displays cannot be listed"
    try:
        process = WorkerProcess(PROGRAM, "print_displays()")
    except (ChildError, OSError) as error:
        raise SinkError(f"{failed} ({error})") from error
    try:
        process.send(query.replace("\n", " ").encode() + b"\n")
        line = process.receive(MAX_START_S)
    except EOFError:
        line = None
    finally:
        process.end(MAX_END_S)
    if line is None:
        raise SinkError(f"{failed} ({process.reason})")
    answer = messages.message_of(line, messages.DisplayAnswer)
    if answer.error:
        raise SinkError(f"window: {answer.error}")
    return answer


def _require_screen() -> None:
    if sys.platform.startswith("linux") and not (
        os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")
    ):
        raise SinkUnavailableError(
            "window: no screen: neither DISPLAY nor WAYLAND_DISPLAY is set; start the engine in a "
            "desktop session, "
            "or with DISPLAY=:0 beside one"
        )


class WindowSink(ProgramSink):
    kind = "window"
    program = PROGRAM

    def __init__(self, argument: str, picture: PictureName = "main") -> None:
        super().__init__(argument, picture)
        self._process: WorkerProcess | None = None
        self.window_state = messages.WindowState()
        """The newest line of its process. Any thread."""
        self._requested_values: dict[str, Value] = {}
        self._stays_black = False

    def start(self, output_format: OutputFormat, *, may_wait: bool = False) -> None:
        _require_screen()
        super().start(output_format, may_wait=may_wait)

    def _status_detail(self) -> str:
        return self.window_state.problem or self.window_state.detail

    def adjust(self, values: Mapping[str, Value]) -> None:
        """Take over the values of `/window`; never waits. Before the start only those that are not
        saved with the display. Render thread."""
        addresses = messages.DEFAULTS if self._thread.is_started else messages.UNSAVED
        requested = {address: values[address] for address in addresses if address in values}
        if requested != self._requested_values:
            self._requested_values = requested
            process = self._process
            if process is not None:
                process.send(messages.line_of(messages.Adjustment(values=requested)))

    def leave(self) -> None:
        """Leave a full-screen window open and black; called before `drain` when not only the sink
        but the run ends."""
        self._stays_black = True

    def _send_opening(self, process: WorkerProcess, segment: str) -> None:
        values = self._requested_values
        opening = messages.Opening(
            title=self._title, segment=segment, display=self._argument, values=values
        )
        process.send(messages.line_of(opening))
        self._process = process
        if self._requested_values is not values:  # adjusted meanwhile
            process.send(messages.line_of(messages.Adjustment(values=self._requested_values)))

    def _handle_line(self, line: bytes) -> bool:
        self.window_state = messages.message_of(line, messages.WindowState)
        return bool(self.window_state.display)

    def _end(self, process: WorkerProcess) -> None:
        self._process = None
        if self._stays_black and self._is_ending:
            process.release()
        else:
            process.send(messages.line_of(messages.Adjustment(is_end=True)))
            process.end(MAX_END_S)

    def _failure(self, reason: str) -> str:
        return (
            ""
            if self.window_state.is_closed
            else self.window_state.error or f"its process ended ({reason})"
        )
