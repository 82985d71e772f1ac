"""Draws the Multiverse on the CPU, for machines without OpenGL; equal to OpenGL within 2/255.

Looks and their trails have 16 bits; only the published picture is dithered to 8.
"""

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from typing import TYPE_CHECKING, Any

import cv2
import numba
import numpy as np

from engine.errors import RenderError
from engine.render.blue_noise import thresholds
from engine.render.colour import layer_colours
from engine.render.fades import FadeBackend, FadeState
from engine.render.flash_guard import CELLS, NO_LIMITS, sample_positions
from engine.render.frame_block import pack_block
from engine.render.isf.isf_file import ShaderState
from engine.render.look import PostLook
from engine.render.masks import IdPicture, Overlay, mask_boxes, merge_masks, object_colours
from engine.render.master import Finish, FlashGuardState, Master
from engine.render.numba_code import ALL, FIRST, Compilation
from engine.render.numba_finish import (
    publish_deep,
    publish_limited,
    publish_picture,
    sum_cells,
    wide_thresholds,
)
from engine.render.numba_graphics import composite_graphics, composite_row
from engine.render.numba_kernels import draw_picture
from engine.render.numba_masks import paint_ids, paint_masks
from engine.render.numba_post import NumbaPost
from engine.render.picture import (
    DeckPicture,
    Matte,
    PictureCrossfade,
    PictureInput,
    PictureRequest,
)
from engine.render.pixel_pool import PixelPool
from engine.render.shapes import bake_layers
from engine.system import openmp
from engine.values import LazyPicture, Segmentation

log = logging.getLogger(__name__)

if TYPE_CHECKING:
    from engine.render.gl_shaders import GLShaders

MAX_PX = 16_384
NEEDS_GL = "shaders need OpenGL, which is missing here"
_NO_IMAGE = np.zeros((1, 1, 3), np.uint8)
_EMPTY = np.zeros((1, 1), np.uint8)
_NO_MASKS = np.zeros((0, 1, 1), np.uint8)


def _open_threads() -> int:
    """Start the drawing threads and return their number. They sleep right after a picture: by
    default OpenMP spins for milliseconds on cores that child processes need (with a voice on two
    cores a picture took 4.4 ms; 8.2 spinning)."""
    with openmp.sleeping():  # the library is loaded here
        return numba.get_num_threads()


