"""Shows the current preset or cue as a text in other programs (`[[osc.text]]`).

A program with its own address space, such as Resolume, cannot use `/preset/current night 0`. On every change it is sent
`night`, at the address of one of its own texts.
"""

import threading
from collections.abc import Callable
from typing import Final

from engine.control.announcements import Tell
from engine.control.sender import Sender
from engine.osc import encode_reply
from engine.osc.encode import ReplyValue

_TEXT_OF: Final[dict[str, tuple[str, Callable[..., str]]]] = {
    "/preset/current": ("preset", lambda name, is_edited: str(name)),
    "/cue/current": ("cue", lambda number, preset: f"{number} {preset}"),
}


class ShownTexts:
    """Forwards announcements, and sends the names in them to the texts that show them. Any thread."""

    def __init__(self, tell: Tell) -> None:
        """`tell` gets every message that is announced here."""
        self._tell = tell
        self._lock = threading.Lock()  # keeps two simultaneous announcements in order
        self._texts: dict[str, str] = {}
        self._targets: dict[str, list[tuple[Sender, str]]] = {}

    def show(self, what: str, target: Sender, address: str) -> None:
        """Send `target` the preset's name, or the cue's number and preset, at `address`: now and on each change."""
        with self._lock:
            self._targets.setdefault(what, []).append((target, address))
            if what in self._texts:
                target.post(encode_reply(address, self._texts[what]))

    def tell(self, address: str, *args: ReplyValue) -> None:
        """Announce to all subscribers, and send the text to the targets that show it. Never blocks."""
        self._tell(address, *args)
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
