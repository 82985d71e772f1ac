"""Expands the macros of a shader, so that what is checked afterwards is exactly what the driver compiles.

Problem: with `#define isf_go() true`, a `while` pasted together with `##` or split by a backslash at the end of a line,
a file can hide a loop from whoever reads its text, or take the guard out of it. So nothing of a file's preprocessor
reaches the driver: lines are joined, conditions decided and macros expanded here, by the rules of C that GLSL follows
(a name is not expanded again inside its own expansion: the hide sets of Prosser's algorithm, ANSI X3J11/86-196).
Lines stay where they are. What drivers define by themselves (`GL_ARB_...`) counts as undefined, `__VERSION__` is 330.

The published pcpp does the same for C, but grows without bounds with macros that double; the work here has a limit.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

from engine.errors import IsfError
from engine.render.isf.condition import evaluate_condition
from engine.render.isf.tokens import MAX_TOKENS, is_blank, split_tokens

MAX_WORK: Final = 1_000_000  # tokens looked at while macros are expanded
CHARS_A_WORD: Final = 32  # a longer one counts as several
MAX_MACROS: Final = 2000
MAX_CHARS_WRITTEN: Final = 1 << 20
MAX_LEVELS: Final = 60  # of macros inside the arguments of macros

_KEPT: Final = ("version", "extension", "pragma", "line")  # left out: they may only stand at the very beginning
_NOTHING: Final[frozenset[str]] = frozenset()


@dataclass(frozen=True, slots=True)
class _Macro:
    parameters: tuple[str, ...] | None
    """None for one without brackets."""
    body: tuple[str, ...]


_Told = tuple[str, frozenset[str]]
"""A token, and the macros whose expansion it comes from."""


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
                self._group.append(newline)
            elif self._counts:
                self._group += line
                self._group.append(newline)
            else:
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
        at = next(place for place, token in enumerate(line) if token == "define") + 1
        while at < len(line) and is_blank(line[at]):
            at += 1
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
        body = _trimmed(line[at:])
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
        self,
        macro: _Macro,
        plain: dict[str, list[_Told]],
        expanded: dict[str, list[_Told]],
        hidden: frozenset[str],
    ) -> list[_Told]:
        """The macro's text with its arguments; beside ## they are not expanded."""
        body = macro.body
        beside = _places_beside(body)
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
                filled = _trimmed_told(filled) if is_beside else _apart(filled)
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


_PREDEFINED: Final = {"__VERSION__": "330", "__FILE__": "0", "__LINE__": "0", "GL_core_profile": "1"}


def _apart(told: list[_Told]) -> list[_Told]:
    """With a blank on each side: signs from different places never become one."""
    return [(" ", _NOTHING), *told, (" ", _NOTHING)]


def _trimmed(tokens: list[str]) -> list[str]:
    first = next((place for place, token in enumerate(tokens) if not is_blank(token)), len(tokens))
    last = next((place for place in range(len(tokens), first, -1) if not is_blank(tokens[place - 1])), first)
    return tokens[first:last]


def _trimmed_told(told: list[_Told]) -> list[_Told]:
    words = [place for place, (token, _) in enumerate(told) if not is_blank(token)]
    return told[words[0] : words[-1] + 1] if words else []


def _places_beside(body: Sequence[str]) -> frozenset[int]:
    """The words with ## behind them."""
    words = [place for place, token in enumerate(body) if not is_blank(token)]
    return frozenset(place for place, after in pairwise(words) if body[after] == "##")
