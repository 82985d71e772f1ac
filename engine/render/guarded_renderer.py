"""The frame loop's renderer, which recovers from the loss of the GL context.

A driver reset or an unplugged GPU destroys the GL context. The renderer is then reopened, at once and then with growing
delays; until that succeeds the last picture is held.
"""

from collections.abc import Callable, Sequence
from typing import Final, Protocol, TypeVar

import numpy as np

from engine.errors import RenderError
from engine.render.isf.isf_file import ShaderState
from engine.render.look import PostLook
from engine.render.masks import IdPicture, Overlay
from engine.render.master import FlashGuardState
from engine.render.picture import PictureCrossfade, PictureInput, Renderer, ShownKind, fitted_size
from engine.system.backoff import next_delay_s
from engine.system.clock import Clock
from engine.system.reporting import Report
from engine.values import Segmentation, ShownPicture, TextureRef, VideoFrame
from osc_schema import Param, post

Answer = TypeVar("Answer")

BEHIND_PX = 640
OPENGL_ONLY: Final = tuple(param for param in post.AREA.params if param.needs_opengl)

NOTHING_FOUND = Segmentation(objects=(), masks=np.zeros((0, 1, 1), np.uint8), picture_px=(1, 1), index=0, time_s=0.0)


class ContextUser(Protocol):
    """A part that keeps objects of the renderer's GL context."""

    def renew_context(self) -> object:
        """Release all objects of the old context; the current one is new."""
        ...


