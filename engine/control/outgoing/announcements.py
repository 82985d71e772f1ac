"""Messages to every subscriber, queued by any thread and sent in the next turn of the sending
thread.

The queue needs neither the store nor a socket, so it is built before the parts that announce
something.
"""

import threading
from collections import deque
from collections.abc import Callable
from typing import Final, Protocol

from engine.control.outgoing.sender import Sender
from engine.osc.encode import ReplyValue, encode_reply
from osc_schema import lookup_message

MAX_QUEUED = 256

Announcement = tuple[str, tuple[ReplyValue, ...]]
_TEXT_OF: Final[dict[str, tuple[str, Callable[..., str]]]] = {
    "/preset/current": ("preset", lambda name, is_edited: str(name)),
    "/cue/current": ("cue", lambda number, preset: f"{number} {preset}"),
}


class Notify(Protocol):
    """`notify(address, *values)` sends a message to every subscriber. Any thread; never waits."""

    def __call__(self, address: str, *values: ReplyValue) -> None: ...


class Announcements:
    """A bounded queue; when it is full, the oldest message is dropped. Takes no lock, because
    callers may hold one."""

    def __init__(self) -> None:
        self._queue: deque[Announcement] = deque(maxlen=MAX_QUEUED)
        self.last: dict[str, tuple[ReplyValue, ...]] = {}
        """The last values of each declared message, by address. Any thread."""

    def notify(self, address: str, *values: ReplyValue) -> None:
        self._queue.append((address, values))
        self.store_last(address, values)

    def store_last(self, address: str, values: tuple[ReplyValue, ...]) -> None:
        """Store the last values of a declared message, for later requests."""
        if lookup_message(address) is not None:
            self.last[address] = values

    def warn(self, line: str) -> None:
        """Send a log line as `/engine/warning <line>`."""
        self.notify("/engine/warning", line)

    def take(self) -> list[Announcement]:
        """Remove and return all queued messages, oldest first. The sending thread only."""
        return [self._queue.popleft() for _ in range(len(self._queue))]

    def clear(self) -> None:
        self._queue.clear()


class TextFeedback:
    """Forwards announcements, and sends the current preset or cue as text to other programs
    (`[[osc.text]]`). A program with its own address space, such as Resolume, cannot use
    `/preset/current night 0`. On every change it is sent `night`, at the address of one of its own
    texts. Any thread."""

    def __init__(self, notify: Notify) -> None:
        """`notify` gets every message that is announced here."""
        self._notify = notify
        self._lock = threading.Lock()  # keeps two simultaneous announcements in order
        self._texts: dict[str, str] = {}
        self._targets: dict[str, list[tuple[Sender, str]]] = {}

    def add_target(self, what: str, target: Sender, address: str) -> None:
        """Send `target` the preset's name, or the cue's number and preset, at `address`: now and on
        each change."""
        with self._lock:
            self._targets.setdefault(what, []).append((target, address))
            if what in self._texts:
                target.post(encode_reply(address, self._texts[what]))

    def notify(self, address: str, *args: ReplyValue) -> None:
        """Announce to all subscribers, and send the text to the targets that display it. Never
        blocks."""
        self._notify(address, *args)
        if address not in _TEXT_OF:
            return
        what, text_of = _TEXT_OF[address]
        text = text_of(*args)
        with self._lock:
            if self._texts.get(what) == text:
                return
            self._texts[what] = text
            for target, theirs in self._targets.get(what, ()):
                target.post(encode_reply(theirs, text))
