"""The map: what foreign controls move. The policy is in `policy`; here are the entries and their order.

Start with `controls` (what a control is called), then `entry` (what an entry holds), then
`policy` (what a movement means). One control may move several parameters, and one parameter hear several
controls.
"""

from collections.abc import Callable, Iterable, Mapping
from functools import partial
from types import MappingProxyType

from engine.errors import MappingError
from engine.osc import Message
from engine.params.mapping.controls import Control, Movement, pair_of
from engine.params.mapping.entry import MapEntry
from engine.params.mapping.map_file import MAX_ENTRIES
from engine.params.mapping.policy import Hold, arguments_for, position
from engine.params.mapping.wildcards import MAX_REMEMBERED, WildcardIndex, is_pattern
from osc_schema import Value

_TAGS = {float: "f", int: "i", str: "s"}


class ControlMap:
    """Entries, numbered from 1. One thread at a time."""

    def __init__(self) -> None:
        self._entries: list[tuple[MapEntry, Hold]] = []
        self._at: dict[Control, list[tuple[MapEntry, Hold]]] = {}
        self._patterns: WildcardIndex[tuple[MapEntry, Hold]] = WildcardIndex()
        self._holds: dict[tuple[MapEntry, Control], Hold] = {}  # of patterns, from before the map was changed
        self._addresses: frozenset[str] = frozenset()  # of OSC controls, patterns as they are written
        self._roots: frozenset[str] = frozenset()

    @property
    def entries(self) -> tuple[MapEntry, ...]:
        return tuple(entry for entry, _ in self._entries)

    def __len__(self) -> int:
        return len(self._entries)

    def entry(self, number: int) -> MapEntry:
        """Raises MappingError where there is none of that number."""
        if not 1 <= number <= len(self._entries):
            known = f"1..{len(self._entries)}" if self._entries else "the map is empty"
            raise MappingError(f"entry {number}: no such entry ({known})")
        return self._entries[number - 1][0]

    def is_mapped(self, address: str) -> bool:
        """Whether an argument of that OSC address moves something."""
        return address in self._addresses or self._patterns.meets(address)

    def has_root(self, root: str) -> bool:
        """Whether an OSC address that is mapped begins with that part."""
        return root in self._roots

    def add(self, entry: MapEntry, stands_at: float | None = None) -> int:
        """Its number. It takes the place of the entry, if there is one, for the same control, target and argument.

        `stands_at`: what its control told last, where that is known.
        """
        hold = Hold(at=None if stands_at is None else position(entry, stands_at))
        for number, (known, _) in enumerate(self._entries, start=1):
            if _what_moves_what(known) == _what_moves_what(entry):
                self._set([*self._entries[: number - 1], (entry, hold), *self._entries[number:]])
                return number
        if len(self._entries) >= MAX_ENTRIES:
            raise _no_room()
        self._set([*self._entries, (entry, hold)])
        return len(self._entries)

    def add_all(
        self, entries: Iterable[MapEntry], instead_of: Callable[[MapEntry], bool] = lambda entry: False
    ) -> None:
        """`add` them in one go: all, or none and a MappingError where there is no room for all.

        What stands there and is `instead_of` goes, unless it is one of them.
        """
        entries = tuple(entries)
        kept = frozenset(entries)  # a thousand against a thousand, while OSC waits
        held = [pair for pair in self._entries if pair[0] in kept or not instead_of(pair[0])]
        places = {_what_moves_what(known): place for place, (known, _) in enumerate(held)}
        for entry in entries:
            place = places.setdefault(_what_moves_what(entry), len(held))
            held[place : place + 1] = [(entry, Hold())]
        if len(held) > MAX_ENTRIES:
            raise _no_room()
        self._set(held)

    def replace(self, number: int, entry: MapEntry) -> None:
        self.entry(number)
        self._set([*self._entries[: number - 1], (entry, Hold()), *self._entries[number:]])

    def delete(self, number: int) -> None:
        self.entry(number)
        self._set([*self._entries[: number - 1], *self._entries[number:]])

    def clear(self) -> None:
        self._set([])

    def heard(
        self,
        movements: Iterable[Movement],
        value_of: Callable[[str], Value],
        now_s: float,
        sent_to: Mapping[Control, float] = MappingProxyType({}),
    ) -> tuple[Message, ...] | None:
        """What the movements mean in our own language; None where no entry has anything to do with them.

        `sent_to`: what controls were sent last, as `MapFeedback.heard` tells.
        """
        is_mapped = False
        messages = []
        for movement in movements:
            if movement.part_of is not None and self._entries_for(movement.part_of):
                is_mapped = True
                continue
            for entry, hold in self._entries_for(movement.control):
                is_mapped = True
                now = value_of(entry.target) if entry.param is not None else None
                arguments = arguments_for(entry, movement, now, hold, now_s, sent_to.get(entry.control))
                if arguments is not None:
                    messages.append(_message(entry.target, arguments))
            pair = pair_of(movement.control)
            if pair is not None and self._entries_for(pair):  # a half that waits for the other
                is_mapped = True
        return tuple(messages) if is_mapped else None

    def _entries_for(self, control: Control) -> Iterable[tuple[MapEntry, Hold]]:
        """Those for this device, and those for any."""
        exact = self._at.get(control, ())
        if control.kind == "osc":
            return (*exact, *self._patterns.of(control)) if self._patterns else exact
        if not control.place:
            return exact
        return (*exact, *self._at.get(control._replace(place=""), ()))

    def _set(self, entries: list[tuple[MapEntry, Hold]]) -> None:
        self._entries = entries
        self._at = {}
        kept = frozenset(entry for entry, _ in entries)
        made = {(entry, control): hold for control, (entry, hold) in self._patterns.made() if entry in kept}
        before = {key: hold for key, hold in self._holds.items() if key[0] in kept}
        self._holds = made if len(before) > MAX_REMEMBERED else before | made
        patterns = []
        for entry, hold in entries:
            if is_pattern(entry.control):
                patterns.append((entry.control, partial(self._held, entry)))
            else:
                self._at.setdefault(entry.control, []).append((entry, hold))
        self._patterns = WildcardIndex(patterns)
        self._addresses = frozenset(entry.control.place for entry, _ in entries if entry.control.kind == "osc")
        self._roots = frozenset(address.split("/", 2)[1] for address in self._addresses)

    def _held(self, entry: MapEntry, control: Control) -> tuple[MapEntry, Hold]:
        """A state that was told before the map was changed is no news after it."""
        return entry, self._holds.pop((entry, control), None) or Hold()


def _what_moves_what(entry: MapEntry) -> tuple[Control, str, str]:
    return entry.control, entry.target, entry.argument


def _no_room() -> MappingError:
    return MappingError(f"the map holds {MAX_ENTRIES} entries, more are not allowed")


def _message(target: str, arguments: tuple[float | int | bool | str, ...]) -> Message:
    tags = "".join(("T" if value else "F") if type(value) is bool else _TAGS[type(value)] for value in arguments)
    return Message(target, arguments, tags)
