"""Sizes and finishes of each kind of pile, and what the piles of a site and of its blocks have in
common."""

from dataclasses import dataclass

import numpy as np

from engine.dataset.layout.weights import Weights, pick, pick_index
from engine.dataset.options import Preset
from engine.dataset.scene.streams import Seed, stream
from engine.dataset.scene.things import CapKind, Filling, FootKind, PaintColor, PaintPlace, PileKind
from engine.jobs.kit import Span, interpolate

ALIASES = {
    "phc": PileKind.PHC,
    "screw": PileKind.SPIRAL_STEEL,
    "cast": PileKind.CAST_IN_PLACE,
    "tube": PileKind.STEEL_TUBE,
    "h": PileKind.H_SECTION,
    "c": PileKind.C_SECTION,
}
"""Names of the kinds on the command line."""
FAVOURED: dict[Preset, tuple[str, float]] = {"loess": ("screw", 0.7), "hills": ("phc", 0.6)}
FEET: Weights = (
    ("none", 0.40),
    ("spoil", 0.18),
    ("hole", 0.10),
    ("grout", 0.12),
    ("mud", 0.10),
    ("pad", 0.10),
)
FOOT_NAMES = tuple(name for name, _ in FEET)
PAINTS: Weights = (
    ("red", 0.35),
    ("orange", 0.2),
    ("blue", 0.12),
    ("white", 0.13),
    ("yellow", 0.12),
    ("green", 0.08),
)
CAPS: Weights = (
    ("black", 0.3),
    ("orange", 0.2),
    ("red", 0.15),
    ("blue", 0.15),
    ("yellow", 0.12),
    ("white", 0.08),
)
SECOND_KIND = (
    0.45  # share of sites with a second kind of pile; it stands in a quarter of the blocks
)
USUAL_BLOCKS = 0.75
LEVEL_FRACTION = (
    0.7  # of blocks: tops are level along a row; elsewhere each pile was driven to another depth
)
JITTER_M = (0.005, 0.08)  # deviation from the planned place, by block
PAINTED_FRACTION = 0.38
CAPPED_FRACTION = 0.2


@dataclass(frozen=True, slots=True, kw_only=True)
class PileType:
    site_fraction: float  # share of sites on which it is the usual kind
    exposed_m: Span  # for a block; single piles differ by a little
    shade: Span  # brightness against the surface's own, of a block
    diameters_m: tuple[tuple[float, float], ...]  # diameters and their weights
    flanged: float = 0.0  # share of blocks with flanges
    rusty: tuple[float, ...] = (1.0, 0.0, 0.0, 0.0)  # weights of the grades of rust 0 to 3
    slender: Span = (1.0, 1.0)  # a section's width by its depth


TYPES = {
    PileKind.PHC: PileType(
        site_fraction=0.30,
        diameters_m=((0.3, 0.24), (0.4, 0.34), (0.5, 0.26), (0.6, 0.13), (0.8, 0.03)),
        exposed_m=(0.4, 2.5),
        shade=(0.45, 1.45),
        rusty=(0.25, 0.35, 0.3, 0.1),
    ),
    PileKind.SPIRAL_STEEL: PileType(
        site_fraction=0.11,
        diameters_m=((0.076, 0.35), (0.089, 0.2), (0.114, 0.3), (0.159, 0.15)),
        exposed_m=(0.2, 2.2),
        shade=(0.6, 1.5),
        flanged=0.75,
        rusty=(0.55, 0.25, 0.15, 0.05),
    ),
    PileKind.CAST_IN_PLACE: PileType(
        site_fraction=0.23,
        diameters_m=(
            (0.3, 0.26),
            (0.4, 0.24),
            (0.5, 0.17),
            (0.6, 0.16),
            (0.8, 0.1),
            (1.0, 0.04),
            (1.2, 0.03),
        ),
        exposed_m=(0.2, 1.8),
        shade=(0.4, 1.4),
    ),
    PileKind.STEEL_TUBE: PileType(
        site_fraction=0.16,
        diameters_m=(
            (0.076, 0.1),
            (0.114, 0.16),
            (0.168, 0.22),
            (0.219, 0.24),
            (0.273, 0.16),
            (0.325, 0.12),
        ),
        exposed_m=(0.4, 2.5),
        shade=(0.5, 1.5),
        flanged=0.35,
        rusty=(0.35, 0.2, 0.3, 0.15),
    ),
    PileKind.H_SECTION: PileType(
        site_fraction=0.11,
        diameters_m=((0.12, 0.2), (0.15, 0.35), (0.2, 0.3), (0.25, 0.1), (0.3, 0.05)),
        exposed_m=(0.8, 2.5),
        shade=(0.7, 1.5),
        rusty=(0.6, 0.2, 0.15, 0.05),
        slender=(0.5, 1.0),
    ),
    PileKind.C_SECTION: PileType(
        site_fraction=0.09,
        diameters_m=((0.1, 0.2), (0.12, 0.25), (0.15, 0.3), (0.2, 0.25)),
        exposed_m=(0.8, 2.5),
        shade=(0.8, 1.5),
        rusty=(0.85, 0.1, 0.05, 0.0),
        slender=(0.35, 0.6),
    ),
}


KIND_WEIGHTS: Weights = tuple((name, TYPES[kind].site_fraction) for name, kind in ALIASES.items())


