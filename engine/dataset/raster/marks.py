"""Flat marks on the ground: crawler tracks, lime lines, and the contact shade of things."""

from collections.abc import Iterable, Sequence
from itertools import pairwise

import moderngl
import numpy as np

from engine.dataset.raster.device import Device
from engine.dataset.raster.targets import Tile, boxes_in_picture, corners_of
from engine.dataset.scene.camera import SiteCamera
from engine.dataset.scene.description import SiteScene, Terrain

TRACK = 0
LIME = 1
SHADE = 2
PIECE_M = 4.0  # maximum length, so that the box around a piece of a track stays flat
SLACK_M = 0.3
SHADE_REACH = 0.8  # radius of contact shade as a share of a thing's height
SHADE_REACH_M = (0.05, 1.2)
SHADE_STRENGTH = 0.75
SHADE_LIFT_M = 0.5  # a thing at this height above the ground shades a third as much
VERTEX_FORMAT = ("/i", "4f in_ends", "4f in_form", "4f in_kind")
_SHAPES = {"begin_m": (2,), "end_m": (2,), "half_width_m": (), "reach_m": (), "z_m": (2,),
    "kind": (), "strength": (),
           "half_gauge_m": (), "start_m": ()}  # fmt: skip
"""Fields of a mark in the order of VERTEX_FORMAT: the ends of a piece, half its width, how far it
reaches beyond that, lowest and highest z of the ground there, TRACK, LIME or SHADE, ..., and metres
from its track's start."""
MARK, MARK_64 = (
    np.dtype([(name, form, shape) for name, shape in _SHAPES.items()]) for form in ("f4", "f8")
)
BOX_VERTICES = 36


class Marks:
    """Draws marks, (k,) of MARK, as the boxes of marks_vertex.glsl."""

    def __init__(
        self,
        device: Device,
        program: moderngl.Program,
        marks: np.ndarray,
        camera: SiteCamera | None,
    ) -> None:
        """Without a camera (in a plan) each tile draws all marks."""
        self._device = device
        self._marks = marks
        self._boxes_px = None if camera is None else boxes_in_picture(camera, _corners(marks))
        self._buffer = device.own(
            device.context.buffer(reserve=max(marks.nbytes, MARK.itemsize), dynamic=True)
        )
        self._array = device.array(program, (self._buffer, VERTEX_FORMAT))

    def draw(self, tile: Tile) -> None:
        """Draw into the current framebuffer, which must be black."""
        marks = self._marks if self._boxes_px is None else self._marks[tile.sees(self._boxes_px)]
        if not len(marks):
            return
        context = self._device.context
        self._buffer.write(np.ascontiguousarray(marks))
        context.enable_only(moderngl.BLEND | moderngl.CULL_FACE)
        context.blend_equation = moderngl.MAX  # type: ignore[assignment]  # moderngl's stub asks for a pair only
        context.blend_func = moderngl.ONE, moderngl.ONE
        self._array.render(moderngl.TRIANGLES, vertices=BOX_VERTICES, instances=len(marks))
        context.blend_equation = moderngl.FUNC_ADD  # type: ignore[assignment]  # the same


def tracks_and_lime(
    scene: SiteScene, bounds_m: tuple[np.ndarray, np.ndarray] | None = None
) -> np.ndarray:
    """Marks of the scene's tracks and lime lines. `bounds_m`: low and high x and y; only those that
    reach there."""
    parts: list[np.ndarray] = []
    for track in scene.tracks:
        parts += _pieces(
            track.points,
            TRACK,
            track.width_m / 2,
            bounds_m,
            strength=track.depth,
            gauge=track.gauge_m / 2,
        )
    for line in scene.lime_lines:
        parts += _pieces(
            line.points, LIME, line.width_m / 2, bounds_m, strength=line.strength, gauge=0.0
        )
    if not parts:
        return np.empty(0, MARK)
    marks = np.concatenate(parts)
    reach_m = marks["z_m"][:, 0] + marks["half_width_m"] + marks["half_gauge_m"] + SLACK_M
    marks["z_m"] = _heights(scene.terrain, (marks["begin_m"] + marks["end_m"]) / 2, reach_m)
    return marks.astype(MARK)


