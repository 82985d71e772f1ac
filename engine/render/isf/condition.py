"""The value of an #if: whole numbers, with C's operators and precedence."""

from collections.abc import Callable, Mapping, Sequence
from typing import Final

from engine.errors import IsfError

MAX_DEPTH: Final = 60

_BINARY: Final[Mapping[str, tuple[int, Callable[[int, int], int]]]] = {
    "||": (1, lambda a, b: int(bool(a) or bool(b))),
    "&&": (2, lambda a, b: int(bool(a) and bool(b))),
    "|": (3, lambda a, b: a | b),
    "^": (4, lambda a, b: a ^ b),
    "&": (5, lambda a, b: a & b),
    "==": (6, lambda a, b: int(a == b)),
    "!=": (6, lambda a, b: int(a != b)),
    "<": (7, lambda a, b: int(a < b)),
    ">": (7, lambda a, b: int(a > b)),
    "<=": (7, lambda a, b: int(a <= b)),
    ">=": (7, lambda a, b: int(a >= b)),
    "<<": (8, lambda a, b: a << (b & 31)),
    ">>": (8, lambda a, b: a >> (b & 31)),
    "+": (9, lambda a, b: a + b),
    "-": (9, lambda a, b: a - b),
    "*": (10, lambda a, b: a * b),
    "/": (10, lambda a, b: abs(a) // abs(b) * (1 if (a < 0) == (b < 0) else -1)),
    "%": (10, lambda a, b: abs(a) % abs(b) * (-1 if a < 0 else 1)),
}


def evaluate_condition(tokens: Sequence[str], line: int) -> int:
    """Its value, 32 bits; a name that is no macro counts as 0. IsfError."""
    reader = _Reader(tokens, line)
    value = reader.value(0, 0)
    if reader.at < len(tokens):
        raise IsfError(f"#if: {tokens[reader.at][:40]!r} is left over", line)
    return value


class _Reader:
    def __init__(self, tokens: Sequence[str], line: int) -> None:
        self._tokens, self._line = tokens, line
        self.at = 0

    def value(self, precedence: int, depth: int) -> int:
        if depth > MAX_DEPTH:
            raise IsfError(f"#if: more than {MAX_DEPTH} levels", self._line)
        left = self._operand(depth)
        while self.at < len(self._tokens):
            operator = _BINARY.get(self._tokens[self.at])
            if operator is None or operator[0] <= precedence:
                break
            self.at += 1
            right = self.value(operator[0], depth + 1)
            try:
                left = _wrapped(operator[1](left, right))
            except ZeroDivisionError:
                raise IsfError("#if: a division by zero", self._line) from None
        return left

    def _operand(self, depth: int) -> int:
        if self.at == len(self._tokens):
            raise IsfError("#if: it ends too early", self._line)
        token = self._tokens[self.at]
        self.at += 1
        if token in ("-", "+", "!", "~"):
            value = self._operand(depth + 1) if depth < MAX_DEPTH else 0
            return {"-": _wrapped(-value), "+": value, "!": int(not value), "~": ~value}[token]
        if token == "(":
            value = self.value(0, depth + 1)
            if self._tokens[self.at : self.at + 1] != [")"]:
                raise IsfError("#if: a bracket is not closed", self._line)
            self.at += 1
            return value
        if token[:1].isalpha() or token[:1] == "_":
            return 0
        digits = token.rstrip("uU")
        try:
            is_octal = len(digits) > 1 and digits.isdigit() and digits[0] == "0"
            return _wrapped(int(digits, 8) if is_octal else int(digits[:24], 0))
        except ValueError:
            raise IsfError(f"#if: {token[:40]!r} is no whole number", self._line) from None


def _wrapped(value: int) -> int:
    return (value + (1 << 31)) % (1 << 32) - (1 << 31)
