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
from engine.render.fades import FadeChange, FadeState, LookSteps
from engine.render.flash_guard import CELLS, NO_LIMITS, sample_places
from engine.render.frame_block import pack_block
from engine.render.isf.isf_file import ShaderState
from engine.render.look import PostLook
from engine.render.masks import IdPicture, Overlay, joined_mask, mask_boxes, object_colours
from engine.render.master import Finish, FlashGuardState, Master
from engine.render.numba_code import ALL, FIRST, Compilation
from engine.render.numba_finish import publish_deep, publish_limited, publish_picture, sum_cells, wide_thresholds
from engine.render.numba_graphics import lay_graphics, lay_row
from engine.render.numba_kernels import draw_picture
from engine.render.numba_masks import paint_ids, paint_masks
from engine.render.numba_post import NumbaPost
from engine.render.picture import Matte, PictureCrossfade, PictureInput, ShownKind
from engine.render.pixel_pool import PixelPool
from engine.render.shapes import bake_waves, shown_points
from engine.system import openmp
from engine.values import Segmentation, ShownPicture

log = logging.getLogger(__name__)

if TYPE_CHECKING:
    from engine.render.gl_shaders import GLShaders

MAX_PX = 16_384
NEEDS_GL = "shaders need OpenGL, which is missing here"
_NO_IMAGE = np.zeros((1, 1, 3), np.uint8)
_NOTHING = np.zeros((1, 1), np.uint8)
_NO_MASKS = np.zeros((0, 1, 1), np.uint8)


def _open_threads() -> int:
    """Start the drawing threads and return their number. They sleep right after a picture: by default OpenMP spins for
    milliseconds on cores that the children need (with a voice on two cores a picture took 4.4 ms, with spinning
    8.2)."""
    with openmp.sleeping():  # the library is loaded here
        return numba.get_num_threads()