class NumbaRenderer:
    """A `Renderer` on the CPU. `draw` returns when the picture is drawn; other Python threads run
    meanwhile."""

    kind = "numba"
    is_software = True

    def __init__(
        self,
        width: int,
        height: int,
        *,
        reason: str = "",
        is_live: bool = False,
        on_progress: Callable[[str], None] = lambda line: None,
        shaders: "GLShaders | None" = None,
        why_no_shaders: str = "",
    ) -> None:
        """Compile the kernels, so that no picture has to wait: 12 s of CPU time the first time on a
        machine, on all cores, 0.4 s from the disk.

        is_live: Portable code will do; else return as soon as any look can be drawn; effects, masks
        and 16-bit pictures follow once they are compiled. on_progress: Gets the progress, line by
        line, also on other threads."""
        self.reason = reason
        self._is_live = is_live
        self._shaders = shaders
        self.shader_driver = shaders.driver if shaders else ""
        self.description = f"Numba {numba.__version__}, {_open_threads()} threads, 16-bit pictures"
        # After that: code from the disk starts the threads, too.
        compilation = Compilation(on_progress, may_be_portable=is_live)
        self._noise = wide_thresholds(thresholds())
        self._post = NumbaPost()
        self.master = Master()
        self._why_no_shaders = f"{NEEDS_GL} ({why_no_shaders})" if why_no_shaders else NEEDS_GL
        self._refused = ShaderState()
        self._is_closed = False
        self._extra = _extra_pictures()
        self._matte: tuple[Segmentation | None, np.ndarray] = (None, _EMPTY)
        self._fade_backend = FadeBackend(
            draw_look=self._draw_look,
            draw_effects=self._draw_effects,
            mix=self._dissolve,
            compose=self._compose,
            barrier=lambda: None,
        )
        self.resize(width, height)
        compilation.wait(FIRST if is_live else ALL)

    def resize(self, width: int, height: int) -> None:
        if not (0 < width <= MAX_PX and 0 < height <= MAX_PX):
            raise RenderError(f"size {width}x{height}: allowed: 1x1 to {MAX_PX}x{MAX_PX}")
        with self._drawing():
            # first, so that the old ones stay if this fails
            black = np.zeros((height, width, 4), np.uint16)
            published = np.zeros((height, width, 4), np.uint8)
        self._black = black
        self._current = black
        self._bare = black
        self._trails: dict[int, np.ndarray] = {}
        """The newest picture of each deck, without its shaders and effects."""
        self._published = published
        self._deep: np.ndarray | None = None
        self._finish = Finish(1.0, None)
        self._is_luma = False
        self._fade = FadeState[np.ndarray]()
        self._size_px = (width, height)
        self._pool = PixelPool(width, height, np.uint16)
        self._published_pool = PixelPool(width, height)
        self._sample_positions = sample_positions(width, height)
        self._has_picture = False

    def draw(self, picture: PictureInput) -> None:
        on_air = picture.on_air
        look = on_air.look
        with self._drawing():
            if not (look.is_frozen and self._has_picture):
                try:
                    self._draw_with_shaders(picture)
                except RenderError as error:
                    if self._shaders is None:
                        raise
                    self._lose_shaders(error)
                    if not self._has_picture:
                        self._draw_with_shaders(picture)
            displayed = self._current if self._fade.displayed is None else self._fade.displayed
            hit = self.master.white_fraction(look, on_air.time_s)
            self._current = self._add_white(displayed, hit) if hit > 0 else displayed
            why = {each.slot: self._why_no_shaders for each in picture.shaders}
            self._refused = ShaderState(failures=why, missing=frozenset(why))
            cells = self._sum_cells() if look.is_flash_guarded else None
            finish = self.master.finish(look, cells, on_air.time_s)
            self._finish = finish
            self._is_luma = look.is_alpha_luma
            self._deep = None
            self._published = self._publish()

    def wait(self) -> None:
        self._require_open()

    @property
    def shader_state(self) -> ShaderState:
        shaders = self._shaders  # a copy: the render thread may lose them
        return self._refused if shaders is None else shaders.state

    @property
    def flash_guard(self) -> FlashGuardState:
        return self.master.state

    @property
    def texture(self) -> None:
        self._require_open()

    def read_rgba(self) -> np.ndarray:
        self._require_open()
        return self._published

    def read_fitted(self, size_px: tuple[int, int]) -> np.ndarray:
        return self.read_rgba()

    def read_behind(self, size_px: tuple[int, int], *, is_bare: bool = False) -> np.ndarray:
        picture = self._bare if is_bare else self._current
        with self._drawing():
            full = picture.shape[1::-1]
            # As previews are scaled (engine/web/preview.py): area averaging only where pixels would
            # be skipped.
            interpolation = cv2.INTER_LINEAR if size_px[0] * 2 >= full[0] else cv2.INTER_AREA
            fitted = (
                picture
                if size_px == full
                else cv2.resize(picture, size_px, interpolation=interpolation)
            )
            out = cv2.convertScaleAbs(fitted, alpha=1 / 257)
            out[..., 3] = 255
            return out

    def read_rgba16(self) -> np.ndarray:
        with self._drawing():
            deep = self._deep
            if deep is None:
                deep = self._deep = self._pool.take()
                finish = self._finish
                limits = self._finish.limits or NO_LIMITS
                keeps_alpha = finish.limits is None and finish.fade == 1.0
                publish_deep(
                    deep,
                    self._current,
                    limits.maps,
                    np.float32(finish.fade),
                    self._is_luma,
                    keeps_alpha,
                )
            return deep

    def lazy_picture(self, request: PictureRequest) -> LazyPicture:
        width, height = request.size_px
        read_rgba = partial(self._read_request, request)
        return LazyPicture(
            width=width, height=height, draw_texture=self._require_open, read_rgba=read_rgba
        )

    def open_second(self, width: int, height: int) -> "NumbaRenderer":
        shaders = None if self._shaders is None else self._shaders.open_another()
        second = NumbaRenderer(width, height, is_live=self._is_live, shaders=shaders)
        second._why_no_shaders = self._why_no_shaders
        return second

    def close(self) -> None:
        if self._shaders is not None and not self._is_closed:
            self._shaders.close()
        self._is_closed = True
        self._extra = _extra_pictures()
        self._matte = (None, _EMPTY)
        self._post.release()
        self._pool = PixelPool(1, 1, np.uint16)
        self._published_pool = PixelPool(1, 1)
        self._black = self._pool.take()
        self._current = self._black
        self._bare = self._black
        self._trails = {}
        self._published = self._published_pool.take()
        self._deep = None
        self._fade = FadeState()

    @contextmanager
    def _drawing(self) -> Iterator[None]:
        """Check that the renderer is open, and turn MemoryError into RenderError."""
        self._require_open()
        try:
            yield
        except MemoryError as error:
            raise RenderError(f"Numba: {error or 'no memory'}") from error

    def _require_open(self) -> None:
        if self._is_closed:
            raise RenderError("the renderer is closed")

    def _read_request(self, request: PictureRequest) -> np.ndarray:
        with self._drawing():
            return self._extra[type(request)].read(request)

    def _matte_mask(self, matte: Matte | None) -> np.ndarray:
        """Return the merged mask, (side, side) uint8; computed once per result."""
        if matte is None:
            return _EMPTY
        if self._matte[0] is not matte.segmentation:
            self._matte = (matte.segmentation, merge_masks(matte.segmentation.masks))
        return self._matte[1]

    def _layer5_pixels(self, picture: DeckPicture, *, is_outgoing: bool) -> np.ndarray | None:
        """Return the pixels of layer 5, (height, width, 3 or 4) uint8, or None if it is not
        visible."""
        look = picture.look
        if not (look.is_simple or look.layer5_weight > 0):
            return None
        if picture.shows_generator:
            if self._shaders is None:
                return None
            return self._shaders.draw_generator(is_outgoing=is_outgoing)
        fade = picture.layer5
        if fade is None or fade.before is None:
            return None if fade is None else fade.picture.pixels
        return self._extra[PictureCrossfade].read(fade)

    def _draw_with_shaders(self, picture: PictureInput) -> None:
        if self._shaders is not None:
            self._shaders.begin(picture, self._size_px)
            if self._shaders.is_incomplete and self._has_picture:
                return
        finished = self._draw_looks(picture)
        # else the last one stays
        if self._shaders is None or not self._shaders.is_incomplete or not self._has_picture:
            self._fade.displayed = finished
        self._has_picture = True

    def _lose_shaders(self, error: RenderError) -> None:
        """Continue without OpenGL, which the picture itself does not need."""
        assert self._shaders is not None
        with suppress(RenderError):
            self._shaders.close()
        self._shaders = None
        self._why_no_shaders = (
            f"OpenGL has failed, so shaders are off until the next start ({error})"
        )

    def _draw_looks(self, picture: PictureInput) -> np.ndarray:
        """Draw the finished look; during a dissolve both finished looks and their mix."""
        self._fade.follow(picture.outgoing)
        needed = picture.decks
        self._trails = {deck: trail for deck, trail in self._trails.items() if deck in needed}
        if picture.upcoming is not None:
            self._draw_trail(picture.upcoming, None)
        return self._fade.draw(picture, self._fade_backend)

    def _draw_effects(
        self, picture: DeckPicture, rendered: np.ndarray, post: PostLook, *, is_outgoing: bool
    ) -> np.ndarray:
        """Draw shader slots, texts, logo and effects onto a rendered look: (height, width, 4)
        uint16."""
        is_luma = picture.look.is_alpha_luma
        if self._shaders is not None:
            rendered = self._shaders.draw(rendered, is_luma=is_luma, is_outgoing=is_outgoing)
        self._bare = rendered
        if picture.graphics and composite_row.is_ready:
            rendered = self._pool.take()
            np.copyto(rendered, self._bare)
            composite_graphics(rendered, picture.graphics)
        if post.is_off or not self._post.is_ready:
            return rendered
        out = self._pool.take()
        self._post.draw(out, rendered, post, picture.time_s, is_luma=is_luma)
        return out

    def _dissolve(self, outgoing: np.ndarray, incoming: np.ndarray, mix: float) -> np.ndarray:
        """Return (1 - mix) x outgoing + mix x incoming, alpha too."""
        out = self._pool.take()
        cv2.addWeighted(outgoing, 1 - mix, incoming, mix, 0, out)
        return out

    def _compose(
        self, outgoing: np.ndarray, incoming: np.ndarray, mix: float, picture: PictureInput
    ) -> np.ndarray:
        """Return what OpenGL's transition makes of both looks, else their plain dissolve."""
        is_luma = picture.on_air.look.is_alpha_luma
        composed = None
        if self._shaders is not None and picture.has_transition:
            composed = self._shaders.draw_transition(outgoing, incoming, mix, is_luma=is_luma)
        return self._dissolve(outgoing, incoming, mix) if composed is None else composed

    def _add_white(self, picture: np.ndarray, hit: float) -> np.ndarray:
        """Mix the picture with white by `hit`, 0..1."""
        out = self._pool.take()
        cv2.addWeighted(picture, 1 - hit, picture, 0, hit * 65535, out)
        return out

    def _draw_look(self, picture: DeckPicture, *, is_outgoing: bool, is_last: bool) -> np.ndarray:
        """Draw the look onto its own trail, (height, width, 4) uint16."""
        return self._draw_trail(picture, self._layer5_pixels(picture, is_outgoing=is_outgoing))

    def _draw_trail(self, picture: DeckPicture, layer5: np.ndarray | None) -> np.ndarray:
        """Draw the look alone over its last picture. layer5: (height, width, 3 or 4) uint8, None if
        not visible."""
        last = self._trails.get(picture.deck, self._black)
        look = picture.look
        image = _NO_IMAGE if layer5 is None else _writable(layer5)
        indices = _EMPTY if picture.region is None else picture.region.indices
        colours = layer_colours(look, picture.features)
        baked = bake_layers(look, picture.waves, self._size_px)
        block = pack_block(
            look,
            colours,
            self._size_px,
            None if layer5 is None else (layer5.shape[1], layer5.shape[0]),
            None if picture.region is None else (indices.shape[1], indices.shape[0]),
            picture.matte,
            baked=baked,
        )
        out = self._pool.take()
        mask = _EMPTY if layer5 is None else self._matte_mask(picture.matte)
        draw_picture(out, last, baked.table, block, image, mask, _writable(indices))
        self._trails[picture.deck] = out
        return out

    def _sum_cells(self) -> np.ndarray:
        """Return the light of the last picture's cells, (4, 18, 18) float32."""
        cells = np.empty((4, CELLS, CELLS), np.float32)
        sum_cells(cells, self._current, self._sample_positions)
        return cells

    def _publish(self) -> np.ndarray:
        """Draw the published picture from the last one."""
        out = self._published_pool.take()
        fade = np.float32(self._finish.fade)
        if self._finish.limits is None:
            publish_picture(out, self._current, self._noise, fade, self._is_luma)
        else:
            publish_limited(
                out, self._current, self._noise, self._finish.limits.maps, fade, self._is_luma
            )
        return out


