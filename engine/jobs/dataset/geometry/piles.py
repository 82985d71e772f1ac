"""Foundation piles as batches; every part of a pile carries its number, the loose ground at its foot none."""

from collections.abc import Callable, Iterator
from functools import partial

import numpy as np

from engine.jobs.dataset.geometry import pile_parts as parts
from engine.jobs.dataset.geometry.batches import LOOKS, InstanceBatch, Mesh, Surface
from engine.jobs.dataset.geometry.pile_group import (
    BASE_DEPTH_M,
    PileGroup,
    between,
    by_shape,
    group_of,
    in_metal,
    post_of,
)
from engine.jobs.dataset.geometry.pile_parts import c_section, h_section
from engine.jobs.dataset.geometry.primitives import MOUND_GROUND, box
from engine.jobs.dataset.scene.description import GroundLook, Terrain
from engine.jobs.dataset.scene.things import CapKind, Filling, FootKind, PaintColor, PaintPlace, Pile, PileKind

FRESH = 0.75
"""Factor for the subsoil's colour: fresh earth is moist."""
WET = 0.3
PIT_UP_M = 0.03
PIT_DARK = 0.16
GROUT_RGB = np.array([0.47, 0.47, 0.455])
PAD_RGB = np.array([0.44, 0.41, 0.35])


def build_feet(group: PileGroup, ground: GroundLook) -> Iterator[InstanceBatch]:
    """All feet but those of recipe 1."""
    subsoil, soil = np.array(ground.subsoil), np.array(ground.soil)
    earth = FRESH * subsoil / LOOKS[Surface.SPOIL].albedo
    concrete = np.array(LOOKS[Surface.CONCRETE].albedo)
    for kind in FootKind:
        chosen = group.where("foot", kind)
        if not chosen.any():
            continue
        some = group.at(chosen)
        match kind:
            case FootKind.GROUT:
                yield from _solid(some, "grout", parts.collar, GROUT_RGB / concrete)
            case FootKind.PAD:
                yield from _solid(some, "pad", parts.formed_pad, PAD_RGB / concrete)
            case FootKind.SPOIL:
                yield from _heaped(some, "spoil", parts.spoil_ring, earth)
            case FootKind.HOLE:
                yield from _pits(some, earth)
            case FootKind.MUD:
                yield from _heaped(some, "mud", parts.puddle, WET * (0.5 * soil + 0.5 * subsoil), Surface.MUD)
            case FootKind.NONE | FootKind.OWN:
                pass


def _variants(group: PileGroup) -> Iterator[tuple[int, PileGroup]]:
    for variant in range(parts.FOOT_VARIANTS):
        chosen = group.numbers % parts.FOOT_VARIANTS == variant
        if chosen.any():
            yield variant, group.at(chosen)


def _shades(group: PileGroup) -> np.ndarray:
    """(k, 1) brightness of each foot."""
    return group.each("foot_shade")[:, None]


def _solid(group: PileGroup, name: str, shape: Callable[[int], Mesh], tint: np.ndarray) -> Iterator[InstanceBatch]:
    for variant, some in _variants(group):
        wide, depth = some.base_diameter, some.base_depth
        local = some.sized((wide, wide, some.base_height + depth), (0, 0, -depth))
        mesh = shape(variant)
        yield some.on_ground(f"{name} {variant}", mesh, Surface.CONCRETE, local, tint * _shades(some), is_ground=False)


def _heaped(
    group: PileGroup, name: str, shape: Callable[[int], Mesh], tint: np.ndarray, surface: Surface = Surface.SPOIL
) -> Iterator[InstanceBatch]:
    """Loose ground on the ground."""
    for variant, some in _variants(group):
        wide, high = some.base_diameter, some.base_height / (1 - MOUND_GROUND)
        local = some.sized((wide, wide, high), (0, 0, -MOUND_GROUND * high))
        yield some.on_ground(f"{name} {variant}", shape(variant), surface, local, tint * _shades(some), is_ground=True)


