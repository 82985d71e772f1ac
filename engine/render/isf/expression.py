"""Sizes of passes as arithmetic: `max(floor($WIDTH * 0.25), 1.0)`.

The names are $WIDTH, $HEIGHT and the shader's number inputs. A text is compiled to a list of stack operations with a
bounded length, so that no file can make it slow; Python's `eval` is not used. Operators and functions are those of the
parsers that other ISF hosts use (DDMathParser, exprtk), as far as public shaders use them.
"""

import math
import re
from collections.abc import Callable, Container, Mapping
from dataclasses import dataclass
from typing import Final, NoReturn

from engine.errors import IsfError

MAX_CHARS: Final = 500
MAX_DEPTH: Final = 30

_TOKEN = re.compile(
    r"\s*(?:(?P<number>\d+\.?\d*(?:[eE][-+]?\d+)?|\.\d+)f?|(?P<name>\$?[A-Za-z_]\w*)|(?P<sign>[-+*/%^(),]))"
)
_BINARY: Final[Mapping[str, tuple[int, Callable[[float, float], float]]]] = {
    "+": (1, lambda a, b: a + b),
    "-": (1, lambda a, b: a - b),
    "*": (2, lambda a, b: a * b),
    "/": (2, lambda a, b: a / b),
    "%": (2, math.fmod),
    "^": (3, math.pow),
}
_FUNCTIONS: Final[Mapping[str, tuple[int, Callable[..., float]]]] = {
    "floor": (1, math.floor),
    "ceil": (1, math.ceil),
    "round": (1, lambda a: math.floor(a + 0.5)),
    "abs": (1, abs),
    "sqrt": (1, math.sqrt),
    "log2": (1, math.log2),
    "exp": (1, math.exp),
    "sin": (1, math.sin),
    "cos": (1, math.cos),
    "min": (2, min),
    "max": (2, max),
    "pow": (2, math.pow),
    "mod": (2, math.fmod),
}
_STEPS: Final[Mapping[str, tuple[int, Callable[..., float]]]] = {
    **_FUNCTIONS,
    **{sign: (2, function) for sign, (_, function) in _BINARY.items()},
    "negative": (1, lambda a: -a),
}


@dataclass(frozen=True, slots=True)
class Expression:
    """A compiled text."""

    text: str
    steps: tuple[str | float, ...]
    """In the order of a stack: numbers, `$NAME`, and what is done with the last ones."""

    @classmethod
    def compiled(cls, text: str, names: Container[str]) -> "Expression":
        """`names`: those that may stand after a $. IsfError if it is none."""
        if len(text) > MAX_CHARS:
            raise IsfError(f"a size expression has {len(text)} characters: at most {MAX_CHARS}")
        return cls(text, tuple(_Compiler(text, names).steps))

    def evaluate(self, values: Mapping[str, float]) -> float | None:
        """The number, or None where there is none: a division by zero, a root of -1."""
        stack: list[float] = []
        try:
            for step in self.steps:
                if isinstance(step, float):
                    stack.append(step)
                elif step[0] == "$":
                    stack.append(float(values[step[1:]]))
                else:
                    count, function = _STEPS[step]
                    stack[-count:] = [float(function(*stack[-count:]))]
        except (ArithmeticError, ValueError):
            return None
        return stack[0] if math.isfinite(stack[0]) else None


class _Compiler:
    """Recursive descent with precedence climbing."""

    def __init__(self, text: str, names: Container[str]) -> None:
        self.steps: list[str | float] = []
        self._text, self._names = text, names
        self._tokens: list[str] = []
        place = 0
        text = text.rstrip()
        while place < len(text):
            token = _TOKEN.match(text, place)
            if token is None:
                self._refuse(f"{text[place:].strip()[:10]!r} cannot be read")
            self._tokens.append(token["number"] or token["name"] or token["sign"])
            place = token.end()
        self._at = 0
        self._sum(1, 0)
        if self._at < len(self._tokens):
            self._refuse(f"{self._tokens[self._at]!r} is left over")

    def _refuse(self, why: str) -> NoReturn:
        raise IsfError(f"size expression {self._text[:80]!r}: {why}")

    def _take(self) -> str:
        if self._at == len(self._tokens):
            self._refuse("it ends too early")
        self._at += 1
        return self._tokens[self._at - 1]

    def _peek(self) -> str:
        return self._tokens[self._at] if self._at < len(self._tokens) else ""

    def _sum(self, precedence: int, depth: int) -> None:
        if depth > MAX_DEPTH:
            self._refuse(f"more than {MAX_DEPTH} levels")
        self._operand(depth)
        while (operator := _BINARY.get(self._peek())) is not None and operator[0] >= precedence:
            self._at += 1
            sign = self._tokens[self._at - 1]
            self._sum(operator[0] + 1, depth + 1)
            self.steps.append(sign)

    def _operand(self, depth: int) -> None:
        token = self._take()
        if token in "+-":
            self._sum(3, depth + 1)
            if token == "-":
                self.steps.append("negative")
        elif token == "(":
            self._sum(1, depth + 1)
            self._expect(")")
        elif token[0].isdigit() or token[0] == ".":
            if not math.isfinite(float(token)):
                self._refuse(f"{token} is too large")
            self.steps.append(float(token))
        elif token.startswith("$"):
            if token[1:] not in self._names:
                self._refuse(f"{token} is neither $WIDTH, $HEIGHT nor a number input")
            self.steps.append(token)
        elif token in _FUNCTIONS:
            self._call(token, depth)
        else:
            self._refuse(f"{token!r} is not known; functions: {', '.join(_FUNCTIONS)}")

    def _call(self, name: str, depth: int) -> None:
        count, _ = _FUNCTIONS[name]
        self._expect("(")
        for number in range(count):
            if number:
                self._expect(",")
            self._sum(1, depth + 1)
        self._expect(")")
        self.steps.append(name)

    def _expect(self, sign: str) -> None:
        if self._peek() != sign:
            self._refuse(f"{sign!r} is missing")
        self._at += 1
