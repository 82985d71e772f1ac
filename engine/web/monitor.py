"""The OSC monitor: recent incoming messages and refusals, recorded while a page shows them.

Cheap under a flood: per message, one reference is stored.
"""

import itertools
import math
from collections import deque
from enum import Enum

from engine.control import Dispatcher
from engine.osc.decode import Message, TimeTag, printable

MAX_LINES = 200  # stored between two reads, and per message to the browser
MAX_ARGUMENTS = 32  # shown per message

JsonScalar = bool | int | float | str | None
Line = dict[str, object]
"""As sent to the browser: a message, `{"at_s", "from", "address", "args"}`, with `"unmapped": true`
if it is of another program and not mapped; or why the one before was refused, `{"at_s", "from",
"refused"}`. `at_s`: the engine's clock."""


class OscMonitor:
    """Records messages from `start` to `stop`. Event loop only, except `_note`."""

    def __init__(self, dispatcher: Dispatcher) -> None:
        self._dispatcher = dispatcher
        self._numbers = itertools.count(1)
        self._noted: deque[tuple[int, float, str, Message | str]] = deque(maxlen=MAX_LINES)
        self._last_number = 0

    def start(self) -> None:
        self._noted.clear()
        self._last_number = next(self._numbers)
        self._dispatcher.set_watcher(self._note)

    def stop(self) -> None:
        self._dispatcher.set_watcher(None)

    def take(self) -> tuple[tuple[Line, ...], int]:
        """The newest lines since the last call, at most 200, oldest first; and how many older ones
        were dropped."""
        lines = []
        newest = self._last_number
        while self._noted:
            number, at_s, sender, message = self._noted.popleft()
            newest = max(newest, number)
            line: Line = {"at_s": round(at_s, 4), "from": sender}
            if isinstance(message, str):
                line["refused"] = message
            else:
                line["address"] = printable(message.address)
                line["args"] = [_json_value(value) for value in message.args[:MAX_ARGUMENTS]]
                if self._dispatcher.unmapped.holds(message.address, sender):
                    line["unmapped"] = True
            lines.append(line)
        skipped = newest - self._last_number - len(lines)
        self._last_number = newest
        return tuple(lines), max(0, skipped)

    def _note(self, at_s: float, sender: str, message: Message | str) -> None:
        """Record a message or a refusal; those from one sender stay in order. Any thread. Hot
        path."""
        self._noted.append((next(self._numbers), at_s, sender, message))


def _json_value(value: object) -> JsonScalar:
    match value:
        case str():
            return printable(value)
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
            return printable(str(value))