class GuardedRenderer:
    """Render thread only, except `description`, `flash_guard` and `shader_state`."""

    def __init__(
        self,
        open_renderer: Callable[[int, int], Renderer],
        size_px: tuple[int, int],
        *,
        clock: Clock,
        report: Report,
        opengl_only: Sequence[Param] = OPENGL_ONLY,
    ) -> None:
        """Opens the renderer; RenderError if none is available. `opengl_only`: the effects that Numba does not draw."""
        self._opengl_only = opengl_only
        self._told: set[str] = set()
        self._open = open_renderer
        self.size_px = size_px
        """Width and height of the picture. Any thread."""
        self._clock = clock
        self._report = report
        self._renderer: Renderer | None = open_renderer(*size_px)
        self._is_drawn = False
        self._draws = 0
        self._losses = 0
        self._retry_at_s = 0.0
        self._held = self._black()
        self._layer5_picture, self._masks, self._ids = _ExtraPicture(), _ExtraPicture(), _ExtraPicture()
        self._fitted, self._behind, self._bare = _ExtraPicture(), _ExtraPicture(), _ExtraPicture()
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
        """The last picture on the GPU; None from the CPU renderer, and while the renderer is lost."""
        if not self._is_drawn or self._renderer is None:
            return None
        return self._renderer.texture

    def resize(self, width: int, height: int) -> None:
        """Draw at this size from now on. RenderError if that fails; the old size then stays."""
        if self._renderer is None:
            raise RenderError("the renderer is lost; the size can change once it is reopened")
        self._renderer.resize(width, height)
        self.size_px = (width, height)
        self._held = self._black()

    def draw(self, picture: PictureInput) -> None:
        """Draw and wait until it is done (other threads run meanwhile). If the renderer is lost, try to reopen it."""
        self._draws += 1
        self._is_drawn = False
        renderer = self._renderer or self._reopen()
        if renderer is None:
            return
        try:
            renderer.draw(picture)
            renderer.wait()
        except RenderError as error:
            self._lose(error)
        else:
            if self._opengl_only and renderer.kind == "numba":
                self._report_not_drawn(picture.look.post)
            self._is_drawn = True
            self._losses = 0
            self.flash_guard = renderer.flash_guard
            self.shader_state = renderer.shader_state
            self.description = f"{renderer.kind}: {renderer.description}"

    def reader(self) -> Callable[[], np.ndarray]:
        """A function that reads the last picture back, once for all callers. RenderError if it is first called after
        the next draw."""
        return self._until_next_draw(self._read)

    def deep_reader(self) -> Callable[[], np.ndarray]:
        """The same with 16 bits, (height, width, 4) uint16."""
        return self._until_next_draw(self._read_deep)

    def fitted_reader(self) -> Callable[[tuple[int, int]], np.ndarray]:
        """`PublishedFrame.read_fitted` of the last picture. RenderError if it is called after the next draw."""
        draw = self._draws

        def read(size_px: tuple[int, int]) -> np.ndarray:
            self._require_newest(draw)
            if self.is_software:
                return self._read()
            rgba = self._ask(lambda renderer: renderer.read_fitted(size_px)) if self._is_drawn else None
            return self._fitted.held(rgba, size_px)

        return read

    def read_look(self, longest_px: int) -> np.ndarray:
        """The look of the last picture without anything that is laid on it, at most this wide and high; drawn and read
        now, before the next `draw`. While the renderer is lost, the last one that was read."""
        size_px = fitted_size(self.size_px, longest_px)
        rgba = self._ask(lambda renderer: renderer.read_behind(size_px, is_bare=True)) if self._is_drawn else None
        return self._bare.held(rgba, size_px)

    def behind_reader(self) -> Callable[[], np.ndarray]:
        """A function that draws what plays behind a blackout, at most 640 px wide and high, and reads it: the last
        picture without blackout, fade and flash guard. Otherwise like `show`."""
        size_px = fitted_size(self.size_px, BEHIND_PX)

        def read() -> np.ndarray:
            rgba = self._ask(lambda renderer: renderer.read_behind(size_px)) if self._is_drawn else None
            return self._behind.held(rgba, size_px)

        return self._until_next_draw(read)

    def show(
        self,
        picture: VideoFrame | None,
        before: VideoFrame | None = None,
        mix: float = 1.0,
        *,
        size_px: tuple[int, int],
    ) -> ShownPicture:
        """`picture` by itself at its own size, crossfaded from `before`; black of `size_px` without one.

        Call it after `draw`. While the renderer is lost, the last picture is held.
        """
        shown = picture or self._layer5_picture.black(size_px)
        return self._shown(self._layer5_picture, PictureCrossfade.of(shown, before, mix))

    def show_masks(
        self,
        source: VideoFrame | None,
        found: Segmentation | None,
        *,
        is_hard: bool,
        opacity: float,
        size_px: tuple[int, int],
    ) -> ShownPicture:
        """`source` with the objects' colours over it; black of `size_px` without one. Otherwise like `show`."""
        shown, seen = (source, found) if source is not None else (self._masks.black(size_px), None)
        return self._shown(self._masks, Overlay(source=shown, found=seen, is_hard=is_hard, opacity=opacity))

    def show_ids(self, found: Segmentation | None, *, size_px: tuple[int, int]) -> ShownPicture:
        """The picture of object ids in this size; black without a result. Otherwise like `show`."""
        seen = NOTHING_FOUND if found is None else found
        return self._shown(self._ids, IdPicture(found=seen, size_px=size_px))

    def close(self) -> None:
        if self._renderer is not None:
            self._renderer.close()
            self._renderer = None

    def _report_not_drawn(self, effects: PostLook) -> None:
        """Report each effect that only OpenGL draws, once each time that it is switched on."""
        amounts = {param.address: getattr(effects, param.address.removeprefix("/post/")) for param in self._opengl_only}
        on = {address for address, amount in amounts.items() if amount}
        for address in sorted(on - self._told):
            self._report(
                f"renderer {address}",
                f"{address} {amounts[address]:g}: needs OpenGL, and Numba draws here; set it to 0, or restart "
                "with --renderer gl (on a graphics card, or on the processor with Mesa)",
            )
        self._told = on

    def _shown(self, extra: "_ExtraPicture", asked: ShownKind | None) -> ShownPicture:
        """The extra picture, valid until the next draw; while the renderer is lost, the previous one."""
        assert asked is not None  # None only without a picture
        width, height = size_px = asked.size_px

        def read_rgba() -> np.ndarray:
            return extra.held(self._ask(lambda renderer: renderer.show(asked).read_rgba()), size_px)

        def draw_texture() -> TextureRef | None:
            return self._ask(lambda renderer: renderer.show(asked).draw_texture())

        return ShownPicture(
            width=width,
            height=height,
            draw_texture=self._until_next_draw(draw_texture),
            read_rgba=self._until_next_draw(read_rgba),
        )

    def _until_next_draw(self, ask: Callable[[], Answer]) -> Callable[[], Answer]:
        """`ask` with a cached result; RenderError if the next picture was drawn before the first call."""
        draw = self._draws
        answers: list[Answer] = []

        def ask_once() -> Answer:
            if not answers:
                self._require_newest(draw)
                answers.append(ask())
            return answers[0]

        return ask_once

    def _require_newest(self, draw: int) -> None:
        if draw != self._draws:
            raise RenderError("this picture is gone: read it before the next one is drawn")

    def _read(self) -> np.ndarray:
        if self._is_drawn:
            rgba = self._ask(lambda renderer: renderer.read_rgba())
            if rgba is not None:
                self._held = rgba
        return self._held

    def _read_deep(self) -> np.ndarray:
        rgba = self._ask(lambda renderer: renderer.read_rgba16()) if self._is_drawn else None
        return self._held.astype(np.uint16) * 257 if rgba is None else rgba

    def _ask(self, ask: Callable[[Renderer], Answer]) -> Answer | None:
        """The renderer's answer, or None while it is lost."""
        if self._renderer is None:
            return None
        try:
            return ask(self._renderer)
        except RenderError as error:
            self._lose(error)
            return None

    def _lose(self, error: RenderError) -> None:
        self._is_drawn = False
        self._report("renderer", f"renderer lost: {error}; the last picture is held")
        try:
            self.close()
        except RenderError as closing:
            self._report("renderer", f"renderer: {closing}")
            self._renderer = None
        self._retry_at_s = self._clock.now_s() + (next_delay_s(self._losses) if self._losses else 0.0)
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


class _ExtraPicture:
    """The last content of one extra picture."""

    def __init__(self) -> None:
        self._held = opaque_black(1, 1)
        self._black: VideoFrame | None = None

    def held(self, rgba: np.ndarray | None, size_px: tuple[int, int]) -> np.ndarray:
        """`rgba`; if None, the last one, or black if that had another size."""
        if rgba is not None:
            self._held = rgba
        elif self._held.shape[1::-1] != size_px:
            self._held = opaque_black(*size_px)
        return self._held

    def black(self, size_px: tuple[int, int]) -> VideoFrame:
        """The same object for the same size, so that it is uploaded once."""
        if self._black is None or self._black.pixels.shape[1::-1] != size_px:
            pixels = np.zeros((*size_px[::-1], 3), np.uint8)
            self._black = VideoFrame(pixels=pixels, index=0, time_s=0.0, source="black")
        return self._black


def opaque_black(width: int, height: int) -> np.ndarray:
    """(height, width, 4) uint8."""
    rgba = np.zeros((height, width, 4), np.uint8)
    rgba[..., 3] = 255
    return rgba
