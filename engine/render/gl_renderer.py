"""Draws the Multiverse with OpenGL in one pass.

The pass (gl_look.py, multiverse.glsl) draws into one of two targets; the other has the last
picture, for feedback. It also draws the faded and dithered 8-bit picture that is published. The
light of its cells is summed for the flash guard. All that is one submission with one wait. Only
where effects or a dissolve follow, or the guard limits the picture, a separate pass publishes it
(gl_publish.py). A crossfade of layer 5 is mixed beforehand, at its own size (gl_lazy_images.py).
While one look dissolves into another, both are drawn, each with its shaders and effects, and then
mixed (mix.glsl).
"""

import logging
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import moderngl
import numpy as np

from engine.errors import RenderError
from engine.render.context import (
    driver_errors,
    is_software,
    load_finish,
    load_message_pump,
    open_context,
)
from engine.render.fades import FadeBackend
from engine.render.gl_graphics import GraphicPass
from engine.render.gl_lazy_images import LazyImages
from engine.render.gl_look import LookPass
from engine.render.gl_mixer import Mixer
from engine.render.gl_outputs import OutputPainter
from engine.render.gl_post import PostChain
from engine.render.gl_publish import FittedPicture, Publisher
from engine.render.gl_targets import DEEP_DTYPE, SizedTargets
from engine.render.gl_textures import Target, release_all
from engine.render.isf.clocks import DateAt, date_live
from engine.render.isf.gl_slots import SlotChain
from engine.render.isf.isf_file import ShaderState
from engine.render.look import Look, PostLook
from engine.render.master import Finish, FlashGuardState, Master, fade_of
from engine.render.picture import DeckPicture, PictureInput, PictureRequest
from engine.values import LazyPicture, TextureRef
from osc_schema.fx import DISSOLVE

log = logging.getLogger(__name__)

NO_ERROR = "GL_NO_ERROR"


