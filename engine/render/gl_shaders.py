"""Shader slots for a CPU renderer: uploads its pictures, draws the shaders with OpenGL, and reads
them back.

On a software rasteriser only the shaders themselves are worth OpenGL: the rest of a picture is
drawn several times as fast in Numba. Its pictures are in the same memory, so that upload and
readback are copies.
"""

from contextlib import ExitStack

import numpy as np

from engine.render.context import (
    driver_errors,
    is_software,
    load_finish,
    load_message_pump,
    open_context,
)
from engine.render.gl_targets import DEEP_DTYPE, PLAIN_DTYPE, deepest_dtype
from engine.render.gl_textures import Target, release_all
from engine.render.isf.clocks import DateAt, date_live
from engine.render.isf.gl_slots import SlotChain
from engine.render.isf.isf_file import ShaderState
from engine.render.picture import PictureInput
from engine.render.readback import Readback
from engine.render.software_threads import draw_without_threads

WHITE = 257  # 16-bit levels per 8-bit level


class GLShaders:
    """Draws shader slots with OpenGL for a CPU renderer, in its own context. Creating thread only,
    except `state`."""

    def __init__(self, *, date_at: DateAt = date_live) -> None:
        """Open a context. NoGLError without OpenGL. date_at: Source of the shaders' DATE."""
        if date_at is date_live:
            draw_without_threads()
        self._context = open_context()
        with driver_errors(), ExitStack() as undo:
            undo.callback(self._context.release)
            self._finish = load_finish()
            self._pump_messages = load_message_pump()
            name = self._context.info["GL_RENDERER"]
            self.is_software = is_software(name)
            self._dtype = deepest_dtype(self._context)
            self.driver = f"{name}, {self._context.info['GL_VERSION']}, {self._dtype}"
            """Driver and format for which a shader's trial is valid."""
            self._chain = SlotChain(
                self._context,
                self._finish,
                is_software=self.is_software,
                dtype=self._dtype,
                date_at=date_at,
            )
            self._size_px = (0, 0)
            self._source: Target | None = None
            self._pair: tuple[Target, Target] | None = (
                None  # a transition's second picture, and its own
            )
            self._deep: Readback | None = None
            self._plain: Readback | None = None
            undo.pop_all()

    @property
    def state(self) -> ShaderState:
        """Costs and failures of the slots; may be read on any thread."""
        return self._chain.state

    @property
    def is_incomplete(self) -> bool:
        return self._chain.is_incomplete

    def open_another(self) -> "GLShaders":
        """Open a context for another renderer's shaders."""
        return GLShaders()

    def begin(self, picture: PictureInput, size_px: tuple[int, int]) -> None:
        """Prepare a picture of this size (width, height), as `SlotChain.begin`."""
        with driver_errors():
            self._context.__enter__()  # type: ignore[no-untyped-call]  # moderngl gives it no annotations
            self._pump_messages()
            if picture.shaders and size_px != self._size_px:
                self._make_targets(size_px)
            self._chain.begin(
                picture.shaders,
                picture.on_air.waves,
                picture.on_air.time_s,
                size_px,
                is_cutting=picture.is_cutting,
                upcoming=picture.upcoming_shaders,
                source=picture.source,
                graphics=picture.on_air.graphics,
            )

    def draw_generator(self, *, is_outgoing: bool) -> np.ndarray | None:
        """Draw the generator over black, (height, width, 4) uint8; None if none plays. See
        `SlotChain`."""
        with driver_errors():
            rendered = self._chain.draw_generator(is_outgoing=is_outgoing)
            if rendered is None:
                return None
            assert self._plain is not None  # created by `begin`
            return self._plain.finish_and_read(rendered.framebuffer)

    def draw(self, pixels: np.ndarray, *, is_luma: bool, is_outgoing: bool = False) -> np.ndarray:
        """Draw all slots of a look over `pixels`, (height, width, 4) uint16; returns `pixels`
        itself if none plays.

        is_luma: Alpha becomes the largest of red, green and blue; otherwise 1. is_outgoing: As in
        `SlotChain`."""
        if not self._chain.plays(is_outgoing=is_outgoing):
            return pixels
        with driver_errors():
            assert self._source is not None and self._deep is not None  # created by `begin`
            self._upload(pixels, self._source)
            rendered = self._chain.draw(self._source, is_luma=is_luma, is_outgoing=is_outgoing)
            if rendered is self._source:
                return pixels
            return self._deep.finish_and_read(rendered.framebuffer)

    def draw_transition(
        self, outgoing: np.ndarray, incoming: np.ndarray, progress: float, *, is_luma: bool
    ) -> np.ndarray | None:
        """Draw the transition between two finished pictures, (height, width, 4) uint16; None if
        none is drawn."""
        with driver_errors():
            if self._source is None or self._deep is None:  # no slot has played in this size
                return None
            second, into = self._pair = self._pair or (self._new_target(), self._new_target())
            self._upload(outgoing, self._source)
            self._upload(incoming, second)
            if not self._chain.draw_transition(
                self._source, second, progress, into, is_luma=is_luma
            ):
                return None
            return self._deep.finish_and_read(into.framebuffer)

    def _upload(self, pixels: np.ndarray, target: Target) -> None:
        target.texture.write(
            pixels if self._dtype == DEEP_DTYPE else (pixels // WHITE).astype(np.uint8)
        )

    def close(self) -> None:
        """Release the context and everything in it."""
        with driver_errors():
            self._context.__enter__()  # type: ignore[no-untyped-call]  # see above
            self._release_targets()
            release_all(self._chain, self._context)

    def _make_targets(self, size_px: tuple[int, int]) -> None:
        self._release_targets()
        self._size_px = size_px
        self._source = self._new_target()
        deep, plain = (
            Readback(self._context, self._finish, size_px, is_direct=self.is_software, dtype=dtype)
            for dtype in (DEEP_DTYPE, PLAIN_DTYPE)
        )
        self._deep = deep
        self._plain = plain

    def _new_target(self) -> Target:
        return Target(self._context, self._size_px, dtype=self._dtype)

    def _release_targets(self) -> None:
        release_all(self._source, *(self._pair or ()), self._deep, self._plain)
        self._source = None
        self._pair = None
        self._deep = None
        self._plain = None
        self._size_px = (0, 0)
