"""The Multiverse drawn by the processor, where no OpenGL is to be had; the same picture within 2/255."""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import TypeVar

import numba
import numpy as np

from engine.errors import RenderError
from engine.frame import CHANNELS, Segmentation, ShownPicture, VideoFrame
from engine.render.colour import layer_colours
from engine.render.crossfade import Crossfade
from engine.render.flash_levels import sample_places
from engine.render.frame_block import ROWS, pack_block
from engine.render.mask_look import IdPicture, Overlay, joined_mask, mask_boxes, object_colours
from engine.render.master import Master
from engine.render.numba_kernels import draw_picture, mix_published
from engine.render.numba_masks import paint_ids, paint_masks
from engine.render.picture import Matte, PictureInput
from engine.render.pixel_pool import PixelPool
from engine.render.wave_table import TABLE_POINTS, bake_waves

LARGEST_PX = 16_384
_NO_IMAGE = np.zeros((1, 1, 3), np.uint8)
_NOTHING = np.zeros((1, 1), np.uint8)
_NO_MASKS = np.zeros((0, 1, 1), np.uint8)


def _open_threads() -> int:
    """How many draw. After a picture they sleep at once: OpenMP's way is to spin for milliseconds, on cores that the
    children need (beside a voice on two cores a picture took 4.4 ms so, and 8.2 spinning)."""
    name = "OMP_WAIT_POLICY"  # read once, when the library is loaded
    if name in os.environ:
        return numba.get_num_threads()
    os.environ[name] = "passive"
    try:
        return numba.get_num_threads()
    finally:
        del os.environ[name]  # it is not meant for children


