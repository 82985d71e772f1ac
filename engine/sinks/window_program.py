"""The process of a window: shows a ring of pictures on one display, and keeps the shape of each
display in a file.

A window on vsync waits for its display, a dragged one for the mouse, a display that is switched for
a second: all that may take as long as it likes here, and no frame of the engine is late. If the
engine dies or hangs, this process shows black. A full screen stays black even after the run, so
that the audience does not see the desktop; it closes when the next run opens a window on the same
display, or by Escape or Q.
"""

import json
import os
import queue
import re
import sys
import threading
import time
from collections.abc import Mapping
from contextlib import closing, suppress
from pathlib import Path
from typing import Any, BinaryIO, Final

import glfw
from msgspec.structs import replace

from engine.errors import MultiverseError
from engine.ipc import FrameRing
from engine.render.output_shape import is_convex
from engine.sinks import window_messages as messages
from engine.sinks.displays import find_display, read_displays
from engine.sinks.picture_window import PictureWindow
from engine.sinks.window_shape import Shape
from engine.system.atomic_file import write_atomic
from engine.system.folders import data_folder
from engine.system.power import kept_awake
from engine.system.small_file import read_json
from engine.system.worker_process import claim_output
from osc_schema import Rejected, Value, accept

POLL_S: Final = 0.002  # maximum delay of a new picture, before vsync
MAX_SILENCE_S: Final = (
    2.0  # of the engine, which writes or beats in every frame, 1 to 240 per second; then black
)
SAVE_AFTER_S: Final = 0.3  # without a change: a fader that moves is not written each time
CHECK_INTERVAL_S: Final = (
    0.5  # a window without an engine checks as often whether another has replaced it
)
OVERLAP_S: Final = 1.0  # the other one is surely drawn then


def main() -> None:
    program = _Program(
        claim_output(), messages.message_of(sys.stdin.buffer.readline(), messages.Opening)
    )
    try:
        program.open()
    except MultiverseError as error:
        program.send_state(error=str(error))
        return
    with kept_awake(display=True):
        program.run()


def print_displays() -> None:
    """Main function of a process: reads a line, a display's name or none, and prints the displays
    of this machine."""
    answers = claim_output()
    query = sys.stdin.buffer.readline().decode().strip()
    try:
        displays = read_displays()
        answer = messages.DisplayAnswer(
            names=tuple(display.name for display in displays),
            titles=tuple(f"{display.number} {display}" for display in displays),
            matched_name=find_display(query, displays).name if query else "",
        )
    except MultiverseError as error:
        answer = messages.DisplayAnswer(error=str(error))
    answers.write(messages.line_of(answer))
    answers.flush()


