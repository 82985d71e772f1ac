"""Draws with Numba where OpenGL runs on the CPU, and with OpenGL while a picture needs it.

On a software rasteriser Numba draws the same picture in half the time, but only OpenGL runs shaders. Opening OpenGL
takes 0.2 s, or seconds on a new machine, which in mid-show would be late frames. So both are opened at the start; a
change-over then costs one upload or download of the last picture, because feedback and a dissolve go on from it.
"""

from typing import Protocol

import numpy as np

from engine.errors import RenderError
from engine.render.isf.isf_file import ShaderState
from engine.render.master import FlashGuardState, Master
from engine.render.picture import PictureInput, Renderer
from engine.render.post_fade import PostFade
from engine.render.trail import Trail
from engine.values import Segmentation, ShownPicture, TextureRef, VideoFrame

BACK_AFTER_S = 2.0  # without a shader; a slot that is switched on and off does not change over each time


class TrailRenderer(Renderer, Protocol):
    """A renderer that another one can go on from."""

    master: Master
    """Decides on fade and flash guard; whoever takes over gets it too."""
    post_fade: PostFade
    """The effects on screen, from which a dissolve begins; handed over likewise."""

    def read_trail(self) -> Trail | None:
        """The newest pictures before effects, fade and limits; None before the first."""

    def write_trail(self, trail: Trail | None) -> None:
        """Go on from these pictures, as if they had been drawn here."""


class SwitchingRenderer:
    """Both renderers behind one interface. Use it like them: on one thread, except where `Renderer` says so."""

    is_software = True

    def __init__(self, numba: TrailRenderer, gl: TrailRenderer, size_px: tuple[int, int]) -> None:
        """Both must have been opened with this size."""
        self._numba, self._gl, self._size_px = numba, gl, size_px
        self._active = numba
        self.shader_driver = gl.shader_driver
        self._needed_s = 0.0
        """Time of the last picture that needed OpenGL."""
        self._is_drawn = False
        self.reason = "OpenGL runs on the CPU here, where Numba is faster; shaders use OpenGL"

    @property
    def kind(self) -> str:
        """Kind of the renderer that drew the last picture."""
        return self._active.kind

    @property
    def description(self) -> str:
        """Description of the renderer that drew the last picture."""
        return self._active.description

    def resize(self, width: int, height: int) -> None:
        """Draw at this size from now on; the last picture is dropped. RenderError if one of the two refuses it."""
        self._gl.resize(width, height)
        try:
            self._numba.resize(width, height)
        except RenderError:
            self._gl.resize(*self._size_px)
            raise
        self._size_px = (width, height)
        self._is_drawn = False

    def announce_layer5(self) -> None:
        """Prepare for pictures on layer 5. Any thread; may take seconds without blocking drawing."""
        self._numba.announce_layer5()

    def draw(self, picture: PictureInput) -> None:
        """Draw with OpenGL if the picture has shaders, else with Numba."""
        wanted = self._choose(picture)
        if wanted is not self._active:
            wanted.write_trail(self._active.read_trail())
            wanted.master, wanted.post_fade = self._active.master, self._active.post_fade
            self._active = wanted
        self._active.draw(picture)
        self._is_drawn = True

    def wait(self) -> None:
        self._active.wait()

    @property
    def flash_guard(self) -> FlashGuardState:
        return self._active.flash_guard

    @property
    def shader_state(self) -> ShaderState:
        """Costs and failures of the shader slots. Any thread."""
        return self._gl.shader_state

    @property
    def texture(self) -> TextureRef | None:
        """The finished picture on the GPU while OpenGL draws; None from Numba."""
        return self._active.texture

    def read_rgba(self) -> np.ndarray:
        return self._active.read_rgba()

    def read_rgba16(self) -> np.ndarray:
        return self._active.read_rgba16()

    def show(self, picture: VideoFrame, before: VideoFrame | None = None, mix: float = 1.0) -> ShownPicture:
        return self._active.show(picture, before, mix)

    def show_masks(
        self, source: VideoFrame, found: Segmentation | None, *, is_hard: bool, opacity: float
    ) -> ShownPicture:
        return self._active.show_masks(source, found, is_hard=is_hard, opacity=opacity)

    def show_ids(self, found: Segmentation, size_px: tuple[int, int]) -> ShownPicture:
        return self._active.show_ids(found, size_px)

    def close(self) -> None:
        """Close both. Idempotent."""
        self._gl.close()
        self._numba.close()

    def _choose(self, picture: PictureInput) -> TrailRenderer:
        """The renderer for this picture. A frozen one stays where it was drawn, with its effects and shaders.

        Never back to Numba during a dissolve: OpenGL hands on the trail of one look only.
        """
        if picture.look.is_frozen and self._is_drawn:
            return self._active
        if needs_gl(picture):
            self._needed_s = picture.time_s
            return self._gl
        if self._active is self._gl:
            waited_s = picture.time_s - self._needed_s
            if picture.leaving is not None or 0 <= waited_s < BACK_AFTER_S:
                return self._gl
        return self._numba


def needs_gl(picture: PictureInput) -> bool:
    """True if the picture, or the look that dissolves into it, has shaders."""
    leaving = picture.leaving.picture if picture.leaving is not None else None
    return bool(picture.shaders or (leaving is not None and leaving.shaders))
