"""GPU targets for two looks while one dissolves into the other.

Each look has a pair of targets, drawn alternately, so that each keeps its own feedback trail; their mix has a third
pair. Instead of copying pictures, pairs change roles: when a fade begins, the current pair becomes the outgoing look's,
with its picture and its trail. If a fade begins during another one, the first outgoing look stays as a still picture
beneath the new outgoing look.
"""

from dataclasses import dataclass

import moderngl

from engine.render.gl_textures import Target
from engine.render.picture import Leaving


@dataclass(slots=True, eq=False)
class TargetPair:
    """Two alternating targets: `front` has the newest picture, `back` the one before."""

    front: Target
    back: Target

    def turn(self) -> Target:
        """Swap them. Returns the target for the next picture."""
        self.front, self.back = self.back, self.front
        return self.front


class Dissolve:
    """The targets of one size and format, made on demand. Render thread, context current."""

    def __init__(self, context: moderngl.Context, size_px: tuple[int, int], dtype: str) -> None:
        self._context, self._size_px, self._dtype = context, size_px, dtype
        self._targets: list[Target] = []
        self._number: int | None = None
        self._pairs: dict[str, TargetPair] = {}
        self.side: Target | None = None
        """Picture that the incoming look is mixed with, or None."""
        self.beneath: Target | None = None
        """Still picture beneath the outgoing look, or None."""
        self._pairs["coming"] = self._free_pair()

    @property
    def coming(self) -> TargetPair:
        """Pair of the incoming look; without a fade, of the only look."""
        return self._pairs["coming"]

    @property
    def leaving(self) -> TargetPair:
        """Pair of the outgoing look."""
        return self._pairs["leaving"]

    @property
    def sides(self) -> TargetPair:
        """Pair for the outgoing look mixed with the still picture beneath it."""
        return self._pairs["sides"]

    @property
    def mixed(self) -> TargetPair:
        """Pair of the mix on screen during a fade."""
        return self._pairs["mixed"]

    def follow(self, leaving: Leaving | None, *, has_picture: bool) -> None:
        """Assign the pairs before a picture is drawn. `has_picture`: True if one is on screen."""
        if leaving is None:
            self._number = self.side = self.beneath = None
            return
        if leaving.number == self._number:
            return
        if self.side is not None and leaving.picture is None:  # freeze everything on screen
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

    def _free_pair(self) -> TargetPair:
        """A pair of unused targets, cleared to black."""
        kept = {self.side, self.beneath, *(each for pair in self._pairs.values() for each in (pair.front, pair.back))}
        free = [target for target in self._targets if target not in kept][:2]
        while len(free) < 2:
            free.append(Target(self._context, self._size_px, dtype=self._dtype))
            self._targets.append(free[-1])
        for target in free:
            target.framebuffer.clear()
        return TargetPair(*free)
