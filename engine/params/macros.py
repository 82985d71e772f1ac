"""Macros: one knob moves many parameters, each within its own range and by its own curve.

    /macro/moves/1 "/post/bloom 0 1; /layer/*/angle 90 0 -0.5"

A macro that somebody moves sets its parameters in the frame after; a fader moved afterwards wins
until the macro moves again. What the same group sets (a bundle, a pattern, a packet of a desk)
stays. So does what the same sender is moving (the channels of a desk's crossfade step at different
rates). A macro moved by a preset, a fade or panic sets nothing, because these set the parameters
themselves; one moved by modulation moves them in that frame only (`spread`).
"""

import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final

import osc_schema
from engine.params.crossfade import BY as FADE
from engine.params.store import PANIC, Change, ParamStore
from engine.system.reporting import Report
from osc_schema import Param, ParamType, Rejected, Value
from osc_schema.macros import MACROS
from osc_schema.scale import Scale, nearest_step, scale_of

BY: Final = "macro"
ADDRESSES: Final = tuple(f"/macro/{n}" for n in MACROS)
MOVES: Final = {f"/macro/{n}": f"/macro/moves/{n}" for n in MACROS}
REST_S: Final = 1.0  # without a step, then a parameter rests
MAX_STEP_S: Final = (
    5.0  # between two steps of a slow crossfade of 8 bits: then it rests after twice that time
)
BREATH_BARS: Final = 8.0
_NOBODY: Final = ("", 0.0, 0.0)
_UNMOVED: Final = (ParamType.TEXT, ParamType.FILE, ParamType.TRIGGER, ParamType.COLOUR)


@dataclass(frozen=True, slots=True, kw_only=True)
class Move:
    """One movement; `address` may be a pattern."""

    address: str
    low: float | None = None
    """Value at 0; None: that of the parameter."""
    high: float | None = None
    curve: float = 0.0

    def __str__(self) -> str:
        parts = [self.address]
        if self.low is not None and self.high is not None:
            parts += [f"{self.low:g}", f"{self.high:g}"] + (
                [f"{self.curve:g}"] if self.curve else []
            )
        return " ".join(parts)

    def value(self, param: Param, position: float) -> Value:
        """The parameter's value with the macro at a position 0..1."""
        whole = scale_of(param)
        low, high = (
            (whole.low, whole.high)
            if self.low is None or self.high is None
            else (self.low, self.high)
        )
        is_exponential = whole.is_exponential and low > 0.0 and high > 0.0
        value = Scale(low, high, is_exponential).value_at(position ** (4.0**self.curve))
        if param.type is ParamType.BOOL:
            return value >= 0.5
        return (
            nearest_step(value, param.step)
            if param.type in (ParamType.INT, ParamType.MENU)
            else value
        )


@lru_cache(maxsize=64)
def moves_of(text: str) -> tuple[tuple[Param, Move], ...]:
    """The parameters in a text of moves. Raises Rejected, for the whole text, with one line."""
    found: dict[str, tuple[Param, Move]] = {}
    for entry in filter(None, (part.strip() for part in text.split(";"))):
        address, *numbers = entry.split()
        try:
            values = [float(number) for number in numbers]
        except ValueError:
            raise Rejected(f"{entry!r} is not an address, low, high and curve") from None
        if len(values) not in (0, 2, 3) or not all(abs(value) < 1e9 for value in values):
            raise Rejected(
                f"{entry!r}: takes an address, or an address, low, high and optionally a curve"
            )
        curve = values[2] if len(values) == 3 else 0.0
        if not -1.0 <= curve <= 1.0:
            raise Rejected(f"{entry!r}: the curve is not within -1..1")
        low, high = values[:2] if values else (None, None)
        move = Move(address=address, low=low, high=high, curve=curve)
        for param in _targets(address):
            found[param.address] = (param, move)
    return tuple(found.values())


