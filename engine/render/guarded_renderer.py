"""The frame loop's renderer, which recovers from the loss of the GL context.

A driver reset or an unplugged GPU destroys the GL context. The renderer is then reopened, at once
and then with growing delays; until that succeeds the last picture stays.
"""

from collections.abc import Callable, Sequence
from typing import Final, Protocol, TypeVar

import numpy as np

from engine.errors import RenderError
from engine.render.isf.isf_file import ShaderState
from engine.render.masks import IdPicture, Overlay
from engine.render.master import FlashGuardState
from engine.render.output_shape import OutputShape
from engine.render.picture import (
    PictureCrossfade,
    PictureInput,
    PictureRequest,
    Renderer,
    fitted_size,
)
from engine.system.backoff import next_delay_s
from engine.system.clock import Clock
from engine.system.reporting import Report, ReportOnce
from engine.values import LazyPicture, Segmentation, TextureRef, VideoFrame
from osc_schema import Param, post
from osc_schema.outputs import NUMBERS

Result = TypeVar("Result")

BEHIND_PX = 640
WITH_OPENGL: Final = (
    "restart with --renderer gl (on a graphics card, or on the processor with Mesa)"
)
OPENGL_ONLY: Final = tuple(param for param in post.AREA.params if param.needs_opengl)

NOTHING_FOUND = Segmentation(
    objects=(), masks=np.zeros((0, 1, 1), np.uint8), picture_px=(1, 1), index=0, time_s=0.0
)


class ContextUser(Protocol):
    """An object that owns resources of the renderer's GL context."""

    def renew_context(self) -> object:
        """Release all objects of the old context; the current one is new."""


