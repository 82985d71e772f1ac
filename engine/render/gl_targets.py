"""All targets of the GL renderer in the picture's size."""

from collections.abc import Callable
from contextlib import ExitStack
from typing import TypeVar

import moderngl

from engine.render.gl_dissolve import Dissolve
from engine.render.gl_textures import Target
from engine.render.readback import Readback

_Part = TypeVar("_Part", Target, Dissolve, Readback)


class SizedTargets:
    """Targets for looks and their mix, two for faded or limited pictures, and the readback."""

    def __init__(
        self,
        context: moderngl.Context,
        finish: Callable[[], None],
        size_px: tuple[int, int],
        *,
        is_direct: bool,
    ) -> None:
        self.size_px = size_px
        with ExitStack() as undo:  # if one fails, the GPU memory of the others is freed

            def kept(part: _Part) -> _Part:
                undo.callback(part.release)
                return part

            self.dissolve = kept(Dissolve(context, size_px))
            self.finished = (kept(Target(context, size_px)), kept(Target(context, size_px)))
            self.readback = kept(Readback(context, finish, size_px, is_direct=is_direct))
            self._parts = undo.pop_all()

    def release(self) -> None:
        self._parts.close()
