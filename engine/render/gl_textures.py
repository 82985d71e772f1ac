"""The GL renderer's textures: uploads and render targets.

Memory row 0 is always the top row of the picture; GL calls it the bottom, which does not matter.
"""

from typing import Protocol

import moderngl
import numpy as np

from engine.render.flash_guard import CELLS
from engine.render.graphic import GraphicImage
from engine.render.picture import RegionMap
from engine.render.shader_source import Pass
from engine.render.shapes import TABLE_POINTS, TABLE_ROWS
from engine.values import CHANNELS, VideoFrame


class Releasable(Protocol):
    """An object that owns memory of a GL context."""

    def release(self) -> object: ...


def release_all(*parts: Releasable | None) -> None:
    for part in parts:
        if part is not None:
            part.release()


class UploadedImage:
    """An image texture that adapts to its source's size, uploaded only for a new source.

    Allocated one texel larger if a side is a power of two: Mesa's software rasteriser compiles
    another shader variant for those, and the first 512 x 512 picture of a show would stall for 100
    ms. Shaders get the real size."""

    def __init__(self, context: moderngl.Context, components: int, dtype: str) -> None:
        self._context = context
        self._components = components
        self._dtype = dtype
        self.source: VideoFrame | RegionMap | GraphicImage | None = None
        """The source of the uploaded pixels."""
        self._texture = self._allocate(1, 1)
        self._blacken()
        self.size_px: tuple[int, int] | None = None

    def follow(
        self, source: VideoFrame | RegionMap | GraphicImage | None, pixels: np.ndarray | None
    ) -> None:
        """Upload `pixels`, (height, width) or (height, width, components) uint8, of this source, if
        it is new."""
        if source is None or pixels is None:
            if self.source is not None:
                self._blacken()
            self.source = None
            self.size_px = None
            return
        if source is self.source:
            return
        self._upload(np.ascontiguousarray(pixels))
        height, width = pixels.shape[:2]
        self.source = source
        self.size_px = (width, height)

    def use(self, unit: int) -> None:
        self._texture.use(unit)

    def release(self) -> None:
        self._texture.release()

    def _upload(self, pixels: np.ndarray) -> None:
        height, width = pixels.shape[:2]
        if self._texture.size != odd_size(width, height):
            self._texture.release()
            self._texture = self._allocate(width, height)
        self._texture.write(pixels, viewport=(0, 0, width, height), alignment=1)

    def _blacken(self) -> None:
        """Set texel (0, 0) to 0: shaders read it without a source."""
        self._texture.write(bytes(self._components), viewport=(0, 0, 1, 1), alignment=1)

    def _allocate(self, width: int, height: int) -> moderngl.Texture:
        texture = self._context.texture(
            odd_size(width, height), self._components, alignment=1, dtype=self._dtype
        )
        texture.filter = (moderngl.NEAREST, moderngl.NEAREST)
        return texture


class UnpackedImage(UploadedImage):
    """An RGB picture as an RGBA texture, for a GPU, which has no textures of three channels.

    Its driver would add the fourth channel on the CPU while moderngl holds the GIL. So the bytes
    are uploaded as they are, three rows of one channel per picture row, and a pass (unpack.glsl)
    builds the picture from them."""

    def __init__(self, context: moderngl.Context, unpack: Pass) -> None:
        """`unpack`: unpack.glsl with u_bytes on unit 0; not released here."""
        self._unpack = unpack
        self._rgba = Target(context, (1, 1))
        super().__init__(context, 1, "f1")

    def use(self, unit: int) -> None:
        self._rgba.texture.use(unit)

    def release(self) -> None:
        super().release()
        self._rgba.release()

    def _upload(self, pixels: np.ndarray) -> None:
        height, width = pixels.shape[:2]
        old = self._rgba
        if old.texture.size != (width, height):
            self._rgba = Target(self._context, (width, height))
        # 8192 px on a card that ends at 16384
        if 3 * height > self._context.info["GL_MAX_TEXTURE_SIZE"]:
            self._rgba.texture.write(
                np.concatenate((pixels, np.full((height, width, 1), 255, np.uint8)), axis=2)
            )
            return
        super()._upload(pixels.reshape(3 * height, width))
        self._unpack["u_width_px"] = width
        self._texture.use(0)
        self._unpack.draw(self._rgba.framebuffer)
        if old is not self._rgba:  # after the other is bound: moderngl returns to what is
            old.release()

    def _blacken(self) -> None:
        self._rgba.framebuffer.clear()


def odd_size(width: int, height: int) -> tuple[int, int]:
    """Return the smallest size, not below this one, without a side that is a power of two."""
    return _odd_side(width), _odd_side(height)


def _odd_side(side: int) -> int:
    return max(side + (side & (side - 1) == 0), 3)


def wave_texture(context: moderngl.Context) -> moderngl.Texture:
    """Create the texture for the table of `bake_layers`: 1025 x 20 texels of two floats."""
    texture = context.texture((TABLE_POINTS, TABLE_ROWS * CHANNELS), 2, dtype="f4")
    texture.filter = (moderngl.NEAREST, moderngl.NEAREST)
    return texture


class Target:
    """A texture to draw into; black at first."""

    def __init__(
        self,
        context: moderngl.Context,
        size_px: tuple[int, int],
        components: int = 4,
        dtype: str = "f1",
    ) -> None:
        self.texture = context.texture(size_px, components, alignment=1, dtype=dtype)
        self.texture.filter = (moderngl.NEAREST, moderngl.NEAREST)
        self.framebuffer = context.framebuffer([self.texture])
        self.framebuffer.clear()

    def release(self) -> None:
        self.framebuffer.release()
        self.texture.release()


def limits_texture(context: moderngl.Context) -> moderngl.Texture:
    """Create the texture for `flash_guard.Limits.maps`: 18 x 18 texels of two floats,
    interpolated."""
    texture = context.texture((CELLS, CELLS), 2, dtype="f4")
    texture.filter = (moderngl.LINEAR, moderngl.LINEAR)
    texture.repeat_x = False
    texture.repeat_y = False
    return texture
