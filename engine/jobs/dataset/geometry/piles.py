"""Foundation piles as batches; every part of a pile carries the pile's number.

A pile's frame has its origin at the foot on the ground, z along the axis, x in the direction of its `turn`. The post
starts 0.3 m below the ground. The base follows the slope of the ground, as heaped or poured material does, and reaches
0.25 m below it, deeper over hollows, so that nothing floats.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial

import numpy as np

from engine.jobs.dataset.geometry import pile_parts as parts
from engine.jobs.dataset.geometry.batches import LOOKS, InstanceBatch, Mesh, Surface
from engine.jobs.dataset.geometry.placing import Axes, sized, standing
from engine.jobs.dataset.scene.description import GroundLook, Terrain
from engine.jobs.dataset.scene.things import Pile, PileKind

POST_DEPTH_M = 0.3
BASE_DEPTH_M = 0.25
BASE_SLOPE_OVER_M = 1.0
UNDER_M = 0.05  # minimum depth of a base below the lowest ground at its edge
PLUG_BELOW_TOP_M = 0.04  # the hole must stay dark to a camera that looks in at 45 degrees
FLANGE_INSIDE_M = 0.008  # a flanged tube ends in the middle of its flange
HOOP_HIGH_M = 0.14
HOOP_OUT_M = 0.012
STUB_HIGH_M = 0.22

STEEL_TINTS = np.array([[1.0, 1.0, 1.0], [0.88, 0.68, 0.52], [1.0, 1.0, 1.0], [0.62, 0.55, 0.55]])
"""Tint by grade of rust; from grade 2 the surface is RUST."""
FIRST_RUSTY_GRADE = 2
POURED_TINT = np.array([0.90, 0.88, 0.84])  # poured on site: duller than a factory-made pile
SPOIL_SHADE = 0.72  # factor for the subsoil's colour; fresh earth is moist
PAD_TINT = np.array([0.84, 0.81, 0.76])  # dirty from footsteps


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Group:
    """Struct of arrays for k piles, each (k, ...), in the order of the scene."""

    numbers: np.ndarray
    frames: np.ndarray
    """(k, 4, 4)"""
    base_frames: np.ndarray
    """(k, 4, 4): like frames, but z is the normal of the ground."""
    base_depth: np.ndarray
    length: np.ndarray
    """Length along the axis, from the ground to the top."""
    diameter: np.ndarray
    flange: np.ndarray
    base_diameter: np.ndarray
    base_height: np.ndarray
    rust: np.ndarray
    shade: np.ndarray

    def at(self, chosen: np.ndarray) -> "_Group":
        return _Group(**{name: getattr(self, name)[chosen] for name in self.__slots__})

    def batch(
        self, name: str, mesh: Mesh, surface: Surface, local: np.ndarray, tints: np.ndarray | float = 1.0
    ) -> InstanceBatch:
        """`local`: (k, 4, 4) from mesh space to the pile's frame; `tints`: (k, 3), or one for all."""
        return self._batch(name, mesh, surface, self.frames @ local, tints)

    def base(self, name: str, mesh: Mesh, surface: Surface, tints: np.ndarray | float = 1.0) -> InstanceBatch:
        wide, depth = self.base_diameter, self.base_depth
        local = self.sized((wide, wide, self.base_height + depth), (0, 0, -depth))
        return self._batch(name, mesh, surface, self.base_frames @ local, tints)

    def _batch(
        self, name: str, mesh: Mesh, surface: Surface, transforms: np.ndarray, tints: np.ndarray | float
    ) -> InstanceBatch:
        return InstanceBatch(
            name=name,
            mesh=mesh,
            surface=surface,
            transforms=transforms.astype(np.float32),
            instances=self.numbers.astype(np.uint16),
            tints=(np.ones((1, 3)) * tints * self.shade[:, None]).astype(np.float32),
        )

    def sized(self, size: Axes, at: Axes = (0, 0, 0)) -> np.ndarray:
        return sized(len(self.numbers), size, at)


