"""The map: a numbered list of entries, and their lookup by control.

One control may move several parameters, and several controls may move one parameter.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial
from types import MappingProxyType
from typing import Generic, TypeVar

from engine.errors import MappingError
from engine.osc.decode import Message
from engine.params.mapping.controls import Control, Movement, pair_of
from engine.params.mapping.entry import MapEntry
from engine.params.mapping.map_file import MAX_ENTRIES
from engine.params.mapping.policy import Pickup, arguments_for, position, range_position
from osc_schema import Value

STAR = "*"
WAITING_S = 3.0  # for which a fader that has not taken over is displayed after its last movement
MAX_REMEMBERED = 4096  # cached addresses with a match, and as many without one

T = TypeVar("T")
_TAGS = {float: "f", int: "i", str: "s"}


def is_pattern(control: Control) -> bool:
    """True if the control has a wildcard."""
    return control.kind == "osc" and STAR in control.source.split("/")


class WildcardIndex(Generic[T]):
    """Lookup of entries with wildcards: `*` is one whole part, as in `osc
    /composition/layers/1/clips/*/connected`. Patterns are grouped by their number of parts and the
    positions of the stars. For each such group, the message's address gets stars at the same
    positions and is looked up in a dictionary: a hundred patterns take one or two look-ups. Results
    are cached. Each address that matches has its own state. One thread at a time."""

    def __init__(self, patterns: Iterable[tuple[Control, Callable[[Control], T]]] = ()) -> None:
        """`patterns`: pairs of a pattern and `make(control)`, which is called once for each
        matching control."""
        self._makers: dict[Control, list[Callable[[Control], T]]] = {}
        self._sources: set[str] = set()
        self._stars: dict[int, set[tuple[int, ...]]] = {}  # number of parts -> positions of stars
        for control, make in patterns:
            self._makers.setdefault(control, []).append(make)
            self._sources.add(control.source)
            parts = control.source.split("/")
            stars = tuple(number for number, part in enumerate(parts) if part == STAR)
            self._stars.setdefault(len(parts), set()).add(stars)
        self._matched: dict[Control, tuple[T, ...]] = {}
        self._unmatched: set[Control] = set()

    def __bool__(self) -> bool:
        return bool(self._makers)

    def has_match(self, address: str) -> bool:
        """True if a pattern matches an argument of that address."""
        return any(
            pattern.source in self._sources
            for pattern in self._patterns_of(Control("osc", source=address))
        )

    def cached(self) -> Iterator[tuple[Control, T]]:
        """The cached objects, each with its control."""
        return ((control, one) for control, found in self._matched.items() for one in found)

    def matches(self, control: Control) -> tuple[T, ...]:
        """The objects for this control, one per matching pattern."""
        found = self._matched.get(control)
        if found is not None:
            return found
        if control in self._unmatched:
            return ()
        found = tuple(
            make(control)
            for pattern in self._patterns_of(control)
            for make in self._makers.get(pattern, ())
        )
        if found:
            if len(self._matched) >= MAX_REMEMBERED:
                self._matched.clear()
            self._matched[control] = found
        else:
            if len(self._unmatched) >= MAX_REMEMBERED:
                self._unmatched.clear()
            self._unmatched.add(control)
        return found

    def _patterns_of(self, control: Control) -> list[Control]:
        """All patterns of the known shapes that would match the control."""
        parts = control.source.split("/")
        patterns = []
        for stars in self._stars.get(len(parts), ()):
            starred = list(parts)
            for number in stars:
                starred[number] = STAR
            patterns.append(control._replace(source="/".join(starred)))
        return patterns


class ControlMap:
    """The map: entries, numbered from 1. One thread at a time, except `waiting`."""

    def __init__(self) -> None:
        self._entries: list[tuple[MapEntry, Pickup]] = []
        self._at: dict[Control, list[tuple[MapEntry, Pickup]]] = {}
        self._patterns: WildcardIndex[tuple[MapEntry, Pickup]] = WildcardIndex()
        self._states: dict[
            tuple[MapEntry, Control], Pickup
        ] = {}  # states of patterns before the last change
        self.addresses: frozenset[str] = frozenset()
        """The mapped OSC addresses, patterns included. Replaced as a whole when the map changes."""
        self._roots: frozenset[str] = frozenset()
        self.controls: Mapping[Control, bool] = {}
        """The mapped controls; True for those with feedback. Replaced as a whole when the map
        changes."""
        self._waiting: dict[
            str, tuple[float, float]
        ] = {}  # by target: position and time; replaced, never changed

    @property
    def entries(self) -> tuple[MapEntry, ...]:
        return tuple(entry for entry, _ in self._entries)

    def __len__(self) -> int:
        return len(self._entries)

    def entry(self, number: int) -> MapEntry:
        """The entry of that number. Raises MappingError if there is none."""
        if not 1 <= number <= len(self._entries):
            known = f"1..{len(self._entries)}" if self._entries else "the map is empty"
            raise MappingError(f"entry {number}: no such entry ({known})")
        return self._entries[number - 1][0]

    def is_mapped(self, address: str) -> bool:
        """True if an argument of that OSC address is mapped."""
        return address in self.addresses or self._patterns.has_match(address)

    def waiting(self, now_s: float) -> dict[str, float]:
        """The faders that were moved in the last 3 s and have not taken over yet: their positions
        on the range of their parameter, 0..1, by its address. Any thread."""
        return {
            target: at
            for target, (at, moved_s) in self._waiting.items()
            if now_s - moved_s < WAITING_S
        }

    def has_root(self, root: str) -> bool:
        """True if a mapped OSC address starts with that part."""
        return root in self._roots

    def add(self, entry: MapEntry, last_value: float | None = None) -> int:
        """Add an entry and return its number. It replaces one with the same control, target and
        argument. `last_value`: the last value received from its control, if known."""
        pickup = Pickup(at=None if last_value is None else position(entry, last_value))
        for number, (known, _) in enumerate(self._entries, start=1):
            if _identity(known) == _identity(entry):
                self._set([*self._entries[: number - 1], (entry, pickup), *self._entries[number:]])
                return number
        if len(self._entries) >= MAX_ENTRIES:
            raise _too_many()
        self._set([*self._entries, (entry, pickup)])
        return len(self._entries)

    def add_all(
        self,
        entries: Iterable[MapEntry],
        instead_of: Callable[[MapEntry], bool] = lambda entry: False,
    ) -> None:
        """Add all entries at once; if there is no room for all, raise MappingError and add none.
        Existing entries for which `instead_of` is true are removed, unless they are among the new
        ones."""
        entries = tuple(entries)
        # a set: a thousand entries may be compared with a thousand while OSC waits
        new_entries = frozenset(entries)
        pairs = [
            pair for pair in self._entries if pair[0] in new_entries or not instead_of(pair[0])
        ]
        indices = {_identity(known): index for index, (known, _) in enumerate(pairs)}
        for entry in entries:
            index = indices.setdefault(_identity(entry), len(pairs))
            pairs[index : index + 1] = [(entry, Pickup())]
        if len(pairs) > MAX_ENTRIES:
            raise _too_many()
        self._set(pairs)

    def replace(self, number: int, entry: MapEntry) -> None:
        self.entry(number)
        self._set([*self._entries[: number - 1], (entry, Pickup()), *self._entries[number:]])

    def delete(self, number: int) -> None:
        self.entry(number)
        self._set([*self._entries[: number - 1], *self._entries[number:]])

    def clear(self) -> None:
        self._set([])

    def apply(
        self,
        movements: Iterable[Movement],
        value_of: Callable[[str], Value],
        now_s: float,
        sent_to: Mapping[Control, float] = MappingProxyType({}),
    ) -> tuple[Message, ...] | None:
        """The messages for our parameters that the movements cause, or None if no entry has one of
        the controls. `sent_to`: the values last sent to controls, from `MapFeedback`."""
        is_mapped = False
        messages = []
        for movement in movements:
            if movement.part_of is not None and self._entries_for(movement.part_of):
                is_mapped = True
                continue
            for entry, pickup in self._entries_for(movement.control):
                is_mapped = True
                now = value_of(entry.target) if entry.param is not None else None
                arguments = arguments_for(
                    entry, movement, now, pickup, now_s, sent_to.get(entry.control)
                )
                if arguments is not None:
                    messages.append(_message(entry.target, arguments))
                if pickup.is_waiting or entry.target in self._waiting:
                    self._note_waiting(entry, pickup, now_s)
            pair = pair_of(movement.control)
            # one half of a pair: wait for the other
            if pair is not None and self._entries_for(pair):
                is_mapped = True
        return tuple(messages) if is_mapped else None

    def _note_waiting(self, entry: MapEntry, pickup: Pickup, now_s: float) -> None:
        others = self._waiting.items()
        waiting = {
            each: (at, s)
            for each, (at, s) in others
            if each != entry.target and now_s - s < WAITING_S
        }
        if pickup.is_waiting and pickup.at is not None:
            waiting[entry.target] = range_position(entry, pickup.at), now_s
        self._waiting = waiting

    def _entries_for(self, control: Control) -> Iterable[tuple[MapEntry, Pickup]]:
        """The entries for this device, and those for any device."""
        exact = self._at.get(control, ())
        if control.kind == "osc":
            return (*exact, *self._patterns.matches(control)) if self._patterns else exact
        if not control.source:
            return exact
        return (*exact, *self._at.get(control._replace(source=""), ()))

    def _set(self, entries: list[tuple[MapEntry, Pickup]]) -> None:
        self._entries = entries
        self._waiting = {}
        self._at = {}
        current = frozenset(entry for entry, _ in entries)
        cached = {
            (entry, control): pickup
            for control, (entry, pickup) in self._patterns.cached()
            if entry in current
        }
        before = {key: pickup for key, pickup in self._states.items() if key[0] in current}
        self._states = cached if len(before) > MAX_REMEMBERED else before | cached
        patterns = []
        for entry, pickup in entries:
            if is_pattern(entry.control):
                patterns.append((entry.control, partial(self._with_state, entry)))
            else:
                self._at.setdefault(entry.control, []).append((entry, pickup))
        self._patterns = WildcardIndex(patterns)
        controls: dict[Control, bool] = {}
        for entry, _ in entries:
            controls[entry.control] = entry.feedback or controls.get(entry.control, False)
        self.controls = controls
        self.addresses = frozenset(
            entry.control.source for entry, _ in entries if entry.control.kind == "osc"
        )
        self._roots = frozenset(address.split("/", 2)[1] for address in self.addresses)

    def _with_state(self, entry: MapEntry, control: Control) -> tuple[MapEntry, Pickup]:
        """The entry with its state from before a change of the map, so that a repeated value
        triggers nothing."""
        return entry, self._states.pop((entry, control), None) or Pickup()


def _identity(entry: MapEntry) -> tuple[Control, str, str]:
    return entry.control, entry.target, entry.argument


def _too_many() -> MappingError:
    return MappingError(f"the map has {MAX_ENTRIES} entries, which is the limit")


def _message(target: str, arguments: tuple[float | int | bool | str, ...]) -> Message:
    tags = "".join(
        ("T" if value else "F") if type(value) is bool else _TAGS[type(value)]
        for value in arguments
    )
    return Message(target, arguments, tags)