def _pits(group: PileGroup, earth: np.ndarray) -> Iterator[InstanceBatch]:
    yield from _heaped(group, "hole rim", parts.hole_rim, earth)
    wide = parts.PIT_SHARE * group.base_diameter
    local = group.sized((wide, wide, PIT_UP_M + group.base_depth), (0, 0, -group.base_depth))
    tint = np.broadcast_to(PIT_DARK * earth, (len(group.numbers), 3))
    yield group.on_ground("pit", parts.plug(), Surface.SPOIL, local, tint, is_ground=True)


PAINT_RGB = {
    PaintColor.RED: (0.45, 0.035, 0.025),
    PaintColor.ORANGE: (0.62, 0.17, 0.02),
    PaintColor.BLUE: (0.03, 0.10, 0.40),
    PaintColor.WHITE: (0.72, 0.72, 0.70),
    PaintColor.YELLOW: (0.65, 0.45, 0.03),
    PaintColor.GREEN: (0.04, 0.26, 0.06),
    PaintColor.BLACK: (0.03, 0.03, 0.03),
}
"""Linear albedo."""
PAINT_OUT_M = 0.005
DIRT_OUT_M = 0.004
DIRT_BELOW_M = 0.2
END_PLATE_M = 0.02
END_PLATE_UP_M = 0.004
CAP_OUT_M = 0.012
CAP_HIGH_M = 0.09
PLATE_OUT_M = 0.02
PLATE_THICK_M = 0.014
COATED = 2.0
"""Factor for the plates of a section under paint or dirt."""


def build_finish(group: PileGroup, ground: GroundLook) -> Iterator[InstanceBatch]:
    """All finishes; none for piles of recipe 1."""
    has_plate = group.where("has_end_plate", True)
    if has_plate.any():
        some = group.at(has_plate)
        yield from in_metal(
            some,
            "end plate",
            parts.end_plate(),
            between(some, some.length - END_PLATE_M, some.length + END_PLATE_UP_M, 0.001),
        )
    for place in (PaintPlace.HEAD, PaintPlace.RING):
        painted = group.where("paint", place)
        if painted.any():
            yield from _paint(group.at(painted), place)
    dirty = group.each("dirt_m") > 0
    if dirty.any():
        yield from _dirt(group.at(dirty), ground)
    for kind in (CapKind.PLASTIC, CapKind.PLATE):
        capped = group.where("cap", kind)
        if capped.any():
            yield from _caps(group.at(capped), kind)


def _paint(group: PileGroup, place: PaintPlace) -> Iterator[InstanceBatch]:
    long_m = np.minimum(group.each("paint_m"), 0.8 * group.length)
    high = group.length + (0.002 if place is PaintPlace.HEAD else -np.minimum(0.1, 0.15 * group.length))
    colors = np.array([PAINT_RGB[color] for color in group.each("paint_color").tolist()])
    for chosen, mesh in _coats(group):
        some = group.at(chosen)
        top = high[chosen]
        local = between(some, np.maximum(top - long_m[chosen], 0.0), top, PAINT_OUT_M)
        yield some.colored(f"paint {place}", mesh, Surface.SPRAY, local, colors[chosen])


def _dirt(group: PileGroup, ground: GroundLook) -> Iterator[InstanceBatch]:
    high = np.minimum(group.each("dirt_m"), 0.7 * group.length)
    for chosen, mesh in _coats(group):
        some = group.at(chosen)
        local = between(some, np.full(int(chosen.sum()), -DIRT_BELOW_M), high[chosen], DIRT_OUT_M)
        yield some.colored("dirt", mesh, Surface.MUD, local, 0.8 * np.array(ground.soil))


def _coats(group: PileGroup) -> Iterator[tuple[np.ndarray, Mesh]]:
    """Piles by the shape of a coat around their post: chosen ones, (k,) bool, and a mesh like the post's."""
    shapes = (
        ((PileKind.PHC,), parts.phc_tube()),
        ((PileKind.SPIRAL_STEEL, PileKind.STEEL_TUBE), parts.steel_tube()),
        ((PileKind.CAST_IN_PLACE,), parts.plug()),
        ((PileKind.H_SECTION,), h_section(COATED)),
        ((PileKind.C_SECTION,), c_section(COATED)),
    )
    for kinds, mesh in shapes:
        chosen = np.any([group.where("kind", kind) for kind in kinds], axis=0)
        if chosen.any():
            yield chosen, mesh


