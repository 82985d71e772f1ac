"""Ends the loops of a shader after a number of rounds, so that no slider can hang the GPU.

Problem: a loop whose end depends on an input may be short when the file is tried, and endless when an artist moves a
slider. A GPU cannot be interrupted from outside: after two seconds the system resets the driver, which costs every
program its pictures; a software rasteriser just never returns.

So a counter runs in each pixel. Every loop asks `isf_go()` before its condition and ends once the pixel has made too
many rounds. A loop with a counter would no longer be unrolled, and most loops of real shaders are short and have fixed
ends: `for (int i = 0; i < 8; i++)`. Those keep their text, as long as the loops nested in one statement make at most
MAX_FREE_ROUNDS together. Functions that call each other from such loops multiply that; trying the file finds those.
"""

from dataclasses import dataclass
from typing import Final

from engine.render.isf.tokens import after_blank, closing, is_blank

MAX_FREE_ROUNDS: Final = 1024
GUARD: Final = "isf_go()"

_STEPS = {"++": 1.0, "--": -1.0}


def guard_loops(tokens: list[str]) -> list[str]:
    """The tokens with every loop guarded, except short ones with a fixed end."""
    loops = _find_loops(tokens)
    constants = _constants(tokens)
    free_ends: list[tuple[int, float]] = []  # end and rounds of the unguarded loops around
    for loop in loops:
        free_ends = [(end, rounds) for end, rounds in free_ends if end > loop.start]
        around = free_ends[-1][1] if free_ends else 1.0
        rounds = _rounds(tokens, loop, constants)
        if rounds is not None and rounds * around <= MAX_FREE_ROUNDS:
            free_ends.append((loop.end, rounds * around))
        else:
            loop.is_guarded = True
    guarded = list(tokens)
    for loop in loops:
        if loop.is_guarded:
            first, last = loop.condition
            condition = "".join(tokens[first:last]).strip()
            guarded[first:last] = [""] * (last - first)
            lines = "\n" * condition.count("\n")
            text = f" {GUARD} && ({condition}) " if condition else f" {GUARD} "
            # inserted before the sign that ends the condition, so that no place moves
            guarded[last] = (text if lines or condition else f" {GUARD}") + guarded[last]
    return guarded


@dataclass(slots=True)
class _Loop:
    start: int
    end: int
    """Place after its last token."""
    condition: tuple[int, int]
    parts: tuple[tuple[int, int], tuple[int, int]] | None
    """Places of a `for`'s beginning and step."""
    is_guarded: bool = False


def _find_loops(tokens: list[str]) -> list[_Loop]:
    """All loops in the order of their beginnings. A loop that cannot be read stays as it is: it will not compile."""
    loops = []
    for start, token in enumerate(tokens):
        if token not in ("for", "while"):
            continue
        opening = after_blank(tokens, start + 1)
        if opening == len(tokens) or tokens[opening] != "(":
            continue
        end = closing(tokens, opening)
        if end is None:
            continue
        body_end = _statement_end(tokens, end + 1, 0)
        if token == "while":
            loops.append(_Loop(start, body_end, (opening + 1, end), None))
            continue
        signs = _top_level(tokens, opening + 1, end)
        if len(signs) == 2:
            first, second = signs
            parts = ((opening + 1, first), (second + 1, end))
            loops.append(_Loop(start, body_end, (first + 1, second), parts))
    return loops


def _top_level(tokens: list[str], first: int, last: int) -> list[int]:
    """Places of the semicolons outside brackets."""
    places, depth = [], 0
    for place in range(first, last):
        depth += (tokens[place] in "([{") - (tokens[place] in ")]}") if tokens[place] else 0
        if tokens[place] == ";" and depth == 0:
            places.append(place)
    return places


