"""Compiles size expressions of passes: `max(floor($WIDTH * 0.25), 1.0)`.

The names are $WIDTH, $HEIGHT, the shader's number inputs, and its maps of layer 5, 1 with a source
and else 0. A text of known tokens is parsed by Python's parser and compiled to a bounded list of
stack operations, so that no file can make it slow. Python's `eval` is not used. Operators and
functions are those of other ISF hosts' parsers (DDMathParser, exprtk), as far as public shaders use
them.
"""

import ast
import math
import re
from collections.abc import Callable, Container, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from engine.errors import IsfError

MAX_CHARS: Final = 500
MAX_DEPTH: Final = 30

_TOKEN = re.compile(
    r"\s*(?:(?P<number>\d+\.?\d*(?:[eE][-+]?\d+)?|\.\d+)f?|(?P<name>\$?[A-Za-z_]\w*)|(?P<sign>[-+*/%^(),]))"
)
_SIGNS: Final[Mapping[type[ast.operator], str]] = {
    ast.Add: "+", ast.Sub: "-", ast.Mult: "*", ast.Div: "/", ast.Mod: "%", ast.Pow: "^",
}  # fmt: skip
_FUNCTIONS: Final[Mapping[str, tuple[int, Callable[..., Any]]]] = {
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
_OPERATIONS: Final[Mapping[str, tuple[int, Callable[..., Any]]]] = {
    **_FUNCTIONS,
    "+": (2, lambda a, b: a + b),
    "-": (2, lambda a, b: a - b),
    "*": (2, lambda a, b: a * b),
    "/": (2, lambda a, b: a / b),
    "%": (2, math.fmod),
    "^": (2, math.pow),
    "negative": (1, lambda a: -a),
}


@dataclass(frozen=True, slots=True)
class Expression:
    """A compiled size expression."""

    text: str
    steps: tuple[str | float, ...]
    """Postfix order: numbers, `$NAME`, and operations on the last values."""

    @classmethod
    def compile(cls, text: str, names: Container[str]) -> "Expression":
        """Compile the text of an expression. names: Allowed after a $. IsfError if it is no
        expression."""
        if len(text) > MAX_CHARS:
            raise IsfError(f"a size expression has {len(text)} characters: at most {MAX_CHARS}")
        try:
            tree = ast.parse(" ".join(_python_tokens(text.rstrip(), names)), mode="eval")
            return cls(text, tuple(_postfix(tree.body, 0)))
        except SyntaxError:
            raise IsfError(
                f"size expression {text[:80]!r}: it cannot be read as arithmetic"
            ) from None
        except ValueError as error:
            raise IsfError(f"size expression {text[:80]!r}: {error}") from None

    def evaluate(self, values: Mapping[str, float]) -> float | None:
        """Return the number; None if undefined: a division by zero, a root of -1."""
        stack: list[float] = []
        try:
            for step in self.steps:
                if not isinstance(step, str):
                    stack.append(step)
                elif step[0] == "$":
                    stack.append(float(values[step[1:]]))
                else:
                    count, function = _OPERATIONS[step]
                    stack[-count:] = [float(function(*stack[-count:]))]
        except (ArithmeticError, ValueError):
            return None
        return stack[0] if math.isfinite(stack[0]) else None


def _python_tokens(text: str, names: Container[str]) -> Iterator[str]:
    """Tokenise in Python's spelling; names get a prefix, so that they are no Python keywords.
    ValueError."""
    position = 0
    while position < len(text):
        token = _TOKEN.match(text, position)
        if token is None:
            raise ValueError(f"{text[position:].strip()[:10]!r} cannot be read")
        position = token.end()
        if token["number"]:
            if not math.isfinite(float(token["number"])):
                raise ValueError(f"{token['number']} is too large")
            yield repr(float(token["number"]))
        elif token["sign"]:
            yield "**" if token["sign"] == "^" else token["sign"]
        elif token["name"].startswith("$"):
            if token["name"][1:] not in names:
                raise ValueError(f"{token['name']} is neither $WIDTH, $HEIGHT nor a number input")
            yield f"v{token['name'][1:]}"
        elif token["name"] in _FUNCTIONS:
            yield f"f{token['name']}"
        else:
            raise ValueError(f"{token['name']!r} is not known; functions: {', '.join(_FUNCTIONS)}")


def _postfix(node: ast.expr, depth: int) -> Iterator[str | float]:
    """Convert to postfix order. ValueError for other than arithmetic, or nested too deeply."""
    if depth > MAX_DEPTH:
        raise ValueError(f"more than {MAX_DEPTH} levels")
    match node:
        case ast.Constant(value=float(number)):
            yield number
        case ast.Name(id=name) if name[0] == "v":
            yield f"${name[1:]}"
        case ast.UnaryOp(op=ast.USub() | ast.UAdd(), operand=operand):
            yield from _postfix(operand, depth + 1)
            if isinstance(node.op, ast.USub):
                yield "negative"
        case ast.BinOp(left=left, op=op, right=right):
            yield from _postfix(left, depth)
            yield from _postfix(right, depth + 1)
            yield _SIGNS[type(op)]
        case ast.Call(func=ast.Name(id=name), args=arguments, keywords=[]) if name[0] == "f":
            if len(arguments) != _FUNCTIONS[name[1:]][0]:
                raise ValueError(
                    f"{name[1:]} takes {_FUNCTIONS[name[1:]][0]}, not {len(arguments)}"
                )
            for each in arguments:
                yield from _postfix(each, depth + 1)
            yield name[1:]
        case _:
            raise ValueError("it cannot be read as arithmetic")