def _caps(group: PileGroup, kind: CapKind) -> Iterator[InstanceBatch]:
    is_round = group.each("width_m") == 0
    for chosen, round_mesh in ((is_round, True), (~is_round, False)):
        if not chosen.any():
            continue
        some = group.at(chosen)
        if kind is CapKind.PLASTIC:
            colors = np.array([PAINT_RGB[color] for color in some.each("cap_color").tolist()])
            local = between(some, some.length - CAP_HIGH_M, some.length + 0.012, CAP_OUT_M)
            yield some.colored("cap", parts.cap() if round_mesh else box(), Surface.SPRAY, local, colors)
        else:
            local = between(some, some.length, some.length + PLATE_THICK_M, PLATE_OUT_M)
            yield from in_metal(some, "cap plate", box(), local)


PLUG_BELOW_TOP_M = 0.04  # the hole must stay dark to a camera that looks in at 45 degrees
EARTH_BELOW_TOP_M = 0.07
FLANGE_INSIDE_M = 0.008  # a flanged tube ends in the middle of its flange
HOOP_HIGH_M = 0.14
HOOP_OUT_M = 0.012

POURED_TINT = np.array([0.90, 0.88, 0.84])  # poured on site: duller than a factory-made pile
SPOIL_SHADE = 0.72  # factor for the subsoil's colour; fresh earth is moist
PAD_TINT = np.array([0.84, 0.81, 0.76])  # dirty from footsteps


def build_piles(piles: tuple[Pile, ...], terrain: Terrain, ground: GroundLook) -> Iterator[InstanceBatch]:
    """All parts of all piles, one non-empty batch per part and surface. Spoil has the colour of the ground."""
    if not piles:
        return
    everyone = group_of(piles, terrain)
    is_screwed = everyone.where("kind", PileKind.SPIRAL_STEEL)
    is_phc = everyone.where("kind", PileKind.PHC)
    is_own = everyone.where("foot", FootKind.OWN)
    is_cracked = everyone.where("is_cracked", True)
    builders = (
        (is_phc, _phc_posts),
        (is_screwed, partial(_steel_posts, has_blade=True)),
        (everyone.where("kind", PileKind.STEEL_TUBE), partial(_steel_posts, has_blade=False)),
        (everyone.where("kind", PileKind.H_SECTION), partial(_sections, name="h section", mesh=h_section())),
        (everyone.where("kind", PileKind.C_SECTION), partial(_sections, name="c section", mesh=c_section())),
        (everyone.where("kind", PileKind.CAST_IN_PLACE), _poured_posts),
        (everyone.flange > 0, _flanges),
        (everyone.where("has_hoop", True), _hoops),
        (is_cracked & is_phc, _ring_cracks),
        (is_cracked, _side_cracks),
        (is_own & ~is_screwed, _pads),
        (
            is_own & is_screwed,
            partial(_heaps, tint=SPOIL_SHADE * np.array(ground.subsoil) / LOOKS[Surface.SPOIL].albedo),
        ),
    )
    for chosen, build in builders:
        if chosen.any():
            yield from build(everyone.at(chosen))
    yield from build_finish(everyone, ground)
    yield from build_feet(everyone, ground)


def _phc_posts(group: PileGroup) -> Iterator[InstanceBatch]:
    yield group.batch("phc post", parts.phc_tube(), Surface.CONCRETE, post_of(group, group.length))
    yield from _plugs(group, "phc", parts.plug(), parts.PHC_BORE)


def _steel_posts(group: PileGroup, *, has_blade: bool) -> Iterator[InstanceBatch]:
    top = group.length - np.where(group.flange > 0, FLANGE_INSIDE_M, 0.0)
    yield from in_metal(group, "steel post", parts.steel_tube(), post_of(group, top))
    if has_blade:
        wide = group.diameter
        blade_high = np.clip((group.length - group.base_height) * 0.5, 0.02, 0.14)
        blade = group.sized((wide, wide, blade_high), (0, 0, group.base_height - 0.02))
        yield from in_metal(group, "screw blade", parts.screw_blade(), blade)
    is_open = group.flange == 0
    if is_open.any():
        yield from _plugs(group.at(is_open), "steel", parts.steel_plug(), parts.STEEL_BORE)


