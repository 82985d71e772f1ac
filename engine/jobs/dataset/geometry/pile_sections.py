"""Rolled and cold-formed steel sections: depth 1 along x, width 1 along y, z 0..1.

Their plates are thicker than real ones, so that they show from the air.
"""

from functools import cache

from engine.jobs.dataset.geometry.batches import Mesh
from engine.jobs.dataset.geometry.meshes import join, moved
from engine.jobs.dataset.geometry.placing import put
from engine.jobs.dataset.geometry.primitives import box

Rect = tuple[float, float, float, float]
"""From and to along x, from and to along y."""


@cache
def h_section(thicker: float = 1.0) -> Mesh:
    """Two flanges across x and a web. `thicker`: factor for its plates, for a coat over it."""
    flange, web = 0.075 * thicker, 0.05 * thicker
    return _plates(
        (-0.5, -0.5 + flange, -0.5, 0.5), (0.5 - flange, 0.5, -0.5, 0.5), (-0.5 + flange, 0.5 - flange, -web, web)
    )


@cache
def c_section(thicker: float = 1.0) -> Mesh:
    """A web along x, two flanges along y, two lips."""
    thin, wide, lip = 0.05 * thicker, 0.11 * thicker, 0.16
    return _plates(
        (-0.5, 0.5, -0.5, -0.5 + wide),
        (-0.5, -0.5 + thin, -0.5 + wide, 0.5),
        (0.5 - thin, 0.5, -0.5 + wide, 0.5),
        (-0.5 + thin, -0.5 + thin + lip, 0.5 - wide, 0.5),
        (0.5 - thin - lip, 0.5 - thin, 0.5 - wide, 0.5),
    )


def _plates(*plates: Rect) -> Mesh:
    return join(
        [
            moved(box(), put((east - west, north - south, 1.0), ((west + east) / 2, (south + north) / 2, 0.0)))
            for west, east, south, north in plates
        ]
    )
