"""Points that bound the visible part of things: everything above the ground, hidden or not.

From them follow boxes of whole things and their places in a picture.
"""

from collections.abc import Iterable, Iterator

import numpy as np

from engine.jobs.dataset.geometry.batches import InstanceBatch, Mesh
from engine.jobs.dataset.geometry.piles import build_piles
from engine.jobs.dataset.scene.description import GroundLook, Terrain
from engine.jobs.dataset.scene.things import Pile

_NO_LOOK = GroundLook(soil=(0, 0, 0), subsoil=(0, 0, 0), grass=(0, 0, 0), grass_share=0, noise_seed=0)


def outline_m(pile: Pile, terrain: Terrain) -> np.ndarray:
    """(n, 3) metres: corners of the pile's drawn parts above the ground, its concrete or grout foot included, and
    points where they meet the ground. The box around their pixels is the box around the whole pile."""
    return outlines_m((pile,), terrain)[pile.number or 1]


def outlines_m(piles: tuple[Pile, ...], terrain: Terrain) -> dict[int, np.ndarray]:
    """`outline_m` of all piles, by instance number; much faster than one by one."""
    return outlines_of(build_piles(piles, terrain, _NO_LOOK), terrain)


def outlines_of(batches: Iterable[InstanceBatch], terrain: Terrain) -> dict[int, np.ndarray]:
    """The same for all numbered things of a stage. A thing wholly below the ground is missing."""
    found: dict[int, list[np.ndarray]] = {}
    shapes: dict[int, tuple[np.ndarray, np.ndarray]] = {}
    for batch in batches:
        if not batch.instances.any():
            continue
        corners, edges = shapes.setdefault(id(batch.mesh), _shape(batch.mesh))
        for number, points in _above(batch, corners, edges, terrain):
            found.setdefault(number, []).append(points)
    return {number: np.concatenate(parts) for number, parts in found.items()}


def _shape(mesh: Mesh) -> tuple[np.ndarray, np.ndarray]:
    """Different corners, (c, 3), and edges between them, (e, 2)."""
    corners, place = np.unique(mesh.positions.round(6), axis=0, return_inverse=True)
    triangles = place.reshape(-1)[mesh.triangles]
    edges = np.sort(np.concatenate([triangles[:, [0, 1]], triangles[:, [1, 2]], triangles[:, [2, 0]]]), axis=1)
    return corners.astype(np.float64), np.unique(edges, axis=0)


def _above(
    batch: InstanceBatch, corners: np.ndarray, edges: np.ndarray, terrain: Terrain
) -> Iterator[tuple[int, np.ndarray]]:
    transforms = batch.transforms.astype(np.float64)
    world = corners @ transforms[:, :3, :3].transpose(0, 2, 1) + transforms[:, None, :3, 3]  # (k, c, 3)
    over = world[..., 2] - terrain.height_at(world[..., 0], world[..., 1])  # (k, c)
    is_above = over >= 0
    begin, end = edges.T
    crosses = is_above[:, begin] != is_above[:, end]  # (k, e)
    for place, number in enumerate(batch.instances.tolist()):
        if not number:
            continue
        points = world[place]
        a, b = begin[crosses[place]], end[crosses[place]]
        share = over[place, a] / (over[place, a] - over[place, b])
        met = points[a] + (points[b] - points[a]) * share[:, None]
        kept = np.concatenate([points[is_above[place]], met])
        if len(kept):
            yield number, kept
