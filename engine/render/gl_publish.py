"""The last step of a picture with OpenGL: its light is measured for the flash guard, it is faded,
limited and dithered.

Pictures are drawn in 16 bits per channel (gl_targets.py). All that leaves the renderer as a texture
has 8, as other programs expect, dithered with blue noise (blue_noise.py); a recording may request
all 16 bits. The look's own pass draws both (gl_look.py); what is here runs where effects, a
dissolve or limits come after it, and for a still picture.
"""

from collections.abc import Callable

import moderngl
import numpy as np

from engine.render.blue_noise import thresholds
from engine.render.flash_guard import CELLS, NO_LIMITS, sample_jitter
from engine.render.gl_targets import DEEP_DTYPE, deepest_dtype
from engine.render.gl_textures import Target, limits_texture, release_all
from engine.render.master import Finish
from engine.render.picture import centre_crop
from engine.render.readback import Readback
from engine.render.shader_source import Pass, uniform

_CURRENT, _LIMITS, _NOISE = range(3)
MAX_SIZES = 4  # of fitted pictures that stay cached
Size = tuple[int, int]


class Dither:
    """The noise for dither.glsl, and the levels of drawn pictures. Render thread, context
    current."""

    def __init__(self, context: moderngl.Context) -> None:
        self.dtype = deepest_dtype(context)
        """Format of drawn pictures."""
        white = 65535 if self.dtype == DEEP_DTYPE else 255
        self.define = f"WHITE_LEVEL {white}.0"
        self.gain = 255 / white
        """Levels of a published picture per level drawn."""
        self.deep_gain = 1 / white
        """Display value per level drawn."""
        noise = thresholds()
        self.noise = context.texture(noise.shape, 1, noise.tobytes(), dtype="f4")
        self.noise.filter = (moderngl.NEAREST, moderngl.NEAREST)


class Publisher:
    """Programs and textures for the last step of any picture. Render thread, context current."""

    def __init__(
        self, context: moderngl.Context, wait_for_gpu: Callable[[], None], *, is_software: bool
    ) -> None:
        self.dither = Dither(context)
        self._context = context
        self._hit = Pass(context, "mix", ("HIT",), u_previous=_CURRENT)
        self._wait_for_gpu = wait_for_gpu
        self._is_software = is_software
        self._fade = self._program()
        self._limit = self._program("LIMITS")
        self._deep_fade = self._program("DEEP")
        self._deep_limit = self._program("DEEP", "LIMITS")
        self._sum_cells = Pass(context, "flash_cells", u_picture=_CURRENT)
        uniform(self._sum_cells.program, "u_jitter").write(sample_jitter())
        self._limits = limits_texture(context)
        self._cells = Target(context, (CELLS, CELLS), dtype="f4")
        self._cell_readback = Readback(
            context, wait_for_gpu, (CELLS, CELLS), is_direct=is_software, dtype="f4"
        )
        # released last: moderngl returns to a bound one
        self._tiny = Target(context, (1, 1), dtype=self.dither.dtype)

    def add_white(self, picture: Target, hit: float, into: Target) -> Target:
        """Mix the picture with white by `hit`, 0..1 (`/master/hit`), into `into`, and return it."""
        if self._is_software:
            self._wait_for_gpu()
        self._hit["u_fraction"] = hit
        picture.texture.use(_CURRENT)
        self._hit.draw(into.framebuffer)
        return into

    def sum_cells(self, picture: Target) -> None:
        """Sum up the light of the picture's cells, and queue the transfer."""
        self._sum_cells["u_size_px"] = picture.texture.size
        picture.texture.use(_CURRENT)
        self._sum_cells.draw(self._cells.framebuffer)
        self._cell_readback.queue(self._cells.framebuffer)

    def read_cells(self) -> np.ndarray:
        """Return the sums of `sum_cells`, (4, 18, 18) float32, row 0 at the top. Wait first:
        moderngl holds the GIL."""
        return self._cell_readback.read(self._cells.framebuffer).transpose(2, 0, 1)

    def draw(self, picture: Target, finish: Finish, into: Target, *, is_luma: bool) -> None:
        """Draw the published picture in 8 bits."""
        self._draw(
            picture,
            finish,
            self._limit if finish.limits else self._fade,
            into,
            self.dither.gain,
            is_luma,
        )

    def draw_deep(self, picture: Target, finish: Finish, into: Target, *, is_luma: bool) -> None:
        """Draw the published picture in 16 bits."""
        publish = self._deep_limit if finish.limits else self._deep_fade
        self._draw(picture, finish, publish, into, self.dither.deep_gain, is_luma)

    def warm_up(self, picture: Target, published: Target, wait_for_gpu: Callable[[], None]) -> None:
        """Draw one pixel with each program."""
        self.sum_cells(picture)
        self.add_white(picture, 1.0, self._tiny)
        for limits in (None, NO_LIMITS):
            self.draw(picture, Finish(1.0, limits), published, is_luma=False)
            self.draw_deep(picture, Finish(1.0, limits), self._tiny, is_luma=False)
        wait_for_gpu()

    def release(self) -> None:
        release_all(
            self._hit, self._fade, self._limit, self._deep_fade, self._deep_limit, self._sum_cells
        )
        release_all(self._limits, self.dither.noise, self._cells, self._cell_readback, self._tiny)

    def _draw(
        self,
        picture: Target,
        finish: Finish,
        publish: Pass,
        into: Target,
        gain: float,
        is_luma: bool,
    ) -> None:
        publish["u_gain"] = finish.fade * gain
        publish["u_keeps_alpha"] = finish.is_unchanged
        publish["u_is_luma"] = is_luma
        if finish.limits is not None:
            width, height = picture.texture.size
            publish["u_pictures_per_px"] = 1 / width, 1 / height
            self._limits.write(finish.limits.maps)
            self._limits.use(_LIMITS)
        picture.texture.use(_CURRENT)
        self.dither.noise.use(_NOISE)
        publish.draw(into.framebuffer)

    def _program(self, *features: str) -> Pass:
        units = {"u_current": _CURRENT, "u_limits": _LIMITS, "u_noise": _NOISE}
        return Pass(self._context, "publish", (*features, self.dither.define), **units)


