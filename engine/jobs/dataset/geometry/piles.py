"""Foundation piles as batches; every part of a pile carries the pile's number, the loose ground at its foot none.

pile_group.py   the frame of a pile, and its transforms
pile_parts.py   solids of posts, holes, flanges, cracks; pile_sections.py: of rolled sections
pile_finish.py  end plates, caps, paint, dirt (recipe 2)
pile_feet.py    grout, pads, spoil, holes, mud (recipe 2)
"""

from collections.abc import Iterator
from functools import partial

import numpy as np

from engine.jobs.dataset.geometry import pile_parts as parts
from engine.jobs.dataset.geometry.batches import LOOKS, InstanceBatch, Mesh, Surface
from engine.jobs.dataset.geometry.pile_feet import build_feet
from engine.jobs.dataset.geometry.pile_finish import build_finish
from engine.jobs.dataset.geometry.pile_group import BASE_DEPTH_M, PileGroup, by_shape, group_of, in_metal, post_of
from engine.jobs.dataset.geometry.pile_sections import c_section, h_section
from engine.jobs.dataset.scene.description import GroundLook, Terrain
from engine.jobs.dataset.scene.pile_looks import Filling, FootKind
from engine.jobs.dataset.scene.things import Pile, PileKind

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