class NumbaRenderer:
    """All calls from one thread. `draw` returns when the picture is drawn; other Python threads run meanwhile."""

    kind = "numba"
    is_software = True

    def __init__(self, width: int, height: int, *, reason: str = "") -> None:
        """Compiles, so that no picture has to wait: 8 s the first time on a machine, 0.4 s from Numba's cache."""
        self.reason = reason
        self.description = f"Numba {numba.__version__}, {_open_threads()} threads"
        self._master = Master()
        self._is_closed = False
        self._mixed = _Kept()
        self._overlaid = _Kept()
        self._marked = _Kept()
        self._matte: tuple[Segmentation | None, np.ndarray] = (None, _NOTHING)
        self.resize(2, 2)
        self._compile()
        self.resize(width, height)

    def resize(self, width: int, height: int) -> None:
        """Draw at this size from now on; the last picture is forgotten. RenderError when there is no memory for it."""
        if not (0 < width <= LARGEST_PX and 0 < height <= LARGEST_PX):
            raise RenderError(f"size {width}x{height}: allowed are 1x1 to {LARGEST_PX}x{LARGEST_PX}")
        with self._drawing():
            black = np.zeros((height, width, 4), np.uint8)  # before the old one goes: refused, it stays
        self._current = self._published = black
        self._size_px = (width, height)
        self._pool = PixelPool(width, height)
        places = sample_places(width, height)
        self._columns, self._rows = places[..., 0].ravel(), places[..., 1].ravel()
        self._has_picture = False
        self._master.forget_picture()

    def draw(self, picture: PictureInput) -> None:
        """Draw this picture. While the look is frozen the one before stays, and only fades."""
        look = picture.look
        with self._drawing():
            if not (look.is_frozen and self._has_picture):
                self._draw_picture(picture)
            samples = None
            if look.is_flash_guarded:
                samples = self._current[self._rows, self._columns, :3]
            mixture = self._master.mixture(look, samples, picture.time_s)
            if mixture.is_untouched:
                self._published = self._current
            else:
                out = self._pool.take()
                fade, share = np.float32(mixture.fade), np.float32(mixture.share)
                mix_published(out, self._current, self._published, fade, share, look.is_alpha_luma)
                self._published = out

    def wait(self) -> None:
        """Nothing to wait for."""
        self._require_open()

    @property
    def texture(self) -> None:
        """There is none without a GPU."""
        self._require_open()

    def read_rgba(self) -> np.ndarray:
        """The finished picture, (height, width, 4) uint8, row 0 at the top."""
        self._require_open()
        return self._published

    def show(self, picture: VideoFrame, before: VideoFrame | None = None, mix: float = 1.0) -> ShownPicture:
        """`picture` by itself, crossfaded from `before`; mixed when it is asked for."""
        fade = Crossfade.of(picture, before, mix)
        assert fade is not None
        return self._shown(fade.size_px, partial(self._read_beside, fade))

    def show_masks(
        self, source: VideoFrame, found: Segmentation | None, *, is_hard: bool, opacity: float
    ) -> ShownPicture:
        """`source` with the objects' colours over it; painted when it is asked for."""
        overlay = Overlay(source=source, found=found, is_hard=is_hard, opacity=opacity)
        return self._shown(overlay.size_px, partial(self._read_overlay, overlay))

    def show_ids(self, found: Segmentation, size_px: tuple[int, int]) -> ShownPicture:
        """Which object is where; painted when it is asked for."""
        return self._shown(size_px, partial(self._read_ids, IdPicture(found=found, size_px=size_px)))

    def close(self) -> None:
        """Give the memory back. Harmless twice."""
        self._is_closed = True
        self._mixed, self._overlaid, self._marked = _Kept(), _Kept(), _Kept()
        self._matte = (None, _NOTHING)
        self._pool = PixelPool(1, 1)
        self._current = self._published = self._pool.take()

    @contextmanager
    def _drawing(self) -> Iterator[None]:
        """Open, and out of memory is a RenderError."""
        self._require_open()
        try:
            yield
        except MemoryError as error:
            raise RenderError(f"Numba: {error or 'no memory'}") from error

    def _require_open(self) -> None:
        if self._is_closed:
            raise RenderError("the renderer is closed")

    def _draw_no_texture(self) -> None:
        self._require_open()

    def _shown(self, size_px: tuple[int, int], read_rgba: Callable[[], np.ndarray]) -> ShownPicture:
        width, height = size_px
        return ShownPicture(width=width, height=height, draw_texture=self._draw_no_texture, read_rgba=read_rgba)

    def _read_beside(self, fade: Crossfade) -> np.ndarray:
        with self._drawing():
            return self._mix(fade)

    def _mix(self, fade: Crossfade) -> np.ndarray:
        """(height, width, 4) uint8, opaque; the same array while nothing is new."""

        def paint(out: np.ndarray) -> None:
            pixels = _plain(fade.picture.pixels)
            before = pixels if fade.before is None else _plain(fade.before.pixels)
            mix_published(out, pixels, before, np.float32(1), np.float32(fade.mix), False)

        return self._mixed.read(fade, paint)

    def _read_overlay(self, overlay: Overlay) -> np.ndarray:
        def paint(out: np.ndarray) -> None:
            found = overlay.found
            masks = _NO_MASKS if found is None else _plain(found.masks)
            colours = object_colours([each.id for each in found.objects] if found else [])
            pixels = _plain(overlay.source.pixels)
            paint_masks(out, pixels, masks, mask_boxes(masks), colours, np.float32(overlay.opacity), overlay.is_hard)

        with self._drawing():
            return self._overlaid.read(overlay, paint)

    def _read_ids(self, ids: IdPicture) -> np.ndarray:
        def paint(out: np.ndarray) -> None:
            masks = _plain(ids.found.masks)
            paint_ids(out, masks, mask_boxes(masks), ids.levels)

        with self._drawing():
            return self._marked.read(ids, paint)

    def _matte_mask(self, matte: Matte | None) -> np.ndarray:
        """(side, side) uint8; worked out once a result."""
        if matte is None:
            return _NOTHING
        if self._matte[0] is not matte.found:
            self._matte = (matte.found, joined_mask(matte.found.masks))
        return self._matte[1]

    def _layer5_pixels(self, picture: PictureInput) -> np.ndarray | None:
        """(height, width, 3 or 4) uint8 of what layer 5 shows; None while it does not."""
        look = picture.look
        if not (look.is_simple or look.layer5_weight > 0):
            return None
        fade = Crossfade.of(picture.layer5, picture.layer5_before, picture.layer5_mix)
        if fade is None or fade.before is None:
            return None if fade is None else fade.picture.pixels
        return self._mix(fade)

    def _draw_picture(self, picture: PictureInput) -> None:
        look = picture.look
        layer5 = self._layer5_pixels(picture)
        image = _NO_IMAGE if layer5 is None else layer5
        indices = _NOTHING if picture.region is None else picture.region.indices
        colours = layer_colours(look.colour_mode, look.base_hue, look.scheme, picture.features, look.spread)
        block = pack_block(
            look,
            colours,
            self._size_px,
            None if layer5 is None else image.shape[1::-1],
            None if picture.region is None else indices.shape[::-1],
            picture.matte,
        )
        out = self._pool.take()
        mask = self._matte_mask(None if layer5 is None else picture.matte)
        tables = bake_waves(look, picture.waves)
        draw_picture(out, self._current, tables, block, _plain(image), mask, _plain(indices))
        self._current = out
        self._has_picture = True

    def _compile(self) -> None:
        """Run the kernels once on nothing, then forbid others: a new kind of argument would stall a show for 2 s."""
        out = self._pool.take()
        tables = np.zeros((CHANNELS, TABLE_POINTS, 2), np.float32)
        block = np.zeros((ROWS, 4), np.float32)
        draw_picture(out, self._current, tables, block, _NO_IMAGE, _NOTHING, _NOTHING)
        mix_published(out, self._current, self._current, np.float32(1), np.float32(1), False)
        boxes = mask_boxes(_NO_MASKS)
        paint_masks(out, _NO_IMAGE, _NO_MASKS, boxes, object_colours([]), np.float32(1), False)
        paint_ids(out, _NO_MASKS, boxes, np.zeros((0, 2), np.uint8))
        for kernel in (draw_picture, mix_published, paint_masks, paint_ids):
            kernel.disable_compile()


_Asked = TypeVar("_Asked", Crossfade, Overlay, IdPicture)


class _Kept:
    """A picture beside the main one, painted when another is asked for."""

    def __init__(self) -> None:
        self._asked: Crossfade | Overlay | IdPicture | None = None
        self._pixels: np.ndarray | None = None
        self._pool = PixelPool(1, 1)

    def read(self, asked: _Asked, paint: Callable[[np.ndarray], None]) -> np.ndarray:
        """(height, width, 4) uint8, opaque; the same array while nothing is new."""
        if self._pixels is None or not asked.is_same(self._asked):
            width, height = asked.size_px
            if not self._pool.makes(width, height):
                self._pool = PixelPool(width, height)
            out = self._pool.take()
            paint(out)
            self._asked, self._pixels = asked, out
        return self._pixels


def _plain(pixels: np.ndarray) -> np.ndarray:
    """C-contiguous and writable, as the kernels were compiled for: to Numba read-only is another type."""
    return np.require(pixels, requirements=["C", "W"])
