"""Bounds the work per pixel, so that no slider, date or time of the show can hang the GPU.

Problem: a loop whose end depends on an input may be short when the file is tried, and endless when
an artist moves a slider, or eight seconds later. A GPU cannot be interrupted from outside: after
two seconds the system resets the driver, which costs every program its pictures; a software
rasteriser just never returns.

So the work of a pixel is estimated in units, roughly one operation on a vector of four. The tokens
of each function are summed up, including all functions that it calls. A loop with constant bounds
counts once per iteration. If that is little, its text stays: compilers unroll such loops, and a
counter would prevent that. Every other loop calls `isf_go(units)` before each iteration, where
`units` is the work of one; it ends once the pixel has spent its budget. The rest of the text is
`straight`, each loop counted once. `straight` and the budget bound a pixel by construction, without
testing any path, condition or time.

A constant number of iterations is only accepted where nothing in the loop can change it. The
counter is declared in the loop, assigned nowhere else, and passed to no function that could assign
it. Its values are far from the limits of 32 bits, and its constants are declared once in the whole
text.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Final

from engine.errors import IsfError
from engine.render.isf.preprocess import is_blank
from engine.render.isf.structure import SIZES, Function, Structure, is_name

# Work units of GLSL's tokens, measured on a software rasteriser and rounded up: a texture read
# takes as long as some fifty additions there; on a GPU the difference is smaller. `speed.py`
# measures the unit on each machine.
DEFAULT_CALL: Final = 2  # constructors, min, max
SIGNS: Final[Mapping[str, int]] = {
    **dict.fromkeys(("+", "-", "<", ">", "<=", ">=", "==", "!=", "&", "|", "^", "!", "~", "?", ","),
        1),
    **dict.fromkeys(("<<", ">>", "&&", "||", "^^", "++", "--", "+=", "-=", "&=", "|=", "^="), 1),
    "/": 4, "/=": 4, "%": 8, "%=": 8, "[": 8,
}  # fmt: skip
OUT_BUILTINS: Final = frozenset("modf frexp uaddCarry usubBorrow umulExtended imulExtended".split())

_TEXTURE: Final = """texture textureLod textureProj textureOffset texelFetch textureGrad
    textureProjLod textureGather
    texture2D texture2DLod texture2DProj texture2DRect texture2DRectProj texelFetchOffset
    textureLodOffset
    textureProjOffset textureGradOffset textureProjGrad textureProjGradOffset textureProjLodOffset
    textureGatherOffset
    textureGatherOffsets IMG_NORM_PIXEL IMG_PIXEL IMG_THIS_PIXEL IMG_THIS_NORM_PIXEL
    IMG_HISTORY""".split()
_DEAR: Final = """sin cos tan asin acos atan sinh cosh tanh asinh acosh atanh pow exp exp2 log log2
    fma noise1 noise2
    noise3 noise4 modf frexp ldexp""".split()
_ROOTS: Final = """sqrt inversesqrt length distance normalize reflect refract faceforward mod
    smoothstep dot
    cross""".split()

BUILTIN: Final[Mapping[str, int]] = {
    **dict.fromkeys(_TEXTURE, 64),
    **dict.fromkeys(_DEAR, 32),
    **dict.fromkeys(_ROOTS, 8),
    **dict.fromkeys(("inverse", "determinant", "outerProduct", "transpose", "matrixCompMult"), 96),
}


FREE_UNITS: Final = 65_536  # of a loop that keeps its text
MAX_STRAIGHT: Final = 262_144  # above it loops lose that right
MAX_UNITS: Final = 4 << 20  # of a text without loops: calls that call each other twice, thirty deep
MIN_ROUND: Final = (
    33  # so that a budget ends before the 65535 rounds at which llvmpipe ends any loop silently
)
MAX_LEVELS: Final = (
    120  # of statements in statements, and of functions called before they are defined
)
# after the author's text
_FINISH: Final = ("clamp", "mix", "isnan", "isinf", "max", "texelFetch", "float", "vec3", "vec4")
_LOOPS: Final = ("for", "while", "do")


class LoopGuards:
    """Computes the guards that bound the work of a shader's loops."""

    def __init__(self, tokens: Sequence[str]) -> None:
        """tokens: With all macros expanded. IsfError if they cannot be parsed, or do too much
        without any loop."""
        self._indices = [index for index, token in enumerate(tokens) if not is_blank(token)]
        line = 1
        lines = []
        for token in tokens:
            if not is_blank(token):
                lines.append(line)
            line += token.count("\n")
        self._structure = Structure([tokens[index] for index in self._indices], lines)
        free_units = FREE_UNITS
        while True:
            weighing = _WorkEstimate(self._structure, free_units)
            self.straight = weighing.total("main")
            """Units of a pixel beside those of the guarded loops."""
            if self.straight <= MAX_STRAIGHT or free_units < 8:
                break
            free_units //= 8
        if self.straight > MAX_UNITS:
            raise IsfError(
                f"a pixel takes {self.straight} operations without any loop, since functions call "
                "each other so often: "
                f"at most {MAX_UNITS}"
            )
        self.is_guarded = bool(weighing.guards)
        self._before: dict[int, str] = {}
        self._behind: dict[int, str] = {}
        for first, last, units in weighing.guards:
            if first == last:  # an empty condition
                self._before[self._indices[first]] = f" isf_go({units})"
            else:
                self._before[self._indices[first]] = f"isf_go({units}) && ("
                self._behind[self._indices[last - 1]] = ")"

    def insert_into(self, tokens: Sequence[str]) -> list[str]:
        """Insert the guards into tokens that have the same indices as the constructor's."""
        return [
            self._before.get(index, "") + token + self._behind.get(index, "")
            for index, token in enumerate(tokens)
        ]


