"""Flat marks on the ground: crawler tracks, lime lines, and the contact shade of things."""

from collections.abc import Iterable, Sequence
from itertools import pairwise

import moderngl
import numpy as np

from engine.dataset.raster.device import Device
from engine.dataset.raster.targets import Tile, boxes_in_picture, corners_of
from engine.dataset.scene.camera import SiteCamera
from engine.dataset.scene.description import SiteScene, Terrain

TRACK, LIME, SHADE = 0, 1, 2
PIECE_M = 4.0  # maximum length, so that the box around a piece of a track stays flat
SLACK_M = 0.3
SHADE_REACH = 0.8  # radius of contact shade as a share of a thing's height
SHADE_REACH_M = (0.05, 1.2)
SHADE_STRENGTH = 0.75
SHADE_LIFT_M = 0.5  # a thing at this height above the ground shades a third as much
ROW = ("/i", "4f in_ends", "4f in_form", "4f in_kind")
BOX_VERTICES = 36


class Marks:
    """Boxes for marks_vertex.glsl; (k, 12) float32 rows: ends, form, kind."""

    def __init__(self, device: Device, program: moderngl.Program, rows: np.ndarray, camera: SiteCamera | None) -> None:
        """Without a camera (in a plan) each tile draws all marks."""
        self._device = device
        self._rows = rows
        self._boxes_px = None if camera is None else boxes_in_picture(camera, _corners(rows))
        self._buffer = device.kept(device.context.buffer(reserve=max(rows.nbytes, 48), dynamic=True))
        self._array = device.array(program, (self._buffer, ROW))

    def draw(self, tile: Tile) -> None:
        """Draw into the current framebuffer, which must be black."""
        rows = self._rows if self._boxes_px is None else self._rows[tile.sees(self._boxes_px)]
        if not len(rows):
            return
        context = self._device.context
        self._buffer.write(np.ascontiguousarray(rows))
        context.enable_only(moderngl.BLEND | moderngl.CULL_FACE)
        context.blend_equation = moderngl.MAX  # type: ignore[assignment]  # moderngl's stub asks for a pair only
        context.blend_func = moderngl.ONE, moderngl.ONE
        self._array.render(moderngl.TRIANGLES, vertices=BOX_VERTICES, instances=len(rows))
        context.blend_equation = moderngl.FUNC_ADD  # type: ignore[assignment]  # the same


def driven_and_strewn(scene: SiteScene, bounds_m: tuple[np.ndarray, np.ndarray] | None = None) -> np.ndarray:
    """Rows for the scene's tracks and lime lines. `bounds_m`: low and high x and y; only those that reach there."""
    parts: list[np.ndarray] = []
    for track in scene.tracks:
        parts += _pieces(
            track.points, TRACK, track.width_m / 2, bounds_m, strength=track.depth, gauge=track.gauge_m / 2
        )
    for line in scene.lime_lines:
        parts += _pieces(line.points, LIME, line.width_m / 2, bounds_m, strength=line.strength, gauge=0.0)
    if not parts:
        return np.empty((0, 12), np.float32)
    rows = np.concatenate(parts)
    begin, end = rows[:, 0:2], rows[:, 2:4]
    reach = rows[:, 6] + rows[:, 4] + rows[:, 10] + SLACK_M
    rows[:, 6:8] = _heights(scene.terrain, (begin + end) / 2, reach)
    return rows.astype(np.float32)


