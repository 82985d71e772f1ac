"""Piles of recipe 2. A site has a usual kind of pile, often a second one; a block has one kind,
size, finish and mostly one kind of foot; single piles differ in tilt, shade, dirt, and a few in
everything."""

import math
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np

from engine.dataset.layout.field_plan import MIN_BENT_RATIO, MIN_PITCH_M, close_pairs
from engine.dataset.layout.pile_blocks import (
    ALIASES,
    FEET,
    FOOT_NAMES,
    TYPES,
    PileBlock,
    PileSite,
    kind_weights,
    visible_weights,
)
from engine.dataset.layout.rows_and_clusters import SiteLayout, Strip
from engine.dataset.layout.terrain import off_plane_m
from engine.dataset.layout.weights import Weights, weights_parser
from engine.dataset.options import SceneOptions
from engine.dataset.scene.description import Terrain
from engine.dataset.scene.streams import Seed, stream
from engine.dataset.scene.things import CapKind, FootKind, PaintPlace, Pile, PileKind
from engine.errors import UsageError
from engine.jobs.kit import Span, check_span, interpolate, option, parse_span

ODD_FRACTION = (
    0.01  # share of piles that are of another kind or size than their block: repairs, tests
)
TABLE_PILES = 8
TOP_M = 0.015  # deviation of a top from the line of its table
LEANING_FRACTION = 0.05
MAX_UPRIGHT_DEG = 1.0
MAX_TILT_DEG = 5.0
JITTER_FRACTION = (
    0.04  # maximum deviation from the planned place by the distance to the nearest pile
)
MAX_DIAMETER_FRACTION = 0.45  # maximum diameter by that distance; feet: MAX_FOOT_FRACTION
MAX_FOOT_FRACTION = 0.9
CLEAR_PX = 4.5  # diameter of a pile that can be distinguished from the ground
MAX_CLEAR_M = 0.4  # in very coarse pictures the usual piles stay, although they are small
REACH_M = 4.0  # distance within which neighbours are searched, at least; no foot is larger
FLANGE_M = 0.22
CRACKED_FRACTION = 0.1
OTHER_RUST = 0.6  # share of piles with the grade of rust of their block
MIN_SHADE, MAX_SHADE = 0.4, 1.5
_ROLLS = (
    "east north depth top odd lean towards leaning shade foot_wide foot_high foot_shade other_foot"
    " hoop plate crack paint paint_long cap dirt rust turn bars"
).split()
"""Random numbers of a pile, 0..1."""


class FootSize(NamedTuple):
    """Range of the feet of one kind: width is the pile's times `ratio`, plus `least_m`, and at most
    `more_m` more."""

    ratio: float
    least_m: float
    more_m: float
    low_m: float  # height, and how much higher it may be
    higher_m: float


