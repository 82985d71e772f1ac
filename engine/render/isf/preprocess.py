"""Expands the macros of a shader, so that the driver compiles exactly the text that is checked
afterwards.

Problem: a file can hide a loop from a checker, or remove its guard: with `#define isf_go() true`,
or with a `while` that is pasted together by `##` or split by a backslash at the end of a line. So
nothing of a file's preprocessor reaches the driver: lines are joined, conditions decided and macros
expanded here, by the rules of C that GLSL follows (a name is not expanded again inside its own
expansion: the hide sets of Prosser's algorithm, ANSI X3J11/86-196). Lines stay where they are. What
drivers define by themselves (`GL_ARB_...`) counts as undefined, `__VERSION__` is 330.

The text comes as tokens, without comments, so that names can be replaced without touching anything
else.

The published pcpp does the same for C, but grows without bounds with macros that double; the work
here has a limit.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

from engine.errors import IsfError

MAX_TOKENS: Final = 120_000
MAX_BRACKETS: Final = 100  # nested: compilers recurse

_TOKEN = re.compile(
    r"(?P<comment>//[^\n]*|/\*(?:.*?\*/|.*))|(?P<line>\n)|(?P<space>[^\S\n]+)|(?P<name>[A-Za-z_]\w*)"
    r"|(?P<number>(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?\w*)"
    r"|(?P<sign><<=|>>=|\+\+|--|&&|\|\||\^\^|##|<<|>>|[-+*/%<>=!&|^]=)|(?P<other>.)",
    re.DOTALL | re.ASCII,
)
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
MAX_WORK: Final = 1_000_000  # tokens processed while macros are expanded
CHARS_PER_TOKEN: Final = 32  # a longer one counts as several
MAX_MACROS: Final = 2000
MAX_CHARS_WRITTEN: Final = 1 << 20
MAX_LEVELS: Final = 60  # of macros inside the arguments of macros

# dropped: they are only allowed at the very beginning
_IGNORED: Final = ("version", "extension", "pragma", "line")
_NOTHING: Final[frozenset[str]] = frozenset()
_Token = tuple[str, frozenset[str]]
"""A token and its hide set: the macros whose expansion it comes from."""
_PREDEFINED: Final = {
    "__VERSION__": "330",
    "__FILE__": "0",
    "__LINE__": "0",
    "GL_core_profile": "1",
}


def split_tokens(text: str) -> list[str]:
    """Split into names, numbers, signs and blank space, without comments; a newline is a token of
    its own.

    A line that ends with a backslash continues in the next one, as GLSL has it; its newlines come
    at its end, so that line numbers stay. IsfError at a character that GLSL does not know, at a
    comment that is not closed, and where brackets are nested too deeply."""
    tokens: list[str] = []
    depth = 0
    line = 1
    late = 0
    is_directive = is_begun = False
    text, spliced = _join_lines(text.replace("\r\n", "\n").replace("\r", "\n"))
    row = 0
    for found in _TOKEN.finditer(text):
        token = found[0]
        kind = found.lastgroup
        if kind == "line":
            late += spliced.get(row, 0)
            row += 1
            line += 1 + late
            token = "\n" * (1 + late)
            late = 0
            is_directive = False
            is_begun = False
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
            if depth > MAX_BRACKETS:
                raise IsfError(f"brackets are nested more than {MAX_BRACKETS} deep", line)
        if kind in ("name", "number", "sign", "other") and not is_begun:
            is_directive = token == "#"
            is_begun = True
        tokens.append(token)
        if len(tokens) > MAX_TOKENS:
            raise IsfError(f"the shader has more than {MAX_TOKENS} words and signs")
    if late:
        tokens.append("\n" * late)
    return tokens


def _join_lines(text: str) -> tuple[str, dict[int, int]]:
    """Join continued lines. Also returns the number of joined lines by row, where there are any."""
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
    """Join tokens into text; separate signs never form a comment."""
    written: list[str] = []
    for token in tokens:
        if token and written and written[-1].endswith("/") and token[0] in "/*":
            written.append(" ")
        if token:
            written.append(token)
    return "".join(written)


def is_blank(token: str) -> bool:
    return not token or token.isspace()


def after_blank(tokens: Sequence[str], index: int) -> int:
    """Return the index of the next token, from this one on, that is not blank; the length at the
    end."""
    while index < len(tokens) and is_blank(tokens[index]):
        index += 1
    return index


def evaluate_condition(tokens: Sequence[str], line: int) -> int:
    """Evaluate an #if condition, 32 bits; a name that is no macro counts as 0. IsfError."""
    reader = _Reader(tokens, line)
    value = reader.value(0, 0)
    if reader.at < len(tokens):
        raise IsfError(f"#if: {tokens[reader.at][:40]!r} is left over", line)
    return value


