"""Smoothing: values glide to a new setting instead of jumping.

A one-pole filter: 63 % of the way after one time constant. With y the gliding value and t the
target, a frame of dt seconds does `y += (t - y) (1 - exp(-dt / tau))`. This is the exact solution,
so the values at a given time are the same at any frame rate. Parameters that wrap take the short
way round; those with an exponential scale glide in the logarithm. A menu that glides, such as the
palette, has a weight for each item: the chosen one's glides to 1 and the others' to 0, so that a
choice in the middle of a glide does not jump either.
"""

import math
from collections.abc import Iterable, Mapping
from copy import copy
from dataclasses import dataclass
from types import MappingProxyType

import osc_schema
from engine.params.store import Snapshot
from engine.values import GlidingItem
from osc_schema import Param, ParamType, Rejected, Value
from osc_schema.engine import MAX_SMOOTHING_MS
from osc_schema.scale import Scale, scale_of

# of the range: a tenth of an 8-bit step of brightness, a third of a pixel at the edge of 720p
LANDING = 1e-4
MIN_WEIGHT = 1 / 512  # of a menu's item: less than half an 8-bit step of its colour


@dataclass(slots=True)
class _Glide:
    """The movement of one number; `at` and `target` are coordinates of its scale."""

    scale: Scale
    landing: float
    smoothing_ms: float
    at: float = 0.0
    target: float = 0.0
    target_value: float = 0.0

    @property
    def is_there(self) -> bool:
        return self.at == self.target

    def aim(self, value: Value) -> None:
        self.target_value = osc_schema.as_number(value)
        self.target = self.scale.coordinate_of(self.target_value)

    def jump(self) -> None:
        self.at = self.target

    def move(self, fraction: float) -> float:
        """Move `fraction` (0..1) of the remaining distance. The new value, exactly the target once
        it is close."""
        distance = self.scale.shortest(self.target - self.at)
        if abs(distance * (1.0 - fraction)) <= self.landing:
            self.at = self.target
            return self.target_value
        self.at = self.scale.wrapped(self.at + distance * fraction)
        return self.scale.value_of(self.at)


@dataclass(slots=True)
class _MenuGlide:
    """The weights of a menu's items; after a jump the target has all the weight."""

    smoothing_ms: float
    target: str = ""
    weights: tuple[tuple[str, float], ...] = ()

    @property
    def is_there(self) -> bool:
        return len(self.weights) == 1

    def aim(self, value: Value) -> None:
        self.target = str(value)

    def jump(self) -> None:
        self.weights = ((self.target, 1.0),)

    def move(self, fraction: float) -> str:
        """Move `fraction` (0..1) of the way to the target. The target itself once it is close."""
        weights = dict(self.weights)
        weights.setdefault(self.target, 0.0)
        remaining = {item: weight * (1.0 - fraction) for item, weight in weights.items()}
        remaining[self.target] += fraction
        self.weights = tuple(
            (item, weight) for item, weight in remaining.items() if weight > MIN_WEIGHT
        )
        total = sum(weight for _, weight in self.weights)
        if self.is_there:
            self.jump()
            return self.target
        self.weights = tuple((item, weight / total) for item, weight in self.weights)
        return GlidingItem(self.target, self.weights)


class Slew:
    """Smoothed values of all parameters, one step per frame. For the render thread. Only moving
    parameters cost time; while none moves, `step` returns the same mapping."""

    def __init__(self, smoothing_overrides: Mapping[str, float] = MappingProxyType({})) -> None:
        self._glides = {
            param.address: glide
            for param in osc_schema.PARAMS
            if (glide := _glide(param)) is not None
        }
        self._moving: dict[str, _Glide | _MenuGlide] = {}
        self._snapshot: Snapshot | None = None
        self._values: Mapping[str, Value] = MappingProxyType({})
        for address, smoothing_ms in smoothing_overrides.items():
            self.set_smoothing(address, smoothing_ms)

    def set_smoothing(self, address: str, smoothing_ms: float) -> None:
        """Override the time constant of a parameter; 0: it jumps. Raises Rejected."""
        glide = self._glides.get(address)
        if not isinstance(glide, _Glide):
            if osc_schema.lookup(address) is None:
                raise osc_schema.unknown_address(address)
            raise Rejected(f"{address}: has no smoothing time that can be set")
        if not 0.0 <= smoothing_ms <= MAX_SMOOTHING_MS:
            raise Rejected(
                f"{address}: a smoothing of {smoothing_ms:g} ms is outside 0..{MAX_SMOOTHING_MS:g}"
            )
        glide.smoothing_ms = smoothing_ms

    def jump(self, snapshot: Snapshot) -> None:
        """Jump to the snapshot's values."""
        self._moving.clear()
        self._snapshot = snapshot
        self._values = snapshot
        self.jump_to(snapshot, self._glides)

    def jump_to(self, snapshot: Snapshot, addresses: Iterable[str]) -> None:
        """Jump to the snapshot's values of these addresses with the next step."""
        for address in addresses:
            glide = self._glides.get(address)
            if glide is not None:
                glide.aim(snapshot[address])
                glide.jump()

    def copy(self) -> "Slew":
        """A copy that continues from the current state, with the same smoothing."""
        slew = Slew()
        slew._glides = {address: copy(glide) for address, glide in self._glides.items()}
        slew._moving = {address: slew._glides[address] for address in self._moving}
        slew._snapshot = self._snapshot
        slew._values = self._values
        return slew

    def continue_from(self, other: "Slew", addresses: Iterable[str]) -> None:
        """Continue with the next step from the present state of these addresses in another one,
        which ends."""
        for address in addresses:
            self._moving.pop(address, None)
            if address in other._glides:
                self._glides[address] = other._glides[address]
            if address in other._moving:
                self._moving[address] = other._moving[address]

    def step(self, snapshot: Snapshot, dt_s: float) -> Mapping[str, Value]:
        """The values `dt_s` seconds after the last step, gliding to those of the snapshot; the
        first step jumps. The returned mapping does not change afterwards."""
        if self._snapshot is None:
            self.jump(snapshot)
            return self._values
        changed = snapshot.changed_from(self._snapshot)
        self._snapshot = snapshot
        for address in changed:
            glide = self._glides.get(address)
            if glide is not None:
                glide.aim(snapshot[address])
                self._moving[address] = glide
        if not self._moving:
            if changed:
                self._values = snapshot
            return self._values
        values = snapshot.to_dict()
        fractions: dict[
            float, float
        ] = {}  # time constant -> fraction of the way; most parameters have the same
        for address, glide in tuple(self._moving.items()):
            fraction = fractions.get(glide.smoothing_ms)
            if fraction is None:
                fraction = fractions[glide.smoothing_ms] = _fraction_of_way(
                    dt_s, glide.smoothing_ms
                )
            values[address] = glide.move(fraction)
            if glide.is_there:
                del self._moving[address]
        self._values = MappingProxyType(values)
        return self._values


def _fraction_of_way(dt_s: float, smoothing_ms: float) -> float:
    """1 - exp(-dt / tau), 0..1."""
    if smoothing_ms <= 0.0:
        return 1.0
    passed_ms = max(0.0, dt_s) * 1000.0
    return -math.expm1(-passed_ms / smoothing_ms)


def _glide(param: Param) -> _Glide | _MenuGlide | None:
    if param.type is ParamType.MENU and param.smoothing_ms > 0.0:
        return _MenuGlide(param.smoothing_ms)
    if not param.can_glide:
        return None
    scale = scale_of(param)
    return _Glide(
        scale=scale,
        landing=LANDING * scale.span,
        smoothing_ms=param.smoothing_ms,
    )
