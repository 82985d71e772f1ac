"""Cuts a picture into tiles, and holds the framebuffers that a tile is drawn into."""

from dataclasses import dataclass

import moderngl
import numpy as np

from engine.dataset.raster.device import Device
from engine.dataset.raster.view import SPARE_PX
from engine.dataset.scene.camera import SiteCamera

NEAREST_M = 0.5  # minimum depth of what is drawn
MAX_TILE_PX = 1024  # larger ones are no faster and take four times the memory
SAMPLES = 4
Attachment = moderngl.Texture | moderngl.Renderbuffer


@dataclass(frozen=True, slots=True, kw_only=True)
class Tile:
    """A rectangle of the picture that is drawn at once."""

    left_px: int
    top_px: int
    width_px: int
    height_px: int

    @property
    def slices(self) -> tuple[slice, slice]:
        return (
            slice(self.top_px, self.top_px + self.height_px),
            slice(self.left_px, self.left_px + self.width_px),
        )

    def sees(self, boxes_px: np.ndarray) -> np.ndarray:
        """Mask of boxes that may be visible in the tile, (k,) bool; boxes (k, 4): left, top, right,
        bottom in px."""
        left, top, right, bottom = boxes_px.T
        is_seen: np.ndarray = (
            (right >= self.left_px)
            & (left <= self.left_px + self.width_px)
            & (bottom >= self.top_px)
            & (top <= self.top_px + self.height_px)
        )
        return is_seen


def tiles_of(width_px: int, height_px: int, largest_px: int) -> list[Tile]:
    """Cut into tiles of nearly equal size, at most `largest_px` per side; the first is the
    largest."""
    wide = _side(width_px, largest_px)
    high = _side(height_px, largest_px)
    return [
        Tile(
            left_px=left,
            top_px=top,
            width_px=min(wide, width_px - left),
            height_px=min(high, height_px - top),
        )
        for top in range(0, height_px, high)
        for left in range(0, width_px, wide)
    ]


def _side(length: int, largest: int) -> int:
    return -(-length // -(-length // largest))


def boxes_in_picture(camera: SiteCamera, corners: np.ndarray) -> np.ndarray:
    """Project (k, c, 3) metres to bounding boxes, (k, 4) left, top, right, bottom in pixels, with 1
    px margin: everywhere for one that reaches behind the camera, nowhere for one behind it."""
    points = corners.reshape(-1, 3).astype(np.float64)
    is_before = (camera.depth_of(points) > NEAREST_M).reshape(corners.shape[:2])
    with np.errstate(divide="ignore", invalid="ignore"):
        pixels = camera.pixel_of(points).reshape(*corners.shape[:2], 2)
    boxes = np.concatenate([pixels.min(axis=1) - 1, pixels.max(axis=1) + 1], axis=1)
    boxes[~is_before.all(axis=1)] = -np.inf, -np.inf, np.inf, np.inf
    boxes[~is_before.any(axis=1)] = np.inf, np.inf, -np.inf, -np.inf
    return boxes


def corners_of(low: np.ndarray, high: np.ndarray) -> np.ndarray:
    """The corners, (k, 8, 3), of boxes between `low` and `high`, (k, 3) each."""
    which = (np.arange(8)[:, None] >> np.arange(3)) & 1  # (8, 3)
    return np.where(which[None] == 1, high[:, None], low[:, None])


class RasterTargets:
    """Framebuffers of the largest tile's size; smaller tiles use their top left part."""

    def __init__(self, device: Device, size_px: tuple[int, int], *, samples: int = SAMPLES) -> None:
        context = device.context
        self.size_px = size_px
        self._framebuffers: list[moderngl.Framebuffer] = []

        def framebuffer(
            colors: list[Attachment], depth: moderngl.Renderbuffer | None = None
        ) -> moderngl.Framebuffer:
            target = device.framebuffer(colors, depth)
            self._framebuffers.append(target)
            return target

        depth = device.own(context.depth_renderbuffer(size_px))
        self.ground_depth = device.texture(size_px, 1, "f4")
        self.terrain = framebuffer([self.ground_depth], depth)
        self.numbers = framebuffer(
            [device.texture(size_px, 1, "u2"), device.texture(size_px, 1, "f4")], depth
        )
        self.depth_alone = framebuffer([], depth)
        """The depth buffer of `numbers` alone, because integer colours cannot be cleared together
        with depth."""
        self.marks_texture = device.texture(size_px, 4)
        self.marks = framebuffer([self.marks_texture])
        self.shaded_ground = device.texture(size_px, 4)
        self.shaded = framebuffer([self.shaded_ground])
        samples = min(samples, context.max_samples)
        self.colors = framebuffer(
            [device.own(context.renderbuffer(size_px, 4, samples=samples))],
            device.own(context.depth_renderbuffer(size_px, samples=samples)),
        )
        self.resolved = framebuffer([device.texture(size_px, 4)])

    def confine(self, tile: Tile) -> None:
        for framebuffer in self._framebuffers:
            confine(framebuffer, tile)


def confine(framebuffer: moderngl.Framebuffer, tile: Tile) -> None:
    """Restrict drawing to the tile's part, with a viewport that is wider on each side
    (camera.glsl)."""
    width, height = framebuffer.size
    framebuffer.viewport = (-SPARE_PX, -SPARE_PX, width + 2 * SPARE_PX, height + 2 * SPARE_PX)
    framebuffer.scissor = (0, 0, tile.width_px, tile.height_px)


def read_pixels(
    framebuffer: moderngl.Framebuffer, tile: Tile, components: int, attachment: int, dtype: str
) -> np.ndarray:
    """Read pixels; row 0 is the top."""
    shape = (tile.height_px, tile.width_px, components)
    pixels = np.empty(shape, {"f1": np.uint8, "u2": np.uint16, "f4": np.float32}[dtype])
    viewport = (0, 0, tile.width_px, tile.height_px)
    framebuffer.read_into(
        pixels, viewport, components=components, attachment=attachment, alignment=1, dtype=dtype
    )
    return pixels
