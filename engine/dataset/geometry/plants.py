"""Bushes, trees and stumps. Crowns are clumps of leaves, so that their outlines and shadows are
ragged."""

import numpy as np

from engine.dataset.geometry.batches import Surface
from engine.dataset.geometry.kit import Kit, Point, model_of
from engine.dataset.geometry.meshes import around, flat_shaded, moved, put, turned
from engine.dataset.geometry.primitives import (
    cylinder,
    octahedron,
    rough_cylinder,
    stacked_rings,
    waves,
)
from engine.dataset.scene.things import DistractorKind as Kind

CLUMP_M = (0.10, 0.24)


def _lobe(
    kit: Kit, rng: np.random.Generator, at: tuple[float, float, float], size: Point, clumps: int
) -> None:
    """A rounded mass of leaves with these diameters around `at`: a core, and clumps all over it."""
    sides = 10
    angles = around(sides)
    levels = np.array([-0.42, -0.25, 0.0, 0.25, 0.42])
    radii = np.sqrt(0.25 - levels**2)[:, None] * (0.84 + 0.12 * waves(rng, angles, (2, 3)))
    core = stacked_rings(radii, np.repeat(levels[:, None] * 0.9, sides, axis=1))
    kit.add(Surface.LEAF, moved(core, put(size, at)))
    up = rng.uniform(-0.35, 1.0, clumps)
    angle = rng.uniform(0, 2 * np.pi, clumps)
    flat = np.sqrt(1 - up * up)
    way = np.stack([flat * np.cos(angle), flat * np.sin(angle), up], axis=1) * rng.uniform(
        0.43, 0.52, (clumps, 1)
    )
    wide = rng.uniform(*CLUMP_M, (clumps, 3)) * min(1.0, 0.35 + 0.35 * min(size))
    axes = turned(rng.uniform(0, 2 * np.pi, clumps))[:, :3, :3] * wide[:, None]
    lean = rng.uniform(-0.6, 0.6, (clumps, 2, 1))
    axes[:, :, 2] += axes[:, :, 0] * lean[:, 0] + axes[:, :, 1] * lean[:, 1]
    clump = octahedron()
    corners = clump.positions[clump.triangles].astype(np.float64)  # (8, 3, 3)
    leaves = np.einsum("kij,tcj->ktci", axes, corners) + (np.array(at) + way * size)[:, None, None]
    kit.add(Surface.LEAF, flat_shaded(leaves.reshape(-1, 3, 3)))


@model_of(Kind.BUSH, shapes=5)
def bush(kit: Kit, variant: int) -> None:
    """A bush 0.9 m wide: round, low, of several humps. Radius at most 0.62 m."""
    rng = np.random.default_rng([51, variant])
    high = (0.85, 0.6, 0.75, 1.0, 0.5)[variant % 5]
    humps = (1, 3, 4, 2, 1)[variant % 5]
    for k in range(humps):
        away = 0.0 if humps == 1 else 0.22
        angle = 2 * np.pi * k / humps + rng.uniform(-0.4, 0.4)
        wide = 0.95 if humps == 1 else rng.uniform(0.5, 0.7)
        tall = high * rng.uniform(0.8, 1.0)
        at = (away * np.cos(angle), away * np.sin(angle), 0.42 * tall - 0.1)
        _lobe(kit, rng, at, (wide, wide * rng.uniform(0.9, 1.0), tall), 170 // humps + 20)


@model_of(Kind.TREE, shapes=4)
def tree(kit: Kit, variant: int) -> None:
    """A tree with a crown 3.4 m wide, 3 to 4.5 m high. Radius at most 2 m."""
    rng = np.random.default_rng([52, variant])
    trunk = (1.2, 1.5, 0.9, 1.6)[variant % 4]
    kit.stick(Surface.BARK, (0.0, 0.0, -0.4), (0.05, 0.0, trunk + 0.6), (0.24, 0.14), 8)
    lobes = (5, 7, 6, 1)[variant % 4]
    if lobes == 1:  # a conifer, whorl on whorl
        for k in range(6):
            wide = 2.4 * (1 - k / 6.6)
            _lobe(kit, rng, (0.0, 0.0, 0.7 + 0.6 * k), (wide, wide, 1.0), 90 - 12 * k)
        return
    _lobe(kit, rng, (0.0, 0.0, trunk + 1.1), (1.9, 1.9, 1.7), 150)
    for k in range(lobes):
        angle = 2 * np.pi * k / lobes + rng.uniform(-0.3, 0.3)
        away = rng.uniform(0.75, 1.05)
        wide = rng.uniform(1.1, 1.5)
        at = (away * np.cos(angle), away * np.sin(angle), trunk + rng.uniform(0.4, 1.0))
        kit.stick(Surface.BARK, (0.03, 0.0, trunk - 0.2), at, (0.1, 0.05))
        _lobe(kit, rng, at, (wide, wide, rng.uniform(0.8, 1.1)), 90)


@model_of(Kind.BARE_TREE, shapes=3)
def bare_tree(kit: Kit, variant: int) -> None:
    """A tree without leaves, 3 to 4 m high. Radius at most 2 m."""
    rng = np.random.default_rng([53, variant])

    def grow(foot: np.ndarray, way: np.ndarray, long_m: float, thick: float, order: int) -> None:
        tip = foot + way * long_m
        kit.stick(Surface.BARK, foot, tip, (thick, 0.6 * thick), 5 if order == 0 else 3)
        if order == 3:
            return
        for _ in range((6, 4, 3)[order]):
            start = foot + way * long_m * rng.uniform(0.45, 1.0)
            angle = rng.uniform(0, 2 * np.pi)
            spread = np.array([np.cos(angle), np.sin(angle), rng.uniform(-0.1, 0.5)])
            turn = way + spread * (1.1, 0.9, 0.9)[order]
            turn /= np.linalg.norm(turn)
            reach = long_m * rng.uniform(0.4, 0.7)
            while np.hypot(*(start + turn * reach)[:2]) > 1.9:
                reach *= 0.8
            grow(start, turn, reach, 0.5 * thick, order + 1)

    grow(
        np.array([0.0, 0.0, -0.4]), np.array([0.03, 0.0, 1.0]), (2.6, 2.2, 2.9)[variant % 3], 0.2, 0
    )


@model_of(Kind.STUMP, shapes=3)
def stump(kit: Kit, variant: int) -> None:
    """The stump of a felled tree, 0.36 m wide, with its roots and rings. Radius at most 0.45 m."""
    rng = np.random.default_rng([54, variant])
    high = (0.25, 0.4, 0.15)[variant % 3]
    kit.solid(Surface.BARK, rough_cylinder(rng, 18), (0.38, 0.36, high + 0.15), (0, 0, -0.15))
    kit.solid(Surface.TIMBER, cylinder(18), (0.31, 0.3, 0.02), (0.0, 0.0, high - 0.008))
    kit.solid(Surface.BARK, cylinder(10), (0.07, 0.06, 0.014), (0.02, 0.01, high))
    for k in range(5):
        angle = 2 * np.pi * k / 5 + rng.uniform(-0.4, 0.4)
        far = rng.uniform(0.3, 0.43)
        start, end = (
            (0.14 * np.cos(angle), 0.14 * np.sin(angle), 0.08),
            (far * np.cos(angle), far * np.sin(angle), -0.1),
        )
        kit.stick(Surface.BARK, start, end, (0.16, 0.06), 6)
