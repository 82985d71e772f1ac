"""All targets of the GL renderer in the picture's size.

Looks, trails, dissolves and effects have 16 bits per channel, as integers (RGBA16), not as floats
(RGBA16F), although both take 8 bytes: our display values stay in 0..1, where integers are finer
than a half float everywhere above 1/32; each 8-bit level is exact, so a steady picture does not
flicker in the dither; a 16-bit recording gets them as they are, equal to Numba's; and a shader that
writes NaN or infinity leaves a black or white pixel, which a float target would spread through
trails and blurs. OpenGL 3.3 requires the format (table 3.12). llvmpipe draws into it as fast as
into RGBA8 (CPU time of a 720p picture with a trail: 47 ms, 45 with RGBA8, 49 with RGBA16F).
"""

from collections.abc import Callable, Collection
from contextlib import ExitStack
from dataclasses import dataclass
from typing import TypeVar

import moderngl

from engine.render.fades import FadeState
from engine.render.gl_textures import Releasable, Target, release_all
from engine.render.readback import Readback

DEEP_DTYPE = "nu2"
PLAIN_DTYPE = "f1"  # and of RGBA8
NO_DECK = 0  # its trail stays black until the first picture
_Part = TypeVar("_Part", bound=Releasable)


@dataclass(slots=True, eq=False)
class TargetPair:
    """Two alternating targets of one look: `front` has the newest picture, `back` the previous one.

    Each deck has a pair, and so its own feedback trail."""

    front: Target
    back: Target

    def swap(self) -> Target:
        """Swap front and back. Returns the target for the next picture."""
        self.front, self.back = self.back, self.front
        return self.front


class DissolveTargets:
    """The targets of a dissolve in one size and format, created on demand. Render thread, context
    current."""

    def __init__(self, context: moderngl.Context, size_px: tuple[int, int], dtype: str) -> None:
        self._context = context
        self._size_px = size_px
        self._dtype = dtype
        self._targets: list[Target] = []
        self.state = FadeState[Target]()
        self._trails: dict[int, TargetPair] = {}
        # Cleared while what is bound exists: moderngl returns to it.
        self.black = self.trail(NO_DECK)

    @property
    def in_use(self) -> set[Target]:
        """Finished pictures that are still needed and must not be overwritten."""
        return {
            target for target in (self.state.outgoing, self.state.underlay) if target is not None
        }

    def trail(self, deck: int) -> TargetPair:
        """The pair of this deck; black at first."""
        if deck not in self._trails:
            first = self.free_target()
            pair = TargetPair(first, self.free_target(first))
            for target in (pair.front, pair.back):
                target.framebuffer.clear()
            self._trails[deck] = pair
        return self._trails[deck]

    def keep(self, decks: Collection[int]) -> None:
        """Drop the trails of all other decks."""
        self._trails = {deck: pair for deck, pair in self._trails.items() if deck in decks}

    def free_target(self, *needed: Target) -> Target:
        """Return a target that is neither in `needed` nor used by the dissolve."""
        state = self.state
        trails = self._trails.values()
        in_use = {
            *needed,
            state.displayed,
            state.outgoing,
            state.underlay,
            *(each for pair in trails for each in (pair.front, pair.back)),
        }
        for target in self._targets:
            if target not in in_use:
                return target
        self._targets.append(Target(self._context, self._size_px, dtype=self._dtype))
        return self._targets[-1]

    def release(self) -> None:
        release_all(*self._targets)


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
        """dtype: Format of looks and mixes, from `deepest_dtype`."""
        self.size_px = size_px
        self._context = context
        self._finish = finish
        self._dtype = dtype
        self._is_direct = is_direct
        self._deep: Target | None = None
        self._deep_readback: Readback | None = None
        self._both: dict[tuple[Target, Target], moderngl.Framebuffer] = {}
        with ExitStack() as undo:  # if one fails, the GPU memory of the others is freed

            def register(part: _Part) -> _Part:
                undo.callback(part.release)
                return part

            self.dissolve = register(DissolveTargets(context, size_px, dtype))
            self._published = [
                register(Target(context, size_px)),
                register(Target(context, size_px)),
            ]
            self.readback = register(Readback(context, finish, size_px, is_direct=is_direct))
            self._parts = undo.pop_all()

    def next_published(self) -> Target:
        """Return the next published target. The last one stays valid for a frame; its queued
        transfers are dropped."""
        for readback in (self.readback, self._deep_readback):
            if readback is not None:
                readback.next_picture()
        self._published.reverse()
        return self._published[0]

    def both(self, look: Target, published: Target) -> moderngl.Framebuffer:
        """Return a framebuffer that draws into both at once; created at the first call with
        them."""
        found = self._both.get((look, published))
        if found is None:
            # moderngl returns to what is bound: not to one that was released
            look.framebuffer.use()
            found = self._both[look, published] = self._context.framebuffer(
                [look.texture, published.texture]
            )
            self._parts.callback(found.release)
        return found

    def deep(self) -> Target:
        """Return the target of published pictures in 16 bits; created at the first call."""
        if self._deep is None:
            self._deep = Target(self._context, self.size_px, dtype=self._dtype)
            self._parts.callback(self._deep.release)
        return self._deep

    @property
    def expects_deep_read(self) -> bool:
        """True if a read of this picture in 16 bits is expected."""
        return self._deep_readback is not None and self._deep_readback.expects_read

    def deep_readback(self) -> Readback:
        """Return the readback of pictures in 16 bits; created at the first call."""
        if self._deep_readback is None:
            self._deep_readback = Readback(
                self._context,
                self._finish,
                self.size_px,
                is_direct=self._is_direct,
                dtype=DEEP_DTYPE,
            )
            self._parts.callback(self._deep_readback.release)
        return self._deep_readback

    def release(self) -> None:
        self._parts.close()


def deepest_dtype(context: moderngl.Context) -> str:
    """Return the deepest format that this driver can draw together with RGBA8: RGBA16, else
    RGBA8."""
    textures = [context.texture((1, 1), 4, dtype=dtype) for dtype in (DEEP_DTYPE, PLAIN_DTYPE)]
    try:
        context.framebuffer(textures).release()
    except moderngl.Error:  # the framebuffer is not complete
        return PLAIN_DTYPE
    finally:
        release_all(*textures)
    return DEEP_DTYPE
