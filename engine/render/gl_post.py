"""Bloom, glow, chromatic aberration, vignette, grain and exposure with OpenGL; see look.py. Free
while all are off.

The targets of a size are created when the first effect is switched on, which takes less than a
millisecond. Programs are compiled and run once at startup, so that no frame waits for a compiler.
"""

from collections.abc import Callable, Collection
from itertools import product

import moderngl

from engine.render.gl_textures import Target, release_all
from engine.render.look import (
    GRAIN_SIDE,
    PostLook,
    Spread,
    grain_offset,
    grain_px,
    grain_tile,
    pyramid_sizes,
    spreads,
)
from engine.render.shader_source import Pass

LIGHT_DTYPE = (
    "f2"  # half floats: the square of a dark display value is too fine for 16-bit integers
)
_FEATURES = ("CHROMATIC", "LIGHT")
_SWITCHES = list(product((False, True), repeat=len(_FEATURES)))
_FIRST, _SECOND, _GRAIN = range(3)


class PostChain:
    """Draws the effects of one renderer. Render thread, context current."""

    def __init__(self, context: moderngl.Context, barrier: Callable[[], None], dtype: str) -> None:
        """barrier: Called before each pass that reads another one. dtype: Format of the
        pictures."""
        self._context = context
        self._barrier = barrier
        self._dtype = dtype
        self._light = Pass(context, "post_light", u_current=_FIRST)
        self._halve = Pass(context, "post_halve", u_larger=_FIRST)
        self._rise = Pass(context, "post_rise", u_own=_FIRST, u_smaller=_SECOND)
        sets = [_features(*is_on) for is_on in _SWITCHES]
        units = {"u_current": _FIRST, "u_veil": _SECOND, "u_grain": _GRAIN}
        self._compose = {features: Pass(context, "post", features, **units) for features in sets}
        self._grain = context.texture(
            (GRAIN_SIDE, GRAIN_SIDE), 1, grain_tile().tobytes(), dtype="f4"
        )
        self._grain.filter = (moderngl.NEAREST, moderngl.NEAREST)
        self._sized: _SizedPost | None = None
        self._warm_up()

    def draw(
        self,
        picture: Target,
        post: PostLook,
        time_s: float,
        *,
        is_luma: bool,
        in_use: Collection[Target] = (),
    ) -> Target:
        """Draw the picture with these effects; returns `picture` itself if all are off. Valid until
        the next call that does not list it in `in_use`."""
        if post.is_off:
            return picture
        size_px = picture.texture.size
        if self._sized is None or self._sized.size_px != size_px:
            self.release_targets()
            self._sized = _SizedPost(self._context, size_px, self._dtype)
        sized = self._sized
        self._context.enable_only(moderngl.NOTHING)
        for number, spread in enumerate(spreads(post, size_px[1], len(sized.down))):
            self._spread(picture, spread, sized, is_first=number == 0)
        self._barrier()
        features = _features(post.chromatic > 0, post.has_light)
        compose = self._compose[features]
        compose["u_half_px"] = size_px[0] / 2, size_px[1] / 2
        strengths = post.strengths
        compose["u_vignette"] = strengths.vignette
        compose["u_grain_amount"] = strengths.grain
        compose["u_exposure"] = strengths.dim, strengths.lift
        compose["u_grain_origin"] = (*grain_offset(time_s), grain_px(size_px[1]))
        compose["u_is_luma"] = is_luma
        if "CHROMATIC" in features:
            compose["u_chromatic"] = strengths.chromatic
        if "LIGHT" in features:
            sized.veil.texture.use(_SECOND)
        self._grain.use(_GRAIN)
        picture.texture.use(_FIRST)
        finished = sized.free_target(in_use)
        compose.draw(finished.framebuffer)
        return finished

    def release_targets(self) -> None:
        """Free the memory of the current size; the next picture with effects allocates it again."""
        if self._sized is not None:
            self._sized.release()
            self._sized = None

    def release(self) -> None:
        self.release_targets()
        release_all(
            self._light, self._halve, self._rise, *self._compose.values(), self._grain, self._tiny
        )

    def _spread(
        self, picture: Target, spread: Spread, sized: "_SizedPost", *, is_first: bool
    ) -> None:
        """Draw one spread light into the veil (the first), or add it."""
        self._barrier()
        self._light["u_threshold"] = spread.threshold
        self._light["u_knee"] = spread.knee
        picture.texture.use(_FIRST)
        self._light.draw(sized.down[0].framebuffer)
        for larger, smaller in zip(sized.down, sized.down[1:], strict=False):
            self._barrier()
            larger.texture.use(_FIRST)
            self._halve.draw(smaller.framebuffer)
        risen = sized.down[-1]
        weight = 0.0
        for level in reversed(range(len(sized.down))):
            self._barrier()
            self._rise["u_own_weight"] = spread.weights[level]
            self._rise["u_smaller_weight"] = weight
            sized.down[level].texture.use(_FIRST)
            risen.texture.use(_SECOND)
            if not level and not is_first:
                self._context.enable(moderngl.BLEND)
                self._context.blend_func = moderngl.ONE, moderngl.ONE
            risen = sized.up[level]
            weight = 1.0
            self._rise.draw(risen.framebuffer)
        self._context.disable(moderngl.BLEND)

    def _warm_up(self) -> None:
        """Draw a tiny picture with each program: drivers finish compiling at the first draw."""
        self._tiny = Target(self._context, (32, 32), dtype=self._dtype)
        for chromatic, light in _SWITCHES:
            self.draw(
                self._tiny,
                PostLook(
                    chromatic=float(chromatic), bloom=float(light), glow=float(light), vignette=1.0
                ),
                0.0,
                is_luma=False,
            )
        # moderngl returns to a bound target: not to one that is released
        self._tiny.framebuffer.use()
        self.release_targets()


class _SizedPost:
    """Targets for pictures of one size."""

    def __init__(self, context: moderngl.Context, size_px: tuple[int, int], dtype: str) -> None:
        self.size_px = size_px
        sizes = pyramid_sizes(*size_px)
        self.down = [_light_target(context, size) for size in sizes]
        self.up = [_light_target(context, size) for size in sizes]
        self._context = context
        self._dtype = dtype
        self._finished: list[Target] = []

    def free_target(self, in_use: Collection[Target]) -> Target:
        """Return a target for a finished picture."""
        for target in self._finished:
            if target not in in_use:
                return target
        self._finished.append(Target(self._context, self.size_px, dtype=self._dtype))
        return self._finished[-1]

    @property
    def veil(self) -> Target:
        """The light to add to the picture."""
        return self.up[0]

    def release(self) -> None:
        release_all(*self.down, *self.up, *self._finished)


def _light_target(context: moderngl.Context, size_px: tuple[int, int]) -> Target:
    target = Target(context, size_px, dtype=LIGHT_DTYPE)
    target.texture.filter = (moderngl.LINEAR, moderngl.LINEAR)
    target.texture.repeat_x = False
    target.texture.repeat_y = False
    return target


def _features(*is_on: bool) -> tuple[str, ...]:
    return tuple(name for name, on in zip(_FEATURES, is_on, strict=True) if on)
