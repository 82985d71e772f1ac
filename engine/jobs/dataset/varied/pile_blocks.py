"""Properties that the piles of a site and of its blocks share."""

from dataclasses import dataclass

import numpy as np

from engine.jobs.dataset.scene.pile_looks import CapKind, Filling, FootKind, PaintColor, PaintPlace
from engine.jobs.dataset.scene.streams import Seed, stream
from engine.jobs.dataset.scene.things import PileKind
from engine.jobs.dataset.varied.pile_types import ALIASES, CAP_COLORS, PAINTS, TYPES, PileType
from engine.jobs.dataset.varied.shares import Shares, pick
from engine.jobs.kit.span import between

SECOND_KIND = 0.45
"""Share of sites with a second kind of pile; it stands in a quarter of the blocks."""
USUAL_BLOCKS = 0.75
LEVEL_SHARE = 0.7
"""Share of blocks whose tops are level along a row; elsewhere each pile was driven to another depth."""
JITTER_M = (0.005, 0.08)
"""Deviation from the planned place, by block."""
PAINTED_SHARE = 0.38
CAPPED_SHARE = 0.2


@dataclass(frozen=True, slots=True, kw_only=True)
class PileBlock:
    """Everything that the piles of a block have in common."""

    kind: PileKind
    type: PileType
    diameter_m: float
    """Usual diameter, unless another one was asked for."""
    diameter_roll: float
    slender: float
    level: float
    """Share of the range of exposed heights."""
    is_level: bool
    uneven_m: float
    jitter_m: float
    turn: float
    """Direction of the sections against the row."""
    shade: float
    contrast: float
    """How much single piles differ in shade."""
    tint: tuple[float, float, float]
    feet: tuple[FootKind, FootKind, float]
    """Usual kind of foot, another one, and the share of the other one."""
    foot_size: float
    rust: int
    has_flange: bool
    hooped: float
    plated: float
    filling: Filling
    painted: float
    """Share of piles with paint."""
    paint: PaintPlace
    paint_color: PaintColor
    capped: float
    cap: CapKind
    cap_color: PaintColor
    bars_m: float
    dirty: float


class PileSite:
    """Draws what the piles of a block have in common; a block's number decides."""

    def __init__(self, kinds: Shares, feet: Shares, seed: Seed, clear_m: float = 0.0) -> None:
        """`clear_m`: diameter from which a pile is clearly visible in the pictures; thinner ones become rarer."""
        self._seed = seed
        self._kinds = kinds
        self._clear_m = clear_m
        self._feet = feet
        usual, second, has_second = stream(seed, "piles site").random(3).tolist()
        self._usual = self._kind(usual)
        self._second = self._kind(second) if has_second < SECOND_KIND else self._usual
        self._blocks: dict[int, PileBlock] = {}

    def block(self, number: int) -> PileBlock:
        if number not in self._blocks:
            self._blocks[number] = self._draw(number)
        return self._blocks[number]

    def _kind(self, roll: float) -> PileKind:
        return ALIASES[pick(self._kinds, np.array([roll]))[0]]

    def _draw(self, number: int) -> PileBlock:
        rolls = iter(stream(self._seed, f"piles block {number}").random(40).tolist())
        kind = self._usual if next(rolls) < USUAL_BLOCKS else self._second
        type_ = TYPES[kind]
        filling, cap = next(rolls), next(rolls)
        shade = between(type_.shade, next(rolls))
        hue, gray = 2 * next(rolls) - 1, next(rolls)
        is_painted, is_capped = next(rolls), next(rolls)
        return PileBlock(
            kind=kind,
            type=type_,
            diameter_m=_size(type_, roll := next(rolls), self._clear_m),
            diameter_roll=roll,
            slender=between(type_.slender, next(rolls)),
            level=next(rolls) ** 1.5,
            is_level=next(rolls) < LEVEL_SHARE,
            uneven_m=0.35 * next(rolls),
            jitter_m=between(JITTER_M, next(rolls) ** 3),
            turn=(next(rolls) < 0.5) * np.pi / 2,
            shade=shade,
            contrast=0.05 + 0.2 * next(rolls),
            tint=(1 + 0.05 * hue * gray, 1.0, 1 - 0.09 * hue * gray),
            feet=(
                FootKind(_one(self._feet, next(rolls))),
                FootKind(_one(self._feet, next(rolls))),
                0.3 * next(rolls) ** 2,
            ),
            foot_size=next(rolls),
            rust=weighted(type_.rusty, next(rolls)),
            has_flange=next(rolls) < type_.flanged,
            hooped=(0.9, 0.0)[next(rolls) < 0.2],
            plated=(0.95, 0.0)[next(rolls) < 0.3],
            filling=Filling.OPEN if filling < 0.55 else Filling.EARTH if filling < 0.85 else Filling.CONCRETE,
            painted=0.0 if is_painted >= PAINTED_SHARE else 0.15 + 0.85 * next(rolls),
            paint=PaintPlace.HEAD if next(rolls) < 0.6 else PaintPlace.RING,
            paint_color=PaintColor(_one(PAINTS, next(rolls))),
            capped=0.0 if is_capped >= CAPPED_SHARE else 0.5 + 0.5 * next(rolls),
            cap=CapKind.PLASTIC if cap < 0.65 else CapKind.PLATE,
            cap_color=PaintColor(_one(CAP_COLORS, next(rolls))),
            bars_m=0.15 + 0.75 * next(rolls) ** 1.5,
            dirty=next(rolls) ** 2,
        )


def seen_weights(type_: PileType, clear_m: float) -> tuple[float, ...]:
    """Weights of a kind's diameters in pictures that show diameters from `clear_m` clearly: thinner ones become rare
    with the third power."""
    shares = [(weight, min(1.0, wide_m / max(clear_m, 1e-6))) for wide_m, weight in type_.diameters_m]
    return tuple(weight * share * share * share for weight, share in shares)


def _size(type_: PileType, roll: float, clear_m: float) -> float:
    return type_.diameters_m[weighted(seen_weights(type_, clear_m), roll)][0]


def _one(shares: Shares, roll: float) -> str:
    return pick(shares, np.array([roll]))[0]


def weighted(weights: tuple[float, ...], roll: float) -> int:
    """Index of a weight for a roll of 0..1."""
    return int(np.searchsorted(np.cumsum(weights), roll * sum(weights), side="right"))