def build_piles(piles: tuple[Pile, ...], terrain: Terrain, ground: GroundLook) -> Iterator[InstanceBatch]:
    """All parts of all piles, one non-empty batch per part and surface. Spoil has the colour of the ground."""
    if not piles:
        return
    everyone = _group(piles, terrain)
    kinds = np.array([pile.kind.value for pile in piles])
    is_steel = kinds == PileKind.SPIRAL_STEEL.value
    is_phc = kinds == PileKind.PHC.value
    is_poured = kinds == PileKind.CAST_IN_PLACE.value
    has_hoop = np.array([pile.has_hoop for pile in piles])
    is_cracked = np.array([pile.is_cracked for pile in piles])
    builders = (
        (is_phc, _phc_posts),
        (is_steel, _steel_posts),
        (is_poured, _poured_posts),
        (everyone.flange > 0, _flanges),
        (has_hoop, _hoops),
        (is_cracked & is_phc, _ring_cracks),
        (is_cracked, _side_cracks),
        (~is_steel, _pads),
        (is_steel, partial(_heaps, tint=SPOIL_SHADE * np.array(ground.subsoil) / LOOKS[Surface.SPOIL].albedo)),
    )
    for chosen, build in builders:
        if chosen.any():
            yield from build(everyone.at(chosen))


def _group(piles: tuple[Pile, ...], terrain: Terrain) -> _Group:
    def each(name: str) -> np.ndarray:
        return np.array([getattr(pile, name) for pile in piles])

    feet = np.stack([each("x_m"), each("y_m"), each("ground_m")], axis=1)
    axes = np.stack([np.tan(each("tilt_x")), np.tan(each("tilt_y")), np.ones(len(piles))], axis=1)
    slopes = terrain.slope_at(feet[:, 0], feet[:, 1], over_m=BASE_SLOPE_OVER_M)
    upwards = np.stack([-slopes[0], -slopes[1], np.ones(len(piles))], axis=1)
    base_frames = standing(feet, upwards, each("turn"))
    return _Group(
        numbers=np.array([pile.number or place for place, pile in enumerate(piles, 1)]),
        frames=standing(feet, axes, each("turn")),
        base_frames=base_frames,
        base_depth=_depth_m(base_frames, each("base_diameter_m") / 2, terrain),
        length=each("exposed_m") * np.linalg.norm(axes, axis=1),
        diameter=each("diameter_m"),
        flange=each("flange_diameter_m"),
        base_diameter=each("base_diameter_m"),
        base_height=each("base_height_m"),
        rust=each("rust"),
        shade=each("shade"),
    )


def _depth_m(base_frames: np.ndarray, radii: np.ndarray, terrain: Terrain) -> np.ndarray:
    """(k,) depth of each base below its plane, so that its whole edge is in the ground."""
    around = np.linspace(0, 2 * np.pi, 16, endpoint=False)
    edge = np.stack([np.cos(around), np.sin(around), np.zeros(16)], axis=1)  # (16, 3)
    points = radii[:, None, None] * (edge @ base_frames[:, :3, :3].transpose(0, 2, 1)) + base_frames[:, None, :3, 3]
    gaps = (points[..., 2] - terrain.height_at(points[..., 0], points[..., 1])) * base_frames[:, None, 2, 2]
    depths_m: np.ndarray = np.maximum(gaps.max(axis=1) + UNDER_M, BASE_DEPTH_M)
    return depths_m


def _post(group: _Group, top: np.ndarray) -> np.ndarray:
    """Transforms from below the ground up to `top`, as wide as the pile."""
    return group.sized((group.diameter, group.diameter, top + POST_DEPTH_M), (0, 0, -POST_DEPTH_M))


def _phc_posts(group: _Group) -> Iterator[InstanceBatch]:
    yield group.batch("phc post", parts.phc_tube(), Surface.CONCRETE, _post(group, group.length))
    yield group.batch("phc hole", parts.plug(), Surface.DARK, _plug(group, parts.PHC_BORE))


