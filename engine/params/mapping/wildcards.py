"""Lookup of entries with wildcards: `*` is one whole part, as in `osc /composition/layers/1/clips/*/connected`.

A hundred patterns must not take a hundred comparisons per message. So patterns are grouped by their number of parts and
the positions of the stars. For each group with the right number of parts, the message's address gets stars at the same
positions and is looked up in a dictionary. Most maps have one or two groups per number of parts. Results are cached.

Each address that matches a pattern has its own state: a clip that stops must not affect the one that has started.
"""

from collections.abc import Callable, Iterable, Iterator
from typing import Generic, TypeVar

from engine.params.mapping.controls import Control

STAR = "*"
MAX_REMEMBERED = 4096  # cached addresses with a match, and as many without one

T = TypeVar("T")


def is_pattern(control: Control) -> bool:
    """True if the control has a wildcard."""
    return control.kind == "osc" and STAR in control.place.split("/")


class WildcardIndex(Generic[T]):
    """Patterns, each with a factory for the addresses that match it. One thread at a time."""

    def __init__(self, patterns: Iterable[tuple[Control, Callable[[Control], T]]] = ()) -> None:
        """`patterns`: pairs of a pattern and `make(control)`, which is called once for each matching control."""
        self._makers: dict[Control, list[Callable[[Control], T]]] = {}
        self._places: set[str] = set()
        self._stars: dict[int, set[tuple[int, ...]]] = {}  # number of parts -> where stars are
        for control, make in patterns:
            self._makers.setdefault(control, []).append(make)
            self._places.add(control.place)
            parts = control.place.split("/")
            stars = tuple(number for number, part in enumerate(parts) if part == STAR)
            self._stars.setdefault(len(parts), set()).add(stars)
        self._matched: dict[Control, tuple[T, ...]] = {}
        self._unmatched: set[Control] = set()

    def __bool__(self) -> bool:
        return bool(self._makers)

    def has_match(self, address: str) -> bool:
        """True if a pattern matches an argument of that address."""
        return any(pattern.place in self._places for pattern in self._patterns_of(Control("osc", place=address)))

    def made(self) -> Iterator[tuple[Control, T]]:
        """Everything made so far and still cached, with the control it was made for."""
        return ((control, one) for control, found in self._matched.items() for one in found)

    def matches(self, control: Control) -> tuple[T, ...]:
        """The objects made for this control, one per matching pattern."""
        found = self._matched.get(control)
        if found is not None:
            return found
        if control in self._unmatched:
            return ()
        found = tuple(make(control) for pattern in self._patterns_of(control) for make in self._makers.get(pattern, ()))
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
        parts = control.place.split("/")
        patterns = []
        for stars in self._stars.get(len(parts), ()):
            starred = list(parts)
            for number in stars:
                starred[number] = STAR
            patterns.append(control._replace(place="/".join(starred)))
        return patterns
