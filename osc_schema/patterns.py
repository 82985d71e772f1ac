"""OSC address patterns: `*` `?` `[a-c]` `[!x]` `{one,two}` of OSC 1.0, and `//` of OSC 1.1 across
levels.

A pattern comes from the network, so a sender must not be able to make it expensive. Backtracking
matchers, and regular expressions built from the pattern, take exponential time on `/*a*a*a*a*b`.
Here all known addresses are joined into one text, one per line. One big integer, the markers, has a
bit for each character of that text: the positions that the part of the pattern read so far can
reach, in all addresses at once. Each element of the pattern moves the markers with a few integer
operations, so the cost is always the length of the pattern times the length of the text.

- a character c: `(M & positions of c) << 1`
- `*`, any run of characters of a class C: `(((M & C) + C) ^ C) | M`; the carry of the addition runs
  to the end of each run of C (MatchStar in Cameron et al., "Bitwise Data Parallelism in Regular
  Expression Matching", PACT 2014)

Not supported: wildcards inside braces (OSC 1.0 has plain words there), and `/` inside brackets and
braces (patterns are matched level by level).
"""

import re
from collections.abc import Iterable, Iterator

from osc_schema.types import Rejected

MAX_PATTERN_CHARACTERS = 256  # ten times the longest address; bounds the cost of one packet

# Linear time: an unclosed bracket matches the whole rest, so no character is read twice.
_ELEMENT = re.compile(r"//|\[[^]]*\]?|\{[^}]*\}?|.", re.DOTALL)
_SPECIAL = re.compile(r"[*?\[\]{}]|//")


def is_pattern(address: str) -> bool:
    return _SPECIAL.search(address) is not None


class PatternIndex:
    """Finds all addresses that a pattern matches in one pass over the pattern."""

    def __init__(self, addresses: Iterable[str]) -> None:
        self._positions: dict[
            str, int
        ] = {}  # character -> bit set of the positions where it occurs
        self._address_ending_at: dict[int, str] = {}
        self._starts = 0
        position = 0
        for address in addresses:
            self._starts |= 1 << position
            for character in address + "\n":
                self._positions[character] = self._positions.get(character, 0) | 1 << position
                position += 1
            self._address_ending_at[position - 1] = address
        everywhere = (1 << position) - 1
        self._ends = self._positions.get("\n", 0)
        self._in_address = everywhere & ~self._ends
        self._slashes = self._positions.get("/", 0)
        self._in_level = self._in_address & ~self._slashes

    def match(self, pattern: str) -> tuple[str, ...]:
        """The matching addresses in the order given. Raises Rejected for a malformed pattern."""
        _check_levels(pattern)
        markers = self._starts
        for element in _ELEMENT.findall(pattern):
            markers = self._after(element, markers, pattern)
        return tuple(self._address_ending_at[position] for position in _bits(markers & self._ends))

    def _after(self, element: str, markers: int, pattern: str) -> int:
        """The markers after one element of the pattern."""
        first = element[0]
        if element == "//":
            below = (markers & self._slashes) << 1
            return _run(below, self._in_address) & (self._slashes << 1)
        if first == "*":
            return _run(markers, self._in_level)
        if first == "?":
            return (markers & self._in_level) << 1
        if first == "[":
            return (markers & self._class(element, pattern)) << 1
        if first == "{":
            return self._after_any(element, markers, pattern)
        if first in "]}":
            raise Rejected(f"{_printable(pattern)}: {first} without an opening bracket")
        return (markers & self._positions.get(element, 0)) << 1

    def _class(self, element: str, pattern: str) -> int:
        """Positions of the characters that `[...]` names."""
        content = element[1:-1]
        is_negated = content.startswith("!")
        members = content[1:] if is_negated else content
        if not element.endswith("]") or not members or "/" in members or "[" in members:
            raise Rejected(
                f"{_printable(pattern)}: a [ needs characters other than / and [, and a closing ]"
            )
        found = 0
        at = 0
        while at < len(members):
            if members[at + 1 : at + 2] == "-" and at + 2 < len(members):
                low, high = members[at], members[at + 2]
                if low > high:
                    raise Rejected(f"{_printable(pattern)}: [{low}-{high}] runs backwards")
                for character, positions in self._positions.items():
                    if low <= character <= high:
                        found |= positions
                at += 3
            else:
                found |= self._positions.get(members[at], 0)
                at += 1
        return self._in_level & (~found if is_negated else found)

    def _after_any(self, element: str, markers: int, pattern: str) -> int:
        """The markers after any one of the words of `{...}`."""
        content = element[1:-1]
        if not element.endswith("}") or any(character in "/*?[]{" for character in content):
            raise Rejected(
                f"{_printable(pattern)}: a {{ needs plain words between commas and a closing }}"
            )
        after = 0
        for alternative in content.split(","):
            there = markers
            for character in alternative:
                there = (there & self._positions.get(character, 0)) << 1
            after |= there
        return after


def _check_levels(pattern: str) -> None:
    if len(pattern) > MAX_PATTERN_CHARACTERS:
        raise Rejected(f"{_printable(pattern)}: longer than {MAX_PATTERN_CHARACTERS} characters")
    if not pattern.startswith("/"):
        raise Rejected(f"{_printable(pattern)}: an address begins with /")
    if pattern.endswith("/") or "///" in pattern:
        raise Rejected(f"{_printable(pattern)}: an empty level matches nothing")
    if "\n" in pattern:
        raise Rejected(f"{_printable(pattern)}: a line break matches nothing")


def _printable(pattern: str) -> str:
    printable = "".join(character if character.isprintable() else "?" for character in pattern[:61])
    return printable if len(printable) <= 60 else f"{printable[:60]}..."


def _run(markers: int, members: int) -> int:
    """The markers, and every position reached from them through `members` only."""
    return (((markers & members) + members) ^ members) | markers


def _bits(number: int) -> Iterator[int]:
    """Positions of the set bits, lowest first."""
    while number:
        lowest = number & -number
        yield lowest.bit_length() - 1
        number ^= lowest
