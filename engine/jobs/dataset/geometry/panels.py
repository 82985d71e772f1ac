"""Solar modules: mounting tables over the piles that carry them, and pallets of modules."""

from functools import cache

import numpy as np

from engine.jobs.dataset.geometry.batches import Surface
from engine.jobs.dataset.geometry.kit import Kit, Model
from engine.jobs.dataset.geometry.meshes import moved
from engine.jobs.dataset.geometry.primitives import cylinder

TABLE_SHAPES = 6
MODULE_PALLET_SHAPES = 3
MODULE_M = (1.13, 2.28)
TABLE_TILT = 0.26
"""Radians; the lower edge is towards -y."""
TABLE_LOW_M = 0.25
"""Height of the middle of the modules' lower edge above the piles' heads."""
LEG_M = 1.6
_MOUNTED = ((0, 1, 2, 3), (0, 1), (), (0, 2, 3), (1, 2), (3,))
"""Which of a table's four modules are mounted, by variant."""


@cache
def table(variant: int) -> Model:
    """A part of a mounting table along x, 4.6 x 2.2 m in plan, foot at the heads of the piles. Radius at most 2.7 m.

    Its legs reach `LEG_M` below the heads, into the ground.
    """
    kit = Kit()
    cos, sin = float(np.cos(TABLE_TILT)), float(np.sin(TABLE_TILT))
    half = MODULE_M[1] / 2

    def on_plane(x: float, along: float, over: float) -> tuple[float, float, float]:
        """A point `along` the slope from the middle, `over` the plane."""
        return x, along * cos - over * sin, TABLE_LOW_M + (half + along) * sin + over * cos

    reach = 2 * MODULE_M[0] + 0.04
    for along in (-0.65, 0.65):
        kit.stick(Surface.STEEL, on_plane(-reach, along, -0.07), on_plane(reach, along, -0.07), 0.09)
    for x in (-1.75, 1.75):
        kit.stick(Surface.STEEL, on_plane(x, -1.0, -0.14), on_plane(x, 1.0, -0.14), 0.1)
        for along in (-0.65, 0.65):
            foot = on_plane(x, along, -0.14)
            kit.stick(Surface.STEEL, (foot[0], foot[1], -LEG_M), foot, 0.09, 6)
    tilt = np.array([[1, 0, 0], [0, cos, -sin], [0, sin, cos]])
    for place in _MOUNTED[variant % TABLE_SHAPES]:
        x = (place - 1.5) * (MODULE_M[0] + 0.02)
        matrix = np.eye(4)
        matrix[:3, :3] = tilt
        matrix[:3, 3] = on_plane(x, 0.0, 0.0)
        module = Kit()
        _add_module(module)
        for surface, meshes in module.solids.items():
            kit.add(surface, *(moved(mesh, matrix) for mesh in meshes))
    return kit.model()


def _add_module(kit: Kit) -> None:
    """A module around the origin: glass in a frame, a pale line across its middle between the two halves of cells."""
    wide, long_m = MODULE_M[0] / 2, MODULE_M[1] / 2
    kit.box(Surface.MODULE, (-wide + 0.02, wide - 0.02), (-long_m + 0.02, long_m - 0.02), (0.0, 0.03))
    for x in (-wide, wide - 0.025):
        kit.box(Surface.STEEL, (x, x + 0.025), (-long_m, long_m), (-0.005, 0.034))
    for y in (-long_m, long_m - 0.025):
        kit.box(Surface.STEEL, (-wide + 0.02, wide - 0.02), (y, y + 0.025), (-0.005, 0.034))
    kit.box(Surface.STEEL, (-wide + 0.02, wide - 0.02), (-0.008, 0.008), (0.01, 0.0305))


@cache
def module_pallet(variant: int) -> Model:
    """Modules on a pallet, 2.3 x 1.15 m: in cardboard, opened, or half empty. Radius at most 1.4 m."""
    kit = Kit()
    high = (1.25, 1.25, 0.55)[variant % 3]
    for y in (-0.5, 0.0, 0.42):
        kit.box(Surface.TIMBER, (-1.15, 1.15), (y, y + 0.09), (-0.05, 0.12))
    for x in np.linspace(-1.1, 1.0, 6):
        kit.box(Surface.TIMBER, (x, x + 0.1), (-0.55, 0.55), (0.12, 0.14))
    if variant % 3 == 2:
        for k in range(7):
            kit.box(Surface.STEEL, (-1.14, 1.14), (-0.56, 0.56), (0.15 + 0.055 * k, 0.18 + 0.055 * k))
        kit.box(Surface.MODULE, (-1.11, 1.11), (-0.53, 0.53), (0.5, 0.515))
        return kit.model()
    kit.box(Surface.PAINT, (-1.14, 1.14), (-0.55, 0.55), (0.14, high))
    if variant % 3 == 1:
        kit.box(Surface.MODULE, (-1.1, 1.1), (-0.51, 0.51), (high - 0.05, high + 0.01))
        kit.box(Surface.STEEL, (-1.12, 1.12), (-0.53, 0.53), (high - 0.1, high))
    else:
        for x in (-0.6, 0.6):
            kit.box(Surface.DARK_PAINT, (x - 0.012, x + 0.012), (-0.555, 0.555), (0.14, high + 0.005))
        kit.solid(Surface.BAG, cylinder(4), (0.5, 0.35, 0.008), (0.1, 0.1, high))
    return kit.model()
