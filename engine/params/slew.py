"""Smoothing: values glide to a new setting instead of jumping.

A one-pole filter: 63 % of the way after one time constant. With y the gliding value and t the target, a frame of dt
seconds does `y += (t - y) (1 - exp(-dt / tau))`, the exact solution, so the values at a given time are the same at any
frame rate. Parameters that wrap take the short way round; those with an exponential scale glide in the logarithm. A
menu that glides, such as the palette, has a share of each item: the chosen one's goes to 1 and the others' to 0.
"""

import math
from collections.abc import Iterable, Mapping
from copy import copy
from dataclasses import dataclass
from types import MappingProxyType
from typing import TypeVar

import osc_schema
from engine.params.store import Snapshot
from engine.values import GlidingItem
from osc_schema import Param, ParamType, Rejected, Value
from osc_schema.scale import Scale, scale_of

LANDING = 1e-4  # of the range: a tenth of an 8-bit step of brightness, a third of a pixel at the edge of 720p
MAX_SMOOTHING_MS = 60_000.0
MIN_SHARE = 1 / 512  # of a menu's item: less than half an 8-bit step of its colour

G = TypeVar("G")


@dataclass(slots=True)
class _Glide:
    """The movement of one parameter; `at` and `target` are coordinates of its scale."""

    scale: Scale
    landing: float
    smoothing_ms: float
    at: float = 0.0
    target: float = 0.0
    target_value: float = 0.0

    def aim(self, value: float) -> None:
        self.target_value = value
        self.target = self.scale.coordinate_of(value)

    def move(self, part: float) -> float:
        """Move `part` (0..1) of the remaining distance. The new value, exactly the target once it is close."""
        distance = self.scale.shortest(self.target - self.at)
        if abs(distance * (1.0 - part)) <= self.landing:
            self.at = self.target
            return self.target_value
        self.at = self.scale.wrapped(self.at + distance * part)
        return self.scale.value_of(self.at)


@dataclass(slots=True)
class _MenuGlide:
    """The shares of a menu's items; after a jump all of it is the target's."""

    smoothing_ms: float
    target: str = ""
    shares: tuple[tuple[str, float], ...] = ()

    def move(self, part: float) -> str:
        """Move `part` (0..1) of the way to the target. The target itself once it is close."""
        shares = dict(self.shares)
        shares.setdefault(self.target, 0.0)
        kept = {item: share * (1.0 - part) for item, share in shares.items()}
        kept[self.target] += part
        self.shares = tuple((item, share) for item, share in kept.items() if share > MIN_SHARE)
        total = sum(share for _, share in self.shares)
        if len(self.shares) == 1:
            self.shares = ((self.target, 1.0),)
            return self.target
        self.shares = tuple((item, share / total) for item, share in self.shares)
        return GlidingItem(self.target, self.shares)


