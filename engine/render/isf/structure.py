"""The functions, brackets and constants of a shader's words, after its macros are expanded.

Not a full parser: GLSL keeps `for`, `while`, `do` and the brackets for itself, so with no macros left every loop is one
of those words, wherever it stands. What cannot be read as expected is refused, never skipped.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from engine.errors import IsfError

MAX_FUNCTIONS: Final = 1000
MAX_ARRAY: Final = 4096
MAX_FLOATS: Final = 65_536  # of the largest array or struct of a pixel
SIZES: Final = {
    **{name: 1 for name in ("float", "int", "uint", "bool")},
    **{f"{kind}vec{n}": n for kind in ("", "i", "u", "b") for n in (2, 3, 4)},
    **{f"mat{n}": n * n for n in (2, 3, 4)},
    **{f"mat{n}x{m}": n * m for n in (2, 3, 4) for m in (2, 3, 4)},
}
"""Floats by the name of a type."""

_CLOSING: Final = {"(": ")", "[": "]", "{": "}"}


@dataclass(frozen=True, slots=True)
class Function:
    name: str
    number: int
    """Order in the text."""
    parameters: tuple[tuple[int, int], ...]
    """First and last + 1 word of each."""
    body: tuple[int, int]
    """First and last + 1 word between its braces."""

    @property
    def arity(self) -> int:
        return len(self.parameters)


class Structure:
    """Words and what belongs together among them. IsfError where brackets do not match."""

    def __init__(self, words: Sequence[str], lines: Sequence[int]) -> None:
        """`lines`: of each word, for messages."""
        self.words, self.lines = words, lines
        self.partner: list[int] = [-1] * len(words)
        """Place of the matching bracket."""
        self.around: list[int] = [-1] * len(words)
        """Place of the opening bracket that each word stands in; -1 outside."""
        self._match()
        self.functions: dict[str, list[Function]] = {}
        self.prototypes: set[str] = set()
        self.outside: list[tuple[int, int]] = []
        """The rest of the text: ranges of words outside functions."""
        self._find_functions()
        self.constants, self.unread = self._find_constants()
        self.largest = self._measure()
        """Floats of the largest array or struct."""

    def refuse(self, reason: str, place: int) -> IsfError:
        return IsfError(reason, self.lines[place] if place < len(self.lines) else None)

    def parts(self, first: int, last: int, sign: str) -> list[tuple[int, int]]:
        """The ranges between `sign` outside brackets; empty for no words."""
        ranges, begin, place = [], first, first
        while place < last:
            if self.words[place] in _CLOSING:
                place = self.partner[place]
            elif self.words[place] == sign:
                ranges.append((begin, place))
                begin = place + 1
            place += 1
        return [*ranges, (begin, last)] if first < last else []

    def _match(self) -> None:
        opened: list[int] = []
        for place, word in enumerate(self.words):
            if word in (")", "]", "}"):
                if not opened or _CLOSING[self.words[opened[-1]]] != word:
                    raise self.refuse(f"{word} closes nothing", place)
                self.partner[place] = opened[-1]
                self.partner[opened.pop()] = place
            self.around[place] = opened[-1] if opened else -1
            if word in _CLOSING:
                opened.append(place)
        if opened:
            raise self.refuse(f"{self.words[opened[-1]]} is not closed", opened[-1])

    def _find_functions(self) -> None:
        words, place, begin, count = self.words, 0, 0, 0
        while place < len(words):
            if words[place] == "(" and place > 0 and is_name(words[place - 1]):
                end = self.partner[place]
                following = words[end + 1 : end + 2]
                if following == ["{"]:
                    body_end = self.partner[end + 1]
                    name = words[place - 1]
                    told = Function(name, count, self._parameters(place + 1, end), (end + 2, body_end))
                    self.functions.setdefault(name, []).append(told)
                    self.outside.append((begin, place - 1))
                    place, begin, count = body_end + 1, body_end + 1, count + 1
                    if count > MAX_FUNCTIONS:
                        raise self.refuse(f"more than {MAX_FUNCTIONS} functions", place - 1)
                    continue
                if following == [";"] or following == [","]:
                    self.prototypes.add(words[place - 1])
            place = self.partner[place] + 1 if words[place] in _CLOSING else place + 1
        self.outside.append((begin, len(words)))

    def _parameters(self, first: int, last: int) -> tuple[tuple[int, int], ...]:
        return () if list(self.words[first:last]) == ["void"] else tuple(self.parts(first, last, ","))

    # -- constants -----------------------------------------------------------------------------

    def _find_constants(self) -> tuple[dict[str, float], frozenset[str]]:
        """Numbers by name, and the names of constants whose number is not read here: `const int N = 8;`.

        A name that is declared or changed anywhere else is not read: it may hide the constant.
        """
        words = self.words
        numbers: dict[str, float] = {}
        unread: set[str] = set()
        for place, word in enumerate(words):
            if word != "const" or words[place + 1 : place + 2] in (["in"], ["out"], ["inout"]):
                continue
            end = place
            while end < len(words) and words[end] != ";" and words[end] not in (")", "}"):
                end = self.partner[end] + 1 if words[end] in _CLOSING else end + 1
            for first, last in self.parts(place + 1, end, ","):
                declared = [at for at in range(first, last) if words[at] == "="]
                name_at = declared[0] - 1 if declared else last - 1
                while name_at > first and words[name_at] == "]":
                    name_at = self.partner[name_at] - 1
                name = words[name_at]
                number = self.number(declared[0] + 1, last, numbers) if declared else None
                if number is None or name in numbers or name in unread or words[name_at + 1] != "=":
                    unread.add(name)
                else:
                    numbers[name] = number
        unread |= {name for name in numbers if self._is_hidden(name)}
        return {name: number for name, number in numbers.items() if name not in unread}, frozenset(unread)

    def _is_hidden(self, name: str) -> bool:
        """True if the name may also stand for something else than its constant."""
        words, declarations = self.words, 0
        for place, word in enumerate(words):
            if word != name or (place > 0 and words[place - 1] == "."):
                continue
            before, after = words[place - 1] if place else "", words[place + 1] if place + 1 < len(words) else ""
            if after == "=" or (is_name(before) and before not in ("return", "case", "else")) or before == "]":
                declarations += 1
            elif (
                (after.endswith("=") and after not in ("==", "<=", ">=", "!="))
                or after in ("++", "--", "[")
                or before in ("++", "--")
                or (before in (",", "}") and after in (",", ";") and words[max(0, self.around[place])] != "(")
            ):
                return True
        return declarations > 1

    def number(self, first: int, last: int, constants: dict[str, float]) -> float | None:
        """The value of a range of words: numbers and constants with + - * / and brackets; None for others."""
        value, place = self._sum(first, last, constants, 0)
        return value if place == last else None

    def _sum(self, at: int, last: int, constants: dict[str, float], depth: int) -> tuple[float | None, int]:
        total, at = self._product(at, last, constants, depth)
        while total is not None and at < last and self.words[at] in ("+", "-"):
            sign = 1 if self.words[at] == "+" else -1
            right, at = self._product(at + 1, last, constants, depth)
            total = None if right is None else total + sign * right
        return total, at

    def _product(self, at: int, last: int, constants: dict[str, float], depth: int) -> tuple[float | None, int]:
        total, at = self._operand(at, last, constants, depth)
        while total is not None and at < last and self.words[at] in ("*", "/"):
            is_times = self.words[at] == "*"
            right, at = self._operand(at + 1, last, constants, depth)
            if right is None or (not is_times and (right == 0 or total % right)):
                return None, at
            total = total * right if is_times else total / right
            if abs(total) > 1e12:
                return None, at
        return total, at

    def _operand(self, at: int, last: int, constants: dict[str, float], depth: int) -> tuple[float | None, int]:
        if at >= last or depth > 50:
            return None, at
        word = self.words[at]
        if word == "-":
            value, after = self._operand(at + 1, last, constants, depth + 1)
            return (None if value is None else -value), after
        if word == "(":
            value, after = self._sum(at + 1, self.partner[at], constants, depth + 1)
            return (value if after == self.partner[at] else None), self.partner[at] + 1
        if at + 1 < last and self.words[at + 1] in (".", "[", "("):
            if word not in ("int", "uint", "float") or self.words[at + 1] != "(":
                return None, at
            value, after = self._sum(at + 2, self.partner[at + 1], constants, depth + 1)
            is_read = value is not None and after == self.partner[at + 1] and (word == "float" or value >= 0)
            return ((value if word == "float" or value is None else value // 1) if is_read else None), self.partner[
                at + 1
            ] + 1
        return (literal(word) if not is_name(word) else constants.get(word)), at + 1

    # -- sizes ---------------------------------------------------------------------------------

    def _measure(self) -> int:
        """IsfError for an array that is too large, or whose size cannot be read."""
        sizes = dict(SIZES)
        words, largest, longest = self.words, 16, 1
        for place, word in enumerate(words):
            if word == "struct":
                opening = place + 1 if words[place + 1 : place + 2] == ["{"] else place + 2
                if words[opening : opening + 1] != ["{"]:
                    raise self.refuse("a struct cannot be read", place)
                size = sum(
                    self._member(first, last, sizes)
                    for first, last in self.parts(opening + 1, self.partner[opening], ";")
                    if first < last
                )
                sizes[words[place + 1]] = min(size, 10 * MAX_FLOATS)
                largest = max(largest, size)
            elif word == "[":
                longest = max(longest, self._length(place))
        own = [size for name, size in sizes.items() if name not in SIZES]
        has_matrices = any(word.startswith("mat") and word in SIZES for word in words)
        largest = max(largest, longest * max(16 if has_matrices else 4, *own, 1))
        if largest > MAX_FLOATS:
            raise IsfError(f"an array or a struct has up to {largest} numbers: at most {MAX_FLOATS}")
        return largest

    def _member(self, first: int, last: int, sizes: dict[str, int]) -> int:
        """Floats of one declaration in a struct."""
        known = [sizes[word] for word in self.words[first:last] if word in sizes]
        size, count, at = max(known, default=16), 0, first
        for begin, end in self.parts(first, last, ","):
            length = 1
            for at in range(begin, end):
                if self.words[at] == "[":
                    length *= self._length(at)
            count += length
        return size * count

    def _length(self, place: int) -> int:
        """Length of the array that this bracket may declare; 1 for an index, which only a variable can be."""
        first, last = place + 1, self.partner[place]
        if first == last:  # as long as its values
            end = first
            while end < len(self.words) and self.words[end] != ";":
                end += 1
            return min(MAX_ARRAY, self.words[first:end].count(",") + 1)
        number = self.number(first, last, self.constants)
        if number is not None:
            if number > MAX_ARRAY:
                raise self.refuse(f"an array of {number:.0f} elements: at most {MAX_ARRAY}", place)
            return max(1, int(number))
        for at in range(first, last):
            word = self.words[at]
            if word in self.unread or word.startswith("gl_Max") or (word == "length" and self.words[at - 1] == "."):
                raise self.refuse(
                    f"the size of an array, {' '.join(self.words[first:last])[:60]!r}, cannot be read", at
                )
        is_variable = any(
            is_name(word) and self.words[at + 1] != "(" and word not in self.constants and word not in SIZES
            for at, word in enumerate(self.words[first:last], first)
        )
        if not is_variable:
            raise self.refuse(f"the size of an array, {' '.join(self.words[first:last])[:60]!r}, cannot be read", place)
        return 1


def is_name(word: str) -> bool:
    return word[:1].isalpha() or word[:1] == "_"


def literal(word: str) -> float | None:
    """The number of a word: `8`, `8u`, `0x1F`, `017`, `1.5e3f`; None for what is none."""
    plain = word.lower().removesuffix("lf").rstrip("u")
    try:
        if plain.startswith("0x"):
            return float(int(plain, 16))
        if plain.isdigit():
            return float(int(plain[:40], 8) if plain[0] == "0" and len(plain) > 1 else int(plain[:40]))
        return float(plain.removesuffix("f")) if plain[:1].isdigit() or plain[:1] == "." else None
    except ValueError:
        return None
