"""Extra pictures of the GL renderer: layer 5 alone, objects in colour, object ids. Drawn only when one is read."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Protocol, TypeVar

import moderngl
import numpy as np

from engine.render.crossfade import PictureCrossfade
from engine.render.gl_crossfade import CrossfadedImage
from engine.render.gl_masks import MaskPainter, PaintedImage
from engine.render.gl_textures import Target, UnpackedImage, UploadedImage
from engine.render.mask_look import IdPicture, Overlay
from engine.render.shader_source import compile_program
from engine.values import ShownPicture, TextureRef

_Answer = TypeVar("_Answer")
_Asked = TypeVar("_Asked", PictureCrossfade, Overlay, IdPicture)
_Painted = TypeVar("_Painted", Overlay, IdPicture)


class _Image(Protocol):
    """An extra picture."""

    def draw_texture(self) -> TextureRef: ...

    def read_rgba(self) -> np.ndarray: ...


class ShownImages:
    """The images of one renderer. Render thread, context current, except for what is asked later."""

    def __init__(
        self,
        context: moderngl.Context,
        mix: moderngl.VertexArray,
        finish: Callable[[], None],
        *,
        is_software: bool,
        drawing: Callable[[], AbstractContextManager[None]],
    ) -> None:
        """`mix` runs mix.glsl; `drawing` makes the context current and its state plain, and checks for errors."""
        self._context, self._mix, self._finish, self._is_software = context, mix, finish, is_software
        self._drawing = drawing
        self._unpack = None if is_software else context.vertex_array(compile_program(context, "unpack"), [])
        self.layer5 = self._crossfaded()
        """Layer 5 as the pass draws it."""
        self._beside: CrossfadedImage | None = None
        self._painter = MaskPainter(context, mix, self._uploaded())
        self._overlay = self._painted(self._painter.paint_overlay)
        self._ids = self._painted(self._painter.paint_ids)

    def show_crossfade(self, fade: PictureCrossfade) -> ShownPicture:
        return self._shown(fade, self._crossfade_image)

    def show_masks(self, overlay: Overlay) -> ShownPicture:
        return self._shown(overlay, self._overlay.showing)

    def show_ids(self, ids: IdPicture) -> ShownPicture:
        return self._shown(ids, self._ids.showing)

    def release(self) -> None:
        for part in (self.layer5, self._painter, self._overlay, self._ids):
            part.release()
        if self._beside is not None:
            self._beside.release()
        if self._unpack is not None:
            self._unpack.program.release()
            self._unpack.release()

    def _uploaded(self) -> UploadedImage:
        """For an RGB picture."""
        if self._unpack is None:
            return UploadedImage(self._context, 3, "f1")
        return UnpackedImage(self._context, self._unpack)

    def _crossfaded(self) -> CrossfadedImage:
        return CrossfadedImage(self._context, self._mix, self._finish, self._uploaded, is_software=self._is_software)

    def _painted(self, paint: Callable[[Target, _Painted], None]) -> PaintedImage[_Painted]:
        return PaintedImage(self._context, self._finish, paint, is_software=self._is_software)

    def _shown(self, asked: _Asked, image_of: Callable[[_Asked], _Image]) -> ShownPicture:
        """A picture drawn on demand by `image_of`."""

        def answer(ask: Callable[[_Image], _Answer]) -> _Answer:
            with self._drawing():
                return ask(image_of(asked))

        width, height = asked.size_px
        return ShownPicture(
            width=width,
            height=height,
            draw_texture=lambda: answer(lambda image: image.draw_texture()),
            read_rgba=lambda: answer(lambda image: image.read_rgba()),
        )

    def _crossfade_image(self, fade: PictureCrossfade) -> CrossfadedImage:
        """Layer 5's own image if it shows this crossfade, else a separate one."""
        if self.layer5.holds(fade):
            return self.layer5
        self._beside = self._beside or self._crossfaded()
        self._beside.follow(fade)
        return self._beside