def _targets(address: str) -> Iterable[Param]:
    param = osc_schema.lookup(address)
    params = (
        (param,) if param else osc_schema.match(address) if osc_schema.is_pattern(address) else ()
    )
    if not params:
        raise osc_schema.unknown_address(address)
    movable = [
        each
        for each in params
        if each.type not in _UNMOVED and each.stored and each.area != "macro"
    ]
    if not movable:
        raise Rejected(
            f"{address} cannot be moved by a macro: it is no number, switch or menu that presets "
            "hold"
        )
    return movable


def conditions() -> Iterable[tuple[str, Any]]:
    """Conditions for `ParamStore.add_condition`: refuse a text of moves that cannot be read."""

    return [(address, lambda value: moves_of(str(value))) for address in MOVES.values()]


class Macros:
    """Applies the moves of the macros to the parameters; `step`: on the render thread."""

    def __init__(self, store: ParamStore, report: Report) -> None:
        self._store = store
        self._report = report
        self._version = store.version
        self._moving: dict[str, tuple[str, float, float]] = {}
        """Who set an address last, except macros; when, and until when it is being moved."""
        store.remember_groups(ADDRESSES)

    def step(self, now_s: float) -> None:
        """Set the parameters of each macro that somebody has moved since the last frame."""
        changes, self._version = self._store.changes_since(self._version)
        for change in changes:
            by, set_s, until_s = self._moving.get(change.address, _NOBODY)
            if change.by == BY:
                until_s = 0.0
            else:
                step_s = now_s - set_s if by == change.by else 0.0
                until_s = now_s + (max(REST_S, 2 * step_s) if step_s <= MAX_STEP_S else REST_S)
                by = change.by
                set_s = now_s
            self._moving[change.address] = by, set_s, until_s
        for change in changes:
            moved_by_look = change.by in (FADE, "panic", PANIC, BY) or change.by.startswith(
                ("preset ", "resume")
            )
            if change.address in MOVES and not moved_by_look:
                _, together = self._store.group_of(change.address)
                values = [
                    entry
                    for entry in self._values(change)
                    if entry[0].address not in together
                    and not self._is_moving(entry[0].address, change.by, now_s)
                ]
                # not what a fader has set since
                self._store.glide(values, by=BY, since=change.version)

    def _is_moving(self, address: str, by: str, now_s: float) -> bool:
        who, _, until_s = self._moving.get(address, _NOBODY)
        return who == by and now_s < until_s

    def _values(self, change: Change) -> Iterator[tuple[Param, Value]]:
        position = osc_schema.as_number(change.value)
        for param, move in moves_of(str(self._store.get(MOVES[change.address]))):
            try:
                value = osc_schema.accept(param, move.value(param, position)).value
                self._store.require(param, value)
                yield param, value
            except Rejected as rejection:
                self._report(f"macros{change.address}", f"{change.address}: {rejection}")


def spread(values: Mapping[str, Any], moved: dict[str, float]) -> None:
    """Move the floats of modulated macros in this frame: adds to `moved`, where no route moves them
    itself."""
    for address in ADDRESSES:
        if address in moved:
            for param, move in moves_of(values[MOVES[address]]):
                if param.can_glide and param.address not in moved:
                    position = osc_schema.as_number(moved[address])
                    moved[param.address] = osc_schema.as_number(move.value(param, position))


def breathe(values: Mapping[str, Any], moved: dict[str, float], depth: float, bar: float) -> None:
    """Move what the macros move in this frame, as if each macro swung slowly around its position by
    up to `depth`, less near an end. Adds to `moved`; where a fader or a route has moved a
    parameter, it swings around that."""
    for number, address in zip(MACROS, ADDRESSES, strict=True):
        position = values[address]
        swing = math.sin(2.0 * math.pi * (bar / BREATH_BARS + number / len(MACROS)))
        shifted = position + min(depth, position, 1.0 - position) * swing
        for param, move in moves_of(values[MOVES[address]]) if shifted != position else ():
            if param.can_glide:
                by = float(move.value(param, shifted)) - float(move.value(param, position))  # type: ignore[arg-type]
                now = moved.get(param.address, values[param.address])
                moved[param.address] = osc_schema.accept(param, now + by).value  # type: ignore[assignment]