def _steel_posts(group: _Group) -> Iterator[InstanceBatch]:
    top = group.length - np.where(group.flange > 0, FLANGE_INSIDE_M, 0.0)
    yield from _in_metal(group, "steel post", parts.steel_tube(), _post(group, top))
    wide = group.diameter
    blade_high = np.clip((group.length - group.base_height) * 0.5, 0.02, 0.14)
    blade = group.sized((wide, wide, blade_high), (0, 0, group.base_height - 0.02))
    yield from _in_metal(group, "screw blade", parts.screw_blade(), blade)
    is_open = group.flange == 0
    if is_open.any():
        some = group.at(is_open)
        yield some.batch("steel hole", parts.steel_plug(), Surface.DARK, _plug(some, parts.STEEL_BORE))


def _plug(group: _Group, bore: float) -> np.ndarray:
    """Transforms of the filling of a tube, ending below its rim; its edge is inside the wall."""
    wide = group.diameter * bore * 1.02
    return group.sized((wide, wide, group.length - PLUG_BELOW_TOP_M + BASE_DEPTH_M), (0, 0, -BASE_DEPTH_M))


def _poured_posts(group: _Group) -> Iterator[InstanceBatch]:
    for variant, some in _by_shape(group):
        local = _post(some, some.length)
        yield some.batch(f"poured post {variant}", parts.poured_post(variant), Surface.CONCRETE, local, POURED_TINT)
    stubs = group.sized((group.diameter, group.diameter, STUB_HIGH_M), (0, 0, group.length))
    yield group.batch("stubs", parts.stubs(), Surface.RUST, stubs)


def _flanges(group: _Group) -> Iterator[InstanceBatch]:
    wide, base = group.flange, group.length - parts.FLANGE_THICK_M
    yield from _in_metal(group, "flange", parts.flange(), group.sized((wide, wide, parts.FLANGE_THICK_M), (0, 0, base)))
    holes = group.sized((wide, wide, parts.FLANGE_THICK_M), (0, 0, base))
    yield group.batch("flange holes", parts.flange_holes(), Surface.DARK, holes)


def _hoops(group: _Group) -> Iterator[InstanceBatch]:
    wide = group.diameter + 2 * HOOP_OUT_M
    bottom = group.length - HOOP_HIGH_M - 0.003  # slightly below the rim: coplanar faces would flicker
    yield from _in_metal(group, "hoop", parts.hoop(), group.sized((wide, wide, HOOP_HIGH_M), (0, 0, bottom)))


def _ring_cracks(group: _Group) -> Iterator[InstanceBatch]:
    wide = group.diameter
    yield group.batch(
        "crack over ring", parts.ring_crack(), Surface.DARK, group.sized((wide, wide, 1.0), (0, 0, group.length))
    )


def _side_cracks(group: _Group) -> Iterator[InstanceBatch]:
    wide = group.diameter + 2 * parts.PROUD_M
    down = np.minimum(0.8 * group.length, 0.6)
    local = group.sized((wide, wide, down), (0, 0, group.length - down + parts.PROUD_M))
    yield group.batch("crack down side", parts.side_crack(), Surface.DARK, local)


def _pads(group: _Group) -> Iterator[InstanceBatch]:
    for variant, some in _by_shape(group):
        yield some.base(f"pad {variant}", parts.pad(variant), Surface.CONCRETE, PAD_TINT)


def _heaps(group: _Group, tint: np.ndarray) -> Iterator[InstanceBatch]:
    for variant, some in _by_shape(group):
        yield some.base(f"heap {variant}", parts.heap(variant), Surface.SPOIL, tint)


def _by_shape(group: _Group) -> Iterator[tuple[int, _Group]]:
    """Split the group by shape variant."""
    for variant in range(parts.VARIANTS):
        chosen = group.numbers % parts.VARIANTS == variant
        if chosen.any():
            yield variant, group.at(chosen)


def _in_metal(group: _Group, name: str, mesh: Mesh, local: np.ndarray) -> Iterator[InstanceBatch]:
    """One batch of steel and one of rust, by grade."""
    rusty = group.rust >= FIRST_RUSTY_GRADE
    for chosen, surface in ((~rusty, Surface.STEEL), (rusty, Surface.RUST)):
        if chosen.any():
            some = group.at(chosen)
            yield some.batch(f"{name} {surface}", mesh, surface, local[chosen], STEEL_TINTS[some.rust])
