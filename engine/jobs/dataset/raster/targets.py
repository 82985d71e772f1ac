"""The framebuffers that a tile is drawn into."""

import moderngl
import numpy as np

from engine.jobs.dataset.raster.device import Device
from engine.jobs.dataset.raster.tiles import Tile
from engine.jobs.dataset.raster.view import SPARE_PX

SAMPLES = 4
Attachment = moderngl.Texture | moderngl.Renderbuffer


class RasterTargets:
    """Framebuffers of the largest tile's size; smaller tiles use their top left part."""

    def __init__(self, device: Device, size_px: tuple[int, int], *, wants_colors: bool, samples: int = SAMPLES) -> None:
        context = device.context
        self.size_px = size_px
        self._framebuffers: list[moderngl.Framebuffer] = []

        def framebuffer(colors: list[Attachment], depth: moderngl.Renderbuffer | None = None) -> moderngl.Framebuffer:
            made = device.framebuffer(colors, depth)
            self._framebuffers.append(made)
            return made

        depth = device.kept(context.depth_renderbuffer(size_px))
        self.ground_depth = device.texture(size_px, 1, "f4")
        self.ground = framebuffer([self.ground_depth], depth)
        self._numbers_texture = device.texture(size_px, 1, "u2")
        self._depth_texture = device.texture(size_px, 1, "f4")
        self.numbers = framebuffer([self._numbers_texture, self._depth_texture], depth)
        self.depth_alone = framebuffer([], depth)
        """The depth buffer of `numbers` alone, because integer colours cannot be cleared together with depth."""
        if not wants_colors:
            return
        self.marks_texture = device.texture(size_px, 4)
        self.marks = framebuffer([self.marks_texture])
        self.shaded_ground = device.texture(size_px, 4)
        self.shaded = framebuffer([self.shaded_ground])
        samples = min(samples, context.max_samples)
        self.colors = framebuffer(
            [device.kept(context.renderbuffer(size_px, 4, samples=samples))],
            device.kept(context.depth_renderbuffer(size_px, samples=samples)),
        )
        self.resolved = framebuffer([device.texture(size_px, 4)])

    def confine(self, tile: Tile) -> None:
        """Restrict drawing and clearing to the tile."""
        for framebuffer in self._framebuffers:
            confine(framebuffer, tile)

    def read_numbers(self, tile: Tile) -> tuple[np.ndarray, np.ndarray]:
        """Read (height, width) uint16 pile numbers and float32 depth in metres."""
        return read_pixels(self.numbers, tile, 1, 0, "u2")[..., 0], read_pixels(self.numbers, tile, 1, 1, "f4")[..., 0]

    def read_colors(self, tile: Tile) -> np.ndarray:
        """Read (height, width, 3) uint8 colours."""
        return read_pixels(self.resolved, tile, 4, 0, "f1")[..., :3]


def confine(framebuffer: moderngl.Framebuffer, tile: Tile) -> None:
    """Restrict drawing to the tile's part, with a viewport that is wider on each side (camera.glsl)."""
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
    framebuffer.read_into(pixels, viewport, components=components, attachment=attachment, alignment=1, dtype=dtype)
    return pixels
