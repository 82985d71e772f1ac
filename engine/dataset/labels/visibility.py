"""Measures how much of a thing is visible, from its outline and the picture's instance numbers and
depths."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import numpy as np

from engine.dataset.geometry.batches import InstanceBatch, Mesh, SceneGeometry
from engine.dataset.labels.record import Box

NEAREST_M = 0.5  # corners closer to the camera's plane are left out: they cannot be projected
MAX_SOLIDS = 24  # of one mesh; one of more, such as a crown of leaves, counts as one
WELD_M = 1e-4
MIN_CORNERS = 3
Solid = tuple[np.ndarray, np.ndarray]
"""A connected part of a mesh: (v, 3) corners in object space, each once, and (e, 2) edges of
them."""
# moves (n, 2) pixels of the pinhole to those of the photograph
ToPicture = Callable[[np.ndarray], np.ndarray]
# sides of a thing up to which 5 and 3 samples are taken along each side of a pixel
FINE_PX = 128
COARSE_PX = 512
BEYOND_PX = 0.5  # a shorter part beyond the edge covers no centre of a pixel
AHEAD_M = 0.03  # a point must be this much nearer than the farthest of a thing to hide it
GROUND_AHEAD_M = (
    0.2  # the same for bare ground and the nearest of a thing: only a crest before it hides it
)


@dataclass(slots=True, kw_only=True)
class Outline:
    # (n, 2) float64 px each, convex; may leave the picture
    solids: list[np.ndarray] = field(default_factory=list)
    near_m: float = np.inf  # smallest and largest depth of its corners
    far_m: float = -np.inf


def find_outlines(
    geometry: SceneGeometry, numbers: np.ndarray, to_picture: ToPicture
) -> dict[int, Outline]:
    """Project the outlines of the things with these numbers, (k,). A thing without geometry above
    ground has none."""
    is_chosen = np.zeros(2**16, bool)
    is_chosen[numbers] = True
    hulls: list[np.ndarray] = []
    owners: list[int] = []
    outlines: dict[int, Outline] = {}
    solids: dict[int, list[Solid]] = {}
    for batch in geometry.batches:
        chosen = np.flatnonzero(is_chosen[batch.instances])
        if not len(chosen):
            continue
        if id(batch.mesh) not in solids:
            solids[id(batch.mesh)] = _solids_of(batch.mesh)
        for number, hull, near_m, far_m in _hulls(geometry, batch, chosen, solids[id(batch.mesh)]):
            outline = outlines.setdefault(number, Outline())
            outline.near_m = min(outline.near_m, near_m)
            outline.far_m = max(outline.far_m, far_m)
            hulls.append(hull)
            owners.append(number)
    if hulls:
        moved = to_picture(np.concatenate(hulls))
        ends = np.cumsum([len(hull) for hull in hulls])[:-1]
        for number, hull in zip(owners, np.split(moved, ends), strict=True):
            if np.isfinite(hull).all():
                outlines[number].solids.append(hull)
    return {number: outline for number, outline in outlines.items() if outline.solids}


def _hulls(
    geometry: SceneGeometry, batch: InstanceBatch, chosen: np.ndarray, solids: list[Solid]
) -> Iterator[tuple[int, np.ndarray, float, float]]:
    """Yield number, hull in px of the pinhole, and depth range of each solid of each chosen
    instance."""
    import cv2

    camera = geometry.scene.camera
    terrain = geometry.scene.terrain
    transforms = batch.transforms[chosen].astype(np.float64)
    for corners, edges in solids:
        # (k, v, 3)
        corners_m = corners @ transforms[:, :3, :3].transpose(0, 2, 1) + transforms[:, None, :3, 3]
        # (k, v)
        over_m = corners_m[..., 2] - terrain.height_at(corners_m[..., 0], corners_m[..., 1])
        is_over = over_m > 0
        first, last = edges.T
        # (c,) edges that meet the ground
        instance, edge = np.nonzero(is_over[:, first] != is_over[:, last])
        low_m, high_m = over_m[instance, first[edge]], over_m[instance, last[edge]]
        start, end = corners_m[instance, first[edge]], corners_m[instance, last[edge]]
        points = np.concatenate(
            [corners_m[is_over], start + (end - start) * (low_m / (low_m - high_m))[:, None]]
        )
        owner = np.concatenate([np.nonzero(is_over)[0], instance])
        depths = camera.depth_of(points)
        chosen_points = np.flatnonzero(depths > NEAREST_M)
        chosen_points = chosen_points[np.argsort(owner[chosen_points], kind="stable")]
        depths = depths[chosen_points]
        owner = owner[chosen_points]
        pixels = camera.pixel_of(points[chosen_points]).astype(np.float32)
        ends = np.searchsorted(owner, np.arange(len(chosen) + 1)).tolist()
        for number, begin, finish in zip(
            batch.instances[chosen].tolist(), ends, ends[1:], strict=False
        ):
            if finish - begin >= MIN_CORNERS:
                own = depths[begin:finish]
                hull = cv2.convexHull(pixels[begin:finish])[:, 0].astype(np.float64)
                yield number, hull, float(own.min()), float(own.max())


def _solids_of(mesh: Mesh) -> list[Solid]:
    """Split a mesh into connected parts; corners repeated for their normals are joined first."""
    # Three whole numbers in one, since NumPy sorts rows ten times more slowly.
    step_m = max(WELD_M, float(np.abs(mesh.positions).max()) / 2**19)
    grid = np.rint(mesh.positions.astype(np.float64) / step_m).astype(np.int64)
    _, chosen, corner_index = np.unique(
        grid @ [1 << 42, 1 << 21, 1], return_index=True, return_inverse=True
    )
    corners = mesh.positions[chosen].astype(np.float64)
    triangles = corner_index.reshape(-1)[mesh.triangles.astype(np.int64)]  # (t, 3)
    owner = np.arange(len(corners))
    while True:
        least = owner[triangles].min(axis=1)
        before = owner.copy()
        for column in range(3):
            np.minimum.at(owner, triangles[:, column], least)
        owner = owner[owner]
        if np.array_equal(owner, before):
            break
    sides = np.sort(
        np.concatenate([triangles[:, [0, 1]], triangles[:, [1, 2]], triangles[:, [2, 0]]])
    )
    edges = np.stack(np.divmod(np.unique(sides @ [len(corners), 1]), len(corners)), axis=1)
    names = np.unique(owner[edges[:, 0]])
    if len(names) > MAX_SOLIDS:
        return [(corners, edges)]
    parts = [np.flatnonzero(owner == name) for name in names.tolist()]
    return [
        (corners[own], np.searchsorted(own, edges[owner[edges[:, 0]] == own[0]])) for own in parts
    ]


@dataclass(frozen=True, slots=True, kw_only=True)
class Visibility:
    """How much of a thing is visible; fields as those of LabelledThing with the same names."""

    whole_box: Box
    visible_share: float = 1.0
    is_cut: bool = False
    is_hidden: bool = False


def measure_visibility(
    outline: Outline | None,
    number: int,
    box: Box,
    area_px: int,
    numbers: np.ndarray,
    depth_m: np.ndarray,
) -> Visibility:
    """Compare an outline with the picture, (height, width) numbers and depths. A hull covers a
    little more than its solid, so bare ground within hides nothing unless it is nearer; the
    fraction is 1 unless hidden or cut."""
    if outline is None:
        return Visibility(whole_box=box)
    height, width = numbers.shape
    everything = np.concatenate(outline.solids)
    # Not farther than the picture's own size beyond its edges: enough to tell what is cut, and
    # bounded in memory.
    low = np.clip(everything.min(axis=0), (-width, -height), (2 * width, 2 * height))
    high = np.clip(everything.max(axis=0), (-width, -height), (2 * width, 2 * height))
    is_cut = bool((low < -BEYOND_PX).any() or (high > np.array([width, height]) + BEYOND_PX).any())
    first, last = np.floor(low).astype(int), np.ceil(high).astype(int)
    if not (last > first).all():
        return Visibility(whole_box=box)
    fine = _fill(outline.solids, first, last - first)
    samples = fine.shape[0] // int(last[1] - first[1])
    start, end = np.maximum(first, 0), np.minimum(last, (width, height))
    # samples at the centres of pixels
    covered = fine[samples // 2 :: samples, samples // 2 :: samples]
    (x0, y0), (x1, y1) = start - first, end - first
    visible_px = hidden_px = 0
    if (end > start).all():
        here = np.s_[start[1] : end[1], start[0] : end[0]]
        hidden_px = _hidden_px(covered[y0:y1, x0:x1], number, numbers[here], depth_m[here], outline)
        visible_px = int(covered[y0:y1, x0:x1].sum()) - hidden_px
    outside_px = 0.0
    if is_cut:
        in_picture = fine[
            y0 * samples : max(y0, y1) * samples, x0 * samples : max(x0, x1) * samples
        ]
        outside_px = (int(fine.sum()) - int(in_picture.sum())) / samples**2
    if not is_cut and not hidden_px:
        return Visibility(whole_box=box)
    visible_px = max(visible_px, area_px)
    rows, columns = np.flatnonzero(covered.any(axis=1)), np.flatnonzero(covered.any(axis=0))
    whole = box
    if len(rows):
        x0, y0 = (
            np.minimum(box[:2], [first[0] + columns[0], first[1] + rows[0]]).astype(float).tolist()
        )
        x1, y1 = (
            np.maximum(box[2:], [first[0] + columns[-1] + 1, first[1] + rows[-1] + 1])
            .astype(float)
            .tolist()
        )
        whole = (x0, y0, x1, y1)
    return Visibility(
        whole_box=whole,
        visible_share=visible_px / (visible_px + hidden_px + outside_px),
        is_cut=is_cut,
        is_hidden=hidden_px > 0,
    )


def _fill(solids: list[np.ndarray], first: np.ndarray, size: np.ndarray) -> np.ndarray:
    """Rasterise the union of the solids: (height, width) uint8 0 or 1, with 1, 3 or 5 samples per
    pixel and axis."""
    import cv2

    longest = int(size.max())
    samples = 5 if longest <= FINE_PX else 3 if longest <= COARSE_PX else 1
    filled = np.zeros((int(size[1]) * samples, int(size[0]) * samples), np.uint8)
    for solid in solids:
        # OpenCV's pixel centres are whole numbers; four more bits are fractions.
        points = np.rint(((solid - first) * samples - 0.5) * 16)
        cv2.fillConvexPoly(filled, np.clip(points, -(2**30), 2**30).astype(np.int32), 1, shift=4)
    return filled


def _hidden_px(
    covered: np.ndarray, number: int, numbers: np.ndarray, depth_m: np.ndarray, outline: Outline
) -> int:
    """Count pixels of the outline, (h, w) uint8, where something occludes the thing; 0 if only its
    rim is occluded."""
    import cv2

    near = np.where(numbers == 0, outline.near_m - GROUND_AHEAD_M, outline.far_m - AHEAD_M)
    is_hiding = (numbers != number) & (depth_m < near) & (covered > 0)
    if not is_hiding.any():
        return 0
    inner = cv2.erode(
        covered, np.ones((3, 3), np.uint8), borderType=cv2.BORDER_CONSTANT, borderValue=1
    )
    return int(is_hiding.sum()) if (is_hiding & (inner > 0)).any() else 0
