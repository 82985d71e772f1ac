"""Piles of recipe 2: kinds, sizes, feet, paint, rust, caps.

A site has a usual kind of pile, often a second one; a block has one kind, size, finish and mostly one kind of foot;
single piles differ in tilt, shade, dirt, and a few in everything.
"""

from dataclasses import dataclass

import numpy as np

from engine.jobs.dataset.options import SceneOptions
from engine.jobs.dataset.scene.description import Terrain
from engine.jobs.dataset.scene.layout import SiteLayout, Strip
from engine.jobs.dataset.scene.pile_looks import CapKind, Filling, FootKind, PaintColor, PaintPlace
from engine.jobs.dataset.scene.streams import Seed, stream
from engine.jobs.dataset.scene.tables import off_plane_m
from engine.jobs.dataset.scene.things import Pile, PileKind
from engine.jobs.dataset.varied.pile_types import (
    ALIASES,
    CAP_COLORS,
    FEET,
    FOOT_NAMES,
    PAINTS,
    TYPES,
    PileType,
    kind_shares,
)
from engine.jobs.dataset.varied.plots import close_pairs
from engine.jobs.dataset.varied.shares import Shares, pick, shares_parser
from engine.jobs.dataset.varied.span import Span, between, check_span, parse_span
from engine.jobs.kit.options import option

