"""Outlines of whole things in the picture, from their geometry: also what other things hide or the edge cuts off.

The visible pixels of a thing do not tell how much of it is missing. A second drawing of the things without the others
would cost as much as the first for each layer of things, and would end at the picture's edge. So the solids of which a
thing consists (a post, a flange, a cab) are projected one by one: the silhouette of a convex solid is the convex hull
of its corners, and that of the thing is their union. What lies below the ground is cut off.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import numpy as np

from engine.dataset.geometry.batches import InstanceBatch, Mesh, SceneStage

NEAREST_M = 0.5  # corners closer to the camera's plane are left out: they have no place in the picture
MAX_SOLIDS = 24  # of one mesh; one of more, such as a crown of leaves, counts as one
WELD_M = 1e-4
MIN_CORNERS = 3
ToPicture = Callable[[np.ndarray], np.ndarray]  # moves (n, 2) pixels of the pinhole to those of the photograph


@dataclass(slots=True, kw_only=True)
class Outline:
    """The silhouette of one thing."""

    solids: list[np.ndarray] = field(default_factory=list)
    """(n, 2) float64 px each, convex; may extend beyond the picture."""
    near_m: float = np.inf  # smallest and largest depth of its corners
    far_m: float = -np.inf


def find_outlines(stage: SceneStage, wanted: np.ndarray, to_picture: ToPicture) -> dict[int, Outline]:
    """The outlines of the things with these numbers, (k,); a thing without geometry above the ground has none."""
    is_wanted = np.zeros(2**16, bool)
    is_wanted[wanted] = True
    hulls: list[np.ndarray] = []
    owners: list[int] = []
    found: dict[int, Outline] = {}
    solids: dict[int, list[_Solid]] = {}
    for batch in stage.batches:
        chosen = np.flatnonzero(is_wanted[batch.instances])
        if not len(chosen):
            continue
        if id(batch.mesh) not in solids:
            solids[id(batch.mesh)] = _solids_of(batch.mesh)
        for number, hull, near_m, far_m in _hulls(stage, batch, chosen, solids[id(batch.mesh)]):
            outline = found.setdefault(number, Outline())
            outline.near_m, outline.far_m = min(outline.near_m, near_m), max(outline.far_m, far_m)
            hulls.append(hull)
            owners.append(number)
    if hulls:
        moved = to_picture(np.concatenate(hulls))
        ends = np.cumsum([len(hull) for hull in hulls])[:-1]
        for number, hull in zip(owners, np.split(moved, ends), strict=True):
            if np.isfinite(hull).all():
                found[number].solids.append(hull)
    return {number: outline for number, outline in found.items() if outline.solids}


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Solid:
    """A connected part of a mesh."""

    corners: np.ndarray  # (v, 3) object space, each once
    edges: np.ndarray  # (e, 2) of corners


def _hulls(
    stage: SceneStage, batch: InstanceBatch, chosen: np.ndarray, solids: list[_Solid]
) -> Iterator[tuple[int, np.ndarray, float, float]]:
    """Number, hull in px of the pinhole, nearest and farthest depth of each solid of each chosen instance."""
    import cv2

    camera, terrain = stage.scene.camera, stage.scene.terrain
    transforms = batch.transforms[chosen].astype(np.float64)
    for solid in solids:
        placed = solid.corners @ transforms[:, :3, :3].transpose(0, 2, 1) + transforms[:, None, :3, 3]  # (k, v, 3)
        over_m = placed[..., 2] - terrain.height_at(placed[..., 0], placed[..., 1])  # (k, v)
        is_over = over_m > 0
        first, last = solid.edges.T
        instance, edge = np.nonzero(is_over[:, first] != is_over[:, last])  # (c,) edges that meet the ground
        low_m, high_m = over_m[instance, first[edge]], over_m[instance, last[edge]]
        start, end = placed[instance, first[edge]], placed[instance, last[edge]]
        points = np.concatenate([placed[is_over], start + (end - start) * (low_m / (low_m - high_m))[:, None]])
        owner = np.concatenate([np.nonzero(is_over)[0], instance])
        depths = camera.depth_of(points)
        chosen_points = np.flatnonzero(depths > NEAREST_M)
        chosen_points = chosen_points[np.argsort(owner[chosen_points], kind="stable")]
        depths, owner = depths[chosen_points], owner[chosen_points]
        pixels = camera.pixel_of(points[chosen_points]).astype(np.float32)
        ends = np.searchsorted(owner, np.arange(len(chosen) + 1)).tolist()
        for number, begin, finish in zip(batch.instances[chosen].tolist(), ends, ends[1:], strict=False):
            if finish - begin >= MIN_CORNERS:
                own = depths[begin:finish]
                hull = cv2.convexHull(pixels[begin:finish])[:, 0].astype(np.float64)
                yield number, hull, float(own.min()), float(own.max())


def _solids_of(mesh: Mesh) -> list[_Solid]:
    """Split a mesh into connected parts; corners repeated for their normals are joined first."""
    # Three whole numbers in one, since NumPy sorts rows ten times more slowly.
    step_m = max(WELD_M, float(np.abs(mesh.positions).max()) / 2**19)
    places = np.rint(mesh.positions.astype(np.float64) / step_m).astype(np.int64)
    _, chosen, joined = np.unique(places @ [1 << 42, 1 << 21, 1], return_index=True, return_inverse=True)
    corners = mesh.positions[chosen].astype(np.float64)
    triangles = joined.reshape(-1)[mesh.triangles.astype(np.int64)]  # (t, 3)
    owner = np.arange(len(corners))
    while True:
        least = owner[triangles].min(axis=1)
        before = owner.copy()
        for column in range(3):
            np.minimum.at(owner, triangles[:, column], least)
        owner = owner[owner]
        if np.array_equal(owner, before):
            break
    sides = np.sort(np.concatenate([triangles[:, [0, 1]], triangles[:, [1, 2]], triangles[:, [2, 0]]]))
    edges = np.stack(np.divmod(np.unique(sides @ [len(corners), 1]), len(corners)), axis=1)
    names = np.unique(owner[edges[:, 0]])
    if len(names) > MAX_SOLIDS:
        return [_Solid(corners=corners, edges=edges)]
    solids = []
    for name in names.tolist():
        own = np.flatnonzero(owner == name)
        solids.append(_Solid(corners=corners[own], edges=np.searchsorted(own, edges[owner[edges[:, 0]] == name])))
    return solids