class GLRenderer:
    """A `Renderer` that owns a context, current on the thread that created it. Use it only on that
    thread."""

    kind = "gl"
    reason: str = ""

    def __init__(
        self,
        width: int,
        height: int,
        *,
        date_at: DateAt = date_live,
        context: moderngl.Context | None = None,
    ) -> None:
        """Open a context and compile. NoGLError without OpenGL, RenderError if the driver rejects a
        shader or size.

        date_at: Source of the shaders' DATE. context: That of another renderer, which releases
        it."""
        self._context = context or open_context()
        self._own_context = None if context else self._context
        self._is_closed = False
        with driver_errors(), ExitStack() as undo:
            undo.callback(release_all, self._own_context)
            self._finish = load_finish()
            self._pump_messages = load_message_pump()
            name = self._context.info["GL_RENDERER"]
            self.is_software = is_software(name)
            self._publisher = Publisher(self._context, self._finish, is_software=self.is_software)
            dtype = self._publisher.dither.dtype
            # A software rasteriser draws a pass only when another reads it, and moderngl would wait
            # holding the GIL.
            barrier = self._finish if self.is_software else lambda: None
            self._post = PostChain(self._context, barrier, dtype)
            is_deep = dtype == DEEP_DTYPE
            self.shader_driver = f"{name}, {self._context.info['GL_VERSION']}, {dtype}"
            self.description = f"{name}, {'16' if is_deep else 'only 8'}-bit pictures"
            self._mixer = Mixer(self._context)
            self._graphics = GraphicPass(self._context, self._mixer.plain, barrier)
            outputs = OutputPainter(
                self._context, self._publisher.dither, lambda: (self._published, self._is_luma)
            )
            drawing = self._drawing_extra
            self._lazy = LazyImages(
                self._context,
                self._mixer.plain,
                self._finish,
                outputs,
                is_software=self.is_software,
                drawing=drawing,
            )
            self._look = LookPass(
                self._context,
                self._finish,
                self._lazy.layer5,
                self._publisher.dither,
                is_software=self.is_software,
            )
            self._behind = None if self.is_software else FittedPicture(self._context, self._finish)
            self._fitted = None if self.is_software else FittedPicture(self._context, self._finish)
            self._shaders = SlotChain(
                self._context,
                self._finish,
                is_software=self.is_software,
                dtype=dtype,
                date_at=date_at,
            )
            self._fade_backend = FadeBackend(
                draw_look=self._draw_look,
                draw_effects=self._draw_effects,
                mix=self._dissolve,
                compose=self._compose,
                barrier=barrier,
            )
            self.master = Master()
            self._has_picture = False
            self._unfinished: DeckPicture | None = None  # drawn, but not finished yet
            self._current: Target
            self._pixels: dict[int, np.ndarray] = {}
            """The pixels that have been read of this picture, by bits per channel."""
            self._look_target: Target | None = None  # what the look's pass drew and published
            self._start(self._make_targets(width, height))
            undo.pop_all()

    def resize(self, width: int, height: int) -> None:
        with self._drawing():
            # first, so that the old ones stay if this fails
            targets = self._make_targets(width, height)
            self._post.release_targets()
            self._targets.release()
            self._start(targets)

    def draw(self, picture: PictureInput) -> None:
        with self._drawing():
            look = picture.on_air.look
            self._pump_messages()
            self._reset_context()
            self._published = self._targets.next_published()
            self._look_target = None
            if self._fitted is not None:
                self._fitted.drop(picture.fitted_px)
            if not (look.is_frozen and self._has_picture):
                finished = self._draw_looks(picture)
                is_complete = not self._shaders.is_incomplete
                if is_complete or not self._has_picture:  # else the last one stays
                    self._targets.dissolve.state.displayed = finished
                self._has_picture = True
            dissolve = self._targets.dissolve
            hit = self.master.white_fraction(look, picture.on_air.time_s)
            latest = dissolve.state.displayed or self._current
            self._current = latest
            if hit > 0:
                white = dissolve.free_target(latest)
                self._current = self._publisher.add_white(latest, hit, white)
            self._unfinished = picture.on_air
            self._is_published = self._look_target is self._current
            if not self.is_software:  # there it waits for the picture
                self._queue_publishing(look)
            self._pixels = {}

    def wait(self) -> None:
        self._require_open()
        if self._unfinished is None:
            return
        look = self._unfinished.look
        time_s = self._unfinished.time_s
        self._unfinished = None
        with self._drawing():
            self._finish()
            if self.is_software and look.is_flash_guarded:
                self._publisher.sum_cells(self._current)
            cells = self._publisher.read_cells() if look.is_flash_guarded else None
            self._final = self.master.finish(look, cells, time_s)
            self._is_luma = look.is_alpha_luma
            if self._final.limits is not None or not self._is_published:
                self._publish(look, self._final)
                self._finish()
            self._require_no_error()

    @property
    def shader_state(self) -> ShaderState:
        return self._shaders.state

    @property
    def flash_guard(self) -> FlashGuardState:
        return self.master.state

    @property
    def texture(self) -> TextureRef:
        self.wait()
        width, height = self._targets.size_px
        return TextureRef(glo=self._published.texture.glo, width=width, height=height)

    def read_rgba(self) -> np.ndarray:
        self.wait()
        if 8 not in self._pixels:
            with self._drawing():
                pixels = self._targets.readback.read(self._published.framebuffer)
                self._require_no_error()
                self._pixels[8] = pixels
        return self._pixels[8]

    def read_fitted(self, size_px: tuple[int, int]) -> np.ndarray:
        if self._fitted is None:
            return self.read_rgba()
        self.wait()
        with self._drawing_extra():
            return self._fitted.read(self._published, size_px)

    def read_behind(self, size_px: tuple[int, int], *, is_bare: bool = False) -> np.ndarray:
        self.wait()
        picture = self._bare if is_bare else self._current
        with self._drawing_extra():
            # on the CPU, where a pass of 640 x 360 costs as much as half a picture
            if self._behind is None:
                return _sample_pixels(
                    self._targets.deep_readback().read(picture.framebuffer), size_px
                )
            self._behind.drop()
            return self._behind.read(picture, size_px)

    def read_rgba16(self) -> np.ndarray:
        self.wait()
        if 16 not in self._pixels:
            with self._drawing():
                readback = self._targets.deep_readback()
                if self._final.is_unchanged:
                    self._pixels[16] = readback.read(self._current.framebuffer)
                else:
                    target = self._targets.deep()
                    self._publisher.draw_deep(
                        self._current, self._final, target, is_luma=self._is_luma
                    )
                    self._pixels[16] = readback.finish_and_read(target.framebuffer)
                self._require_no_error()
        return self._pixels[16]

    def lazy_picture(self, request: PictureRequest) -> LazyPicture:
        return self._lazy.picture(request)

    def open_second(self, width: int, height: int) -> "GLRenderer":
        with self._drawing():
            self._require_size(width, height)  # before anything is made in the context, which stays
            return GLRenderer(width, height, context=self._context)

    def close(self) -> None:
        """Release everything, also with a lost context."""
        if self._is_closed:
            return
        self._is_closed = True
        try:
            with driver_errors():
                self._make_current()
                # moderngl returns to what is bound: not to one that was released
                if self._own_context is None:
                    self._context.detect_framebuffer(0).use()
                release_all(
                    self._targets,
                    self._shaders,
                    self._look,
                    self._graphics,
                    self._post,
                    self._publisher,
                )
                release_all(
                    self._lazy,
                    self._fitted,
                    self._behind,
                    self._mixer,
                    self._own_context,
                )
        except RenderError as error:
            log.warning("a lost context could not be released: %s", error)

    def _require_size(self, width: int, height: int) -> None:
        largest = self._context.info["GL_MAX_TEXTURE_SIZE"]
        if not (0 < width <= largest and 0 < height <= largest):
            raise RenderError(f"size {width}x{height}: this GPU draws 1x1 to {largest}x{largest}")

    def _make_targets(self, width: int, height: int) -> SizedTargets:
        self._require_size(width, height)
        self._context.error  # noqa: B018  reading clears
        try:
            targets = SizedTargets(
                self._context,
                self._finish,
                (width, height),
                dtype=self._publisher.dither.dtype,
                is_direct=self.is_software,
            )
        finally:
            # reading clears it, so that it does not count for the next picture
            error = self._context.error
        if error != NO_ERROR:
            targets.release()
            raise RenderError(f"size {width}x{height}: the GL driver reports {error}")
        return targets

    def _start(self, targets: SizedTargets) -> None:
        """Use these targets from now on, starting with a black screen."""
        self._targets = targets
        self._current = targets.dissolve.black.front
        self._bare = self._current
        self._published = targets.next_published()
        self._final = Finish(1.0, None)
        self._is_luma = False
        self._has_picture = False
        self._unfinished = None
        self._is_published = False
        self._pixels = {}
        self._warm_up()

    def _draw_looks(self, picture: PictureInput) -> Target:
        """Draw the finished look; during a dissolve, the mix of both finished looks."""
        dissolve = self._targets.dissolve
        dissolve.state.follow(picture.outgoing)
        self._shaders.begin(
            picture.shaders,
            picture.on_air.waves,
            picture.on_air.time_s,
            self._targets.size_px,
            self._in_use,
            is_cutting=picture.is_cutting,
            upcoming=picture.upcoming_shaders,
            source=picture.source,
            graphics=picture.on_air.graphics,
        )
        if self._shaders.is_incomplete and dissolve.state.displayed is not None:
            return dissolve.state.displayed
        dissolve.keep(picture.decks)
        dissolve.trail(picture.on_air.deck)  # before a pass takes a target for what it draws
        if picture.upcoming is not None:
            self._draw_trail(picture.upcoming, None)
            self._fade_backend.barrier()
        return dissolve.state.draw(picture, self._fade_backend)

    @property
    def _in_use(self) -> set[Target]:
        """Earlier pictures that are still needed. While shaders play, one may be aborted: the last
        picture stays."""
        in_use = self._targets.dissolve.in_use
        displayed = self._targets.dissolve.state.displayed
        plays = self._shaders.plays() or self._shaders.plays(is_outgoing=True)
        return in_use | {displayed} if plays and displayed is not None else in_use

    def _draw_look(self, picture: DeckPicture, *, is_outgoing: bool, is_last: bool) -> Target:
        """Draw the look alone, with its own generator in layer 5. is_last: No pass follows, so it
        is published, too."""
        generator = None
        if picture.shows_generator:
            generator = self._shaders.draw_generator(is_outgoing=is_outgoing)
        target = self._draw_trail(picture, generator, is_last=is_last)
        if is_last or self.is_software:
            self._look_target = target
        return target

    def _draw_trail(
        self, picture: DeckPicture, generator: Target | None, *, is_last: bool = False
    ) -> Target:
        """Draw the look alone onto its trail. is_last: Also into the published picture."""
        trail = self._targets.dissolve.trail(picture.deck)
        target = trail.swap()
        into = target.framebuffer
        if is_last or self.is_software:  # where each program would be compiled again for one target
            into = self._targets.both(target, self._published)
        self._look.draw(picture, trail, into, self._targets.size_px, generator)
        return target

    def _draw_effects(
        self, picture: DeckPicture, rendered: Target, post: PostLook, *, is_outgoing: bool
    ) -> Target:
        """Draw the shader slots, texts and logo, and effects (bloom, grain, ...) onto a rendered
        look."""
        in_use = self._in_use
        is_luma = picture.look.is_alpha_luma
        if self._shaders.plays(is_outgoing=is_outgoing):
            self._fade_backend.barrier()
            rendered = self._shaders.draw(
                rendered, is_luma=is_luma, is_outgoing=is_outgoing, in_use=in_use
            )
        self._bare = rendered  # without texts, logo, outlines and effects
        if picture.graphics:
            rendered = self._graphics.draw(
                rendered, picture.graphics, self._targets.dissolve.free_target(rendered)
            )
        return self._post.draw(rendered, post, picture.time_s, is_luma=is_luma, in_use=in_use)

    def _queue_publishing(self, look: Look) -> None:
        """Queue everything the picture is known to need, so that the program waits once."""
        if look.is_flash_guarded:
            self._publisher.sum_cells(self._current)
        if self._is_published:
            self._queue_transfers()
        elif self._final.limits is None:  # else it most likely will be limited again
            self._publish(look, Finish(fade_of(look), None))
        if self._targets.expects_deep_read and fade_of(look) == 1.0:
            self._targets.deep_readback().queue(self._current.framebuffer)

    def _publish(self, look: Look, finish: Finish) -> None:
        """Queue the published picture and its transfers."""
        self._publisher.draw(self._current, finish, self._published, is_luma=look.is_alpha_luma)
        self._is_published = True
        self._queue_transfers()

    def _queue_transfers(self) -> None:
        """Queue the transfer of the published picture if a read is expected, and the fitted one if
        requested."""
        if self._targets.readback.expects_read:
            self._targets.readback.queue(self._published.framebuffer)
        if self._fitted is not None:
            self._fitted.queue_expected(self._published)

    def _dissolve(self, outgoing: Target, incoming: Target, mix: float) -> Target:
        into = self._targets.dissolve.free_target(outgoing, incoming)
        return self._mixer.mix(outgoing, incoming, mix, into)

    def _compose(
        self, outgoing: Target, incoming: Target, mix: float, picture: PictureInput
    ) -> Target:
        into = self._targets.dissolve.free_target(outgoing, incoming)
        fade = picture.outgoing
        is_luma = picture.on_air.look.is_alpha_luma
        if self._shaders.draw_transition(outgoing, incoming, mix, into, is_luma=is_luma):
            return into
        if fade is None or fade.blend == DISSOLVE:
            return self._mixer.mix(outgoing, incoming, mix, into)
        return self._mixer.blend(outgoing, incoming, mix, into, fade.blend, fade.key)

    def _warm_up(self) -> None:
        """Draw one pixel with each program: drivers finish compiling at the first draw, for the
        bound formats."""
        self._context.enable_only(moderngl.NOTHING)
        trail = self._targets.dissolve.black
        changed = self._published
        both = self._targets.both(trail.front, changed)
        framebuffers = [
            both,
            *(target.framebuffer for target in (trail.front, trail.back, changed)),
        ]
        for framebuffer in framebuffers:
            framebuffer.scissor = (0, 0, 1, 1)
        self._look.warm_up(trail, both)
        if not self.is_software:
            self._look.warm_up(trail, trail.front.framebuffer)
        for into in (changed, trail.back):  # layer 5's crossfades have 8 bits
            self._mixer.warm_up(trail.front, into)
        self._graphics.warm_up(trail.front)
        self._publisher.warm_up(trail.front, changed, self._finish)
        for framebuffer in framebuffers:
            framebuffer.scissor = None  # type: ignore[assignment]  # None: all of it again
            framebuffer.clear()

    @contextmanager
    def _drawing(self) -> Iterator[None]:
        """Make this context current, also after the block: sinks publish from it.

        Not `with context`, which leaves no context current at the end."""
        self._require_open()
        with driver_errors():
            self._make_current()
            yield

    @contextmanager
    def _drawing_extra(self) -> Iterator[None]:
        """Like `_drawing`, for an extra picture that a sink or a viewer reads."""
        with self._drawing():
            self._reset_context()
            yield
            self._require_no_error()

    def _make_current(self) -> None:
        self._context.__enter__()  # type: ignore[no-untyped-call]  # moderngl gives it no annotations

    def _reset_context(self) -> None:
        """Clear errors and GL state that a sink left in the shared context."""
        self._context.error  # noqa: B018  reading clears
        self._context.enable_only(moderngl.NOTHING)

    def _require_open(self) -> None:
        if self._is_closed:
            raise RenderError("the renderer is closed")

    def _require_no_error(self) -> None:
        error = self._context.error
        if error != NO_ERROR:
            raise RenderError(f"the GL driver reports {error}")


def _sample_pixels(deep: np.ndarray, size_px: tuple[int, int]) -> np.ndarray:
    """Sample single pixels of (height, width, 4) uint16 at this size: (height, width, 4) uint8,
    opaque."""
    rows, columns = (
        (np.arange(count) * full + full // 2) // count
        for count, full in zip(reversed(size_px), deep.shape, strict=False)
    )
    pixels: np.ndarray = ((deep[rows[:, None], columns].astype(np.uint32) + 128) // 257).astype(
        np.uint8
    )
    pixels[..., 3] = 255
    return pixels