class GuardedRenderer:
    """Reopens its renderer after errors. Render thread, except `description`, `flash_guard` and
    `shader_state`."""

    def __init__(
        self,
        open_renderer: Callable[[int, int], Renderer],
        size_px: tuple[int, int],
        *,
        clock: Clock,
        report: Report,
        opengl_only: Sequence[Param] = OPENGL_ONLY,
    ) -> None:
        """Open the renderer; RenderError if none is available. opengl_only: Effects that Numba does
        not draw."""
        self._opengl_only = opengl_only
        self._report_once = ReportOnce(report)
        self._open = open_renderer
        self.size_px = size_px
        """Width and height of the picture. Any thread."""
        self._clock = clock
        self._report = report
        self._renderer: Renderer | None = open_renderer(*size_px)
        self._has_picture = False
        self._draws = 0
        self._losses = 0
        self._retry_at_s = 0.0
        self._last_rgba = self._black()
        self._last = _LastPictures()
        self.is_software = self._renderer.is_software
        self.shader_driver = self._renderer.shader_driver
        """Name and version of the driver that compiles shaders; "" if none are played."""
        self.description = f"{self._renderer.kind}: {self._renderer.description}"
        """The renderer's name, for the status."""
        self.flash_guard = FlashGuardState()
        """State of the flash guard after the last picture."""
        self.shader_state = ShaderState()
        """Costs and failures of the shader slots of the last picture."""
        self._context_users: list[ContextUser] = []

    def add_context_user(self, user: ContextUser) -> None:
        """Call `user.renew_context` whenever the renderer is reopened."""
        self._context_users.append(user)

    def renew_context(self) -> None:
        """Notify every context user of the new context, which must be current."""
        for user in self._context_users:
            user.renew_context()

    @property
    def reason(self) -> str:
        """Why OpenGL is not used; "" if it is, or was not requested."""
        return self._renderer.reason if self._renderer is not None else ""

    @property
    def texture(self) -> TextureRef | None:
        """The last picture on the GPU; None from the CPU renderer, and while the renderer is
        lost."""
        if not self._has_picture or self._renderer is None:
            return None
        return self._renderer.texture

    def resize(self, width: int, height: int) -> None:
        """Draw at this size from now on. RenderError if that fails; the old size then stays."""
        if self._renderer is None:
            raise RenderError("the renderer is lost; the size can change once it is reopened")
        self._renderer.resize(width, height)
        self.size_px = (width, height)
        self._last_rgba = self._black()

    def draw(self, picture: PictureInput) -> None:
        """Draw and wait until it is done (other threads run meanwhile). If the renderer is lost,
        try to reopen it."""
        self._draws += 1
        self._has_picture = False
        renderer = self._renderer or self._reopen()
        if renderer is None:
            return
        try:
            renderer.draw(picture)
            renderer.wait()
        except RenderError as error:
            self._lose(error)
        else:
            if renderer.kind == "numba":
                self._report_unsupported(picture)
            self._has_picture = True
            self._losses = 0
            self.flash_guard = renderer.flash_guard
            self.shader_state = renderer.shader_state
            self.description = f"{renderer.kind}: {renderer.description}"

    def reader(self) -> Callable[[], np.ndarray]:
        """Return a function that reads the last picture back, once. RenderError if first called
        after the next draw."""
        return self._until_next_draw(self._read)

    def deep_reader(self) -> Callable[[], np.ndarray]:
        """Like `reader`, with 16 bits: (height, width, 4) uint16."""
        return self._until_next_draw(self._read_deep)

    def fitted_reader(self) -> Callable[[tuple[int, int]], np.ndarray]:
        """`PublishedFrame.read_fitted` of the last picture. RenderError if it is called after the
        next draw."""
        draw = self._draws

        def read(size_px: tuple[int, int]) -> np.ndarray:
            self._require_newest(draw)
            if self.is_software:
                return self._read()
            rgba = (
                self._call(lambda renderer: renderer.read_fitted(size_px))
                if self._has_picture
                else None
            )
            return self._last.fitted.update(rgba, size_px)

        return read

    def read_look(self, longest_px: int) -> np.ndarray:
        """Draw and read the last look without texts, outlines and effects, at most this wide and
        high. Call it before the next `draw`. While the renderer is lost, the last result is
        returned."""
        size_px = fitted_size(self.size_px, longest_px)
        rgba = (
            self._call(lambda renderer: renderer.read_behind(size_px, is_bare=True))
            if self._has_picture
            else None
        )
        return self._last.bare.update(rgba, size_px)

    def behind_reader(self, longest_px: int = BEHIND_PX) -> Callable[[], np.ndarray]:
        """Return a function that draws and reads the picture behind a blackout, at most this wide
        and high: without blackout, fade and flash guard. Otherwise like `layer5_picture`."""
        size_px = fitted_size(self.size_px, longest_px)

        def read() -> np.ndarray:
            rgba = (
                self._call(lambda renderer: renderer.read_behind(size_px))
                if self._has_picture
                else None
            )
            return self._last.behind.update(rgba, size_px)

        return self._until_next_draw(read)

    def layer5_picture(
        self,
        picture: VideoFrame | None,
        before: VideoFrame | None = None,
        mix: float = 1.0,
        *,
        size_px: tuple[int, int],
    ) -> LazyPicture:
        """Return `picture` alone at its own size, crossfaded from `before`; black of `size_px`
        without one.

        Call it after `draw`. While the renderer is lost, the last picture stays."""
        frame = picture or self._last.layer5.black(size_px)
        return self._lazy_picture(self._last.layer5, PictureCrossfade.of(frame, before, mix))

    def overlay_picture(
        self,
        source: VideoFrame | None,
        segmentation: Segmentation | None,
        *,
        is_hard: bool,
        opacity: float,
        size_px: tuple[int, int],
    ) -> LazyPicture:
        """Return `source` with the objects' colours over it; black without one. Otherwise like
        `layer5_picture`."""
        frame, objects = (
            (source, segmentation)
            if source is not None
            else (self._last.overlay.black(size_px), None)
        )
        overlay = Overlay(source=frame, segmentation=objects, is_hard=is_hard, opacity=opacity)
        return self._lazy_picture(self._last.overlay, overlay)

    def id_picture(
        self, segmentation: Segmentation | None, *, size_px: tuple[int, int]
    ) -> LazyPicture:
        """Return the picture of object ids in this size; black without a result. Otherwise like
        `layer5_picture`."""
        objects = NOTHING_FOUND if segmentation is None else segmentation
        return self._lazy_picture(self._last.ids, IdPicture(segmentation=objects, size_px=size_px))

    @property
    def shapes_outputs(self) -> bool:
        """True if it can crop, resize and bend the picture of an output; Numba cannot."""
        return self._renderer is None or self._renderer.kind != "numba"

    def output_picture(self, shape: OutputShape) -> LazyPicture:
        """Return the finished picture in an output's shape; as it is where Numba draws. Else like
        `layer5_picture`."""
        if shape.is_plain or not self.shapes_outputs:
            if not shape.is_plain:
                output = f"output {shape.number}"
                needs = "crop, size, blended edges and corners need OpenGL, and Numba draws here"
                line = f"{output}: {needs}: it is the whole picture; {WITH_OPENGL}"
                self._report_once(f"renderer {output}", line)
            width, height = self.size_px
            texture = self._until_next_draw(lambda: self.texture)
            return LazyPicture(
                width=width, height=height, draw_texture=texture, read_rgba=self.reader()
            )
        return self._lazy_picture(self._last.outputs[shape.number], shape)

    def open_second(self, size_px: tuple[int, int], report: Report) -> "GuardedRenderer":
        """Open a renderer for another look, as `Renderer.open_second`. Close it also when the
        context is renewed."""
        return GuardedRenderer(
            self._open_beside, size_px, clock=self._clock, report=report, opengl_only=()
        )

    def _open_beside(self, width: int, height: int) -> Renderer:
        if self._renderer is None:
            raise RenderError("the renderer is lost")
        return self._renderer.open_second(width, height)

    def close(self) -> None:
        if self._renderer is not None:
            self._renderer.close()
            self._renderer = None

    def _report_unsupported(self, picture: PictureInput) -> None:
        """Report each effect, and a blend, that only OpenGL draws, once each time that it is
        switched on."""
        post = picture.on_air.look.post
        blend = ""
        if picture.outgoing is not None and picture.is_blended and not picture.has_transition:
            blend = picture.outgoing.blend
        self._report_opengl_only("/preset/blend", blend, "the looks dissolve; choose dissolve")
        for param in self._opengl_only:
            amount = getattr(post, param.address.removeprefix("/post/"))
            self._report_opengl_only(param.address, f"{amount:g}" if amount else "", "set it to 0")

    def _report_opengl_only(self, address: str, value: str, instead: str) -> None:
        """Report that Numba does not draw this value, once until it is ""."""
        key = f"renderer {address}"
        if value and self._report_once.has(key):
            return
        reason = "needs OpenGL, and Numba draws here"
        line = f"{address} {value}: {reason}; {instead}, or {WITH_OPENGL}"
        self._report_once(key, line if value else "")

    def _lazy_picture(self, extra: "_LastPicture", request: PictureRequest | None) -> LazyPicture:
        """Return the extra picture, valid until the next draw; while the renderer is lost, the
        previous one."""
        assert request is not None  # None only without a picture
        width, height = size_px = request.size_px
        # An output that is too large must not take the first one's renderer away. A lost one is
        # found by the next draw.
        loses = not isinstance(request, OutputShape)

        def read_rgba() -> np.ndarray:
            rgba = self._call(
                lambda renderer: renderer.lazy_picture(request).read_rgba(), loses=loses
            )
            return extra.update(rgba, size_px)

        def draw_texture() -> TextureRef | None:
            return self._call(
                lambda renderer: renderer.lazy_picture(request).draw_texture(), loses=loses
            )

        return LazyPicture(
            width=width,
            height=height,
            draw_texture=self._until_next_draw(draw_texture),
            read_rgba=self._until_next_draw(read_rgba),
        )

    def _until_next_draw(self, action: Callable[[], Result]) -> Callable[[], Result]:
        """Wrap `action` with a cached result; RenderError if the next picture was drawn before the
        first call."""
        draw = self._draws
        answers: list[Result] = []

        def call_once() -> Result:
            if not answers:
                self._require_newest(draw)
                answers.append(action())
            return answers[0]

        return call_once

    def _require_newest(self, draw: int) -> None:
        if draw != self._draws:
            raise RenderError("this picture is gone: read it before the next one is drawn")

    def _read(self) -> np.ndarray:
        rgba = self._call(lambda renderer: renderer.read_rgba()) if self._has_picture else None
        if rgba is not None:
            self._last_rgba = rgba
        return self._last_rgba

    def _read_deep(self) -> np.ndarray:
        rgba = self._call(lambda renderer: renderer.read_rgba16()) if self._has_picture else None
        return self._last_rgba.astype(np.uint16) * 257 if rgba is None else rgba

    def _call(self, action: Callable[[Renderer], Result], *, loses: bool = True) -> Result | None:
        """Call `action` with the renderer; None while it is lost. loses: an error means that it is
        lost."""
        if self._renderer is None:
            return None
        try:
            return action(self._renderer)
        except RenderError as error:
            line = f"the picture of an output: {error}; choose a smaller one"
            self._lose(error) if loses else self._report("renderer.output", line)
            return None

    def _lose(self, error: RenderError) -> None:
        self._has_picture = False
        self._report("renderer", f"renderer lost: {error}; the last picture is held")
        try:
            self.close()
        except RenderError as closing:
            self._report("renderer", f"renderer: {closing}")
            self._renderer = None
        self._retry_at_s = self._clock.now_s() + (
            next_delay_s(self._losses) if self._losses else 0.0
        )
        self._losses += 1

    def _reopen(self) -> Renderer | None:
        """The reopened renderer, or None if that failed or is not due."""
        if self._clock.now_s() < self._retry_at_s:
            return None
        try:
            self._renderer = self._open(*self.size_px)
        except RenderError as error:
            self._retry_at_s = self._clock.now_s() + next_delay_s(self._losses)
            self._losses += 1
            self._report("renderer", f"renderer: {error}")
            return None
        self.description = f"{self._renderer.kind}: {self._renderer.description}"
        self._report("renderer.opened", f"renderer: reopened ({self.description})")
        self.renew_context()
        return self._renderer

    def _black(self) -> np.ndarray:
        return np.zeros((*self.size_px[::-1], 4), np.uint8)


