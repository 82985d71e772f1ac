"""Closed solids of about one unit: round ones have diameter 1 and z 0..1. Triangles run
counter-clockwise seen from outside; a vertex is repeated for each of its normals, so edges stay
sharp."""

from collections.abc import Sequence
from functools import cache
from itertools import pairwise

import numpy as np

from engine.dataset.geometry.batches import Mesh
from engine.dataset.geometry.meshes import around, flat_shaded, join, polar, smooth_shaded, unit

ROUND_SIDES = 24
MOUND_SIDES = 32
MOUND_GROUND = 0.6  # the part of a mound's height that is in the ground


def revolve(profile: Sequence[tuple[float, float]], sides: int = ROUND_SIDES) -> Mesh:
    """Revolve the outline (radius, z) around z, sharp between its segments; the solid is to its
    left. It is closed if both ends are on the axis, or coincide."""
    angles = around(sides)
    here = np.arange(sides, dtype=np.uint32)
    there = np.roll(here, -1)
    parts = []
    for (radius, z), (next_radius, next_z) in pairwise(profile):
        positions = np.concatenate([polar(radius, angles, z), polar(next_radius, angles, next_z)])
        normals = polar(next_z - z, angles, radius - next_radius)
        triangles = []
        if radius > 0:
            triangles.append(np.stack([here, there, there + sides], axis=1))
        if next_radius > 0 or radius == 0:
            triangles.append(np.stack([here, there + sides, here + sides], axis=1))
        parts.append(
            Mesh(
                positions=positions.astype(np.float32),
                normals=np.tile(unit(normals), (2, 1)).astype(np.float32),
                triangles=np.concatenate(triangles).astype(np.uint32),
            )
        )
    return join(parts)


@cache
def cylinder(sides: int = ROUND_SIDES) -> Mesh:
    return revolve([(0, 0), (0.5, 0), (0.5, 1), (0, 1)], sides)


@cache
def tube(inner_fraction: float, sides: int = ROUND_SIDES) -> Mesh:
    """A tube, open at both ends; `inner_fraction` is the bore's fraction of the diameter."""
    inner = 0.5 * inner_fraction
    return revolve([(0.5, 0), (0.5, 1), (inner, 1), (inner, 0), (0.5, 0)], sides)


@cache
def box() -> Mesh:
    """A box, 1 x 1 around z, z 0..1."""
    return extrude([(-0.5, 0), (0.5, 0), (0.5, 1), (-0.5, 1)], 1.0)


def extrude(profile: Sequence[tuple[float, float]], width: float) -> Mesh:
    """A prism of this width around y = 0 from a convex outline (x, z), counter-clockwise with x
    right and z up."""
    near = np.insert(np.asarray(profile, np.float64), 1, -width / 2, axis=1)
    return loft(np.stack([near + np.array([0, width, 0]), near]))


def slab(outline: Sequence[tuple[float, float]], low: float, high: float) -> Mesh:
    """An upright prism between two heights from a convex outline (x, y), counter-clockwise from
    above."""
    bottom = np.insert(np.asarray(outline, np.float64), 2, low, axis=1)
    return loft(np.stack([bottom, bottom + np.array([0, 0, high - low])]))


def star_slab(radii: np.ndarray, low: float, high: float) -> Mesh:
    """An upright prism whose outline has these radii, (sides,), counter-clockwise from above; it
    may be concave."""
    bottom, top = (polar(radii, around(len(radii)), z) for z in (low, high))
    next_bottom, next_top = (np.roll(ring, -1, axis=0) for ring in (bottom, top))
    below, above = (np.tile([0.0, 0.0, z], (len(radii), 1)) for z in (low, high))
    faces = [
        (bottom, next_bottom, next_top),
        (bottom, next_top, top),
        (above, top, next_top),
        (below, next_bottom, bottom),
    ]
    return flat_shaded(np.concatenate([np.stack(face, axis=1) for face in faces]))


def beam(
    points: Sequence[tuple[float, float]], width: float, thick: float | Sequence[float]
) -> Mesh:
    """A beam along points (x, z) in the plane y = 0, `width` across it; `thick` in it, one for all
    or one per point."""
    line = np.asarray(points, np.float64)
    steps = unit(np.diff(line, axis=0))
    along = unit(np.vstack([steps[:1], steps[:-1] + steps[1:], steps[-1:]]))
    across = (
        np.stack([-along[:, 1], along[:, 0]], axis=1)
        * np.broadcast_to(np.asarray(thick) / 2, len(line))[:, None]
    )
    low, high = (
        np.insert(line - across, 1, -width / 2, axis=1),
        np.insert(line + across, 1, -width / 2, axis=1),
    )
    over = np.array([0, width, 0])
    return loft(np.stack([low, low + over, high + over, high], axis=1))


