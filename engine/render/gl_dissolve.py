"""GPU targets for two looks while one dissolves into the other.

Each look has a pair of targets, drawn alternately, so that each keeps its own feedback trail. The mix is one of two
finished pictures: each look with its shaders and effects. Instead of copying pictures, targets change roles: when a
fade begins, the current pair becomes the outgoing look's, with its trail. If a fade begins during another one, the
first outgoing look stays as a still picture beneath the new outgoing look.
"""

from dataclasses import dataclass

import moderngl

from engine.render.fade_state import FadeChange, FadeState
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
        self.state = FadeState()
        self.shown: Target | None = None
        """The last finished picture on screen, or None before the first. Set by the renderer."""
        self.side: Target | None = None
        """Finished picture that the incoming look is mixed with, or None."""
        self.beneath: Target | None = None
        """Still picture beneath the outgoing look, or None."""
        self._leaving: TargetPair | None = None
        self._coming: TargetPair | None = None
        self._coming = self._free_pair()

    @property
    def coming(self) -> TargetPair:
        """Pair of the incoming look; without a fade, of the only look."""
        assert self._coming is not None  # since the constructor
        return self._coming

    @property
    def leaving(self) -> TargetPair:
        """Pair of the outgoing look; only while that moves."""
        assert self._leaving is not None
        return self._leaving

    @property
    def held(self) -> set[Target]:
        """Finished pictures that are still needed: not to be drawn into."""
        return {target for target in (self.side, self.beneath) if target is not None}

    def follow(self, fade: Leaving | None) -> None:
        """Assign the roles before a picture is drawn."""
        change = self.state.follow(fade, has_side=self.side is not None)
        if change is FadeChange.END:
            self.side = self.beneath = self._leaving = None
        elif change is FadeChange.BEGIN:
            self.side, self.beneath, self._leaving = None, self.side, self.coming
        elif change in (FadeChange.HOLD, FadeChange.FREEZE):
            self.side, self.beneath, self._leaving = self.shown, None, None
        if change in (FadeChange.BEGIN, FadeChange.HOLD):
            self.clear_trail()

    def clear_trail(self) -> None:
        """Let the next look begin with a black trail."""
        self._coming = self._free_pair()

    def take(self) -> Target:
        """A target that holds nothing that is needed."""
        pairs = [pair for pair in (self._coming, self._leaving) if pair is not None]
        kept = {self.shown, self.side, self.beneath, *(each for pair in pairs for each in (pair.front, pair.back))}
        for target in self._targets:
            if target not in kept:
                return target
        self._targets.append(Target(self._context, self._size_px, dtype=self._dtype))
        return self._targets[-1]

    def release(self) -> None:
        for target in self._targets:
            target.release()

    def _free_pair(self) -> TargetPair:
        """A pair of unused targets, cleared to black."""
        self._coming = None
        first = self.take()
        self._coming = TargetPair(first, first)  # taken: the second is another one
        pair = TargetPair(first, self.take())
        for target in (pair.front, pair.back):
            target.framebuffer.clear()
        return pair
