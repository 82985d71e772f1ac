"""The OSC monitor: what came in lately and what of it was refused, for those who watch. A flood of messages costs a
reference each."""

import itertools
import math
from collections import deque
from dataclasses import dataclass
from enum import Enum

from engine.control import Dispatcher
from engine.osc import Message
from engine.osc.decode import TimeTag, shown

MAX_LINES = 200  # kept from one look to the next, and in one message to the browser
MAX_ARGUMENTS = 32  # shown of a message

Shown = bool | int | float | str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One message as the browser gets it, with `at_s` on the engine's clock."""

    at_s: float
    sender: str
    address: str
    args: tuple[Shown, ...]
    refused: str = ""
    """Why what came before it was refused; then there is no message."""
    is_unmapped: bool = False
    """It is another program's, and nothing is mapped to it."""

    def as_json(self) -> dict[str, object]:
        line = {"at_s": round(self.at_s, 4), "from": self.sender}
        if self.refused:
            return line | {"refused": self.refused}
        line |= {"address": self.address, "args": self.args}
        return line | {"unmapped": True} if self.is_unmapped else line


class OscMonitor:
    """Event loop only, but for `_note`."""

    def __init__(self, dispatcher: Dispatcher) -> None:
        self._dispatcher = dispatcher
        self._numbers = itertools.count(1)
        self._noted: deque[tuple[int, float, str, Message | str]] = deque(maxlen=MAX_LINES)
        self._taken = 0

    def start(self) -> None:
        """Watch from now on."""
        self._noted.clear()
        self._taken = next(self._numbers)
        self._dispatcher.watcher = self._note

    def stop(self) -> None:
        self._dispatcher.watcher = None

    def take(self) -> tuple[tuple[Line, ...], int]:
        """The newest lines since the last look, at most 200, oldest first; and how many older ones were left out."""
        lines = []
        newest = self._taken
        while self._noted:
            number, at_s, sender, message = self._noted.popleft()
            newest = max(newest, number)
            if isinstance(message, str):
                lines.append(Line(at_s=at_s, sender=sender, address="", args=(), refused=message))
                continue
            args = tuple(_shown_value(value) for value in message.args[:MAX_ARGUMENTS])
            is_unmapped = self._dispatcher.heard.holds(message.address, sender)
            lines.append(
                Line(at_s=at_s, sender=sender, address=shown(message.address), args=args, is_unmapped=is_unmapped)
            )
        skipped = newest - self._taken - len(lines)
        self._taken = newest
        return tuple(lines), max(0, skipped)

    def _note(self, at_s: float, sender: str, message: Message | str) -> None:
        """Any thread; of one sender the messages and their refusals in order. Hot while somebody watches."""
        self._noted.append((next(self._numbers), at_s, sender, message))


def _shown_value(value: object) -> Shown:
    match value:
        case str():
            return shown(value)
        case bytes():
            return f"blob of {len(value)} bytes"
        case Enum():
            return value.name.lower()
        case TimeTag():
            return str(int(value))  # as a number a browser rounds it
        case float() if not math.isfinite(value):
            return str(value)  # JSON has none such
        case None | bool() | int() | float():
            return value
        case _:
            return shown(str(value))