class _WorkEstimate:
    """Estimates the work of a text, with one limit for unguarded loops."""

    def __init__(self, structure: Structure, free_units: int) -> None:
        self._s = structure
        self._tokens = structure.tokens
        self._free_units = free_units
        self.guards: list[tuple[int, int, int]] = []
        """First and last + 1 token of a condition, and the units of one iteration."""
        self._weights: dict[int, int] = {}
        self._running: set[int] = set()
        self._copy = 1 + structure.largest // 16
        matrices = max(
            [
                SIZES[token]
                for token in set(self._tokens)
                if token.startswith("mat") and token in SIZES
            ],
            default=4,
        )
        self._times = max(2, (matrices**2) // 8) if matrices > 4 else 2

    def total(self, entry: str) -> int:
        """Return the units of one call of main and of the code around it."""
        every = [function for functions in self._s.functions.values() for function in functions]
        for function in sorted(every, key=lambda each: each.number):
            self._weight_of(function, 0)
        around = sum(self._range(first, last, len(every), 0) for first, last in self._s.outside)
        ends = [function for name in _FINISH for function in self._s.functions.get(name, ())]
        mains = self._s.functions.get(entry, [])
        return (
            sum(self._weight_of(each, 0) for each in mains)
            + around
            + 4 * sum(self._weight_of(e, 0) for e in ends)
        )

    def _weight_of(self, function: Function, level: int) -> int:
        weight = self._weights.get(function.number)
        if weight is None:
            if level > MAX_LEVELS:
                raise self._s.refuse(
                    f"functions call each other more than {MAX_LEVELS} deep", function.body[0]
                )
            self._running.add(function.number)
            weight = 2 + self._block(*function.body, function.number, level)
            self._running.discard(function.number)
            self._weights[function.number] = weight = min(weight, 1 << 40)
        return weight

    # -- statements ----------------------------------------------------------------------------

    def _block(self, at: int, end: int, number: int, level: int) -> int:
        units = 0
        while at < end:
            at, more = self._statement(at, end, number, level + 1)
            units += more
        return units

    def _statement(self, at: int, end: int, number: int, level: int) -> tuple[int, int]:
        """Return the index after the statement, and its units. number: Of the surrounding
        function."""
        s = self._s
        tokens = self._tokens
        if level > MAX_LEVELS:
            raise s.refuse("statements are nested too deeply", at)
        units = 0
        # `else if` continues here, so that a long row is not deep
        while at < end and tokens[at] == "if":
            opening, closing = self._brackets(at + 1)
            units += 1 + self._range(opening + 1, closing, number, level)
            at, more = self._statement(closing + 1, end, number, level + 1)
            units += more
            if not (at < end and tokens[at] == "else"):
                return at, units
            at += 1
        if at >= end:
            return at, units
        token = tokens[at]
        if token == "{":
            return s.partner[at] + 1, units + self._block(at + 1, s.partner[at], number, level)
        if token == "for":
            after, more = self._for(at, end, number, level)
        elif token == "while":
            opening, closing = self._brackets(at + 1)
            after, body = self._statement(closing + 1, end, number, level + 1)
            more = self._guard(
                opening + 1, closing, body + self._range(opening + 1, closing, number, level)
            )
        elif token == "do":
            after, body = self._statement(at + 1, end, number, level + 1)
            if tokens[after : after + 1] != ["while"]:
                raise s.refuse("a do has no while", at)
            opening, closing = self._brackets(after + 1)
            more = self._guard(
                opening + 1, closing, body + self._range(opening + 1, closing, number, level)
            )
            after = closing + 1
        elif token == "switch":
            opening, closing = self._brackets(at + 1)
            after, more = self._statement(closing + 1, end, number, level + 1)
            more += 1 + self._range(opening + 1, closing, number, level)
        elif token in ("case", "default"):
            while at < end and tokens[at] != ":":
                at = s.partner[at] + 1 if tokens[at] in ("(", "[", "{") else at + 1
            return at + 1, units + 1
        else:
            after = at
            while after < end and tokens[after] != ";":
                after = s.partner[after] + 1 if tokens[after] in ("(", "[", "{") else after + 1
            return after + 1, units + self._range(at, min(after, end), number, level)
        return after, units + more

    def _brackets(self, at: int) -> tuple[int, int]:
        if self._tokens[at : at + 1] != ["("]:
            raise self._s.refuse("( is missing behind if, for, while or switch", at)
        return at, self._s.partner[at]

    def _guard(self, first: int, last: int, units: int) -> int:
        units = max(units, MIN_ROUND)
        self.guards.append((first, last, min(units, MAX_UNITS)))
        return units

    def _for(self, at: int, end: int, number: int, level: int) -> tuple[int, int]:
        s = self._s
        opening, closing = self._brackets(at + 1)
        parts = s.parts(opening + 1, closing, ";")
        if len(parts) != 3:
            raise s.refuse("a for has not three parts", at)
        begin, condition, step = parts
        after, body = self._statement(closing + 1, end, number, level + 1)
        once = self._range(*begin, number, level)
        units = (
            1 + body + self._range(*condition, number, level) + self._range(*step, number, level)
        )
        rounds = self._rounds(begin, condition, step, (closing + 1, after))
        if rounds is not None and rounds * units <= self._free_units:
            return after, once + math.ceil(rounds) * units
        return after, once + self._guard(*condition, units)

    # -- expressions ---------------------------------------------------------------------------

    def _range(self, first: int, last: int, number: int, level: int) -> int:
        """Return the units of tokens that are no statements."""
        tokens = self._tokens
        units = 0
        for at in range(first, last):
            token = tokens[at]
            if token in _LOOPS or token in ("if", "switch", "else"):
                raise self._s.refuse(f"{token} stands where no statement can", at)
            if token == "*" or token == "*=":
                units += self._times
            elif token == "=" or token == "return":
                units += self._copy
            elif token in SIGNS:
                units += SIGNS[token]
            elif tokens[at + 1 : at + 2] == ["("] and is_name(token):
                units += self._call(token, at, number, level)
        return units

    def _call(self, name: str, at: int, number: int, level: int) -> int:
        own = self._s.functions.get(name)
        if own is None:
            return BUILTIN.get(name, DEFAULT_CALL)
        arity = len(self._s.parts(at + 2, self._s.partner[at + 1], ","))
        is_announced = name in self._s.prototypes
        called = [
            each
            for each in own
            if each.arity in (arity, 0 if arity == 1 else arity)
            and (is_announced or each.number < number)
            and each.number not in self._running
        ]
        if not called and any(each.number in self._running for each in own):
            raise self._s.refuse(f"{name} calls itself", at)
        weight = max((self._weight_of(each, level + 1) for each in called), default=DEFAULT_CALL)
        return weight + self._copy * (1 + arity)

    # -- loops with fixed ends -----------------------------------------------------------------

    def _rounds(
        self,
        begin: tuple[int, int],
        condition: tuple[int, int],
        step: tuple[int, int],
        body: tuple[int, int],
    ) -> float | None:
        """Return the iterations of `for (int i = A; i < B; i += C)` with constants; None if i may
        change otherwise."""
        tokens = self._tokens
        s = self._s
        first = begin[0]
        if (
            begin[1] - first < 4
            or tokens[first] not in ("int", "float")
            or tokens[first + 2] != "="
        ):
            return None
        name = tokens[first + 1]
        if condition[1] - condition[0] < 3 or tokens[condition[0]] != name:
            return None
        sign = tokens[condition[0] + 1]
        start = s.number(first + 3, begin[1], s.constants)
        stop = s.number(condition[0] + 2, condition[1], s.constants)
        change = self._change(step, name)
        if sign not in ("<", "<=", ">", ">=") or start is None or stop is None or not change:
            return None
        reach = max(abs(start), abs(stop), abs(start - stop))
        if reach > 1e6 or (tokens[first] == "float" and abs(change) < 1e-5 * reach):
            return None  # near the end of 32 bits a counter stands still, or begins again
        if tokens[first] == "int" and (start % 1 or change % 1):
            return None
        if self._is_changed(name, condition, (step[0], body[1])):
            return None
        if (change > 0) != (sign[0] == "<"):
            return None  # none, or endless
        return max(0.0, (stop - start) / change) + 1

    def _change(self, step: tuple[int, int], name: str) -> float | None:
        tokens = self._tokens[step[0] : step[1]]
        if sorted(tokens) in (sorted([name, "++"]), sorted([name, "--"])):
            return 1.0 if "++" in tokens else -1.0
        if len(tokens) >= 3 and tokens[0] == name and tokens[1] in ("+=", "-="):
            size = self._s.number(step[0] + 2, step[1], self._s.constants)
            return None if size is None else size if tokens[1] == "+=" else -size
        return None

    def _is_changed(self, name: str, condition: tuple[int, int], rest: tuple[int, int]) -> bool:
        """Return True if something other than the loop's own step could change the counter."""
        tokens = self._tokens
        s = self._s
        own_step = True
        for at in range(rest[0], rest[1]):
            if tokens[at] != name or tokens[at - 1] == ".":
                continue
            before, after = tokens[at - 1], tokens[at + 1] if at + 1 < len(tokens) else ""
            is_assigned = after in ("++", "--") or before in ("++", "--")
            is_assigned |= after.endswith("=") and after not in ("==", "<=", ">=", "!=")
            if is_assigned and own_step and s.around[at] == s.around[condition[0]]:
                own_step = False  # the loop's own
                continue
            if (
                is_assigned
                or (is_name(before) and before not in ("return", "case", "else"))
                or before == "]"
            ):
                return True
            if self._may_be_assigned_by_call(at):
                return True
        return False

    def _may_be_assigned_by_call(self, at: int) -> bool:
        """Return True if a function gets this variable as an out argument."""
        tokens = self._tokens
        s = self._s
        opening = s.around[at]
        while opening > 0 and tokens[opening] == "(" and not is_name(tokens[opening - 1]):
            opening = s.around[opening]  # f((i))
        if opening <= 0 or tokens[opening] != "(":
            return False
        name = tokens[opening - 1]
        if name in OUT_BUILTINS:
            return True
        own = s.functions.get(name, []) if name not in SIZES else []
        return any(
            tokens[index] in ("out", "inout")
            for each in own
            for first, last in each.parameters
            for index in range(first, last)
        )