class NumbaRenderer:
    """A `Renderer`. `draw` returns when the picture is drawn; other Python threads run meanwhile."""

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
        """Compile the kernels, so that no picture has to wait: 12 s of CPU time the first time on a machine, on all
        cores, 0.4 s from Numba's cache.

        `is_live`: begin as soon as any look can be drawn; effects are drawn, and masks and pictures of 16 bits read,
        once they are compiled, too. `on_progress` gets the progress, line by line, also on other threads.
        """
        self.reason = reason
        self._shaders = shaders
        self.shader_driver = shaders.driver if shaders else ""
        self.description = f"Numba {numba.__version__}, {_open_threads()} threads, 16-bit pictures"
        compilation = Compilation(on_progress)  # after that: code from the cache starts the threads, too
        self._noise = wide_thresholds(thresholds())
        self._post = NumbaPost()
        self.master = Master()
        self._why_no_shaders = f"{NEEDS_GL} ({why_no_shaders})" if why_no_shaders else NEEDS_GL
        self._refused = ShaderState()
        self._is_closed = False
        self._cuts = self._returns = 0
        self._extra = _extra_pictures()
        self._matte: tuple[Segmentation | None, np.ndarray] = (None, _NOTHING)
        self._steps = LookSteps(
            look=self._draw_look, effects=self._draw_effects, mixed=self._dissolved, settle=lambda: None
        )
        self.resize(width, height)
        compilation.wait(FIRST if is_live else ALL)

    def resize(self, width: int, height: int) -> None:
        if not (0 < width <= MAX_PX and 0 < height <= MAX_PX):
            raise RenderError(f"size {width}x{height}: allowed: 1x1 to {MAX_PX}x{MAX_PX}")
        with self._drawing():
            # first, so that the old ones stay if this fails
            black, published = np.zeros((height, width, 4), np.uint16), np.zeros((height, width, 4), np.uint8)
        self._current = self._bare = self._last = self._leaving = black
        self._expected: np.ndarray | None = None
        self._published = published
        self._deep: np.ndarray | None = None
        self._finish, self._is_luma = Finish(1.0, None), False
        self._fade = FadeState[np.ndarray]()
        self._size_px = (width, height)
        self._pool, self._published_pool = PixelPool(width, height, np.uint16), PixelPool(width, height)
        self._places = sample_places(width, height)
        self._has_picture = False

    def draw(self, picture: PictureInput) -> None:
        look = picture.look
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
            shown = self._current if self._fade.shown is None else self._fade.shown
            hit = self.master.hit.share(picture.look.hits, picture.time_s)
            self._current = self._lit(shown, hit) if hit > 0 else shown
            why = {each.slot: self._why_no_shaders for each in picture.shaders}
            self._refused = ShaderState(failures=why, missing=frozenset(why))
            cells = self._sum_cells() if look.is_flash_guarded else None
            finish = self.master.finish(look, cells, picture.time_s)
            self._finish, self._is_luma, self._deep = finish, look.is_alpha_luma, None
            self._published = self._finished()

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
            # As previews are scaled (engine/web/preview.py): area averaging only where pixels would be skipped.
            way = cv2.INTER_LINEAR if size_px[0] * 2 >= full[0] else cv2.INTER_AREA
            fitted = picture if size_px == full else cv2.resize(picture, size_px, interpolation=way)
            out = cv2.convertScaleAbs(fitted, alpha=1 / 257)
            out[..., 3] = 255
            return out

    def read_rgba16(self) -> np.ndarray:
        with self._drawing():
            deep = self._deep
            if deep is None:
                deep = self._deep = self._pool.take()
                finish, limits = self._finish, self._finish.limits or NO_LIMITS
                keeps_alpha = finish.limits is None and finish.fade == 1.0
                fade = np.float32(finish.fade)
                publish_deep(deep, self._current, limits.maps, fade, self._is_luma, keeps_alpha)
            return deep

    def show(self, asked: ShownKind) -> ShownPicture:
        width, height = asked.size_px
        read_rgba = partial(self._read_shown, asked)
        return ShownPicture(width=width, height=height, draw_texture=self._require_open, read_rgba=read_rgba)

    def close(self) -> None:
        if self._shaders is not None and not self._is_closed:
            self._shaders.close()
        self._is_closed = True
        self._extra = _extra_pictures()
        self._matte = (None, _NOTHING)
        self._post.release()
        self._pool, self._published_pool = PixelPool(1, 1, np.uint16), PixelPool(1, 1)
        self._current = self._bare = self._last = self._leaving = self._pool.take()
        self._published, self._deep, self._fade = self._published_pool.take(), None, FadeState()

    @contextmanager
    def _drawing(self) -> Iterator[None]:
        """Check that it is open, and turn MemoryError into RenderError."""
        self._require_open()
        try:
            yield
        except MemoryError as error:
            raise RenderError(f"Numba: {error or 'no memory'}") from error

    def _require_open(self) -> None:
        if self._is_closed:
            raise RenderError("the renderer is closed")

    def _read_shown(self, asked: ShownKind) -> np.ndarray:
        with self._drawing():
            return self._extra[type(asked)].read(asked)

    def _matte_mask(self, matte: Matte | None) -> np.ndarray:
        """(side, side) uint8; computed once per result."""
        if matte is None:
            return _NOTHING
        if self._matte[0] is not matte.found:
            self._matte = (matte.found, joined_mask(matte.found.masks))
        return self._matte[1]

    def _layer5_pixels(self, picture: PictureInput, *, is_leaving: bool) -> np.ndarray | None:
        """(height, width, 3 or 4) uint8 of layer 5, or None if it is not visible."""
        look = picture.look
        if not (look.is_simple or look.layer5_weight > 0):
            return None
        if picture.shows_generator:
            if self._shaders is None:
                return None
            return self._shaders.draw_generator(is_leaving=is_leaving)
        fade = PictureCrossfade.of(picture.layer5, picture.layer5_before, picture.layer5_mix)
        if fade is None or fade.before is None:
            return None if fade is None else fade.picture.pixels
        return self._extra[PictureCrossfade].read(fade)

    def _draw_with_shaders(self, picture: PictureInput) -> None:
        if self._shaders is not None:
            self._shaders.begin(
                picture.shaders,
                picture.waves,
                picture.time_s,
                self._size_px,
                is_cutting=picture.is_cutting,
                coming=picture.coming_shaders,
            )
            if self._shaders.is_incomplete and self._has_picture:
                return
        drawn = self._draw_looks(picture)
        if self._shaders is None or not self._shaders.is_incomplete or not self._has_picture:  # else the last one stays
            self._fade.shown = drawn
        self._has_picture = True

    def _lose_shaders(self, error: RenderError) -> None:
        """Go on without OpenGL, which the picture itself does not need."""
        assert self._shaders is not None
        with suppress(RenderError):
            self._shaders.close()
        self._shaders = None
        self._why_no_shaders = f"OpenGL has failed, so shaders are off until the next start ({error})"

    def _draw_looks(self, picture: PictureInput) -> np.ndarray:
        """Draw the finished look; during a dissolve both finished looks and their mixture.

        `_last` and `_leaving` are the trails of the two, `_expected` is that of a look that is about to begin.
        """
        if picture.returns != self._returns:
            self._returns, self._last = picture.returns, self._leaving
        if self._fade.follow(picture.leaving) in (FadeChange.BEGIN, FadeChange.HOLD):
            self._leaving, self._last = self._last, self._begun_trail(picture)
        if picture.cuts != self._cuts:
            self._cuts, self._last = picture.cuts, self._begun_trail(picture)
        if not picture.still_waits:
            self._expected = None
        elif picture.coming is not None:
            before = np.zeros_like(self._last) if self._expected is None else self._expected
            self._expected = self._draw_trail(picture.coming, before, None)
        return self._fade.draw(picture, self._steps)

    def _begun_trail(self, picture: PictureInput) -> np.ndarray:
        """The trail with which a look begins: that of the expected one, else, or if that still waits, a black one."""
        if self._expected is None or picture.still_waits:
            return np.zeros_like(self._last)
        return self._expected

    def _draw_effects(
        self, picture: PictureInput, drawn: np.ndarray, post: PostLook, *, is_leaving: bool
    ) -> np.ndarray:
        """The picture after the shader slots, with texts and logo, and after bloom and so on, (height, width, 4)
        uint16."""
        is_luma = picture.look.is_alpha_luma
        if self._shaders is not None:
            drawn = self._shaders.draw(drawn, is_luma=is_luma, is_leaving=is_leaving)
        self._bare = drawn
        if picture.graphics and lay_row.is_ready:
            drawn = self._pool.take()
            np.copyto(drawn, self._bare)
            lay_graphics(drawn, picture.graphics)
        if post.is_off or not self._post.is_ready:
            return drawn
        out = self._pool.take()
        self._post.draw(out, drawn, post, picture.time_s, is_luma=is_luma)
        return out

    def _dissolved(self, leaving: np.ndarray, coming: np.ndarray, mix: float) -> np.ndarray:
        """(1 - mix) x leaving + mix x coming, alpha too."""
        out = self._pool.take()
        cv2.addWeighted(leaving, 1 - mix, coming, mix, 0, out)
        return out

    def _lit(self, shown: np.ndarray, hit: float) -> np.ndarray:
        """The finished picture with that share of white over it."""
        out = self._pool.take()
        cv2.addWeighted(shown, 1 - hit, shown, 0, hit * 65535, out)
        return out

    def _draw_look(self, picture: PictureInput, *, is_leaving: bool, is_last: bool) -> np.ndarray:
        """(height, width, 4) uint16, onto the look's own trail."""
        out = self._draw_trail(
            picture, self._leaving if is_leaving else self._last, self._layer5_pixels(picture, is_leaving=is_leaving)
        )
        if is_leaving:
            self._leaving = out
        else:
            self._last = out
        return out

    def _draw_trail(self, picture: PictureInput, last: np.ndarray, layer5: np.ndarray | None) -> np.ndarray:
        """The look alone over its last picture. `layer5`: (height, width, 3 or 4) uint8, None if it is not visible."""
        look = picture.look
        image = _NO_IMAGE if layer5 is None else _plain(layer5)
        indices = _NOTHING if picture.region is None else picture.region.indices
        colours = layer_colours(look, picture.features)
        shown = shown_points(picture.waves)
        block = pack_block(
            look,
            colours,
            self._size_px,
            None if layer5 is None else layer5.shape[1::-1],
            None if picture.region is None else indices.shape[::-1],
            picture.matte,
            shown=shown,
        )
        out = self._pool.take()
        mask = _NOTHING if layer5 is None else self._matte_mask(picture.matte)
        tables = bake_waves(look, picture.waves, self._size_px, shown)
        draw_picture(out, last, tables, block, image, mask, _plain(indices))
        return out

    def _sum_cells(self) -> np.ndarray:
        """(4, 18, 18) float32: the light of the cells of the last picture."""
        cells = np.empty((4, CELLS, CELLS), np.float32)
        sum_cells(cells, self._current, self._places)
        return cells

    def _finished(self) -> np.ndarray:
        """The last picture as it is shown."""
        out = self._published_pool.take()
        fade = np.float32(self._finish.fade)
        if self._finish.limits is None:
            publish_picture(out, self._current, self._noise, fade, self._is_luma)
        else:
            publish_limited(out, self._current, self._noise, self._finish.limits.maps, fade, self._is_luma)
        return out


