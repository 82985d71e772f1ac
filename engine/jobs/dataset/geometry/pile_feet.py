"""The feet of piles in recipe 2. Grout and pads are part of the pile; spoil, holes and mud are ground, without number.

They follow the slope of the ground. Their height is measured above it; below it they reach down to `base_depth`.
"""

from collections.abc import Callable, Iterator

import numpy as np

from engine.jobs.dataset.geometry import pile_parts as parts
from engine.jobs.dataset.geometry.batches import LOOKS, InstanceBatch, Mesh, Surface
from engine.jobs.dataset.geometry.pile_group import PileGroup
from engine.jobs.dataset.geometry.primitives import MOUND_GROUND
from engine.jobs.dataset.scene.description import GroundLook
from engine.jobs.dataset.scene.pile_looks import FootKind

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
