"""Finds the functions, brackets and constants in a shader's tokens, after its macros are expanded.

Not a full parser: GLSL reserves `for`, `while`, `do` and the brackets, so without macros every loop
is one of those tokens. Text that cannot be parsed as expected is rejected, never skipped.
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
    """A function definition in the token list."""

    name: str
    number: int
    """Order in the text."""
    parameters: tuple[tuple[int, int], ...]
    """First and last + 1 token of each."""
    body: tuple[int, int]
    """First and last + 1 token between its braces."""

    @property
    def arity(self) -> int:
        return len(self.parameters)


class Structure:
    """Tokens with their matching brackets, functions and constants. IsfError where brackets do not
    match."""

    def __init__(self, tokens: Sequence[str], lines: Sequence[int]) -> None:
        """lines: Line of each token, for messages."""
        self.tokens = tokens
        self.lines = lines
        self.partner: list[int] = [-1] * len(tokens)
        """Index of the matching bracket."""
        self.around: list[int] = [-1] * len(tokens)
        """Index of the opening bracket around each token; -1 outside."""
        self._match()
        self.functions: dict[str, list[Function]] = {}
        self.prototypes: set[str] = set()
        self.outside: list[tuple[int, int]] = []
        """The rest of the text: ranges of tokens outside functions."""
        self._find_functions()
        constants, unread = self._find_constants()
        self.constants = constants
        self.unread = unread
        self.largest = self._measure()
        """Floats of the largest array or struct."""

    def refuse(self, reason: str, index: int) -> IsfError:
        return IsfError(reason, self.lines[index] if index < len(self.lines) else None)

    def parts(self, first: int, last: int, sign: str) -> list[tuple[int, int]]:
        """Split a range at `sign` outside brackets; empty without tokens."""
        ranges = []
        begin = first
        index = first
        while index < last:
            if self.tokens[index] in _CLOSING:
                index = self.partner[index]
            elif self.tokens[index] == sign:
                ranges.append((begin, index))
                begin = index + 1
            index += 1
        return [*ranges, (begin, last)] if first < last else []

    def _match(self) -> None:
        opened: list[int] = []
        for index, token in enumerate(self.tokens):
            if token in (")", "]", "}"):
                if not opened or _CLOSING[self.tokens[opened[-1]]] != token:
                    if any(_CLOSING[self.tokens[each]] == token for each in opened):
                        break  # what was opened last has no end
                    raise self.refuse(f"{token} closes nothing", index)
                self.partner[index] = opened[-1]
                self.partner[opened.pop()] = index
            self.around[index] = opened[-1] if opened else -1
            if token in _CLOSING:
                opened.append(index)
        if opened:
            raise self.refuse(f"{self.tokens[opened[-1]]} is not closed", opened[-1])

    def _find_functions(self) -> None:
        tokens = self.tokens
        index = 0
        begin = 0
        count = 0
        while index < len(tokens):
            if tokens[index] == "(" and index > 0 and is_name(tokens[index - 1]):
                end = self.partner[index]
                following = tokens[end + 1 : end + 2]
                if following == ["{"]:
                    body_end = self.partner[end + 1]
                    name = tokens[index - 1]
                    function = Function(
                        name, count, self._parameters(index + 1, end), (end + 2, body_end)
                    )
                    self.functions.setdefault(name, []).append(function)
                    self.outside.append((begin, index - 1))
                    index = body_end + 1
                    begin = body_end + 1
                    count = count + 1
                    if count > MAX_FUNCTIONS:
                        raise self.refuse(f"more than {MAX_FUNCTIONS} functions", index - 1)
                    continue
                if following == [";"] or following == [","]:
                    self.prototypes.add(tokens[index - 1])
            index = self.partner[index] + 1 if tokens[index] in _CLOSING else index + 1
        self.outside.append((begin, len(tokens)))

    def _parameters(self, first: int, last: int) -> tuple[tuple[int, int], ...]:
        return (
            () if list(self.tokens[first:last]) == ["void"] else tuple(self.parts(first, last, ","))
        )

    # -- constants -----------------------------------------------------------------------------

    def _find_constants(self) -> tuple[dict[str, float], frozenset[str]]:
        """Return constants by name (`const int N = 8;`), and the names of those that cannot be
        evaluated.

        A name that is declared or assigned anywhere else is not evaluated: it may hide the
        constant."""
        tokens = self.tokens
        numbers: dict[str, float] = {}
        unread: set[str] = set()
        for index, token in enumerate(tokens):
            if token != "const" or tokens[index + 1 : index + 2] in (["in"], ["out"], ["inout"]):
                continue
            end = index
            while end < len(tokens) and tokens[end] != ";" and tokens[end] not in (")", "}"):
                end = self.partner[end] + 1 if tokens[end] in _CLOSING else end + 1
            for first, last in self.parts(index + 1, end, ","):
                declared = [at for at in range(first, last) if tokens[at] == "="]
                name_at = declared[0] - 1 if declared else last - 1
                while name_at > first and tokens[name_at] == "]":
                    name_at = self.partner[name_at] - 1
                name = tokens[name_at]
                number = self.number(declared[0] + 1, last, numbers) if declared else None
                if (
                    number is None
                    or name in numbers
                    or name in unread
                    or tokens[name_at + 1] != "="
                ):
                    unread.add(name)
                else:
                    numbers[name] = number
        unread |= {name for name in numbers if self._is_hidden(name)}
        return {name: number for name, number in numbers.items() if name not in unread}, frozenset(
            unread
        )

    def _is_hidden(self, name: str) -> bool:
        """Return True if the name may refer to something other than its constant."""
        tokens = self.tokens
        declarations = 0
        for index, token in enumerate(tokens):
            if token != name or (index > 0 and tokens[index - 1] == "."):
                continue
            before, after = (
                tokens[index - 1] if index else "",
                tokens[index + 1] if index + 1 < len(tokens) else "",
            )
            if (
                after == "="
                or (is_name(before) and before not in ("return", "case", "else"))
                or before == "]"
            ):
                declarations += 1
            elif (
                (after.endswith("=") and after not in ("==", "<=", ">=", "!="))
                or after in ("++", "--", "[")
                or before in ("++", "--")
                or (
                    before in (",", "}")
                    and after in (",", ";")
                    and tokens[max(0, self.around[index])] != "("
                )
            ):
                return True
        return declarations > 1

    def number(self, first: int, last: int, constants: dict[str, float]) -> float | None:
        """Evaluate a range of tokens: numbers and constants with + - * / and brackets; None for
        others."""
        value, end = self._sum(first, last, constants, 0)
        return value if end == last else None

    def _sum(
        self, at: int, last: int, constants: dict[str, float], depth: int
    ) -> tuple[float | None, int]:
        total, at = self._product(at, last, constants, depth)
        while total is not None and at < last and self.tokens[at] in ("+", "-"):
            sign = 1 if self.tokens[at] == "+" else -1
            right, at = self._product(at + 1, last, constants, depth)
            total = None if right is None else total + sign * right
        return total, at

    def _product(
        self, at: int, last: int, constants: dict[str, float], depth: int
    ) -> tuple[float | None, int]:
        total, at = self._operand(at, last, constants, depth)
        while total is not None and at < last and self.tokens[at] in ("*", "/"):
            is_times = self.tokens[at] == "*"
            right, at = self._operand(at + 1, last, constants, depth)
            if right is None or (not is_times and (right == 0 or total % right)):
                return None, at
            total = total * right if is_times else total / right
            if abs(total) > 1e12:
                return None, at
        return total, at

    def _operand(
        self, at: int, last: int, constants: dict[str, float], depth: int
    ) -> tuple[float | None, int]:
        if at >= last or depth > 50:
            return None, at
        token = self.tokens[at]
        if token == "-":
            value, after = self._operand(at + 1, last, constants, depth + 1)
            return (None if value is None else -value), after
        if token == "(":
            value, after = self._sum(at + 1, self.partner[at], constants, depth + 1)
            return (value if after == self.partner[at] else None), self.partner[at] + 1
        if at + 1 < last and self.tokens[at + 1] in (".", "[", "("):
            if token not in ("int", "uint", "float") or self.tokens[at + 1] != "(":
                return None, at
            value, after = self._sum(at + 2, self.partner[at + 1], constants, depth + 1)
            is_read = (
                value is not None
                and after == self.partner[at + 1]
                and (token == "float" or value >= 0)
            )
            number = value if token == "float" or value is None else value // 1
            return (number if is_read else None), self.partner[at + 1] + 1
        return (literal(token) if not is_name(token) else constants.get(token)), at + 1

    # -- sizes ---------------------------------------------------------------------------------

    def _measure(self) -> int:
        """Return the floats of the largest array or struct. IsfError if too large, or if a size
        cannot be evaluated."""
        sizes = dict(SIZES)
        tokens = self.tokens
        largest = 16
        longest = 1
        for index, token in enumerate(tokens):
            if token == "struct":
                opening = index + 1 if tokens[index + 1 : index + 2] == ["{"] else index + 2
                if tokens[opening : opening + 1] != ["{"]:
                    raise self.refuse("a struct cannot be read", index)
                size = sum(
                    self._member(first, last, sizes)
                    for first, last in self.parts(opening + 1, self.partner[opening], ";")
                    if first < last
                )
                sizes[tokens[index + 1]] = min(size, 10 * MAX_FLOATS)
                largest = max(largest, size)
            elif token == "[":
                longest = max(longest, self._length(index))
        own = [size for name, size in sizes.items() if name not in SIZES]
        has_matrices = any(token.startswith("mat") and token in SIZES for token in tokens)
        largest = max(largest, longest * max(16 if has_matrices else 4, *own, 1))
        if largest > MAX_FLOATS:
            raise IsfError(
                f"an array or a struct has up to {largest} numbers: at most {MAX_FLOATS}"
            )
        return largest

    def _member(self, first: int, last: int, sizes: dict[str, int]) -> int:
        """Return the floats of one declaration in a struct."""
        known = [sizes[token] for token in self.tokens[first:last] if token in sizes]
        size = max(known, default=16)
        count = 0
        at = first
        for begin, end in self.parts(first, last, ","):
            length = 1
            for at in range(begin, end):
                if self.tokens[at] == "[":
                    length *= self._length(at)
            count += length
        return size * count

    def _length(self, index: int) -> int:
        """Return the length of the array that this bracket may declare; 1 if it is a variable
        index."""
        first, last = index + 1, self.partner[index]
        if first == last:  # its length is that of its values
            end = first
            while end < len(self.tokens) and self.tokens[end] != ";":
                end += 1
            return min(MAX_ARRAY, self.tokens[first:end].count(",") + 1)
        number = self.number(first, last, self.constants)
        if number is not None:
            if number > MAX_ARRAY:
                raise self.refuse(f"an array of {number:.0f} elements: at most {MAX_ARRAY}", index)
            return max(1, int(number))
        size = " ".join(self.tokens[first:last])[:60]
        for at in range(first, last):
            token = self.tokens[at]
            if (
                token in self.unread
                or token.startswith("gl_Max")
                or (token == "length" and self.tokens[at - 1] == ".")
            ):
                raise self.refuse(f"the size of an array, {size!r}, cannot be read", at)
        is_variable = any(
            is_name(token)
            and self.tokens[at + 1] != "("
            and token not in self.constants
            and token not in SIZES
            for at, token in enumerate(self.tokens[first:last], first)
        )
        if not is_variable:
            raise self.refuse(f"the size of an array, {size!r}, cannot be read", index)
        return 1


def is_name(token: str) -> bool:
    return token[:1].isalpha() or token[:1] == "_"


def literal(token: str) -> float | None:
    """Parse a number: `8`, `8u`, `0x1F`, `017`, `1.5e3f`; None for other tokens."""
    plain = token.lower().removesuffix("lf").rstrip("u")
    try:
        if plain.startswith("0x"):
            return float(int(plain, 16))
        if plain.isdigit():
            return float(
                int(plain[:40], 8) if plain[0] == "0" and len(plain) > 1 else int(plain[:40])
            )
        return float(plain.removesuffix("f")) if plain[:1].isdigit() or plain[:1] == "." else None
    except ValueError:
        return None