class _Kept:
    """An extra picture, painted only when the request changes."""

    def __init__(self, paint: Callable[[np.ndarray, Any], None]) -> None:
        self._paint = paint
        self._asked: ShownKind | None = None
        self._pixels: np.ndarray | None = None
        self._pool = PixelPool(1, 1)

    def read(self, asked: ShownKind) -> np.ndarray:
        """(height, width, 4) uint8, opaque; the same array while nothing is new."""
        if self._pixels is None or asked != self._asked:
            width, height = asked.size_px
            if not self._pool.makes(width, height):
                self._pool = PixelPool(width, height)
            out = self._pool.take()
            self._paint(out, asked)
            self._asked, self._pixels = asked, out
        return self._pixels


def _extra_pictures() -> dict[type[ShownKind], _Kept]:
    return {
        PictureCrossfade: _Kept(_paint_crossfade),
        Overlay: _Kept(_paint_overlay),
        IdPicture: _Kept(_paint_ids),
    }


def _paint_crossfade(out: np.ndarray, fade: PictureCrossfade) -> None:
    mixed = fade.picture.pixels[..., :3]
    if fade.before is not None:
        mixed = cv2.addWeighted(fade.before.pixels[..., :3], 1 - fade.mix, mixed, fade.mix, 0)
    out[..., :3], out[..., 3] = mixed, 255


def _paint_overlay(out: np.ndarray, overlay: Overlay) -> None:
    found = overlay.found
    masks = _NO_MASKS if found is None else _plain(found.masks)
    colours = object_colours([each.id for each in found.objects] if found else [])
    pixels = _plain(overlay.source.pixels)
    paint_masks(out, pixels, masks, mask_boxes(masks), colours, overlay.opacity, overlay.is_hard)


def _paint_ids(out: np.ndarray, ids: IdPicture) -> None:
    masks = _plain(ids.found.masks)
    paint_ids(out, masks, mask_boxes(masks), ids.levels)


def _plain(pixels: np.ndarray) -> np.ndarray:
    """Make it C-contiguous and writable, as the kernels require: for Numba a read-only array is another type."""
    return np.require(pixels, requirements=["C", "W"])