def shade_under(boxes: Sequence[np.ndarray], terrain: Terrain) -> np.ndarray:
    """Rows for the sky that boxes hide from the ground; (k, 8, 3) corners in the order of `corners_of`."""
    if not boxes:
        return np.empty((0, 12), np.float32)
    corners = np.concatenate(boxes)
    middle = corners.mean(axis=1)
    # The three edges of each box; the longest two on the ground approximate its outline there.
    edges = corners[:, [1, 2, 4]] - corners[:, :1]
    flat = edges[:, :, :2]
    lengths = np.linalg.norm(flat, axis=2)
    first = lengths.argmax(axis=1)
    each = np.arange(len(corners))
    along = flat[each, first] / np.maximum(lengths[each, first], 1e-6)[:, None]
    across = np.stack([-along[:, 1], along[:, 0]], axis=1)
    outline = corners[:, :, :2] - middle[:, None, :2]
    half_long = np.abs(np.einsum("kcd,kd->kc", outline, along)).max(axis=1)
    half_wide = np.abs(np.einsum("kcd,kd->kc", outline, across)).max(axis=1)
    ground = terrain.height_at(middle[:, 0], middle[:, 1])
    gap = np.maximum(corners[:, :, 2].min(axis=1) - ground, 0)
    top = np.maximum(corners[:, :, 2].max(axis=1) - ground, 0)
    rows = np.zeros((len(corners), 12))
    inset = np.minimum(half_long, half_wide)
    rows[:, 0:2] = middle[:, :2] - along * (half_long - inset)[:, None]
    rows[:, 2:4] = middle[:, :2] + along * (half_long - inset)[:, None]
    rows[:, 4] = inset
    rows[:, 5] = np.clip(top * SHADE_REACH, *SHADE_REACH_M)
    rows[:, 6:8] = _heights(terrain, middle[:, :2], half_long + rows[:, 5])
    rows[:, 8] = SHADE
    rows[:, 9] = SHADE_STRENGTH * np.exp(-gap / SHADE_LIFT_M) * np.clip(top / 0.3, 0, 1)
    return rows[rows[:, 9] > 0.02].astype(np.float32)


def _pieces(
    points: Iterable[tuple[float, float]],
    kind: int,
    half_width: float,
    bounds_m: tuple[np.ndarray, np.ndarray] | None,
    *,
    strength: float,
    gauge: float,
) -> list[np.ndarray]:
    """Rows without heights; half the length of the piece stands in their place."""
    corners = np.asarray(points, np.float64)
    wide = half_width + gauge + 2 * SLACK_M
    rows = []
    driven_m = 0.0
    for begin, end in pairwise(corners):
        length_m = float(np.linalg.norm(end - begin))
        driven_m, before_m = driven_m + length_m, driven_m
        if bounds_m is not None:
            low, high = bounds_m
            if (np.maximum(begin, end) < low - wide).any() or (np.minimum(begin, end) > high + wide).any():
                continue
        count = max(int(np.ceil(length_m / PIECE_M)), 1)
        shares = np.linspace(0, 1, count + 1)[:, None]
        joints = begin + (end - begin) * shares
        part = np.zeros((count, 12))
        part[:, 0:2], part[:, 2:4] = joints[:-1], joints[1:]
        part[:, 4], part[:, 5] = half_width, SLACK_M
        part[:, 6] = length_m / count / 2
        part[:, 8], part[:, 9], part[:, 10] = kind, strength, gauge
        part[:, 11] = before_m + shares[:-1, 0] * length_m
        rows.append(part)
    return rows


def _heights(terrain: Terrain, middles: np.ndarray, reach_m: np.ndarray) -> np.ndarray:
    """(k, 2): lowest and highest z of the ground within reach of each point, with a margin."""
    steps = np.linspace(-1, 1, 7)
    x = middles[:, 0, None, None] + steps[:, None] * reach_m[:, None, None]
    y = middles[:, 1, None, None] + steps[None, :] * reach_m[:, None, None]
    heights = terrain.height_at(x, y).reshape(len(middles), -1)
    spare = SLACK_M + 0.15 * np.ptp(heights, axis=1)
    return np.stack([heights.min(axis=1) - spare, heights.max(axis=1) + spare], axis=1)


def _corners(rows: np.ndarray) -> np.ndarray:
    """(k, 8, 3): bounding boxes of those that marks_vertex.glsl draws."""
    wide = (rows[:, 4] + rows[:, 5] + rows[:, 10])[:, None] * np.sqrt(2.0)
    low = np.minimum(rows[:, 0:2], rows[:, 2:4]) - wide
    high = np.maximum(rows[:, 0:2], rows[:, 2:4]) + wide
    return corners_of(np.column_stack([low, rows[:, 6]]), np.column_stack([high, rows[:, 7]]))
