"""Piles as a struct of arrays, and how their parts become batches.

A pile's frame has its origin at the foot on the ground, z along the axis, x in the direction of its `turn`. The post
starts 0.3 m below the ground. The base follows the slope of the ground, as heaped or poured material does, and reaches
0.25 m below it, deeper over hollows, so that nothing floats.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from engine.jobs.dataset.geometry import pile_parts as parts
from engine.jobs.dataset.geometry.batches import InstanceBatch, Mesh, Surface
from engine.jobs.dataset.geometry.meshes import Axes, sized, standing
from engine.jobs.dataset.scene.description import Terrain
from engine.jobs.dataset.scene.things import Pile

POST_DEPTH_M = 0.3
BASE_DEPTH_M = 0.25
BASE_SLOPE_OVER_M = 1.0
UNDER_M = 0.05  # minimum depth of a base below the lowest ground at its edge
STEEL_TINTS = np.array([[1.0, 1.0, 1.0], [0.88, 0.68, 0.52], [1.0, 1.0, 1.0], [0.62, 0.55, 0.55]])
"""Tint by grade of rust; from grade 2 the surface is RUST."""
FIRST_RUSTY_GRADE = 2


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class PileGroup:
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
    tint: np.ndarray
    """(k, 3)"""
    width: np.ndarray
    """Smaller side of a section, else the diameter."""
    looks: np.ndarray
    """(k,) of Pile: its kind, feet, paint, cap, filling."""

    def at(self, chosen: np.ndarray) -> "PileGroup":
        return PileGroup(**{name: getattr(self, name)[chosen] for name in self.__slots__})

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
            tints=(np.ones((1, 3)) * tints * self.shade[:, None] * self.tint).astype(np.float32),
        )

    def colored(self, name: str, mesh: Mesh, surface: Surface, local: np.ndarray, tints: np.ndarray) -> InstanceBatch:
        """Like `batch`, for a part whose colour, (k, 3), has nothing to do with the pile's material."""
        return self._part(name, mesh, surface, self.frames @ local, tints, self.numbers)

    def on_ground(
        self, name: str, mesh: Mesh, surface: Surface, local: np.ndarray, tints: np.ndarray, *, is_ground: bool
    ) -> InstanceBatch:
        """A part that follows the slope of the ground; `is_ground`: it is no part of the pile, and has no number."""
        numbers = np.zeros_like(self.numbers) if is_ground else self.numbers
        part = self._part(name, mesh, surface, self.base_frames @ local, tints, numbers)
        return replace(part, is_ground=is_ground)

    @staticmethod
    def _part(
        name: str, mesh: Mesh, surface: Surface, transforms: np.ndarray, tints: np.ndarray, numbers: np.ndarray
    ) -> InstanceBatch:
        return InstanceBatch(
            name=name,
            mesh=mesh,
            surface=surface,
            transforms=transforms.astype(np.float32),
            instances=numbers.astype(np.uint16),
            tints=(np.ones((len(numbers), 1)) * tints).astype(np.float32),
        )

    def where(self, name: str, value: object) -> np.ndarray:
        """(k,) bool: True for piles with this value of a field."""
        return np.array([getattr(pile, name) == value for pile in self.looks], bool)

    def each(self, name: str) -> np.ndarray:
        """(k,) values of a field."""
        return np.array([getattr(pile, name) for pile in self.looks])

    def sized(self, size: Axes, at: Axes = (0, 0, 0)) -> np.ndarray:
        return sized(len(self.numbers), size, at)


def group_of(piles: tuple[Pile, ...], terrain: Terrain) -> PileGroup:
    def each(name: str) -> np.ndarray:
        return np.array([getattr(pile, name) for pile in piles])

    feet = np.stack([each("x_m"), each("y_m"), each("ground_m")], axis=1)
    axes = np.stack([np.tan(each("tilt_x")), np.tan(each("tilt_y")), np.ones(len(piles))], axis=1)
    slopes = terrain.slope_at(feet[:, 0], feet[:, 1], over_m=BASE_SLOPE_OVER_M)
    upwards = np.stack([-slopes[0], -slopes[1], np.ones(len(piles))], axis=1)
    base_frames = standing(feet, upwards, each("turn"))
    return PileGroup(
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
        tint=each("tint").reshape(-1, 3),
        width=np.where(each("width_m") > 0, each("width_m"), each("diameter_m")),
        looks=_as_array(piles),
    )


def _as_array(piles: tuple[Pile, ...]) -> np.ndarray:
    found = np.empty(len(piles), object)
    found[:] = piles
    return found


def _depth_m(base_frames: np.ndarray, radii: np.ndarray, terrain: Terrain) -> np.ndarray:
    """(k,) depth of each base below its plane, so that its whole edge is in the ground."""
    around = np.linspace(0, 2 * np.pi, 16, endpoint=False)
    edge = np.stack([np.cos(around), np.sin(around), np.zeros(16)], axis=1)  # (16, 3)
    points = radii[:, None, None] * (edge @ base_frames[:, :3, :3].transpose(0, 2, 1)) + base_frames[:, None, :3, 3]
    gaps = (points[..., 2] - terrain.height_at(points[..., 0], points[..., 1])) * base_frames[:, None, 2, 2]
    depths_m: np.ndarray = np.maximum(gaps.max(axis=1) + UNDER_M, BASE_DEPTH_M)
    return depths_m


def by_shape(group: PileGroup) -> Iterator[tuple[int, PileGroup]]:
    """Split the group by shape variant."""
    for variant in range(parts.VARIANTS):
        chosen = group.numbers % parts.VARIANTS == variant
        if chosen.any():
            yield variant, group.at(chosen)


def in_metal(group: PileGroup, name: str, mesh: Mesh, local: np.ndarray) -> Iterator[InstanceBatch]:
    """One batch of steel and one of rust, by grade."""
    rusty = group.rust >= FIRST_RUSTY_GRADE
    for chosen, surface in ((~rusty, Surface.STEEL), (rusty, Surface.RUST)):
        if chosen.any():
            some = group.at(chosen)
            yield some.batch(f"{name} {surface}", mesh, surface, local[chosen], STEEL_TINTS[some.rust])


def post_of(group: PileGroup, top: np.ndarray) -> np.ndarray:
    """Transforms of the post from below the ground up to `top`, as wide as the pile."""
    return group.sized((group.diameter, group.width, top + POST_DEPTH_M), (0, 0, -POST_DEPTH_M))


def between(group: PileGroup, low: np.ndarray | float, high: np.ndarray | float, out_m: float) -> np.ndarray:
    """Transforms of a sleeve around the post between two heights, `out_m` larger on all sides."""
    return group.sized((group.diameter + 2 * out_m, group.width + 2 * out_m, high - low), (0, 0, low))
