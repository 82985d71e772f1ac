"""GLSL text as tokens, so that names can be replaced without touching anything else."""

import re
from collections.abc import Sequence
from typing import Final

from engine.errors import IsfError

MAX_TOKENS: Final = 120_000
MAX_DEPTH: Final = 100  # of brackets: compilers recurse

_TOKEN = re.compile(
    r"(?P<comment>//(?:\\\n|[^\n])*|/\*.*?\*/)|(?P<space>\s+|\\\n)|(?P<name>[A-Za-z_]\w*)"
    r"|(?P<number>(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?\w*)|(?P<other>.)",
    re.DOTALL | re.ASCII,
)
_OPENING = {"(": ")", "[": "]", "{": "}"}


def split_tokens(text: str) -> list[str]:
    """Names, numbers, single signs and blank space, in order; joined they give the text without comments.

    Line numbers stay. IsfError at a character that GLSL does not know, and where brackets are nested too deeply.
    """
    tokens: list[str] = []
    depth = 0
    for found in _TOKEN.finditer(text.replace("\r\n", "\n").replace("\r", "\n")):
        token = found[0]
        kind = found.lastgroup
        if kind == "comment":
            token = "\n" * token.count("\n") or " "
        elif kind == "other":
            if not token.isascii():
                raise IsfError(f"GLSL has no character {token!r}", text.count("\n", 0, found.start()) + 1)
            depth += (token in "([{") - (token in ")]}")
            if depth > MAX_DEPTH:
                line = text.count("\n", 0, found.start()) + 1
                raise IsfError(f"brackets are nested more than {MAX_DEPTH} deep", line)
        tokens.append(token)
        if len(tokens) > MAX_TOKENS:
            raise IsfError(f"the shader has more than {MAX_TOKENS} words and signs")
    return tokens


def is_blank(token: str) -> bool:
    return not token or token.isspace() or token == "\\\n"


def after_blank(tokens: Sequence[str], place: int) -> int:
    """The next place at or after this one that is not blank; the length at the end."""
    while place < len(tokens) and is_blank(tokens[place]):
        place += 1
    return place


def closing(tokens: Sequence[str], place: int) -> int | None:
    """Place of the bracket that closes the one at `place`; None if there is none."""
    opens, closes = tokens[place], _OPENING[tokens[place]]
    depth = 0
    for at in range(place, len(tokens)):
        if tokens[at] == opens:
            depth += 1
        elif tokens[at] == closes:
            depth -= 1
            if depth == 0:
                return at
    return None
