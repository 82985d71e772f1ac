"""The displays of this machine, by number and name. Main thread only, GLFW started."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import glfw

from engine.errors import RenderError


@dataclass(frozen=True, slots=True, kw_only=True)
class Display:
    number: int
    """From 0, the system's main display."""
    name: str
    """Unique: the second of two equal ones is `NAME (2)`."""
    size: tuple[int, int] = (0, 0)
    place: tuple[int, int] = (0, 0)
    rate_hz: int = 0
    monitor: Any = None

    def __str__(self) -> str:
        (width, height), (left, top) = self.size, self.place
        return f"{self.name}, {width}x{height} at {left},{top}"

    def is_meant(self, wanted: str) -> bool:
        """True if the user's word is its number, its name, or a part of that."""
        return wanted.strip() == str(self.number) or (
            not wanted.strip().isdecimal() and wanted.strip().casefold() in self.name.casefold()
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
        place = glfw.get_monitor_pos(monitor)
        displays.append(
            Display(
                number=number, name=name, size=tuple(mode.size), place=place, rate_hz=mode.refresh_rate, monitor=monitor
            )
        )
    return tuple(displays)


def find_display(wanted: str, displays: Sequence[Display]) -> Display:
    """The display that the user means; with "" the first beside the main one, where a projector is. An exact name comes
    before a part of one. RenderError lists those there are."""
    if not displays:
        raise RenderError("no display is connected")
    if not wanted:
        return displays[min(1, len(displays) - 1)]
    exact = [display for display in displays if display.name.casefold() == wanted.strip().casefold()]
    for display in (*exact, *displays):
        if display.is_meant(wanted):
            return display
    there = "; ".join(f"{display.number} {display}" for display in displays)
    raise RenderError(f"no display {wanted!r}; there are: {there}")