class FittedPicture:
    """Draws and reads back the middle of a picture at the size of its reader: the published one for
    SD and for light, and the one behind a blackout for the page.

    On a GPU that is a pass of fit.glsl and a transfer of 1 MB (512 x 512) instead of 8 MB (1080p).
    A software rasteriser would be slower than SD, which fits its picture itself there. Render
    thread, context current."""

    def __init__(self, context: moderngl.Context, wait_for_gpu: Callable[[], None]) -> None:
        self._context = context
        self._wait_for_gpu = wait_for_gpu
        self._fit = Pass(context, "fit")
        self._readbacks: dict[Size, tuple[Target, Readback]] = {}
        """Targets and readbacks by size, the last used at the end."""
        self._queued_px: Size | None = None
        self._expected_px: Size | None = None
        self._warm_up()

    def queue(self, picture: Target, size_px: Size) -> None:
        """Queue the pass and its transfer behind the drawing of `picture`."""
        entry = (
            self._readbacks.pop(size_px) if size_px in self._readbacks else self._allocate(size_px)
        )
        target, readback = self._readbacks[size_px] = entry
        if len(self._readbacks) > MAX_SIZES:
            # moderngl returns to what is bound: not to one that was released
            target.framebuffer.use()
            release_all(*self._readbacks.pop(next(iter(self._readbacks))))
        left, top, width, height = centre_crop(picture.texture.size, size_px)
        self._fit["u_part"] = left, top, width, height
        self._fit["u_texels_per_px"] = width / size_px[0], height / size_px[1]
        picture.texture.use(0)
        self._fit.draw(target.framebuffer)
        readback.queue(target.framebuffer)
        self._queued_px = size_px

    def queue_expected(self, picture: Target) -> None:
        """Queue the pass in the size given to `drop`, if any."""
        if self._expected_px is not None:
            self.queue(picture, self._expected_px)

    def drop(self, expected_px: Size | None = None) -> None:
        """Drop the queued picture: another one will be drawn, and read in the expected size; None
        if that is unknown."""
        self._queued_px = None
        self._expected_px = expected_px

    def read(self, picture: Target, size_px: Size) -> np.ndarray:
        """(height, width, 4) uint8, opaque, row 0 at the top; not overwritten while it is
        referenced.

        Waits unless it was queued in this size before the last wait. The picture must be
        finished."""
        if self._queued_px != size_px:
            self.queue(picture, size_px)
            self._wait_for_gpu()  # waits without the GIL, so that the copy does not wait
        target, readback = self._readbacks[size_px]
        return readback.read(target.framebuffer)

    def release(self) -> None:
        release_all(self._fit, *(part for entry in self._readbacks.values() for part in entry))

    def _allocate(self, size_px: Size) -> tuple[Target, Readback]:
        return Target(self._context, size_px), Readback(
            self._context, self._wait_for_gpu, size_px, is_direct=False
        )

    def _warm_up(self) -> None:
        """Draw one pixel: drivers finish compiling at the first draw."""
        tiny = Target(self._context, (1, 1))
        self.queue(tiny, (1, 1))
        self._wait_for_gpu()
        tiny.release()
        self.drop()
