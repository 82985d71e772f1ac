"""Recognises messages that are not parameters, and translates those of other programs by the map.

An address is foreign if its first part is not the first part of any of ours. If the first part is
ours, the rest is a typing error (`/layer/1/intensty`), unless it is mapped; if it is nearly ours,
it may be one (`/layr/1/angle`).
"""

import dataclasses
from collections.abc import Callable, Iterator
from enum import Enum
from functools import lru_cache
from typing import Protocol

import osc_schema
from engine.control.outgoing.sender import Sender
from engine.osc.decode import Message
from engine.params.input_views import InputViews
from engine.params.shader_inputs import is_input_address
from engine.system.clock import Clock
from osc_schema import Rejected

MIN_LIKENESS = (
    0.8  # similarity of two first parts, 0..1: /layers resembles /layer, /composition none of ours
)
MAX_CACHED_ADDRESSES = 4096
MAX_CACHED_CHARACTERS = 240  # per address; no control has a longer one
MAX_ROOT_CHARACTERS = 40  # a longer one is not a typing error
_ADDRESSES = (
    *(param.address for param in osc_schema.PARAMS),
    *(command.address for command in osc_schema.COMMANDS),
)
_LAST_PARTS = frozenset(address.rpartition("/")[2] for address in _ADDRESSES)


class AddressKind(Enum):
    """The kind of an address. All but TRIGGER are no parameters."""

    TRIGGER = "trigger"
    QUERY = "query"
    COMMAND = "command"
    FOREIGN = "foreign"
    """An address of another program, which may be mapped."""
    PATTERN = "pattern"
    """A pattern that matches parameters, or is malformed."""
    INPUT = "input"
    """The name of a shader's input, or a pattern that matches no parameter: such inputs may exist
    now."""
    UNKNOWN = "unknown"
    """A typing error, if it is not mapped."""


def mapped_by(sender_name: str) -> str:
    """The author's name for values that a mapped control of this sender sets."""
    return f"map {sender_name}"


class ForeignMap(Protocol):
    """The map of other programs' messages, as the dispatcher uses it. OSC's threads."""

    def translate(
        self, message: Message, sender_name: str, now_s: float
    ) -> tuple[Message, ...] | None:
        """Our messages that a foreign message is mapped to, or None if it is not mapped."""

    def ignores(self, message: Message, now_s: float) -> bool:
        """True if a message is neither mapped nor learned from now: then it need not be
        translated."""
        ...

    def map_for(self, root: str) -> str | None:
        """The built-in map with addresses that begin with `root`, "" if some are mapped already, or
        None."""

    def is_mapped(self, address: str) -> bool:
        """True if a message to this address is mapped to something."""
        ...


def root_of(address: str) -> str:
    """The first part of an address: `layer` for `/layer/1/angle` and `layer/1/angle`, "" for an
    empty one."""
    start = 1 if address[:1] == "/" else 0
    end = address.find("/", start)
    return address[start:] if end < 0 else address[start:end]


OUR_ROOTS = frozenset(map(root_of, _ADDRESSES))


def is_like_ours(address: str) -> bool:
    """True if a foreign address may be a typing error: `/layers/1/angle`, or `/panic` for
    `/master/panic`."""
    root = root_of(address.lower())
    return (len(root) == len(address) - 1 and root in _LAST_PARTS) or _resembles_a_root(
        root[:MAX_ROOT_CHARACTERS]
    )


@lru_cache(maxsize=1024)
def _resembles_a_root(root: str) -> bool:
    import difflib  # imported here: takes 3 ms, needed only with foreign messages

    return bool(difflib.get_close_matches(root, OUR_ROOTS, 1, MIN_LIKENESS))


class ForeignMessages:
    """Classifies addresses and translates foreign messages. OSC's threads."""

    def __init__(
        self,
        foreign_map: ForeignMap | None,
        kind_of_command: Callable[[str], AddressKind | None],
        has_commands: Callable[[str], bool],
        views: InputViews,
        clock: Clock,
    ) -> None:
        """`kind_of_command(address)`: QUERY or COMMAND, or None. `has_commands(root)`: True if the
        first part of some command's address is `root`. `views`: the inputs of the shaders that
        play."""
        self._map = foreign_map
        self._kind_of_command = kind_of_command
        self._has_commands = has_commands
        self._views = views
        self._kinds: dict[str, AddressKind] = {}
        self._clock = clock

    def kind_of(self, address: str) -> AddressKind:
        """The kind of an address that is no parameter. Hot path."""
        kind = self._kinds.get(address)
        if kind is None:
            kind = self._kind_of_command(address) or self._kind_of_other(address)
            if len(address) > MAX_CACHED_CHARACTERS:  # at 64 KiB each they would fill 256 MiB
                return kind
            if len(self._kinds) >= MAX_CACHED_ADDRESSES:
                self._kinds.clear()
            self._kinds[address] = kind
        return kind

    def _kind_of_other(self, address: str) -> AddressKind:
        root = root_of(address)
        if address[:1] != "/":
            return AddressKind.FOREIGN
        if (
            root not in OUR_ROOTS
            and not self._has_commands(root)
            and root
            and not osc_schema.is_pattern(root)
        ):
            return AddressKind.FOREIGN
        if osc_schema.is_pattern(address):
            try:
                return AddressKind.INPUT if not osc_schema.match(address) else AddressKind.PATTERN
            except Rejected:
                return AddressKind.PATTERN
        return AddressKind.INPUT if is_input_address(address) else AddressKind.UNKNOWN

    def is_unknown(self, address: str) -> bool:
        """True if nothing of ours is at an address with our first part. The map may know it."""
        kind = self.kind_of(address)
        return kind is AddressKind.UNKNOWN or (
            kind is AddressKind.INPUT and not self._views.match(address)
        )

    def is_mistyped(self, message: Message) -> bool:
        """True if nothing is at the address, it is not mapped, and no control is being learned."""
        return self.is_unknown(message.address) and (
            self._map is None or self._map.ignores(message, self._clock.now_s())
        )

    def translate(
        self, message: Message, sender: Sender, arrived_s: float
    ) -> tuple[list[Message], Sender] | None:
        """The translation of a foreign message and the sender to attribute it to, or None if it is
        not mapped. `arrived_s`: when it arrived, by `time.perf_counter`."""
        at_s = self._clock.time_of(arrived_s)
        mapped = self._map.translate(message, sender.name, at_s) if self._map else None
        return (
            None
            if mapped is None
            else (list(mapped), dataclasses.replace(sender, name=mapped_by(sender.name)))
        )

    def translate_all(
        self, messages: list[Message], sender: Sender, arrived_s: float
    ) -> Iterator[tuple[int, Message, Sender]]:
        """Translate the foreign ones among `messages`; yields (number of the original message,
        message, sender)."""
        by_map: Sender | None = None
        for number, message in enumerate(messages):
            found = (
                self.translate(message, sender, arrived_s) if self._may_be_mapped(message) else None
            )
            if found is None:
                yield number, message, sender
                continue
            by_map = by_map or found[1]
            for own in found[0]:
                yield number, own, by_map

    def _may_be_mapped(self, message: Message) -> bool:
        if self._map is None or osc_schema.lookup(message.address):
            return False
        if self.kind_of(message.address) is AddressKind.FOREIGN:
            return True
        return self.is_unknown(message.address) and not self._map.ignores(
            message, self._clock.now_s()
        )