def contact_shades(boxes: Sequence[np.ndarray], terrain: Terrain) -> np.ndarray:
    """Marks for the sky that boxes hide from the ground; (k, 8, 3) corners in the order of
    `corners_of`."""
    if not boxes:
        return np.empty(0, MARK)
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
    ground_m = terrain.height_at(middle[:, 0], middle[:, 1])
    gap = np.maximum(corners[:, :, 2].min(axis=1) - ground_m, 0)
    top = np.maximum(corners[:, :, 2].max(axis=1) - ground_m, 0)
    marks = np.zeros(len(corners), MARK_64)
    marks["half_width_m"] = np.minimum(half_long, half_wide)
    inset = along * (half_long - marks["half_width_m"])[:, None]
    marks["begin_m"] = middle[:, :2] - inset
    marks["end_m"] = middle[:, :2] + inset
    marks["reach_m"] = np.clip(top * SHADE_REACH, *SHADE_REACH_M)
    marks["z_m"] = _heights(terrain, middle[:, :2], half_long + marks["reach_m"])
    marks["kind"] = SHADE
    marks["strength"] = SHADE_STRENGTH * np.exp(-gap / SHADE_LIFT_M) * np.clip(top / 0.3, 0, 1)
    return marks[marks["strength"] > 0.02].astype(MARK)


def _pieces(
    points: Iterable[tuple[float, float]],
    kind: int,
    half_width: float,
    bounds_m: tuple[np.ndarray, np.ndarray] | None,
    *,
    strength: float,
    gauge: float,
) -> list[np.ndarray]:
    """Marks without heights: the first z_m is half the length of the piece."""
    corners = np.asarray(points, np.float64)
    wide = half_width + gauge + 2 * SLACK_M
    marks = []
    driven_m = 0.0
    for begin, end in pairwise(corners):
        length_m = float(np.linalg.norm(end - begin))
        driven_m, before_m = driven_m + length_m, driven_m
        if bounds_m is not None:
            low, high = bounds_m
            if (np.maximum(begin, end) < low - wide).any() or (
                np.minimum(begin, end) > high + wide
            ).any():
                continue
        count = max(int(np.ceil(length_m / PIECE_M)), 1)
        fractions = np.linspace(0, 1, count + 1)[:, None]
        joints = begin + (end - begin) * fractions
        part = np.zeros(count, MARK_64)
        part["begin_m"] = joints[:-1]
        part["end_m"] = joints[1:]
        part["half_width_m"] = half_width
        part["reach_m"] = SLACK_M
        part["z_m"][:, 0] = length_m / count / 2
        part["kind"] = kind
        part["strength"] = strength
        part["half_gauge_m"] = gauge
        part["start_m"] = before_m + fractions[:-1, 0] * length_m
        marks.append(part)
    return marks


def _heights(terrain: Terrain, middles: np.ndarray, reach_m: np.ndarray) -> np.ndarray:
    """(k, 2): lowest and highest z of the ground within reach of each point, with a margin."""
    steps = np.linspace(-1, 1, 7)
    x = middles[:, 0, None, None] + steps[:, None] * reach_m[:, None, None]
    y = middles[:, 1, None, None] + steps[None, :] * reach_m[:, None, None]
    heights = terrain.height_at(x, y).reshape(len(middles), -1)
    spare = SLACK_M + 0.15 * np.ptp(heights, axis=1)
    return np.stack([heights.min(axis=1) - spare, heights.max(axis=1) + spare], axis=1)


def _corners(marks: np.ndarray) -> np.ndarray:
    """(k, 8, 3): bounding boxes of those that marks_vertex.glsl draws."""
    wide = (marks["half_width_m"] + marks["reach_m"] + marks["half_gauge_m"])[:, None] * np.sqrt(
        2.0
    )
    low = np.minimum(marks["begin_m"], marks["end_m"]) - wide
    high = np.maximum(marks["begin_m"], marks["end_m"]) + wide
    return corners_of(
        np.column_stack([low, marks["z_m"][:, 0]]), np.column_stack([high, marks["z_m"][:, 1]])
    )