class _Reader:
    def __init__(self, tokens: Sequence[str], line: int) -> None:
        self._tokens = tokens
        self._line = line
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
                left = _wrap_int32(operator[1](left, right))
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
            return {"-": _wrap_int32(-value), "+": value, "!": int(not value), "~": ~value}[token]
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
            return _wrap_int32(int(digits, 8) if is_octal else int(digits[:24], 0))
        except ValueError:
            raise IsfError(f"#if: {token[:40]!r} is no whole number", self._line) from None


def _wrap_int32(value: int) -> int:
    return (value + (1 << 31)) % (1 << 32) - (1 << 31)


@dataclass(frozen=True, slots=True)
class _Macro:
    parameters: tuple[str, ...] | None
    """None for one without brackets."""
    body: tuple[str, ...]


def preprocess(text: str) -> list[str]:
    """Expand all macros and directives; returns tokens, newlines included. IsfError with the
    line."""
    expander = _Expander()
    expander.read(split_tokens(text))
    return expander.output


class _Expander:
    def __init__(self) -> None:
        self.output: list[str] = []
        self._macros = {name: _Macro(None, (text,)) for name, text in _PREDEFINED.items()}
        self._group: list[str] = []
        """Tokens since the last directive."""
        self._conditions: list[tuple[bool, bool, bool]] = []
        """Each open #if: whether its lines count, a branch was chosen, #else was seen."""
        self._work = 0
        self._chars = 0
        self._line = 1

    def read(self, tokens: list[str]) -> None:
        start = 0
        while start < len(tokens):
            end = start
            while end < len(tokens) and "\n" not in tokens[end]:
                end += 1
            line = tokens[start:end]
            nonblank = [token for token in line if not is_blank(token)]
            newline = "\n" * tokens[end].count("\n") if end < len(tokens) else ""
            if nonblank[:1] == ["#"]:
                self._flush()
                self._directive(nonblank[1:], line)
            elif self._counts:
                self._group += line
            self._group.append(newline)
            self._line += len(newline)
            start = end + 1
        self._flush()
        if self._conditions:
            raise IsfError("an #if is not ended with #endif", self._line)

    @property
    def _counts(self) -> bool:
        return all(counts for counts, _, _ in self._conditions)

    def _flush(self) -> None:
        group = self._group
        self._group = []
        before = len(self.output)
        self.output += [
            token for token, _ in self._expand([(token, _NOTHING) for token in group], 0)
        ]
        self._chars += sum(len(token) for token in self.output[before:])
        if len(self.output) > MAX_TOKENS or self._chars > MAX_CHARS_WRITTEN:
            raise IsfError(
                f"with its macros expanded the shader is too long: at most {MAX_TOKENS} words and "
                "signs"
            )

    # -- directives ----------------------------------------------------------------------------

    def _directive(self, tokens: list[str], line: list[str]) -> None:
        name = tokens[0] if tokens else ""
        if name in ("if", "ifdef", "ifndef"):
            is_true = self._counts and self._is_true(name, tokens[1:])
            self._conditions.append((is_true, is_true, False))
            if len(self._conditions) > MAX_LEVELS:
                raise IsfError(f"more than {MAX_LEVELS} #if inside each other", self._line)
        elif name in ("elif", "else", "endif"):
            self._branch(name, tokens[1:])
        elif not self._counts or not name or name in _IGNORED:
            return
        elif name == "define":
            self._define(line)
        elif name == "undef" and len(tokens) == 2:
            self._macros.pop(tokens[1], None)
        elif name == "error":
            raise IsfError(f"#error {' '.join(tokens[1:])[:100]}", self._line)
        else:
            raise IsfError(f"#{name[:40]} is no directive of GLSL", self._line)

    def _branch(self, name: str, rest: list[str]) -> None:
        if not self._conditions:
            raise IsfError(f"#{name} without #if", self._line)
        _, had_branch, had_else = self._conditions.pop()
        if name == "endif":
            return
        if had_else:
            raise IsfError(f"#{name} after #else", self._line)
        is_true = not had_branch and self._counts and (name == "else" or self._is_true("if", rest))
        self._conditions.append((is_true, had_branch or is_true, name == "else"))

    def _is_true(self, name: str, tokens: list[str]) -> bool:
        if name != "if":
            if not tokens:
                raise IsfError(f"#{name} has no name", self._line)
            return (tokens[0] in self._macros) is (name == "ifdef")
        marked: list[_Token] = []
        index = 0
        while index < len(tokens):
            if tokens[index] == "defined":
                in_brackets = tokens[index + 1 : index + 2] == ["("] and tokens[
                    index + 3 : index + 4
                ] == [")"]
                at = index + 2 if in_brackets else index + 1
                marked.append(
                    ("1" if tokens[at : at + 1] and tokens[at] in self._macros else "0", _NOTHING)
                )
                index = at + (2 if in_brackets else 1)
            else:
                marked += [(tokens[index], _NOTHING), (" ", _NOTHING)]
                index += 1
        expanded = [token for token, _ in self._expand(marked, 0) if not is_blank(token)]
        return evaluate_condition(expanded, self._line) != 0

    def _define(self, line: list[str]) -> None:
        at = after_blank(line, line.index("define") + 1)
        name = line[at] if at < len(line) else ""
        if not (name[:1].isalpha() or name[:1] == "_") or name == "defined" or name in _PREDEFINED:
            raise IsfError(f"#define {name[:40]}: this is no name for a macro", self._line)
        at += 1
        parameters: list[str] | None = None
        if at < len(line) and line[at] == "(":
            end = line.index(")", at) if ")" in line[at:] else -1
            inner = (
                [token for token in line[at + 1 : end] if not is_blank(token)] if end > 0 else ["?"]
            )
            parameters = inner[::2]
            is_listed = all(token == "," for token in inner[1::2]) and len(inner) % 2 == bool(inner)
            if not is_listed or not all(
                token[:1].isalpha() or token[:1] == "_" for token in parameters
            ):
                raise IsfError(f"#define {name[:40]}: its parameters cannot be read", self._line)
            at = end + 1
        body = [token for token, _ in _trim([(token, _NOTHING) for token in line[at:]])]
        if body[:1] == ["##"] or body[-1:] == ["##"]:
            raise IsfError(
                f"#define {name[:40]}: ## joins two words, and stands between them", self._line
            )
        self._macros[name] = _Macro(None if parameters is None else tuple(parameters), tuple(body))
        if len(self._macros) > MAX_MACROS:
            raise IsfError(f"more than {MAX_MACROS} macros", self._line)

    # -- expansion -----------------------------------------------------------------------------

    def _expand(self, tokens: Sequence[_Token], level: int) -> list[_Token]:
        if level > MAX_LEVELS:
            raise IsfError(
                f"macros stand more than {MAX_LEVELS} deep in the arguments of macros", self._line
            )
        waiting = list(reversed(tokens))
        written: list[_Token] = []
        while waiting:
            token, hidden = waiting.pop()
            self._spend(1 + len(token) // CHARS_PER_TOKEN)
            macro = self._macros.get(token) if token not in hidden else None
            if token == "__LINE__":
                written.append((str(self._line), hidden))
            elif macro is None:
                written.append((token, hidden))
            elif macro.parameters is None:
                waiting += reversed(_pad(self._substitute(macro, {}, {}, hidden | {token})))
            else:
                found = self._arguments(token, macro, waiting, hidden)
                if found is None:
                    written.append((token, hidden))
                    continue
                arguments, newlines, behind = found
                expanded = {name: self._expand(each, level + 1) for name, each in arguments.items()}
                if newlines:
                    waiting.append((newlines, _NOTHING))
                waiting += reversed(
                    _pad(self._substitute(macro, arguments, expanded, (hidden & behind) | {token}))
                )
        return written

    def _arguments(
        self, name: str, macro: _Macro, waiting: list[_Token], hidden: frozenset[str]
    ) -> tuple[dict[str, list[_Token]], str, frozenset[str]] | None:
        """Pop the arguments off `waiting`, with their newlines and the hide set after them; None
        without a bracket."""
        opening = len(waiting) - 1
        while opening >= 0 and is_blank(waiting[opening][0]):
            opening -= 1
        if opening < 0 or waiting[opening][0] != "(":
            return None
        assert macro.parameters is not None
        each: list[list[_Token]] = [[]]
        newlines = sum(token.count("\n") for token, _ in waiting[opening:])
        depth = 1
        at = opening - 1
        while at >= 0:
            token, own = waiting[at]
            depth += (token in ("(", "[", "{")) - (token in (")", "]", "}"))
            if depth == 0:
                break
            if token == "," and depth == 1:
                each.append([])
            elif "\n" in token:
                newlines += token.count("\n")
                each[-1].append((" ", own))
            else:
                each[-1].append((token, own))
            at -= 1
        self._spend(opening - at)
        if at < 0:
            raise IsfError(f"macro {name[:40]}: its arguments are not closed", self._line)
        behind = waiting[at][1]
        del waiting[at:]
        if not macro.parameters and len(each) == 1 and all(is_blank(token) for token, _ in each[0]):
            each = []
        if len(each) != len(macro.parameters):
            count = len(macro.parameters)
            raise IsfError(
                f"macro {name[:40]} takes {count} arguments, not {len(each)}", self._line
            )
        return dict(zip(macro.parameters, each, strict=True)), "\n" * newlines, behind

    def _substitute(
        self,
        macro: _Macro,
        plain: dict[str, list[_Token]],
        expanded: dict[str, list[_Token]],
        hidden: frozenset[str],
    ) -> list[_Token]:
        """Insert the arguments into the macro's body; next to ## they are not expanded."""
        body = macro.body
        nonblank = [index for index, token in enumerate(body) if not is_blank(token)]
        beside = {index for index, after in pairwise(nonblank) if body[after] == "##"}
        written: list[_Token] = []
        pastes = False
        for index, token in enumerate(body):
            if token == "##":
                while written and is_blank(written[-1][0]):
                    written.pop()
                pastes = True
                continue
            if pastes and is_blank(token):
                continue
            is_beside = pastes or index in beside
            if token in plain:
                filled = [
                    (each, own | hidden) for each, own in (plain if is_beside else expanded)[token]
                ]
                filled = _trim(filled) if is_beside else _pad(filled)
            else:
                filled = [(token, hidden)]
            if pastes and written and filled and not is_blank(written[-1][0]):
                joined = written.pop()[0] + filled[0][0]
                again = split_tokens(joined)
                if len(again) != 1 or is_blank(again[0]):
                    raise IsfError(
                        f"## makes {joined[:40]!r}, which is no word of GLSL", self._line
                    )
                filled[0] = (joined, hidden)
            pastes = False
            written += filled
            self._spend(len(filled))
        return written

    def _spend(self, count: int) -> None:
        self._work += count
        if self._work > MAX_WORK:
            raise IsfError("the macros expand to too much", self._line)


def _pad(tokens: list[_Token]) -> list[_Token]:
    """Add a blank on each side, so that neighbouring signs never merge."""
    return [(" ", _NOTHING), *tokens, (" ", _NOTHING)]


def _trim(tokens: list[_Token]) -> list[_Token]:
    nonblank = [index for index, (token, _) in enumerate(tokens) if not is_blank(token)]
    return tokens[nonblank[0] : nonblank[-1] + 1] if nonblank else []