class _LastPictures:
    """The last pixels of each extra picture."""

    def __init__(self) -> None:
        self.layer5 = _LastPicture()
        self.overlay = _LastPicture()
        self.ids = _LastPicture()
        self.fitted = _LastPicture()
        self.behind = _LastPicture()
        self.bare = _LastPicture()
        self.outputs = {number: _LastPicture() for number in NUMBERS}


class _LastPicture:
    """The last pixels of one extra picture."""

    def __init__(self) -> None:
        self._rgba = opaque_black(1, 1)
        self._black: VideoFrame | None = None

    def update(self, rgba: np.ndarray | None, size_px: tuple[int, int]) -> np.ndarray:
        """Store and return `rgba`; if None, return the last one, or black if that had another
        size."""
        if rgba is not None:
            self._rgba = rgba
        elif self._rgba.shape[1::-1] != size_px:
            self._rgba = opaque_black(*size_px)
        return self._rgba

    def black(self, size_px: tuple[int, int]) -> VideoFrame:
        """Return a black frame, the same object for the same size, so that it is uploaded once."""
        if self._black is None or self._black.pixels.shape[1::-1] != size_px:
            pixels = np.zeros((*size_px[::-1], 3), np.uint8)
            self._black = VideoFrame(pixels=pixels, index=0, time_s=0.0, source="black")
        return self._black


def opaque_black(width: int, height: int) -> np.ndarray:
    """Create an opaque black picture, (height, width, 4) uint8."""
    rgba = np.zeros((height, width, 4), np.uint8)
    rgba[..., 3] = 255
    return rgba