SECOND_KIND = 0.45
"""Share of sites with a second kind of pile; it stands in a quarter of the blocks."""
ODD_SHARE = 0.01
"""Share of piles that are of another kind or size than their block: repairs, tests."""
JITTER_M = (0.005, 0.08)
"""Deviation from the planned place, by block."""
TABLE_PILES = 8
TOP_M = 0.015
LEVEL_SHARE = 0.7
"""Share of blocks whose tops are level along a row; elsewhere each pile was driven to another depth."""
LEANING_SHARE = 0.05
MAX_UPRIGHT_DEG = 1.0
MAX_TILT_DEG = 5.0
MAX_DIAMETER_SHARE = 0.45
"""Maximum diameter by the distance to the nearest pile; feet: MAX_FOOT_SHARE."""
MAX_FOOT_SHARE = 0.9
REACH_M = 4.0
"""Distance within which neighbours are searched; no foot is larger."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PileOptions:
    pile_kinds: Shares | None = option(
        None,
        "Kinds of piles, such as phc,cast or phc=0.8,h=0.2. (default: a mix)",
        metavar="phc|screw|cast|tube|h|c,...",
        parse=shares_parser("--pile-kinds", ALIASES),
    )
    pile_diameter: Span | None = option(
        None, "Metres; a section's depth. (default: by kind, 0.076..1.2)", metavar="M", parse=parse_span
    )
    exposed: Span | None = option(
        None, "Metres that a pile stands out of the ground. (default: by kind, 0.2..2.5)", metavar="M", parse=parse_span
    )
    feet: Shares | None = option(
        None,
        "Ground or concrete around piles, such as none,spoil or none=0.7,pad=0.3. (default: none in 40 %)",
        metavar="none|spoil|hole|grout|mud|pad,...",
        parse=shares_parser("--feet", FOOT_NAMES),
    )

    def check(self) -> None:
        """Raise UsageError for a number out of its range."""
        check_span("--pile-diameter", self.pile_diameter, 0.05, 3)
        check_span("--exposed", self.exposed, 0.05, 10)


def plant_varied(
    options: SceneOptions, piles: PileOptions, layout: SiteLayout, terrain: Terrain, seed: Seed
) -> tuple[Pile, ...]:
    """Place all piles of the layout, numbered from 1."""
    strips = [strip for strip in layout.strips if len(strip.points_m)]
    if not strips:
        return ()
    site = _Site(options, piles, seed)
    planted: list[Pile] = []
    points = np.concatenate([strip.points_m for strip in strips])
    room_m = _room_m(points)
    table = first = 0
    for row, strip in enumerate(strips):
        count = len(strip.points_m)
        made, tables = _plant_strip(site, strip, row, room_m[first : first + count], terrain, first, table)
        planted += made
        first, table = first + count, table + tables
    return tuple(planted)


def _room_m(points: np.ndarray) -> np.ndarray:
    """(n,) distance of each place to the nearest other, at most REACH_M."""
    room: np.ndarray = np.full(len(points), REACH_M)
    pairs = np.array(close_pairs(points, REACH_M), int).reshape(-1, 2)
    if len(pairs):
        apart = np.hypot(*(points[pairs[:, 0]] - points[pairs[:, 1]]).T)
        np.minimum.at(room, pairs[:, 0], apart)
        np.minimum.at(room, pairs[:, 1], apart)
    return room


@dataclass(frozen=True, slots=True, kw_only=True)
class _Block:
    """Everything that the piles of a block have in common."""

    kind: PileKind
    type: PileType
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


class _Site:
    """Draws what blocks have in common; the same block gives the same."""

    def __init__(self, options: SceneOptions, piles: PileOptions, seed: Seed) -> None:
        self.seed = seed
        self.options = piles
        self._kinds = piles.pile_kinds or kind_shares(options.geological_preset)
        usual, second, has_second = stream(seed, "piles site").random(3).tolist()
        self._usual = self._kind(usual)
        self._second = self._kind(second) if has_second < SECOND_KIND else self._usual
        self._blocks: dict[int, _Block] = {}

    def block(self, number: int) -> _Block:
        if number not in self._blocks:
            self._blocks[number] = self._draw(number)
        return self._blocks[number]

    def _kind(self, roll: float) -> PileKind:
        return ALIASES[pick(self._kinds, np.array([roll]))[0]]

    def _draw(self, number: int) -> _Block:
        rolls = iter(stream(self.seed, f"piles block {number}").random(40).tolist())
        kind = self._usual if next(rolls) < 0.75 else self._second
        type_ = TYPES[kind]
        feet = self.options.feet or FEET
        filling, cap = next(rolls), next(rolls)
        shade = between(type_.shade, next(rolls))
        hue, gray = 2 * next(rolls) - 1, next(rolls)
        is_painted, is_capped = next(rolls), next(rolls)
        return _Block(
            kind=kind,
            type=type_,
            diameter_roll=next(rolls),
            slender=between(type_.slender, next(rolls)),
            level=next(rolls),
            is_level=next(rolls) < LEVEL_SHARE,
            uneven_m=0.35 * next(rolls),
            jitter_m=between(JITTER_M, next(rolls) ** 3),
            turn=(next(rolls) < 0.5) * np.pi / 2,
            shade=shade,
            contrast=0.05 + 0.2 * next(rolls),
            tint=(1 + 0.05 * hue * gray, 1.0, 1 - 0.09 * hue * gray),
            feet=(FootKind(_one(feet, next(rolls))), FootKind(_one(feet, next(rolls))), 0.3 * next(rolls) ** 2),
            foot_size=next(rolls),
            rust=_grade(type_.rusty, next(rolls)),
            has_flange=next(rolls) < type_.flanged,
            hooped=(0.9, 0.0)[next(rolls) < 0.2],
            plated=(0.95, 0.0)[next(rolls) < 0.3],
            filling=Filling.OPEN if filling < 0.55 else Filling.EARTH if filling < 0.85 else Filling.CONCRETE,
            painted=0.0 if is_painted < 0.62 else 0.15 + 0.85 * next(rolls),
            paint=PaintPlace.HEAD if next(rolls) < 0.6 else PaintPlace.RING,
            paint_color=PaintColor(_one(PAINTS, next(rolls))),
            capped=0.0 if is_capped < 0.8 else 0.5 + 0.5 * next(rolls),
            cap=CapKind.PLASTIC if cap < 0.65 else CapKind.PLATE,
            cap_color=PaintColor(_one(CAP_COLORS, next(rolls))),
            bars_m=0.15 + 0.75 * next(rolls) ** 1.5,
            dirty=next(rolls) ** 2,
        )


def _one(shares: Shares, roll: float) -> str:
    return pick(shares, np.array([roll]))[0]


def _grade(weights: tuple[float, ...], roll: float) -> int:
    return int(np.searchsorted(np.cumsum(weights), roll * sum(weights), side="right"))


def _plant_strip(
    site: _Site, strip: Strip, row: int, room_m: np.ndarray, terrain: Terrain, first: int, first_table: int
) -> tuple[list[Pile], int]:
    """The piles of one row, and the number of their tables."""
    block = site.block(strip.cluster)
    count = len(strip.points_m)
    rolls = stream(site.seed, f"piles row {row}").random((count, 23))
    points = np.round(strip.points_m + (2 * rolls[:, 0:2] - 1) * np.minimum(block.jitter_m, 0.04 * room_m)[:, None], 4)
    ground = terrain.height_at(points[:, 0], points[:, 1])
    low, high = site.options.exposed or block.type.exposed_m
    usual = low + (high - low) * (0.1 + 0.8 * block.level)
    exposed = np.empty(count)
    tables = -(-count // TABLE_PILES)
    table = np.minimum(np.arange(count) * tables // count, tables - 1)
    for number in range(tables):
        own = table == number
        off = off_plane_m(points[own], ground[own]) if block.is_level else block.uneven_m * (2 * rolls[own, 2] - 1)
        exposed[own] = np.clip(usual - off + TOP_M * (2 * rolls[own, 3] - 1), low, high)
    made = []
    for place in range(count):
        one = site.block(-1 - row * 1000 - place) if rolls[place, 4] < ODD_SHARE else block
        if one is not block and one.kind is not block.kind:  # a pile of another kind has its own height
            low, high = site.options.exposed or one.type.exposed_m
            exposed[place] = low + (high - low) * one.level
        made.append(
            _pile(
                one,
                site.options,
                points[place],
                float(ground[place]),
                float(exposed[place]),
                float(room_m[place]),
                strip.heading,
                rolls[place, 5:].tolist(),
                number=first + place + 1,
                table=first_table + int(table[place]),
            )
        )
    return made, tables


def _pile(
    block: _Block,
    options: PileOptions,
    point: np.ndarray,
    ground_m: float,
    exposed_m: float,
    room_m: float,
    heading: float,
    rolls: list[float],
    *,
    number: int,
    table: int,
) -> Pile:
    kind = block.kind
    lean, towards, leaning, shade, foot_wide, foot_high, foot_shade, other_foot, *rest = rolls
    hoop, plate, crack, paint, paint_long, cap, dirt, rust, turn, bars = rest[:10]
    diameter_m = _diameter_m(block, options, room_m)
    has_flange = block.has_flange
    tilt_deg = MAX_UPRIGHT_DEG * lean * lean
    if leaning < LEANING_SHARE:
        tilt_deg = MAX_UPRIGHT_DEG + (MAX_TILT_DEG - MAX_UPRIGHT_DEG) * lean
    tilt, direction = np.radians(tilt_deg), 2 * np.pi * towards
    foot = block.feet[1] if other_foot < block.feet[2] else block.feet[0]
    foot_wide_m, foot_high_m = _foot_m(foot, diameter_m, block.foot_size, foot_wide, foot_high, room_m)
    is_section = kind in (PileKind.H_SECTION, PileKind.C_SECTION)
    is_phc = kind is PileKind.PHC
    own_shade = block.shade * (1 + block.contrast * (2 * shade - 1))
    is_capped = cap < block.capped and kind is not PileKind.CAST_IN_PLACE and not has_flange
    return Pile(
        kind=kind,
        x_m=float(point[0]),
        y_m=float(point[1]),
        ground_m=ground_m,
        exposed_m=exposed_m,
        diameter_m=diameter_m,
        base_diameter_m=foot_wide_m,
        base_height_m=foot_high_m,
        flange_diameter_m=min(max(0.22, diameter_m + 0.1), 0.8 * room_m) if has_flange else 0.0,
        has_hoop=is_phc and hoop < block.hooped,
        is_cracked=is_phc and crack < 0.1,
        rust=min(max(block.rust + int(3 * rust) - 1, 0), 3) if rust < 0.3 or rust > 0.9 else block.rust,
        tilt_x=float(np.arctan(np.tan(tilt) * np.cos(direction))),
        tilt_y=float(np.arctan(np.tan(tilt) * np.sin(direction))),
        turn=float(heading + block.turn + 0.12 * (turn - 0.5) if is_section else 2 * np.pi * turn),
        shade=float(np.clip(own_shade, 0.4, 1.5)),
        table=table,
        number=number,
        foot=foot,
        foot_shade=0.7 + 0.6 * foot_shade,
        width_m=diameter_m * block.slender if is_section else 0.0,
        bars_m=block.bars_m * (0.8 + 0.4 * bars),
        has_end_plate=is_phc and plate < block.plated,
        filling=block.filling,
        cap=block.cap if is_capped else CapKind.NONE,
        cap_color=block.cap_color,
        paint=block.paint if paint < block.painted and not is_capped else PaintPlace.NONE,
        paint_color=block.paint_color,
        paint_m=0.06 + 0.3 * paint_long,
        dirt_m=0.4 * dirt if dirt < block.dirty else 0.0,
        tint=block.tint,
    )


def _diameter_m(block: _Block, options: PileOptions, room_m: float) -> float:
    """A standard diameter of the kind, or one in the given range; smaller where the next pile is near."""
    if options.pile_diameter is not None:
        wanted = between(options.pile_diameter, block.diameter_roll)
    else:
        sizes = block.type.diameters_m
        wanted = sizes[_grade(tuple(weight for _, weight in sizes), block.diameter_roll)][0]
    return float(round(min(wanted, MAX_DIAMETER_SHARE * room_m), 4))


def _foot_m(
    foot: FootKind, diameter_m: float, size: float, wide: float, high: float, room_m: float
) -> tuple[float, float]:
    """Diameter and height of a foot."""
    each = 0.8 * size + 0.2 * wide
    match foot:
        case FootKind.GROUT:
            found = (diameter_m + 0.08 + 0.32 * each, 0.02 + 0.07 * high)
        case FootKind.PAD:
            found = (diameter_m + 0.3 + 0.7 * each, 0.05 + 0.15 * high)
        case FootKind.SPOIL:
            found = (2 * diameter_m + 0.5 + 1.1 * each, 0.07 + 0.2 * high)
        case FootKind.HOLE:
            found = (1.9 * diameter_m + 0.2 + 0.6 * each, 0.06 + 0.1 * high)
        case FootKind.MUD:
            found = (1.6 * diameter_m + 0.5 + 1.4 * each, 0.03 + 0.03 * high)
        case _:
            found = (0.0, 0.0)
    return min(found[0], max(MAX_FOOT_SHARE * room_m, diameter_m)), found[1]
