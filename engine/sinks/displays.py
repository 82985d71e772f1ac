"""The displays of this machine, and which of them is the one that a window was on.

Windows names every display "Generic PnP Monitor", and two equal ones have one name on a Mac. So a
display is recognised by what the system knows its socket and model by, its path, which outlives a
pulled cable and a restart. On X11 the name is that of the socket. Main thread only.
"""

import ctypes
import sys
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import Any

import glfw

from engine.errors import RenderError
from engine.system.win32 import display_path

CORE_GRAPHICS = "/System/Library/Frameworks/CoreGraphics.framework/CoreGraphics"
NO_SCREEN = (
    "start it in a desktop session, or name that of a logged-in user (Linux: DISPLAY=:0), and log "
    "in at the screen, "
    "not over ssh"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Display:
    number: int
    """From 0, the system's main display."""
    name: str
    """Unique: the second of two equal ones is `NAME (2)`."""
    model: str = ""
    """As the system names it, perhaps like others."""
    size: tuple[int, int] = (0, 0)
    position: tuple[int, int] = (0, 0)
    rate_hz: int = 0
    path: str = ""
    """Its socket and model, as the system tells them; "" where only the name does."""
    monitor: Any = None

    @property
    def identity(self) -> str:
        """The text by which a later run recognises it."""
        return self.path or self.name

    def __str__(self) -> str:
        (width, height), (left, top) = self.size, self.position
        return f"{self.name}, {width}x{height} at {left},{top}"

    def matches(self, query: str) -> bool:
        """True if `query` is its number, its name, or a part of that."""
        return query.strip() == str(self.number) or (
            not query.strip().isdecimal() and query.strip().casefold() in self.name.casefold()
        )


def list_displays() -> tuple[Display, ...]:
    displays: list[Display] = []
    for number, monitor in enumerate(glfw.get_monitors()):
        raw: Any = glfw.get_monitor_name(monitor)  # bytes
        mode: Any = glfw.get_video_mode(monitor)
        name = own = raw.decode(errors="replace") if raw else f"display {number}"
        same = 1
        while name in [display.name for display in displays]:
            same += 1
            name = f"{own} ({same})"
        displays.append(
            Display(
                number=number,
                name=name,
                model=own,
                size=tuple(mode.size),
                position=glfw.get_monitor_pos(monitor),
                rate_hz=mode.refresh_rate,
                path=_path_of(monitor),
                monitor=monitor,
            )
        )
    return tuple(displays)


def identities(displays: Sequence[Display]) -> frozenset[str]:
    return frozenset(display.identity for display in displays)


def shows_as(display: Display) -> bool:
    """True if the display still has this size, rate and place."""
    mode: Any = glfw.get_video_mode(display.monitor)
    position = glfw.get_monitor_pos(display.monitor)
    return (tuple(mode.size), mode.refresh_rate, position) == (
        display.size,
        display.rate_hz,
        display.position,
    )


def find_again(
    lost: Display, displays: Sequence[Display], others: Collection[str]
) -> Display | None:
    """The display that was `lost`: the one of its path; else, as its cable may be in another
    socket, one of its model that stands where it stood, or anywhere. None while it is away.
    `others`: identities of the displays that were beside it, which it cannot be. Pure."""
    is_its: tuple[Callable[[Display], bool], ...] = (
        lambda display: display.identity == lost.identity,
        lambda display: display.model == lost.model and display.position == lost.position,
        lambda display: display.model == lost.model,
    )
    new = [display for display in displays if display.identity not in others]
    return next((display for is_it in is_its for display in new if is_it(display)), None)


def _path_of(monitor: Any) -> str:
    if sys.platform == "win32":
        adapter = glfw.get_win32_adapter(monitor)
        display = glfw.get_win32_monitor(monitor)
        return display_path(adapter, display) if adapter and display else ""
    if sys.platform != "darwin":
        return ""
    display = ctypes.c_uint32(glfw.get_cocoa_monitor(monitor))
    library = ctypes.CDLL(CORE_GRAPHICS)  # all four: uint32_t of a CGDirectDisplayID
    functions = (
        "CGDisplayVendorNumber",
        "CGDisplayModelNumber",
        "CGDisplaySerialNumber",
        "CGDisplayUnitNumber",
    )
    return "-".join(f"{getattr(library, name)(display) & 0xFFFFFFFF:x}" for name in functions)


def find_display(query: str, displays: Sequence[Display]) -> Display:
    """The display that the user means; with "" the first beside the main one, where a projector is.
    An exact name comes before a part of one. RenderError lists those there are."""
    if not displays:
        raise RenderError("no display is connected")
    if not query:
        return displays[min(1, len(displays) - 1)]
    exact = [display for display in displays if display.name.casefold() == query.strip().casefold()]
    for display in (*exact, *displays):
        if display.matches(query):
            return display
    there = "; ".join(f"{display.number} {display}" for display in displays)
    raise RenderError(f"no display {query!r}; there are: {there}")


def start_glfw() -> None:
    """Initialise GLFW. RenderError without a screen."""
    # Wayland refuses some calls, such as placing a window; that is not an error.
    on_errors: Any = {
        glfw.FEATURE_UNAVAILABLE: "ignore",
        glfw.FEATURE_UNIMPLEMENTED: "ignore",
        None: "raise",
    }
    glfw.ERROR_REPORTING = on_errors
    try:
        glfw.init()
    except glfw.GLFWError as error:
        raise RenderError(
            f"no screen to open a window on ({text_of(error)}): {NO_SCREEN}"
        ) from None


def read_displays() -> tuple[Display, ...]:
    """The displays, for a program without a window. RenderError without a screen."""
    start_glfw()
    displays = list_displays()
    glfw.terminate()
    return displays


def text_of(error: Any) -> str:
    """The text of a GLFW error, which has the form `(65550) b'...'`."""
    return str(error).partition("b'")[2].rstrip("'") or str(error)