FEET_M = {
    FootKind.GROUT: FootSize(ratio=1.0, least_m=0.08, more_m=0.32, low_m=0.02, higher_m=0.07),
    FootKind.PAD: FootSize(ratio=1.0, least_m=0.3, more_m=0.7, low_m=0.05, higher_m=0.15),
    FootKind.SPOIL: FootSize(ratio=2.0, least_m=0.5, more_m=1.1, low_m=0.07, higher_m=0.2),
    FootKind.HOLE: FootSize(ratio=1.9, least_m=0.2, more_m=0.6, low_m=0.06, higher_m=0.1),
    FootKind.MUD: FootSize(ratio=1.6, least_m=0.5, more_m=1.4, low_m=0.03, higher_m=0.03),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class PileOptions:
    pile_kinds: Weights | None = option(
        None,
        "Kinds of piles, such as phc,cast or phc=0.8,h=0.2. (default: a mix)",
        metavar="phc|screw|cast|tube|h|c,...",
        parse=weights_parser("--pile-kinds", ALIASES),
    )
    pile_diameter: Span | None = option(
        None,
        "Metres; a section's depth. Thick piles stand farther apart. (default: by kind, "
        "0.076..1.2)",
        metavar="M",
        parse=parse_span,
    )
    exposed: Span | None = option(
        None,
        "Metres that a pile stands out of the ground. (default: by kind, 0.2..2.5)",
        metavar="M",
        parse=parse_span,
    )
    feet: Weights | None = option(
        None,
        "Ground or concrete around piles, such as none,spoil or none=0.7,pad=0.3. (default: none "
        "in 40 %)",
        metavar="none|spoil|hole|grout|mud|pad,...",
        parse=weights_parser("--feet", FOOT_NAMES),
    )

    def check(self) -> None:
        """Raise UsageError for a number out of its range."""
        check_span("--pile-diameter", self.pile_diameter, 0.05, 3)
        check_span("--exposed", self.exposed, 0.05, 10)

    @property
    def min_pitch_m(self) -> float:
        """Planned distance of two piles that leaves room for the thinnest requested ones."""
        thinnest_m = 0.0 if self.pile_diameter is None else self.pile_diameter[0]
        return max(MIN_PITCH_M, 1.001 * thinnest_m / MAX_DIAMETER_FRACTION / MIN_BENT_RATIO)


def plant_piles(
    options: SceneOptions,
    piles: PileOptions,
    layout: SiteLayout,
    terrain: Terrain,
    seed: Seed,
    gsd_m: float = 0.0,
) -> tuple[Pile, ...]:
    """Place all piles of the layout, numbered from 1. `gsd_m`: ground sample distance; nobody
    surveys thin posts from so high that they cannot be seen, so these are rare there unless
    requested."""
    strips = [strip for strip in layout.strips if len(strip.points_m)]
    if not strips:
        return ()
    clear_m = min(CLEAR_PX * gsd_m, MAX_CLEAR_M)
    kinds = piles.pile_kinds
    if kinds is None:
        kinds = kind_weights(options.geological_preset)
        if piles.pile_diameter is None:  # less of what is too thin to be seen
            types = {name: TYPES[ALIASES[name]] for name, _ in kinds}
            wholes = {
                name: sum(weight for _, weight in type_.diameters_m)
                for name, type_ in types.items()
            }
            kinds = tuple(
                (name, weight * (sum(visible_weights(types[name], clear_m)) / wholes[name]))
                for name, weight in kinds
            )
    site = PileSite(kinds, piles.feet or FEET, seed, clear_m)
    planted: list[Pile] = []
    points = np.concatenate([strip.points_m for strip in strips])
    room_m = _room_m(
        points, max(REACH_M, (piles.pile_diameter or (0.0, 0.0))[1] / MAX_DIAMETER_FRACTION)
    )
    _check_room(piles, float(room_m.min()))
    rolls = stream(seed, "piles each").random((len(points), len(_ROLLS)))
    first = 0
    for strip in strips:
        own = slice(first, first + len(strip.points_m))
        last = planted[-1] if planted else None
        planted += _plant_strip(site, piles, strip, room_m[own], terrain, rolls[own], last)
        first = own.stop
    return tuple(planted)


def _check_room(piles: PileOptions, room_m: float) -> None:
    """Raise UsageError if the thinnest requested piles are too thick for a layout of given
    distances."""
    largest_m = MAX_DIAMETER_FRACTION * room_m
    if piles.pile_diameter is not None and piles.pile_diameter[0] > largest_m:
        raise UsageError(
            f"--pile-diameter {piles.pile_diameter[0]:g}: piles of "
            f"{math.floor(100 * largest_m) / 100:g} m fit, "
            f"with {room_m:.2g} m from one to the next on this site; give less, or let the layout "
            "be drawn"
        )


def _room_m(points: np.ndarray, reach_m: float) -> np.ndarray:
    """(n,) distance of each point to the nearest other, at most `reach_m`."""
    room: np.ndarray = np.full(len(points), reach_m)
    pairs = close_pairs(points, reach_m)
    if len(pairs):
        apart = np.hypot(*(points[pairs[:, 0]] - points[pairs[:, 1]]).T)
        np.minimum.at(room, pairs[:, 0], apart)
        np.minimum.at(room, pairs[:, 1], apart)
    return room


def _plant_strip(
    site: PileSite,
    options: PileOptions,
    strip: Strip,
    room_m: np.ndarray,
    terrain: Terrain,
    rolls: np.ndarray,
    first: Pile | None,
) -> list[Pile]:
    block = site.block(strip.cluster)
    count = len(strip.points_m)
    each: list[dict[str, float]] = [dict(zip(_ROLLS, row, strict=True)) for row in rolls.tolist()]
    jitter_m = np.minimum(block.jitter_m, JITTER_FRACTION * room_m)[:, None]
    points = np.round(strip.points_m + (2 * rolls[:, 0:2] - 1) * jitter_m, 4)
    ground_m = terrain.height_at(points[:, 0], points[:, 1])
    low, high = options.exposed or block.type.exposed_m
    usual = low + (high - low) * (0.1 + 0.8 * block.level)
    exposed = np.empty(count)
    tables = -(-count // TABLE_PILES)
    table = np.minimum(np.arange(count) * tables // count, tables - 1)
    for number in range(tables):
        own = table == number
        off = (
            off_plane_m(points[own], ground_m[own])
            if block.is_level
            else block.uneven_m * (2 * rolls[own, 2] - 1)
        )
        exposed[own] = np.clip(usual - off + TOP_M * (2 * rolls[own, 3] - 1), low, high)
    number, first_table = (first.number + 1, first.table + 1) if first else (1, 0)
    piles = []
    for index in range(count):
        own_block = block
        exposed_m = float(exposed[index])
        if each[index]["odd"] < ODD_FRACTION:
            own_block = site.block(-(number + index))
            exposed_m = interpolate(options.exposed or own_block.type.exposed_m, own_block.level)
        pile = Pile(
            kind=own_block.kind,
            x_m=float(points[index, 0]),
            y_m=float(points[index, 1]),
            ground_m=float(ground_m[index]),
            exposed_m=exposed_m,
            diameter_m=_diameter_m(own_block, options, float(room_m[index])),
            base_diameter_m=0.0,
            base_height_m=0.0,
            table=first_table + int(table[index]),
            number=number + index,
        )
        pile = _with_foot(pile, own_block, each[index], float(room_m[index]))
        piles.append(
            _with_finish(pile, own_block, each[index], float(room_m[index]), strip.heading)
        )
    return piles


def _with_foot(pile: Pile, block: PileBlock, rolls: dict[str, float], room_m: float) -> Pile:
    foot = block.feet[1] if rolls["other_foot"] < block.feet[2] else block.feet[0]
    size = 0.8 * block.foot_size + 0.2 * rolls["foot_wide"]
    own = FEET_M.get(foot, FootSize(0.0, 0.0, 0.0, 0.0, 0.0))
    wide_m = own.ratio * pile.diameter_m + own.least_m + own.more_m * size
    tilt_deg = MAX_UPRIGHT_DEG * rolls["lean"] ** 2
    if rolls["leaning"] < LEANING_FRACTION:
        tilt_deg = MAX_UPRIGHT_DEG + (MAX_TILT_DEG - MAX_UPRIGHT_DEG) * rolls["lean"]
    slope = math.tan(math.radians(tilt_deg))
    direction = 2 * math.pi * rolls["towards"]
    return replace(
        pile,
        foot=foot,
        base_diameter_m=min(wide_m, max(MAX_FOOT_FRACTION * room_m, pile.diameter_m)),
        base_height_m=own.low_m + own.higher_m * rolls["foot_high"],
        foot_shade=0.7 + 0.6 * rolls["foot_shade"],
        tilt_x=math.atan(slope * math.cos(direction)),
        tilt_y=math.atan(slope * math.sin(direction)),
    )


def _with_finish(
    pile: Pile, block: PileBlock, rolls: dict[str, float], room_m: float, heading: float
) -> Pile:
    is_phc = pile.kind is PileKind.PHC
    is_section = pile.kind in (PileKind.H_SECTION, PileKind.C_SECTION)
    is_capped = (
        rolls["cap"] < block.capped
        and pile.kind is not PileKind.CAST_IN_PLACE
        and not block.has_flange
    )
    is_painted = rolls["paint"] < block.painted and not is_capped
    rust = block.rust
    if rolls["rust"] > OTHER_RUST:
        rust = min(rust + 1, 3) if rolls["rust"] > (1 + OTHER_RUST) / 2 else max(rust - 1, 0)
    shade = block.shade * (1 + block.contrast * (2 * rolls["shade"] - 1))
    turn = (
        heading + block.turn + 0.12 * (rolls["turn"] - 0.5)
        if is_section
        else 2 * math.pi * rolls["turn"]
    )
    return replace(
        pile,
        flange_diameter_m=min(max(FLANGE_M, pile.diameter_m + 0.1), 0.8 * room_m)
        if block.has_flange
        else 0.0,
        has_hoop=is_phc and rolls["hoop"] < block.hooped,
        is_cracked=is_phc and rolls["crack"] < CRACKED_FRACTION,
        rust=rust,
        turn=turn,
        shade=min(max(shade, MIN_SHADE), MAX_SHADE),
        width_m=pile.diameter_m * block.slender if is_section else 0.0,
        bars_m=block.bars_m * (0.8 + 0.4 * rolls["bars"]),
        has_end_plate=is_phc and rolls["plate"] < block.plated,
        filling=block.filling,
        cap=block.cap if is_capped else CapKind.NONE,
        cap_color=block.cap_color,
        paint=block.paint if is_painted else PaintPlace.NONE,
        paint_color=block.paint_color,
        paint_m=0.06 + 0.3 * rolls["paint_long"],
        dirt_m=0.4 * rolls["dirt"] if rolls["dirt"] < block.dirty else 0.0,
        tint=block.tint,
    )


def _diameter_m(block: PileBlock, options: PileOptions, room_m: float) -> float:
    """A standard diameter of the kind, or one in the given range; smaller where the next pile is
    near."""
    if options.pile_diameter is not None:
        diameter_m = interpolate(options.pile_diameter, block.diameter_roll)
    else:
        diameter_m = block.diameter_m
    return float(round(min(diameter_m, MAX_DIAMETER_FRACTION * room_m), 4))