def loft(sections: np.ndarray) -> Mesh:
    """Join convex outlines, (levels, m, 3), counter-clockwise seen from the last, into a solid with
    flat faces."""
    count = sections.shape[1]
    triangles = []
    for below, above in pairwise(sections):
        for k in range(count):
            after = (k + 1) % count
            triangles.append([below[k], below[after], above[after]])
            triangles.append([below[k], above[after], above[k]])
    first, last = sections[0], sections[-1]
    for k in range(1, count - 1):
        triangles.append([first[0], first[k + 1], first[k]])
        triangles.append([last[0], last[k], last[k + 1]])
    return flat_shaded(np.array(triangles))


def ring(thickness: float, sides: int = ROUND_SIDES, tube_sides: int = 6) -> Mesh:
    """A torus around z at z = 0: outer diameter 1, its tube `thickness` thick."""
    cord = thickness / 2
    across = around(tube_sides)
    grid = polar(0.5 - cord + cord * np.cos(across), around(sides)[:, None], cord * np.sin(across))
    return smooth_shaded(grid.reshape(-1, 3), _wrapped_cells(sides, tube_sides))


def rough_ring(rng: np.random.Generator, inner: float, unevenness: float, sides: int = 20) -> Mesh:
    """A heap around a hole: outer diameter 1, its hole `inner` wide, z 0..1; ends below in a flat
    ring at z = -1."""
    angles = around(sides)
    edge = 1 - unevenness * (0.5 - 0.5 * waves(rng, angles, (1, 2, 3, 5)))
    high = 1 - unevenness * (0.5 - 0.5 * waves(rng, angles, (1, 2, 4, 7)))
    hole = inner / 2 * (1 + 0.25 * unevenness * waves(rng, angles, (2, 3, 5)))
    wide = np.maximum(0.5 * edge - hole, 0.02)
    widths, levels = np.array(
        [(1.0, -1.0), (1.0, 0.0), (0.75, 0.5), (0.45, 1.0), (0.15, 0.75), (0.0, 0.0), (0.0, -1.0)]
    ).T
    radius = hole[:, None] + wide[:, None] * widths
    grid = polar(radius, angles[:, None], np.where(levels > 0, levels * high[:, None], levels))
    return flat_shaded(grid.reshape(-1, 3)[_wrapped_cells(sides, len(levels))])


def faceted(mesh: Mesh) -> Mesh:
    """The same solid with flat faces instead of smooth ones."""
    return flat_shaded(mesh.positions[mesh.triangles])


def octahedron() -> Mesh:
    """Diameter 1 around the origin, flat faces: a clump of leaves."""
    x, y, z = np.eye(3) / 2
    corners = []
    for a, b, c in ((x, y, z), (y, -x, z), (-x, -y, z), (-y, x, z)):
        corners += [(a, b, c), (b, a, -c)]
    return flat_shaded(np.array(corners))


def _wrapped_cells(rows: int, columns: int) -> np.ndarray:
    """(t, 3) triangles of a grid that wraps in both directions: rows around z, columns outside, up,
    inside, down."""
    row, column = np.divmod(np.arange(rows * columns), columns)
    right = (row + 1) % rows
    up = (column + 1) % columns
    a, b = row * columns + column, right * columns + column
    c, d = right * columns + up, row * columns + up
    return np.concatenate([np.stack([a, b, c], axis=1), np.stack([a, c, d], axis=1)])


def stacked_rings(radii: np.ndarray, heights: np.ndarray) -> Mesh:
    """A smooth closed solid of rings along z. radii, heights: (rings, sides), counter-clockwise
    from above."""
    rings, sides = radii.shape
    ends = np.array([[0, 0, heights[0].mean()], [0, 0, heights[-1].mean()]])
    positions = np.concatenate([polar(radii, around(sides), heights).reshape(-1, 3), ends])
    here = np.arange(rings * sides).reshape(rings, sides)
    there = np.roll(here, -1, axis=1)
    triangles = [np.stack([there[0], here[0], np.full(sides, here.size)], axis=1)]
    for level in range(rings - 1):
        triangles.append(np.stack([here[level], there[level], there[level + 1]], axis=1))
        triangles.append(np.stack([here[level], there[level + 1], here[level + 1]], axis=1))
    triangles.append(np.stack([here[-1], there[-1], np.full(sides, here.size + 1)], axis=1))
    return smooth_shaded(positions, np.concatenate(triangles))