def _plugs(group: PileGroup, name: str, mesh: Mesh, bore: float) -> Iterator[InstanceBatch]:
    """The inside of tubes, ending below the rim; its edge is inside the wall."""
    wide = group.diameter * bore * 1.02
    for filling, word, surface, below_m in (
        (Filling.OPEN, "hole", Surface.DARK, PLUG_BELOW_TOP_M),
        (Filling.EARTH, "earth", Surface.SPOIL, EARTH_BELOW_TOP_M),
        (Filling.CONCRETE, "core", Surface.CONCRETE, PLUG_BELOW_TOP_M),
    ):
        local = group.sized((wide, wide, group.length - below_m + BASE_DEPTH_M), (0, 0, -BASE_DEPTH_M))
        chosen = group.where("filling", filling)
        if chosen.any():
            yield group.at(chosen).batch(f"{name} {word}", mesh, surface, local[chosen])


def _sections(group: PileGroup, name: str, mesh: Mesh) -> Iterator[InstanceBatch]:
    yield from in_metal(group, name, mesh, post_of(group, group.length))


def _poured_posts(group: PileGroup) -> Iterator[InstanceBatch]:
    for variant, some in by_shape(group):
        local = post_of(some, some.length)
        yield some.batch(f"poured post {variant}", parts.poured_post(variant), Surface.CONCRETE, local, POURED_TINT)
    bars = np.array([parts.bars_in(diameter_m) for diameter_m in group.diameter.tolist()])
    for count in np.unique(bars).tolist():
        some = group.at(bars == count)
        stubs = some.sized((some.diameter, some.diameter, some.each("bars_m")), (0, 0, some.length))
        yield some.batch("stubs", parts.stubs(count), Surface.RUST, stubs)


def _flanges(group: PileGroup) -> Iterator[InstanceBatch]:
    wide, base = group.flange, group.length - parts.FLANGE_THICK_M
    yield from in_metal(group, "flange", parts.flange(), group.sized((wide, wide, parts.FLANGE_THICK_M), (0, 0, base)))
    holes = group.sized((wide, wide, parts.FLANGE_THICK_M), (0, 0, base))
    yield group.batch("flange holes", parts.flange_holes(), Surface.DARK, holes)


def _hoops(group: PileGroup) -> Iterator[InstanceBatch]:
    wide = group.diameter + 2 * HOOP_OUT_M
    bottom = group.length - HOOP_HIGH_M - 0.003  # slightly below the rim: coplanar faces would flicker
    yield from in_metal(group, "hoop", parts.hoop(), group.sized((wide, wide, HOOP_HIGH_M), (0, 0, bottom)))


def _ring_cracks(group: PileGroup) -> Iterator[InstanceBatch]:
    wide = group.diameter
    yield group.batch(
        "crack over ring", parts.ring_crack(), Surface.DARK, group.sized((wide, wide, 1.0), (0, 0, group.length))
    )


def _side_cracks(group: PileGroup) -> Iterator[InstanceBatch]:
    wide = group.diameter + 2 * parts.PROUD_M
    down = np.minimum(0.8 * group.length, 0.6)
    local = group.sized((wide, wide, down), (0, 0, group.length - down + parts.PROUD_M))
    yield group.batch("crack down side", parts.side_crack(), Surface.DARK, local)


def _pads(group: PileGroup) -> Iterator[InstanceBatch]:
    for variant, some in by_shape(group):
        yield some.base(f"pad {variant}", parts.pad(variant), Surface.CONCRETE, PAD_TINT)


def _heaps(group: PileGroup, tint: np.ndarray) -> Iterator[InstanceBatch]:
    for variant, some in by_shape(group):
        yield some.base(f"heap {variant}", parts.heap(variant), Surface.SPOIL, tint)