class _Program:
    def __init__(self, answers: BinaryIO, opening: messages.Opening) -> None:
        self._answers = answers
        self._opening = opening
        self._orders: queue.SimpleQueue[messages.Adjustment | None] = queue.SimpleQueue()
        self._state = messages.WindowState()
        self._values: dict[str, Any] = {}
        self._pin = Shape().pin
        self._save_at_s = float("inf")
        self._has_engine_ended = False

    def send_state(self, **changes: object) -> None:
        """Send the state with these changes if it is new. If the engine has ended, nothing is
        sent."""
        state = replace(self._state, **changes)
        if state != self._state:
            self._state = state
            with suppress(OSError):
                self._answers.write(messages.line_of(state))
                self._answers.flush()

    def open(self) -> None:
        opening = self._opening
        self._reader = FrameRing.attach(opening.segment)
        self._window = PictureWindow(
            opening.title,
            display=opening.display,
            is_full_screen=bool(opening.values.get("/window/fullscreen")),
            closes_by_key=False,
            on_key=self._on_key,
        )
        self._values = messages.DEFAULTS | _load(self._file) | opening.values
        self._apply()
        self._window.step(0.0)  # black at once
        self._save_at_s = 0.0
        self._save_when_due()
        self._send_values()
        threading.Thread(target=self._receive, name="orders", daemon=True).start()

    def run(self) -> None:
        """Show pictures until the engine ends it, or somebody closes it."""
        window = self._window
        displayed = None
        last_display = window.display
        with closing(window):
            while not window.is_closing:
                if self._apply_orders():
                    if self._has_engine_ended and window.is_full_screen:
                        self._stay_black()
                    return
                is_there = (
                    self._reader.heartbeat_age_s < MAX_SILENCE_S and self._reader.state == "live"
                )
                frame = (
                    self._reader.latest(None if displayed is None else displayed.pixels)
                    if is_there
                    else None
                )
                if frame is not displayed:
                    window.show(None if frame is None else frame.pixels)
                    displayed = frame
                if window.display is not last_display:
                    last_display = window.display
                    self._send_values()
                self._save_when_due()
                away = f"{window.display.name} is not connected; the window returns with it"
                self.send_state(
                    problem=""
                    if window.has_display and not self._problem
                    else self._problem or away
                )
                window.step(POLL_S)
            self.send_state(is_closed=True)

    @property
    def _file(self) -> Path:
        return (
            data_folder()
            / "displays"
            / (re.sub(r"[^\w-]+", "_", self._window.display.identity) + ".json")
        )

    def _receive(self) -> None:
        """Receive the engine's lines, on a thread; None when it has ended."""
        for line in sys.stdin.buffer:
            self._orders.put(messages.message_of(line, messages.Adjustment))
            glfw.post_empty_event()
        self._orders.put(None)
        glfw.post_empty_event()

    def _apply_orders(self) -> bool:
        """Apply what the engine sent. True if it needs this window no longer."""
        with suppress(queue.Empty):
            while True:
                order = self._orders.get_nowait()
                self._has_engine_ended = order is None  # it died, or its run ended
                if order is None or order.is_end:
                    return True
                if order.values and order.values != self._values:
                    self._values = self._values | order.values
                    self._apply()
                    self._save_at_s = time.monotonic() + SAVE_AFTER_S
        return False

    def _apply(self) -> None:
        values = self._values
        pin = tuple(
            (float(values[f"/window/pin/{n}/x"]), float(values[f"/window/pin/{n}/y"]))
            for n in range(1, 5)
        )
        self._problem = ""
        if is_convex(pin):
            self._pin = pin
        else:
            self._problem = (
                "the four corners of /window/pin cross or lie in a line; the last shape stays"
            )
        shape = Shape(
            rotate=int(values["/window/rotate"]), fit=str(values["/window/fit"]), pin=self._pin
        )
        self._window.set_shape(shape, is_card=bool(values["/window/test_card"]))
        self._window.is_full_screen = bool(values["/window/fullscreen"])

    def _on_key(self) -> None:
        self._values = self._values | {"/window/fullscreen": self._window.is_full_screen}
        self._send_values()

    def _send_values(self) -> None:
        display = self._window.display
        rate = f" at {display.rate_hz} Hz" if display.rate_hz else ""
        self.send_state(
            number=display.number,
            display=display.name,
            detail=f"{display.name}, {display.size[0]}x{display.size[1]}{rate}, "
            f"{self._window.pacing}",
            values=self._values,
            revision=self._state.revision + 1,
        )

    def _save_when_due(self) -> None:
        """Save the shape of this display, and that its window is ours."""
        if time.monotonic() < self._save_at_s:
            return
        self._save_at_s = float("inf")
        saved = {
            address: value
            for address, value in self._values.items()
            if address not in messages.UNSAVED
        }
        try:
            write_atomic(self._file, json.dumps({"owner": os.getpid(), "values": saved}, indent=2))
        except OSError as error:
            self._problem = (
                f"{self._file}: cannot be written ({error.strerror}); the shape is not saved"
            )

    def _stay_black(self) -> None:
        """Cover the display until another window does, or somebody closes this one."""
        self._save_when_due()
        window = self._window
        window.closes_by_key = True
        window.show(None)
        window.set_shape(Shape(), is_card=False)
        end_s = float("inf")
        next_check_s = time.monotonic()
        while not window.is_closing and time.monotonic() < end_s:
            window.step(CHECK_INTERVAL_S / 10)
            if end_s == float("inf") and time.monotonic() >= next_check_s:
                next_check_s = time.monotonic() + CHECK_INTERVAL_S
                if _read(self._file).get("owner", os.getpid()) != os.getpid():
                    end_s = time.monotonic() + OVERLAP_S


def _read(file: Path) -> Mapping[str, object]:
    try:
        found = read_json(file)
    except (OSError, ValueError):  # none yet, or damaged: the display starts with defaults
        return {}
    return found if isinstance(found, dict) else {}


def _load(file: Path) -> dict[str, Value]:
    """The saved values of a display that are still valid."""
    saved = _read(file).get("values")
    values = {}
    for address, value in saved.items() if isinstance(saved, dict) else ():
        if address in messages.DEFAULTS and address not in messages.UNSAVED:
            with suppress(Rejected):
                values[address] = accept(address, value).value
    return values
