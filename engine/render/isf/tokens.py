"""GLSL text as tokens, so that names can be replaced without touching anything else."""

import re
from collections.abc import Sequence
from typing import Final

from engine.errors import IsfError

MAX_TOKENS: Final = 120_000
MAX_DEPTH: Final = 100  # of brackets: compilers recurse

_TOKEN = re.compile(
    r"(?P<comment>//[^\n]*|/\*(?:.*?\*/|.*))|(?P<line>\n)|(?P<space>[^\S\n]+)|(?P<name>[A-Za-z_]\w*)"
    r"|(?P<number>(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?\w*)"
    r"|(?P<sign><<=|>>=|\+\+|--|&&|\|\||\^\^|##|<<|>>|[-+*/%<>=!&|^]=)|(?P<other>.)",
    re.DOTALL | re.ASCII,
)


def split_tokens(text: str) -> list[str]:
    """Names, numbers, signs and blank space, in order, without comments; a newline is a token of its own.

    A line that ends with a backslash goes on in the next one, as GLSL has it; its newlines come at its end, so that
    line numbers stay. IsfError at a character that GLSL does not know, at a comment that is not closed, and where
    brackets are nested too deeply.
    """
    tokens: list[str] = []
    depth, line, late = 0, 1, 0
    is_directive = is_begun = False
    text, spliced = _joined(text.replace("\r\n", "\n").replace("\r", "\n"))
    row = 0
    for found in _TOKEN.finditer(text):
        token = found[0]
        kind = found.lastgroup
        if kind == "line":
            late += spliced.get(row, 0)
            row += 1
            line += 1 + late
            token = "\n" * (1 + late)
            late, is_directive, is_begun = 0, False, False
        elif kind == "comment":
            if token[1] == "*" and (len(token) < 4 or not token.endswith("*/")):
                raise IsfError("a comment is not closed with */", line)
            inside = token.count("\n")
            late += sum(spliced.get(each, 0) for each in range(row, row + inside)) if spliced else 0
            row += inside
            if is_directive or not inside:  # a comment is a blank, also where it ends another line
                late += inside
                token = " "
            else:
                token = "\n" * (inside + late)
                line += inside + late
                late = 0
        elif kind == "other":
            if not token.isascii() or token == "\\":
                raise IsfError(f"GLSL has no character {token!r}", line)
            depth += (token in "([{") - (token in ")]}")
            if depth > MAX_DEPTH:
                raise IsfError(f"brackets are nested more than {MAX_DEPTH} deep", line)
        if kind in ("name", "number", "sign", "other") and not is_begun:
            is_directive, is_begun = token == "#", True
        tokens.append(token)
        if len(tokens) > MAX_TOKENS:
            raise IsfError(f"the shader has more than {MAX_TOKENS} words and signs")
    if late:
        tokens.append("\n" * late)
    return tokens


def _joined(text: str) -> tuple[str, dict[int, int]]:
    """The text with its continued lines joined, and how many were joined into each row of it, where any were."""
    if "\\\n" not in text:
        return text, {}
    rows: list[str] = []
    spliced: dict[int, int] = {}
    pieces: list[str] = []
    for row in text.split("\n"):
        if row.endswith("\\"):
            pieces.append(row[:-1])
            continue
        if pieces:
            spliced[len(rows)] = len(pieces)
        rows.append("".join((*pieces, row)))
        pieces = []
    if pieces:
        rows.append("".join(pieces))
    return "\n".join(rows), spliced


def join_tokens(tokens: Sequence[str]) -> str:
    """The text of these tokens; two signs that stood apart never begin a comment."""
    written: list[str] = []
    for token in tokens:
        if token and written and written[-1].endswith("/") and token[0] in "/*":
            written.append(" ")
        if token:
            written.append(token)
    return "".join(written)


def is_blank(token: str) -> bool:
    return not token or token.isspace()


def after_blank(tokens: Sequence[str], place: int) -> int:
    """The next place at or after this one that is not blank; the length at the end."""
    while place < len(tokens) and is_blank(tokens[place]):
        place += 1
    return place
