"""One picture, or a crossfade of two, as a texture for the pass and for sinks.

Two crossfading pictures are mixed once, at their own size, by mix.glsl. Reading both in the main pass would cost a
software rasteriser four more texels per pixel, and a second version of every program that shows layer 5.
"""

from collections.abc import Callable

import moderngl
import numpy as np

from engine.render.crossfade import PictureCrossfade
from engine.render.gl_textures import Target, UploadedImage, odd_size
from engine.render.readback import Readback
from engine.values import TextureRef, VideoFrame


class CrossfadedImage:
    """Holds the requested crossfade; uploads, mixes and reads back only changes. Render thread, context current."""

    def __init__(
        self,
        context: moderngl.Context,
        mix_pass: moderngl.VertexArray,
        finish: Callable[[], None],
        upload: Callable[[], UploadedImage],
        *,
        is_software: bool,
    ) -> None:
        """`mix_pass`: mix.glsl with u_current on unit 0 and u_previous on unit 1. `upload` makes what takes an RGB
        picture."""
        self._context, self._mix_pass, self._finish = context, mix_pass, finish
        self._is_software = is_software
        self._picture, self._before = upload(), upload()
        self._fade: PictureCrossfade | None = None
        self._outputs: _Outputs | None = None
        self._warm_up()

    @property
    def size_px(self) -> tuple[int, int] | None:
        """Width and height of the held picture, or None."""
        return None if self._fade is None else self._fade.size_px

    def holds(self, fade: PictureCrossfade) -> bool:
        return fade.is_same(self._fade)

    def follow(self, fade: PictureCrossfade | None) -> None:
        """Hold this crossfade; None is black. A picture already held on either side is not uploaded again."""
        if fade is None:
            self._picture.follow(None, None)
            self._fade = None
            return
        if self.holds(fade):
            return
        before = fade.before
        if fade.picture is self._before.source or (before is not None and before is self._picture.source):
            self._picture, self._before = self._before, self._picture
        self._picture.follow(fade.picture, fade.picture.pixels)
        if before is not None:
            self._before.follow(before, before.pixels)
        self._fade = fade
        if self._outputs is not None:
            self._outputs.invalidate()

    def make_ready(self) -> None:
        """Mix the pictures, if needed, before `use`."""
        if self._is_crossing:
            self._draw_into(self._sized_outputs().for_pass)

    def use(self, unit: int) -> None:
        """Bind it as RGB for the pass; texels outside `size_px` are undefined."""
        if self._is_crossing:
            assert self._outputs is not None
            self._outputs.for_pass.texture.use(unit)
        else:
            self._picture.use(unit)

    def read_rgba(self) -> np.ndarray:
        """(height, width, 4) uint8, opaque, row 0 at the top. May be kept."""
        outputs = self._sized_outputs()
        if outputs.pixels is None:
            source = outputs.for_pass if outputs.for_pass in outputs.drawn else outputs.for_others
            self._draw_into(source)
            outputs.pixels = outputs.readback.read_drawn(source.framebuffer)
        return outputs.pixels

    def draw_texture(self) -> TextureRef:
        """Opaque RGBA of exactly `size_px`, for other programs."""
        outputs = self._sized_outputs()
        self._draw_into(outputs.for_others)
        self._finish()
        width, height = outputs.size_px
        return TextureRef(glo=outputs.for_others.texture.glo, width=width, height=height)

    def release(self) -> None:
        if self._outputs is not None:
            self._outputs.release()
        self._picture.release()
        self._before.release()

    @property
    def _is_crossing(self) -> bool:
        return self._fade is not None and self._fade.before is not None

    def _draw_into(self, target: Target) -> None:
        """Mix into the target, unless it was done already."""
        assert self._fade is not None and self._outputs is not None
        if target in self._outputs.drawn:
            return
        program = self._mix_pass.program
        program["u_share"] = self._fade.mix
        self._picture.use(0)
        (self._before if self._is_crossing else self._picture).use(1)
        target.framebuffer.viewport = (0, 0, *self._fade.size_px)
        target.framebuffer.use()
        self._mix_pass.render(moderngl.TRIANGLES, vertices=3)
        self._outputs.drawn.append(target)

    def _sized_outputs(self) -> "_Outputs":
        assert self._fade is not None
        old, size_px = self._outputs, self._fade.size_px
        if old is not None and old.size_px == size_px:
            return old
        self._outputs = new = _Outputs(self._context, self._finish, size_px, is_software=self._is_software)
        if old is not None:
            # moderngl rebinds the last used framebuffer whenever it creates another: that must not be a released one.
            new.for_pass.framebuffer.use()
            old.release()
        return new

    def _warm_up(self) -> None:
        """Mix one pixel: drivers finish compiling at the first draw, for the bound formats."""
        first, second = (
            VideoFrame(pixels=np.zeros((1, 1, 3), np.uint8), index=index, time_s=0.0, source="warm-up")
            for index in (0, 1)
        )
        self.follow(PictureCrossfade(first, second, 0.5))
        self.make_ready()
        self.draw_texture()
        self.follow(None)


class _Outputs:
    """The targets in the picture's size, and which of them are up to date."""

    def __init__(
        self, context: moderngl.Context, finish: Callable[[], None], size_px: tuple[int, int], *, is_software: bool
    ) -> None:
        self.size_px = size_px
        # Same format and kind of size as an uploaded picture: a software rasteriser compiles another version of each
        # program for any other, 0.2 s each. RGB targets do not work everywhere, so a GPU gets RGBA.
        self.for_pass = Target(context, odd_size(*size_px), 3 if is_software else 4)
        self.for_others = Target(context, size_px)
        self.readback = Readback(context, finish, size_px, is_direct=is_software)
        self.invalidate()

    def invalidate(self) -> None:
        self.drawn: list[Target] = []
        self.pixels: np.ndarray | None = None

    def release(self) -> None:
        for part in (self.for_pass, self.for_others, self.readback):
            part.release()
