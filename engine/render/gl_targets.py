"""Everything of the GL renderer that has the picture's size."""

from collections.abc import Callable
from contextlib import ExitStack
from typing import TypeVar

import moderngl

from engine.render.gl_dissolve import Dissolve
from engine.render.gl_textures import Target
from engine.render.readback import Readback

_Part = TypeVar("_Part", Target, Dissolve, Readback)


class Targets:
    """Those that looks are drawn in and mixed, two for what goes out changed, and the way to read them."""

    def __init__(
        self,
        context: moderngl.Context,
        finish: Callable[[], None],
        size_px: tuple[int, int],
        *,
        is_direct: bool,
    ) -> None:
        self.size_px = size_px
        with ExitStack() as undo:  # refused half way, the GPU's memory goes back

            def kept(part: _Part) -> _Part:
                undo.callback(part.release)
                return part

            self.dissolve = kept(Dissolve(context, size_px))
            self.finished = (kept(Target(context, size_px)), kept(Target(context, size_px)))
            self.readback = kept(Readback(context, finish, size_px, is_direct=is_direct))
            self._parts = undo.pop_all()

    def release(self) -> None:
        self._parts.close()
