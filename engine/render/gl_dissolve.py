"""Two looks on the GPU while one dissolves into the other.

Each look has a pair of targets, drawn by turns, so that each has its own trail of feedback; their mixture has a third
pair. Pairs change hands instead of pictures being copied: when a fade begins, the pair of the look that goes is the one
that was drawn until now, with its picture and its trail. When a fade begins in the middle of another, what goes is the
mixture that is on screen.
"""

import moderngl

from engine.render.gl_textures import Target
from engine.render.picture import Leaving


class Pair:
    """Two targets by turns: `front` is the newest picture, `back` the one before it."""

    def __init__(self, context: moderngl.Context, size_px: tuple[int, int]) -> None:
        self.front, self.back = Target(context, size_px), Target(context, size_px)

    def turn(self) -> None:
        """The next picture is drawn into `front`, over the one before the last."""
        self.front, self.back = self.back, self.front

    def blacken(self) -> None:
        self.front.framebuffer.clear()
        self.back.framebuffer.clear()

    def release(self) -> None:
        self.front.release()
        self.back.release()


class Dissolve:
    """The pairs of one size; those that only a fade needs are made with the first. Render thread, context current."""

    def __init__(self, context: moderngl.Context, size_px: tuple[int, int]) -> None:
        self._context, self._size_px = context, size_px
        self.coming = Pair(context, size_px)
        """Of the look that comes, and of the one there is while there is no fade."""
        self.leaving = self.mixed = self.coming
        """Pairs of their own once there was a fade."""
        self.has_left = False
        """Whether there is anything to mix the look that comes with."""
        self._number: int | None = None

    def follow(self, leaving: Leaving | None, *, has_picture: bool) -> None:
        """Before a picture is drawn. `has_picture`: there is one on screen."""
        if leaving is None:
            self._number, self.has_left = None, False
            return
        if leaving.number == self._number:
            return
        if self.leaving is self.coming:
            self.leaving, self.mixed = Pair(self._context, self._size_px), Pair(self._context, self._size_px)
        if self._number is None:
            self.leaving, self.coming = self.coming, self.leaving
        else:
            self.leaving.front, self.mixed.front = self.mixed.front, self.leaving.front
        self.coming.blacken()
        self._number, self.has_left = leaving.number, has_picture or leaving.picture is not None

    def release(self) -> None:
        for pair in {self.coming, self.leaving, self.mixed}:
            pair.release()