class _CachedPicture:
    """An extra picture, painted only when the request changes."""

    def __init__(self, paint: Callable[[np.ndarray, Any], None]) -> None:
        self._paint = paint
        self._request: PictureRequest | None = None
        self._pixels: np.ndarray | None = None
        self._pool = PixelPool(1, 1)

    def read(self, request: PictureRequest) -> np.ndarray:
        """Return the pixels, (height, width, 4) uint8, opaque; the same array for the same
        request."""
        if self._pixels is None or request != self._request:
            width, height = request.size_px
            if not self._pool.makes(width, height):
                self._pool = PixelPool(width, height)
            out = self._pool.take()
            self._paint(out, request)
            self._request = request
            self._pixels = out
        return self._pixels


def _extra_pictures() -> dict[type[PictureRequest], _CachedPicture]:
    return {
        PictureCrossfade: _CachedPicture(_paint_crossfade),
        Overlay: _CachedPicture(_paint_overlay),
        IdPicture: _CachedPicture(_paint_ids),
    }


def _paint_crossfade(out: np.ndarray, fade: PictureCrossfade) -> None:
    mixed = fade.picture.pixels[..., :3]
    if fade.before is not None:
        mixed = cv2.addWeighted(fade.before.pixels[..., :3], 1 - fade.mix, mixed, fade.mix, 0)
    out[..., :3] = mixed
    out[..., 3] = 255


def _paint_overlay(out: np.ndarray, overlay: Overlay) -> None:
    segmentation = overlay.segmentation
    masks = _NO_MASKS if segmentation is None else _writable(segmentation.masks)
    colours = object_colours([each.id for each in segmentation.objects] if segmentation else [])
    pixels = _writable(overlay.source.pixels)
    paint_masks(out, pixels, masks, mask_boxes(masks), colours, overlay.opacity, overlay.is_hard)


def _paint_ids(out: np.ndarray, ids: IdPicture) -> None:
    masks = _writable(ids.segmentation.masks)
    paint_ids(out, masks, mask_boxes(masks), ids.levels)


def _writable(pixels: np.ndarray) -> np.ndarray:
    """Make it C-contiguous and writable, as the kernels require: for Numba a read-only array is
    another type."""
    return np.require(pixels, requirements=["C", "W"])