def uneven_disc(
    rng: np.random.Generator,
    unevenness: float,
    rings: Sequence[float],
    levels: Sequence[float],
    sides: int = 20,
) -> Mesh:
    """A low disc with a random edge: diameter 1, z 0..1. unevenness: largest dent by the radius.
    rings, levels: radius and height per ring from below; the two uppermost are uneven in height
    too."""
    edge = 1 - unevenness * (0.5 - 0.5 * waves(rng, around(sides), (2, 3, 5, 8)))
    radii = (
        0.5
        * edge
        * np.asarray(rings)[:, None]
        * (1 - rng.uniform(0, unevenness / 4, (len(rings), sides)))
    )
    heights = np.repeat(np.asarray(levels, np.float64)[:, None], sides, axis=1)
    heights[-2:] -= rng.uniform(0, 0.4 * unevenness, (2, sides))
    heights[-1] += 1 - heights[-1].max()
    return stacked_rings(radii, heights)


def mound(
    rng: np.random.Generator,
    profile: Sequence[tuple[float, float]],
    *,
    rough: float,
    ragged: float,
    one_sided: float,
) -> Mesh:
    """Loose earth around the axis, open along it: diameter about 1, z 0..1, the ground at
    MOUND_GROUND. profile: (radius, height) from the inside out as shares, height 1 at the crest, 0
    on the ground. rough, ragged: how much height and outline vary. one_sided: 1 if it fades on one
    side."""
    sides = MOUND_SIDES
    angles = around(sides)
    rings, heights = np.array(profile).T
    edge = 1 - ragged * (0.5 - 0.5 * waves(rng, angles, (2, 3, 5, 7, 11)))
    side = 1 - one_sided * (0.5 - 0.5 * np.cos(angles - rng.uniform(0, 2 * np.pi)))
    grid = np.empty((sides, len(profile) + 2, 3))
    for level, (ring, height) in enumerate(zip(rings, heights, strict=True), 1):
        radius = 0.5 * ring * (1 + (edge - 1) * ring) * (1 + 0.04 * rng.uniform(-1, 1, sides))
        lumps = 1 + rough * (
            0.6 * waves(rng, angles, (3, 4, 6, 9)) + 0.5 * rng.uniform(-1, 1, sides)
        )
        high = height * side * lumps if height > 0 else height - (1 - side)
        grid[:, level] = polar(
            radius, angles, MOUND_GROUND + (1 - MOUND_GROUND) * np.clip(high, -1.5, 1.0)
        )
    for level, like in ((0, 1), (-1, -2)):
        grid[:, level] = grid[:, like]
        grid[:, level, 2] = 0.0
    return smooth_shaded(grid[:, ::-1].reshape(-1, 3), _wrapped_cells(sides, len(profile) + 2))


def rough_cylinder(rng: np.random.Generator, sides: int = 20) -> Mesh:
    """Like `cylinder`, but cast against earth: its side bulges, its top is flat at z = 1."""
    angles = around(sides)
    levels = np.array([0.0, 0.4, 0.7, 0.93])
    radii = np.stack([0.485 + 0.02 * waves(rng, angles, (2, 3, 5)) for _ in levels])
    radii = np.minimum(radii * (1 + rng.uniform(-0.015, 0.015, radii.shape)), 0.5)
    wall = stacked_rings(
        np.vstack([radii, radii[-1] * 0.97]),
        np.repeat(np.append(levels, 0.995)[:, None], sides, axis=1),
    )
    # The uppermost ring and its centre become a flat lid with normals, and so vertices, of its own.
    lid = np.flatnonzero(wall.positions[:, 2] > 0.99)
    wall.positions[lid, 2] = 1.0
    is_lid = np.isin(wall.triangles, lid).all(axis=1)
    wall.triangles[is_lid] = len(wall.positions) + np.searchsorted(lid, wall.triangles[is_lid])
    return Mesh(
        positions=np.concatenate([wall.positions, wall.positions[lid]]),
        normals=np.concatenate(
            [wall.normals, np.tile(np.array([0, 0, 1], np.float32), (len(lid), 1))]
        ),
        triangles=wall.triangles,
    )


def waves(rng: np.random.Generator, angles: np.ndarray, counts: tuple[int, ...]) -> np.ndarray:
    """A sum of waves around the circle, -1..1; `counts` are their numbers of periods."""
    total = sum(np.cos(count * angles + rng.uniform(0, 2 * np.pi)) for count in counts)
    return np.asarray(total) / len(counts)
