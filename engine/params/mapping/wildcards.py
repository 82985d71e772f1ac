"""Entries for many addresses: `*` stands for one whole part, as in `osc /composition/layers/1/clips/*/connected`.

A hundred patterns must not cost a hundred comparisons a message. So patterns are found by a look-up: of those with
eight parts and a star in the sixth there is one group, and a message of eight parts puts a star in its own sixth part
and looks that up. Most maps have one or two groups for a number of parts. What was found for an address is remembered.

Each address that a pattern meets moves by itself: that one clip stopped says nothing of the one that has started.
"""

from collections.abc import Callable, Iterable, Iterator
from typing import Generic, TypeVar

from engine.params.mapping.controls import Control

STAR = "*"
MAX_REMEMBERED = 4096  # addresses that a pattern meets, and as many that none does

T = TypeVar("T")


def is_pattern(control: Control) -> bool:
    """Whether it stands for more than one address."""
    return control.kind == "osc" and STAR in control.place.split("/")


class WildcardIndex(Generic[T]):
    """Patterns and what each makes for an address that it meets. One thread at a time."""

    def __init__(self, patterns: Iterable[tuple[Control, Callable[[Control], T]]] = ()) -> None:
        """`make(control)` is called once for each control that its pattern meets."""
        self._makers: dict[Control, list[Callable[[Control], T]]] = {}
        self._places: set[str] = set()
        self._stars: dict[int, set[tuple[int, ...]]] = {}  # number of parts -> where stars are
        for control, make in patterns:
            self._makers.setdefault(control, []).append(make)
            self._places.add(control.place)
            parts = control.place.split("/")
            stars = tuple(number for number, part in enumerate(parts) if part == STAR)
            self._stars.setdefault(len(parts), set()).add(stars)
        self._met: dict[Control, tuple[T, ...]] = {}
        self._unmet: set[Control] = set()

    def __bool__(self) -> bool:
        return bool(self._makers)

    def meets(self, address: str) -> bool:
        """Whether a pattern stands for an argument of that address."""
        return any(pattern.place in self._places for pattern in self._patterns_of(Control("osc", place=address)))

    def made(self) -> Iterator[tuple[Control, T]]:
        """What has been made and is remembered, with the control that it was made for."""
        return ((control, one) for control, met in self._met.items() for one in met)

    def of(self, control: Control) -> tuple[T, ...]:
        """What the patterns that stand for it have made for it; none where no pattern does."""
        met = self._met.get(control)
        if met is not None:
            return met
        if control in self._unmet:
            return ()
        met = tuple(make(control) for pattern in self._patterns_of(control) for make in self._makers.get(pattern, ()))
        if met:
            if len(self._met) >= MAX_REMEMBERED:
                self._met.clear()
            self._met[control] = met
        else:
            if len(self._unmet) >= MAX_REMEMBERED:
                self._unmet.clear()
            self._unmet.add(control)
        return met

    def _patterns_of(self, control: Control) -> list[Control]:
        """Every pattern that would stand for it, were it there."""
        parts = control.place.split("/")
        patterns = []
        for stars in self._stars.get(len(parts), ()):
            starred = list(parts)
            for number in stars:
                starred[number] = STAR
            patterns.append(control._replace(place="/".join(starred)))
        return patterns
