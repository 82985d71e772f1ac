"""End plates, caps, paint and splashed dirt on piles."""

from collections.abc import Iterator

import numpy as np

from engine.jobs.dataset.geometry import pile_parts as parts
from engine.jobs.dataset.geometry.batches import InstanceBatch, Mesh, Surface
from engine.jobs.dataset.geometry.pile_group import PileGroup, between, in_metal
from engine.jobs.dataset.geometry.pile_sections import c_section, h_section
from engine.jobs.dataset.geometry.primitives import box
from engine.jobs.dataset.scene.description import GroundLook
from engine.jobs.dataset.scene.pile_looks import CapKind, PaintColor, PaintPlace
from engine.jobs.dataset.scene.things import PileKind

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
