"""Expands the macros of a shader, so that what is checked afterwards is exactly what the driver compiles.

Problem: with `#define isf_go() true`, a `while` pasted together with `##` or split by a backslash at the end of a line,
a file can hide a loop from whoever reads its text, or take the guard out of it. So nothing of a file's preprocessor
reaches the driver: lines are joined, conditions decided and macros expanded here, by the rules of C that GLSL follows
(a name is not expanded again inside its own expansion: the hide sets of Prosser's algorithm, ANSI X3J11/86-196).
Lines stay where they are. What drivers define by themselves (`GL_ARB_...`) counts as undefined, `__VERSION__` is 330.

The text comes as tokens, without comments, so that names can be replaced without touching anything else.

The published pcpp does the same for C, but grows without bounds with macros that double; the work here has a limit.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

from engine.errors import IsfError

MAX_TOKENS: Final = 120_000
MAX_BRACKETS: Final = 100  # inside each other: compilers recurse

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
MAX_WORK: Final = 1_000_000  # tokens looked at while macros are expanded
CHARS_A_WORD: Final = 32  # a longer one counts as several
MAX_MACROS: Final = 2000
MAX_CHARS_WRITTEN: Final = 1 << 20
MAX_LEVELS: Final = 60  # of macros inside the arguments of macros

_KEPT: Final = ("version", "extension", "pragma", "line")  # left out: they may only stand at the very beginning
_NOTHING: Final[frozenset[str]] = frozenset()
_Told = tuple[str, frozenset[str]]
"""A token, and the macros whose expansion it comes from."""
_PREDEFINED: Final = {"__VERSION__": "330", "__FILE__": "0", "__LINE__": "0", "GL_core_profile": "1"}


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
            if depth > MAX_BRACKETS:
                raise IsfError(f"brackets are nested more than {MAX_BRACKETS} deep", line)
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


@dataclass(frozen=True, slots=True)
class _Macro:
    parameters: tuple[str, ...] | None
    """None for one without brackets."""
    body: tuple[str, ...]


def preprocess(text: str) -> list[str]:
    """Its tokens with all macros expanded and no directive left; newlines stay. IsfError with the line."""
    expander = _Expander()
    expander.read(split_tokens(text))
    return expander.written


class _Expander:
    def __init__(self) -> None:
        self.written: list[str] = []
        self._macros = {name: _Macro(None, (text,)) for name, text in _PREDEFINED.items()}
        self._group: list[str] = []
        """Lines since the last directive."""
        self._conditions: list[tuple[bool, bool, bool]] = []
        """The open #if: whether its lines count, whether a branch has been taken, whether #else has come."""
        self._work = self._chars = 0
        self._line = 1

    def read(self, tokens: list[str]) -> None:
        place = 0
        while place < len(tokens):
            end = place
            while end < len(tokens) and "\n" not in tokens[end]:
                end += 1
            line = tokens[place:end]
            words = [token for token in line if not is_blank(token)]
            newline = "\n" * tokens[end].count("\n") if end < len(tokens) else ""
            if words[:1] == ["#"]:
                self._flush()
                self._directive(words[1:], line)
            elif self._counts:
                self._group += line
            self._group.append(newline)
            self._line += len(newline)
            place = end + 1
        self._flush()
        if self._conditions:
            raise IsfError("an #if is not ended with #endif", self._line)

    @property
    def _counts(self) -> bool:
        return all(counts for counts, _, _ in self._conditions)

    def _flush(self) -> None:
        group, self._group = self._group, []
        before = len(self.written)
        self.written += [token for token, _ in self._expanded([(token, _NOTHING) for token in group], 0)]
        self._chars += sum(len(token) for token in self.written[before:])
        if len(self.written) > MAX_TOKENS or self._chars > MAX_CHARS_WRITTEN:
            raise IsfError(f"with its macros expanded the shader is too long: at most {MAX_TOKENS} words and signs")

    # -- directives ----------------------------------------------------------------------------

    def _directive(self, words: list[str], line: list[str]) -> None:
        name = words[0] if words else ""
        if name in ("if", "ifdef", "ifndef"):
            is_true = self._counts and self._is_true(name, words[1:])
            self._conditions.append((is_true, is_true, False))
            if len(self._conditions) > MAX_LEVELS:
                raise IsfError(f"more than {MAX_LEVELS} #if inside each other", self._line)
        elif name in ("elif", "else", "endif"):
            self._branch(name, words[1:])
        elif not self._counts or not name or name in _KEPT:
            return
        elif name == "define":
            self._define(line)
        elif name == "undef" and len(words) == 2:
            self._macros.pop(words[1], None)
        elif name == "error":
            raise IsfError(f"#error {' '.join(words[1:])[:100]}", self._line)
        else:
            raise IsfError(f"#{name[:40]} is no directive of GLSL", self._line)

    def _branch(self, name: str, rest: list[str]) -> None:
        if not self._conditions:
            raise IsfError(f"#{name} without #if", self._line)
        _, was_taken, had_else = self._conditions.pop()
        if name == "endif":
            return
        if had_else:
            raise IsfError(f"#{name} after #else", self._line)
        is_true = not was_taken and self._counts and (name == "else" or self._is_true("if", rest))
        self._conditions.append((is_true, was_taken or is_true, name == "else"))

    def _is_true(self, name: str, words: list[str]) -> bool:
        if name != "if":
            if not words:
                raise IsfError(f"#{name} has no name", self._line)
            return (words[0] in self._macros) is (name == "ifdef")
        told: list[_Told] = []
        place = 0
        while place < len(words):
            if words[place] == "defined":
                in_brackets = words[place + 1 : place + 2] == ["("] and words[place + 3 : place + 4] == [")"]
                at = place + 2 if in_brackets else place + 1
                told.append(("1" if words[at : at + 1] and words[at] in self._macros else "0", _NOTHING))
                place = at + (2 if in_brackets else 1)
            else:
                told += [(words[place], _NOTHING), (" ", _NOTHING)]
                place += 1
        expanded = [token for token, _ in self._expanded(told, 0) if not is_blank(token)]
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
            inner = [token for token in line[at + 1 : end] if not is_blank(token)] if end > 0 else ["?"]
            parameters = inner[::2]
            is_listed = all(token == "," for token in inner[1::2]) and len(inner) % 2 == bool(inner)
            if not is_listed or not all(token[:1].isalpha() or token[:1] == "_" for token in parameters):
                raise IsfError(f"#define {name[:40]}: its parameters cannot be read", self._line)
            at = end + 1
        body = [token for token, _ in _trimmed([(token, _NOTHING) for token in line[at:]])]
        if body[:1] == ["##"] or body[-1:] == ["##"]:
            raise IsfError(f"#define {name[:40]}: ## joins two words, and stands between them", self._line)
        self._macros[name] = _Macro(None if parameters is None else tuple(parameters), tuple(body))
        if len(self._macros) > MAX_MACROS:
            raise IsfError(f"more than {MAX_MACROS} macros", self._line)

    # -- expansion -----------------------------------------------------------------------------

    def _expanded(self, told: Sequence[_Told], level: int) -> list[_Told]:
        if level > MAX_LEVELS:
            raise IsfError(f"macros stand more than {MAX_LEVELS} deep in the arguments of macros", self._line)
        waiting = list(reversed(told))
        written: list[_Told] = []
        while waiting:
            token, hidden = waiting.pop()
            self._spend(1 + len(token) // CHARS_A_WORD)
            macro = self._macros.get(token) if token not in hidden else None
            if token == "__LINE__":
                written.append((str(self._line), hidden))
            elif macro is None:
                written.append((token, hidden))
            elif macro.parameters is None:
                waiting += reversed(_apart(self._filled(macro, {}, {}, hidden | {token})))
            else:
                found = self._arguments(token, macro, waiting, hidden)
                if found is None:
                    written.append((token, hidden))
                    continue
                arguments, newlines, behind = found
                expanded = {name: self._expanded(each, level + 1) for name, each in arguments.items()}
                if newlines:
                    waiting.append((newlines, _NOTHING))
                waiting += reversed(_apart(self._filled(macro, arguments, expanded, (hidden & behind) | {token})))
        return written

    def _arguments(
        self, name: str, macro: _Macro, waiting: list[_Told], hidden: frozenset[str]
    ) -> tuple[dict[str, list[_Told]], str, frozenset[str]] | None:
        """Take them from `waiting`; None if no bracket follows. Also the newlines in them, and the hide set behind."""
        opening = len(waiting) - 1
        while opening >= 0 and is_blank(waiting[opening][0]):
            opening -= 1
        if opening < 0 or waiting[opening][0] != "(":
            return None
        assert macro.parameters is not None
        each: list[list[_Told]] = [[]]
        newlines, depth, at = sum(token.count("\n") for token, _ in waiting[opening:]), 1, opening - 1
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
            raise IsfError(f"macro {name[:40]} takes {count} arguments, not {len(each)}", self._line)
        return dict(zip(macro.parameters, each, strict=True)), "\n" * newlines, behind

    def _filled(
        self, macro: _Macro, plain: dict[str, list[_Told]], expanded: dict[str, list[_Told]], hidden: frozenset[str]
    ) -> list[_Told]:
        """The macro's text with its arguments; beside ## they are not expanded."""
        body = macro.body
        words = [place for place, token in enumerate(body) if not is_blank(token)]
        beside = {place for place, after in pairwise(words) if body[after] == "##"}
        written: list[_Told] = []
        pastes = False
        for place, token in enumerate(body):
            if token == "##":
                while written and is_blank(written[-1][0]):
                    written.pop()
                pastes = True
                continue
            if pastes and is_blank(token):
                continue
            is_beside = pastes or place in beside
            if token in plain:
                filled = [(each, own | hidden) for each, own in (plain if is_beside else expanded)[token]]
                filled = _trimmed(filled) if is_beside else _apart(filled)
            else:
                filled = [(token, hidden)]
            if pastes and written and filled and not is_blank(written[-1][0]):
                joined = written.pop()[0] + filled[0][0]
                again = split_tokens(joined)
                if len(again) != 1 or is_blank(again[0]):
                    raise IsfError(f"## makes {joined[:40]!r}, which is no word of GLSL", self._line)
                filled[0] = (joined, hidden)
            pastes = False
            written += filled
            self._spend(len(filled))
        return written

    def _spend(self, count: int) -> None:
        self._work += count
        if self._work > MAX_WORK:
            raise IsfError("the macros expand to too much", self._line)


def _apart(told: list[_Told]) -> list[_Told]:
    """With a blank on each side: signs from different places never become one."""
    return [(" ", _NOTHING), *told, (" ", _NOTHING)]


def _trimmed(told: list[_Told]) -> list[_Told]:
    words = [place for place, (token, _) in enumerate(told) if not is_blank(token)]
    return told[words[0] : words[-1] + 1] if words else []
