"""All targets of the GL renderer in the picture's size.

Looks, trails, dissolves and effects have 16 bits per channel, as integers (RGBA16), not as floats (RGBA16F), although
both take 8 bytes: our display values stay in 0..1, where integers are finer than a half float everywhere above 1/32;
each 8-bit level is exact, so a steady picture does not flicker in the dither; a 16-bit recording gets them as they are,
equal to Numba's; and a shader that writes NaN or infinity leaves a black or white pixel, which a float target would
spread through trails and blurs. OpenGL 3.3 requires the format (table 3.12). llvmpipe draws into it as fast as into
RGBA8 (CPU time of a 720p picture with a trail: 47 ms, 45 with RGBA8, 49 with RGBA16F).
"""

from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from typing import TypeVar

import moderngl

from engine.render.fades import FadeChange, FadeState
from engine.render.gl_textures import Releasable, Target, release_all
from engine.render.picture import Leaving
from engine.render.readback import Readback

DEEP_DTYPE = "nu2"
PLAIN_DTYPE = "f1"  # and of RGBA8
_Part = TypeVar("_Part", bound=Releasable)


@dataclass(slots=True, eq=False)
class TargetPair:
    """GPU targets for two looks while one dissolves into the other.

    Each look has a pair of targets, drawn alternately, so that each keeps its own feedback trail. The mix is one of
    two finished pictures: each look with its shaders and effects. Instead of copying pictures, targets change
    roles: when a fade begins, the current pair becomes the outgoing look's, with its trail. If a fade begins during
    another one, the first outgoing look stays as a still picture beneath the new outgoing look.

    Two alternating targets: `front` has the newest picture, `back` the one before.
    """

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
        self.state = FadeState[Target]()
        self._leaving: TargetPair | None = None
        self._expected: TargetPair | None = None
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
        return {target for target in (self.state.side, self.state.beneath) if target is not None}

    def follow(self, fade: Leaving | None, *, still_waits: bool) -> None:
        """Assign the roles before a picture is drawn. `still_waits`: a look that begins is not the expected one."""
        change = self.state.follow(fade)
        if change is not FadeChange.NONE:
            self._leaving = self.coming if change is FadeChange.BEGIN else None
        if change in (FadeChange.BEGIN, FadeChange.HOLD):
            self.begin_trail(still_waits=still_waits)

    def expected(self) -> TargetPair:
        """Pair of a look that is about to begin: black at first, then its trail until it begins or `expect_none`."""
        if self._expected is None:
            self._expected = self._free_pair()
        return self._expected

    def expect_none(self) -> None:
        self._expected = None

    def turn_back(self) -> None:
        """Let the look that leaves be the only one again, on its own trail. Before `follow`."""
        if self._leaving is not None:
            self._coming = self._leaving

    def begin_trail(self, *, still_waits: bool) -> None:
        """Let the next look begin: the expected one with its trail, else, or if that still waits, with a black one."""
        self._coming = None
        if self._expected is None or still_waits:
            self._coming = self._free_pair()
        else:
            self._coming, self._expected = self._expected, None

    def take(self, *needed: Target) -> Target:
        """A target that holds nothing that is needed, here or for the dissolve."""
        pairs = [pair for pair in (self._coming, self._leaving, self._expected) if pair is not None]
        state = self.state
        kept = {
            *needed,
            state.shown,
            state.side,
            state.beneath,
            *(each for pair in pairs for each in (pair.front, pair.back)),
        }
        for target in self._targets:
            if target not in kept:
                return target
        self._targets.append(Target(self._context, self._size_px, dtype=self._dtype))
        return self._targets[-1]

    def release(self) -> None:
        release_all(*self._targets)

    def _free_pair(self) -> TargetPair:
        """A pair of unused targets, cleared to black."""
        first = self.take()
        pair = TargetPair(first, self.take(first))
        for target in (pair.front, pair.back):
            target.framebuffer.clear()
        return pair


class SizedTargets:
    """Targets for looks and their mix, two for published pictures, and the readback."""

    def __init__(
        self,
        context: moderngl.Context,
        finish: Callable[[], None],
        size_px: tuple[int, int],
        *,
        dtype: str,
        is_direct: bool,
    ) -> None:
        """`dtype`: that of looks and mixes, from `deepest_dtype`."""
        self.size_px = size_px
        self._context, self._finish, self._dtype, self._is_direct = context, finish, dtype, is_direct
        self._deep: Target | None = None
        self._deep_readback: Readback | None = None
        self._both: dict[tuple[Target, Target], moderngl.Framebuffer] = {}
        with ExitStack() as undo:  # if one fails, the GPU memory of the others is freed

            def kept(part: _Part) -> _Part:
                undo.callback(part.release)
                return part

            self.dissolve = kept(Dissolve(context, size_px, dtype))
            self._published = [kept(Target(context, size_px)), kept(Target(context, size_px))]
            self.readback = kept(Readback(context, finish, size_px, is_direct=is_direct))
            self._parts = undo.pop_all()

    def turn(self) -> Target:
        """The target to publish the next picture in; the last one stays valid for a frame, but what was queued of it is
        forgotten."""
        for readback in (self.readback, self._deep_readback):
            if readback is not None:
                readback.next_picture()
        self._published.reverse()
        return self._published[0]

    def both(self, drawn: Target, published: Target) -> moderngl.Framebuffer:
        """A framebuffer that draws into both at once; made at the first call with them."""
        found = self._both.get((drawn, published))
        if found is None:
            drawn.framebuffer.use()  # moderngl returns to what is bound: not to one that was released
            found = self._both[drawn, published] = self._context.framebuffer([drawn.texture, published.texture])
            self._parts.callback(found.release)
        return found

    def deep(self) -> Target:
        """The target of published pictures in 16 bits; made at the first call."""
        if self._deep is None:
            self._deep = Target(self._context, self.size_px, dtype=self._dtype)
            self._parts.callback(self._deep.release)
        return self._deep

    @property
    def expects_deep_read(self) -> bool:
        """True if this picture will most likely be read in 16 bits."""
        return self._deep_readback is not None and self._deep_readback.expects_read

    def deep_readback(self) -> Readback:
        """Reads pictures in 16 bits; made at the first call."""
        if self._deep_readback is None:
            self._deep_readback = Readback(
                self._context, self._finish, self.size_px, is_direct=self._is_direct, dtype=DEEP_DTYPE
            )
            self._parts.callback(self._deep_readback.release)
        return self._deep_readback

    def release(self) -> None:
        self._parts.close()


def deepest_dtype(context: moderngl.Context) -> str:
    """The deepest format that this driver draws into, together with RGBA8: RGBA16, else RGBA8."""
    textures = [context.texture((1, 1), 4, dtype=dtype) for dtype in (DEEP_DTYPE, PLAIN_DTYPE)]
    try:
        context.framebuffer(textures).release()
    except moderngl.Error:  # the framebuffer is not complete
        return PLAIN_DTYPE
    finally:
        release_all(*textures)
    return DEEP_DTYPE