def _statement_end(tokens: list[str], place: int, depth: int) -> int:
    """Place after the statement that begins here."""
    place = after_blank(tokens, place)
    if place >= len(tokens) or depth > 100:
        return len(tokens)
    token = tokens[place]
    if token == "{":
        end = closing(tokens, place)
        return len(tokens) if end is None else end + 1
    if token in ("for", "while", "if"):
        opening = after_blank(tokens, place + 1)
        end = closing(tokens, opening) if opening < len(tokens) and tokens[opening] == "(" else None
        if end is None:
            return len(tokens)
        after = _statement_end(tokens, end + 1, depth + 1)
        following = after_blank(tokens, after)
        if token == "if" and following < len(tokens) and tokens[following] == "else":
            return _statement_end(tokens, following + 1, depth + 1)
        return after
    while place < len(tokens) and tokens[place] != ";":
        place += 1
    return place + 1


def _constants(tokens: list[str]) -> dict[str, float]:
    """Numbers by name: `#define N 8` and `const int N = 8;`. A name that is given twice is not constant."""
    found: dict[str, list[float | None]] = {}
    words = [token for token in tokens if not is_blank(token)]
    for place in range(len(words) - 4):
        if words[place] == "#" and words[place + 1] == "define":
            found.setdefault(words[place + 2], []).append(_number(words[place + 3]))
        elif words[place] == "const" and words[place + 3] == "=":
            is_whole = place + 5 < len(words) and words[place + 5] == ";"
            found.setdefault(words[place + 2], []).append(_number(words[place + 4]) if is_whole else None)
    return {name: each[0] for name, each in found.items() if len(each) == 1 and each[0] is not None}


def _number(word: str) -> float | None:
    try:
        return float(word.rstrip("fFuU")) if word[:1] in "-.0123456789" else None
    except ValueError:
        return None


def _rounds(tokens: list[str], loop: _Loop, constants: dict[str, float]) -> float | None:
    """Rounds of `for (int i = A; i < B; i += C)` with fixed numbers whose body leaves i alone; None for others."""
    if loop.parts is None:
        return None
    begin, condition, step = (
        [token for token in tokens[first:last] if not is_blank(token)]
        for first, last in (loop.parts[0], loop.condition, loop.parts[1])
    )
    if begin[:1] in (["int"], ["float"], ["uint"]):
        begin = begin[1:]
    if len(begin) < 3 or begin[1] != "=":
        return None
    name = begin[0]
    text, by = "".join(condition), "".join(step)
    sign = next((each for each in ("<=", ">=", "<", ">") if text.startswith(name + each)), None)
    if sign is None:
        return None
    start, end = _value("".join(begin[2:]), constants), _value(text[len(name + sign) :], constants)
    change = next((value for mark, value in _STEPS.items() if by in (name + mark, mark + name)), None)
    if change is None:
        for mark, factor in (("+=", 1.0), ("-=", -1.0)):
            if by.startswith(name + mark):
                size = _number(by[len(name + mark) :])
                change = None if size is None else factor * size
    if start is None or end is None or not change:
        return None
    if _is_changed(tokens, loop, name):
        return None
    return max(0.0, (end - start) / change) + 1 if (change > 0) == (sign[0] == "<") else None


def _value(word: str, constants: dict[str, float]) -> float | None:
    number = _number(word)
    return constants.get(word) if number is None else number


def _is_changed(tokens: list[str], loop: _Loop, name: str) -> bool:
    """True if the body could assign the counter, or hand it to a function that does."""
    assert loop.parts is not None
    body = [token for token in tokens[loop.parts[1][1] + 1 : loop.end] if not is_blank(token)]
    for place, token in enumerate(body):
        if token != name:
            continue
        after = body[place + 1 : place + 3]
        before = body[max(0, place - 2) : place]
        if after[:1] == ["="] and after[1:] != ["="]:
            return True
        if len(after) == 2 and after[0] in "+-*/%" and after[1] == "=":
            return True
        if after in (["+", "+"], ["-", "-"]) or before in (["+", "+"], ["-", "-"]):
            return True
    return False
