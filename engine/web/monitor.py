"""The OSC monitor: recent incoming messages and refusals, recorded while a page shows them.

Cheap under a flood: per message, one reference is stored.
"""

import itertools
import math
from collections import deque
from dataclasses import dataclass
from enum import Enum

from engine.control import Dispatcher
from engine.osc import Message
from engine.osc.decode import TimeTag, shown

MAX_LINES = 200  # stored between two reads, and per message to the browser
MAX_ARGUMENTS = 32  # shown per message

Shown = bool | int | float | str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One message as sent to the browser; `at_s` is on the engine's clock."""

    at_s: float
    sender: str
    address: str
    args: tuple[Shown, ...]
    refused: str = ""
    """The reason why the previous message was refused; `address` and `args` are then empty."""
    is_unmapped: bool = False
    """An unmapped message from another program."""

    def as_json(self) -> dict[str, object]:
        line = {"at_s": round(self.at_s, 4), "from": self.sender}
        if self.refused:
            return line | {"refused": self.refused}
        line |= {"address": self.address, "args": self.args}
        return line | {"unmapped": True} if self.is_unmapped else line


class OscMonitor:
    """Records messages from `start` to `stop`. Event loop only, except `_note`."""

    def __init__(self, dispatcher: Dispatcher) -> None:
        self._dispatcher = dispatcher
        self._numbers = itertools.count(1)
        self._noted: deque[tuple[int, float, str, Message | str]] = deque(maxlen=MAX_LINES)
        self._taken = 0

    def start(self) -> None:
        self._noted.clear()
        self._taken = next(self._numbers)
        self._dispatcher.set_watcher(self._note)

    def stop(self) -> None:
        self._dispatcher.set_watcher(None)

    def take(self) -> tuple[tuple[Line, ...], int]:
        """The newest lines since the last call, at most 200, oldest first; and how many older ones were dropped."""
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
        """Record a message or a refusal; those from one sender stay in order. Any thread. Hot path."""
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
            return str(int(value))  # a browser would round the number
        case float() if not math.isfinite(value):
            return str(value)  # JSON has no infinity
        case None | bool() | int() | float():
            return value
        case _:
            return shown(str(value))