class Slew:
    """Smoothed values of all parameters, one step per frame. For the render thread. Only moving parameters cost time;
    while none moves, `step` returns the same mapping."""

    def __init__(self, smoothing_overrides: Mapping[str, float] = MappingProxyType({})) -> None:
        self._glides = {param.address: _glide(param) for param in osc_schema.PARAMS if param.can_glide}
        self._moving: dict[str, _Glide] = {}
        self._menus = {
            param.address: _MenuGlide(param.smoothing_ms)
            for param in osc_schema.PARAMS
            if param.type is ParamType.MENU and param.smoothing_ms > 0.0
        }
        self._moving_menus: dict[str, _MenuGlide] = {}
        self._snapshot: Snapshot | None = None
        self._values: Mapping[str, Value] = MappingProxyType({})
        for address, smoothing_ms in smoothing_overrides.items():
            self.set_smoothing(address, smoothing_ms)

    def set_smoothing(self, address: str, smoothing_ms: float) -> None:
        """Override the time constant of a parameter; 0: it jumps. Raises Rejected."""
        glide = self._glides.get(address)
        if glide is None:
            if osc_schema.lookup(address) is None:
                raise osc_schema.unknown_address(address)
            raise Rejected(f"{address}: has no smoothing time that can be set")
        if not 0.0 <= smoothing_ms <= MAX_SMOOTHING_MS:
            raise Rejected(f"{address}: a smoothing of {smoothing_ms:g} ms is outside 0..{MAX_SMOOTHING_MS:g}")
        glide.smoothing_ms = smoothing_ms

    def jump(self, snapshot: Snapshot) -> None:
        """Jump to the snapshot's values."""
        self._moving.clear()
        self._moving_menus.clear()
        self._snapshot = snapshot
        self._values = snapshot
        self.jump_to(snapshot, (*self._menus, *self._glides))

    def jump_to(self, snapshot: Snapshot, addresses: Iterable[str]) -> None:
        """Jump to the snapshot's values of these addresses with the next step."""
        for address in addresses:
            glide = self._glides.get(address)
            if glide is not None:
                glide.aim(snapshot.number(address))
                glide.at = glide.target
            menu = self._menus.get(address)
            if menu is not None:
                menu.target = str(snapshot[address])
                menu.shares = ((menu.target, 1.0),)

    def copy(self) -> "Slew":
        """A copy that continues from the current state, with the same smoothing."""
        slew = Slew()
        slew._glides = {address: copy(glide) for address, glide in self._glides.items()}
        slew._moving = {address: slew._glides[address] for address in self._moving}
        slew._menus = {address: copy(menu) for address, menu in self._menus.items()}
        slew._moving_menus = {address: slew._menus[address] for address in self._moving_menus}
        slew._snapshot, slew._values = self._snapshot, self._values
        return slew

    def go_on_from(self, other: "Slew", addresses: Iterable[str]) -> None:
        """Go on with the next step from the present state of these addresses in another one, which ends."""
        for address in addresses:
            _take(address, self._glides, self._moving, other._glides, other._moving)
            _take(address, self._menus, self._moving_menus, other._menus, other._moving_menus)

    def step(self, snapshot: Snapshot, dt_s: float) -> Mapping[str, Value]:
        """The values `dt_s` seconds after the last step, gliding to those of the snapshot; the first step jumps. The
        returned mapping does not change afterwards."""
        if self._snapshot is None:
            self.jump(snapshot)
            return self._values
        changed = snapshot.changed_from(self._snapshot)
        self._snapshot = snapshot
        for address in changed:
            glide = self._glides.get(address)
            if glide is not None:
                glide.aim(snapshot.number(address))
                self._moving[address] = glide
            menu = self._menus.get(address)
            if menu is not None:
                menu.target = str(snapshot[address])
                self._moving_menus[address] = menu
        if not (self._moving or self._moving_menus):
            if changed:
                self._values = snapshot
            return self._values
        values = snapshot.to_dict()
        parts: dict[float, float] = {}  # time constant -> part of the way; most parameters have the same
        for address, glide in tuple(self._moving.items()):
            part = parts.get(glide.smoothing_ms)
            if part is None:
                part = parts[glide.smoothing_ms] = _part_of_way(dt_s, glide.smoothing_ms)
            values[address] = glide.move(part)
            if glide.at == glide.target:
                del self._moving[address]
        for address, menu in tuple(self._moving_menus.items()):
            values[address] = menu.move(_part_of_way(dt_s, menu.smoothing_ms))
            if len(menu.shares) == 1:
                del self._moving_menus[address]
        self._values = MappingProxyType(values)
        return self._values


def _take(address: str, own: dict[str, G], moving: dict[str, G], its: dict[str, G], its_moving: dict[str, G]) -> None:
    """Take over the glide of an address, if it has one, and if it moves."""
    moving.pop(address, None)
    if address in its:
        own[address] = its[address]
    if address in its_moving:
        moving[address] = its_moving[address]


def _part_of_way(dt_s: float, smoothing_ms: float) -> float:
    """1 - exp(-dt / tau), 0..1."""
    if smoothing_ms <= 0.0:
        return 1.0
    return -math.expm1(-max(0.0, dt_s) * 1000.0 / smoothing_ms)


def _glide(param: Param) -> _Glide:
    scale = scale_of(param)
    return _Glide(scale=scale, landing=LANDING * scale.span, smoothing_ms=param.smoothing_ms)