def kind_weights(preset: Preset | None, usual: Weights = KIND_WEIGHTS) -> Weights:
    """Weights of the kinds on a site. A preset fixes the kind it favours; the others keep their
    proportion."""
    weights = dict(usual)
    if preset is not None:
        favoured, fraction = FAVOURED[preset]
        rest = sum(weights.values()) - weights[favoured]
        weights = {
            name: fraction if name == favoured else own * (1 - fraction) / rest
            for name, own in weights.items()
        }
    return tuple(weights.items())


@dataclass(frozen=True, slots=True, kw_only=True)
class PileBlock:
    """Everything that the piles of a block have in common."""

    kind: PileKind
    type: PileType
    diameter_m: float  # usual diameter, unless another one was requested
    diameter_roll: float
    slender: float
    level: float  # share of the range of exposed heights
    is_level: bool
    uneven_m: float
    jitter_m: float
    turn: float  # direction of the sections against the row
    shade: float
    contrast: float  # how much single piles differ in shade
    tint: tuple[float, float, float]
    # usual kind of foot, another one, and the share of the other one
    feet: tuple[FootKind, FootKind, float]
    foot_size: float
    rust: int
    has_flange: bool
    hooped: float
    plated: float
    filling: Filling
    painted: float  # share of piles with paint
    paint: PaintPlace
    paint_color: PaintColor
    capped: float
    cap: CapKind
    cap_color: PaintColor
    bars_m: float
    dirty: float


class PileSite:
    """Draws what the piles of a block have in common; a block's number decides."""

    def __init__(self, kinds: Weights, feet: Weights, seed: Seed, clear_m: float = 0.0) -> None:
        """`clear_m`: diameter from which a pile is clearly visible in the pictures; thinner ones
        become rarer."""
        self._seed = seed
        self._kinds = kinds
        self._clear_m = clear_m
        self._feet = feet
        usual, second, second_roll = stream(seed, "piles site").random(3).tolist()
        self._usual = self._kind(usual)
        self._second = self._kind(second) if second_roll < SECOND_KIND else self._usual
        self._blocks: dict[int, PileBlock] = {}

    def block(self, number: int) -> PileBlock:
        if number not in self._blocks:
            self._blocks[number] = self._draw(number)
        return self._blocks[number]

    def _kind(self, roll: float) -> PileKind:
        return ALIASES[pick(self._kinds, roll)]

    def _draw(self, number: int) -> PileBlock:
        rolls = iter(stream(self._seed, f"piles block {number}").random(40).tolist())
        kind = self._usual if next(rolls) < USUAL_BLOCKS else self._second
        type_ = TYPES[kind]
        filling = next(rolls)
        cap = next(rolls)
        shade = interpolate(type_.shade, next(rolls))
        hue = 2 * next(rolls) - 1
        gray = next(rolls)
        paint_roll = next(rolls)
        cap_roll = next(rolls)
        return PileBlock(
            kind=kind,
            type=type_,
            diameter_m=_size(type_, roll := next(rolls), self._clear_m),
            diameter_roll=roll,
            slender=interpolate(type_.slender, next(rolls)),
            level=next(rolls) ** 1.5,
            is_level=next(rolls) < LEVEL_FRACTION,
            uneven_m=0.35 * next(rolls),
            jitter_m=interpolate(JITTER_M, next(rolls) ** 3),
            turn=(next(rolls) < 0.5) * np.pi / 2,
            shade=shade,
            contrast=0.05 + 0.2 * next(rolls),
            tint=(1 + 0.05 * hue * gray, 1.0, 1 - 0.09 * hue * gray),
            feet=(
                FootKind(pick(self._feet, next(rolls))),
                FootKind(pick(self._feet, next(rolls))),
                0.3 * next(rolls) ** 2,
            ),
            foot_size=next(rolls),
            rust=pick_index(type_.rusty, next(rolls)),
            has_flange=next(rolls) < type_.flanged,
            hooped=(0.9, 0.0)[next(rolls) < 0.2],
            plated=(0.95, 0.0)[next(rolls) < 0.3],
            filling=Filling.OPEN
            if filling < 0.55
            else Filling.EARTH
            if filling < 0.85
            else Filling.CONCRETE,
            painted=0.0 if paint_roll >= PAINTED_FRACTION else 0.15 + 0.85 * next(rolls),
            paint=PaintPlace.HEAD if next(rolls) < 0.6 else PaintPlace.RING,
            paint_color=PaintColor(pick(PAINTS, next(rolls))),
            capped=0.0 if cap_roll >= CAPPED_FRACTION else 0.5 + 0.5 * next(rolls),
            cap=CapKind.PLASTIC if cap < 0.65 else CapKind.PLATE,
            cap_color=PaintColor(pick(CAPS, next(rolls))),
            bars_m=0.15 + 0.75 * next(rolls) ** 1.5,
            dirty=next(rolls) ** 2,
        )


def visible_weights(type_: PileType, clear_m: float) -> tuple[float, ...]:
    """Weights of a kind's diameters where those from `clear_m` show clearly; thinner ones fall by
    the cube."""
    clear = [
        (weight, min(1.0, wide_m / max(clear_m, 1e-6))) for wide_m, weight in type_.diameters_m
    ]
    return tuple(weight * clarity * clarity * clarity for weight, clarity in clear)


def _size(type_: PileType, roll: float, clear_m: float) -> float:
    return type_.diameters_m[pick_index(visible_weights(type_, clear_m), roll)][0]
