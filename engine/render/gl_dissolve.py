"""Two looks on the GPU while one dissolves into the other.

Each look has a pair of targets, drawn by turns, so that each has its own trail of feedback; their mixture has a third
pair. Targets change hands instead of pictures being copied: when a fade begins, the pair of the look that leaves is the
one that was drawn until now, with its picture and its trail. When a fade begins in the middle of another, what left
until then stays as a still, beneath the look that leaves now.
"""

from dataclasses import dataclass

import moderngl

from engine.render.gl_textures import Target
from engine.render.picture import Leaving


@dataclass(slots=True, eq=False)
class Pair:
    """Two targets by turns: `front` is the newest picture, `back` the one before it."""

    front: Target
    back: Target

    def turn(self) -> Target:
        """The one to draw the next picture into."""
        self.front, self.back = self.back, self.front
        return self.front


class Dissolve:
    """The targets of one size; made when they are needed first. Render thread, context current."""

    def __init__(self, context: moderngl.Context, size_px: tuple[int, int]) -> None:
        self._context, self._size_px = context, size_px
        self._targets: list[Target] = []
        self._number: int | None = None
        self._pairs: dict[str, Pair] = {}
        self.side: Target | None = None
        """What the look that comes is mixed with; None where there is nothing."""
        self.beneath: Target | None = None
        """What stands still beneath the look that leaves."""
        self._pairs["coming"] = self._free_pair()

    @property
    def coming(self) -> Pair:
        """Of the look that comes, and of the one there is while there is no fade."""
        return self._pairs["coming"]

    @property
    def leaving(self) -> Pair:
        return self._pairs["leaving"]

    @property
    def sides(self) -> Pair:
        """Of the look that leaves over what stands beneath it."""
        return self._pairs["sides"]

    @property
    def mixed(self) -> Pair:
        """Of what is on screen in a fade."""
        return self._pairs["mixed"]

    def follow(self, leaving: Leaving | None, *, has_picture: bool) -> None:
        """Before a picture is drawn. `has_picture`: there is one on screen."""
        if leaving is None:
            self._number = self.side = self.beneath = None
            return
        if leaving.number == self._number:
            return
        if self.side is not None and leaving.picture is None:  # all that is on screen stands still
            self.side, self.beneath = self.mixed.front, None
            self._pairs["mixed"] = self._free_pair()
        else:
            self.side, self.beneath = self.coming.front if has_picture else None, self.side
            self._pairs["leaving"] = self.coming
        self._number = leaving.number
        self._pairs["coming"] = self._free_pair()
        if "mixed" not in self._pairs:
            self._pairs["mixed"] = self._free_pair()
        if self.beneath is not None:
            self._pairs["sides"] = self._free_pair()

    def release(self) -> None:
        for target in self._targets:
            target.release()

    def _free_pair(self) -> Pair:
        """Two black ones that nothing is kept in."""
        kept = {self.side, self.beneath, *(each for pair in self._pairs.values() for each in (pair.front, pair.back))}
        free = [target for target in self._targets if target not in kept][:2]
        while len(free) < 2:
            free.append(Target(self._context, self._size_px))
            self._targets.append(free[-1])
        for target in free:
            target.framebuffer.clear()
        return Pair(*free)
