"""Recognises messages of other programs and translates them by the map.

An address is foreign if its first part is not the first part of any of ours. If the first part is ours, the rest is a
typing error (`/layer/1/intensty`); if it is nearly ours, it may be one (`/layr/1/angle`).
"""

import dataclasses
from collections.abc import Callable, Iterator
from functools import lru_cache
from typing import Protocol

import osc_schema
from engine.control.outgoing.sender import Sender
from engine.osc import Message
from engine.system.clock import Clock
from osc_schema import Rejected

MIN_LIKENESS = 0.8  # similarity of two first parts, 0..1: /layers resembles /layer, /composition none of ours
KEPT_ADDRESSES = 4096
MAX_KEPT_CHARACTERS = 240  # per address; no control has a longer one
MAX_ROOT_CHARACTERS = 40  # a longer one is not a typing error


def mapped_by(sender_name: str) -> str:
    """The sender's name of values that a mapped control of this sender sets."""
    return f"map {sender_name}"


class ForeignMap(Protocol):
    """The map of other programs' messages, as the dispatcher uses it. OSC's threads."""

    def translate(self, message: Message, sender_name: str, now_s: float) -> tuple[Message, ...] | None:
        """The messages of ours that a foreign message is mapped to, or None if it is not mapped."""

    def map_for(self, root: str) -> str | None:
        """The built-in map with addresses that begin with `root`, "" if some are mapped already, or None."""

    def is_mapped(self, address: str) -> bool:
        """True if a message to this address is mapped to something."""


_ADDRESSES = (*(param.address for param in osc_schema.PARAMS), *(command.address for command in osc_schema.COMMANDS))
_LAST_PARTS = frozenset(address.rpartition("/")[2] for address in _ADDRESSES)


def root_of(address: str) -> str:
    """The first part of an address: `layer` for `/layer/1/angle` and `layer/1/angle`, "" for an empty one."""
    start = 1 if address[:1] == "/" else 0
    end = address.find("/", start)
    return address[start:] if end < 0 else address[start:end]


OUR_ROOTS = frozenset(map(root_of, _ADDRESSES))


def is_like_ours(address: str) -> bool:
    """True if a foreign address may be a typing error: `/layers/1/angle`, or `/panic` for `/master/panic`."""
    root = root_of(address.lower())
    return (len(root) == len(address) - 1 and root in _LAST_PARTS) or _resembles_a_root(root[:MAX_ROOT_CHARACTERS])


@lru_cache(maxsize=1024)
def _resembles_a_root(root: str) -> bool:
    import difflib  # imported here: takes 3 ms, needed only with foreign messages

    return bool(difflib.get_close_matches(root, OUR_ROOTS, 1, MIN_LIKENESS))


class ForeignMessages:
    """Tells foreign messages from ours and translates them. OSC's threads."""

    def __init__(
        self,
        foreign_map: ForeignMap | None,
        is_command: Callable[[str], bool],
        has_commands: Callable[[str], bool],
        clock: Clock,
    ) -> None:
        """`has_commands(root)`: True if the first part of some command's address is `root`."""
        self._map = foreign_map
        self._is_command = is_command
        self._has_commands = has_commands
        self._known: dict[str, bool] = {}
        self._clock = clock

    def is_foreign(self, address: str) -> bool:
        """True if, by its first part, an address can only be known to the map. Hot path."""
        known = self._known.get(address)
        if known is None:
            known = self._has_foreign_root(address)
            if len(address) > MAX_KEPT_CHARACTERS:  # at 64 KiB each they would fill 256 MiB
                return known
            if len(self._known) >= KEPT_ADDRESSES:
                self._known.clear()
            self._known[address] = known
        return known

    def translated(self, message: Message, sender: Sender) -> tuple[list[Message], Sender] | None:
        """The translation of a foreign message and the sender to attribute it to, or None if it is not mapped."""
        mapped = self._map.translate(message, sender.name, self._clock.now_s()) if self._map else None
        return None if mapped is None else (list(mapped), dataclasses.replace(sender, name=mapped_by(sender.name)))

    def _has_foreign_root(self, address: str) -> bool:
        if address[:1] != "/":
            return True
        root = root_of(address)
        if root in OUR_ROOTS or self._has_commands(root):
            return False
        return bool(root) and not osc_schema.is_pattern(root)

    def translate_all(self, messages: list[Message], sender: Sender) -> Iterator[tuple[int, Message, Sender]]:
        """Translate the foreign ones among `messages`; yields (number of the original message, message, sender)."""
        by_map: Sender | None = None
        for number, message in enumerate(messages):
            if self._map is None or not (self.is_foreign(message.address) or self._is_unknown(message.address)):
                yield number, message, sender
                continue
            mapped = self._map.translate(message, sender.name, self._clock.now_s())
            if mapped is None:
                yield number, message, sender
                continue
            by_map = by_map or dataclasses.replace(sender, name=mapped_by(sender.name))
            for own in mapped:
                yield number, own, by_map

    def _is_unknown(self, address: str) -> bool:
        """True if an address is none of ours, so only the map can know it. A malformed pattern is a mistake, not
        foreign."""
        if osc_schema.lookup(address) or self._is_command(address):
            return False
        try:
            return not (osc_schema.is_pattern(address) and osc_schema.match(address))
        except Rejected:
            return False
