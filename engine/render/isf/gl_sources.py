"""Maps of layer 5's source, and the look's texts and logo, as textures of ISF shaders.

They are uploaded when they are new and a playing shader reads them.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import Any, Final

import moderngl
import numpy as np

from engine.render.gl_textures import release_all
from engine.render.graphic import Graphic, draw_coverage
from engine.render.isf.isf_file import HISTORY, SOURCE_MAPS, TEXT, Input
from engine.render.masks import SourceMaps
from osc_schema.graphics import TEXTS

COLUMNS, ROWS = 8, 15  # ISF_CELLS in common.glsl: 62 MB at 480 x 270
CELLS_PER_S: Final = 30.0
TEXT_PX: Final = 478  # width of the texts: enough to find letters, and no power of two
# 3: as the sides of all maps no power of two (source_maps.py)
_NOTHING: Final = np.zeros((3, 3, 4), np.uint8)

_PLANES: Final[dict[str, Callable[[SourceMaps], np.ndarray]]] = {
    "sourceImage": lambda maps: maps.picture,
    "previousImage": lambda maps: maps.previous,
    "maskImage": lambda maps: maps.mask,
    "objectImage": lambda maps: maps.objects,
}


class SourceImages:
    """The textures of one renderer. Render thread, context current."""

    def __init__(self, context: moderngl.Context) -> None:
        self._context = context
        self._textures: dict[str, moderngl.Texture] = {}
        self._uploaded: dict[str, Any] = {}
        """The maps that each texture shows, with the flow its time; of texts, the graphics and the
        picture's size."""
        self._text: tuple[tuple[Graphic, ...], tuple[int, int]] = (), (0, 0)
        self._maps: SourceMaps | None = None
        self._time_s = 0.0
        self._next_cell_s = 0.0
        self.history = (-1.0, 0.0)
        """Numbers of the newest and the oldest cell of the history, counted since it began;
        `isf_history`."""

    def follow(
        self,
        maps: SourceMaps | None,
        time_s: float,
        names: Iterable[str],
        graphics: Sequence[Graphic] = (),
        size_px: tuple[int, int] = (0, 0),
    ) -> None:
        """Show these maps from now on, and the texts and the logo of a picture of `size_px` (width,
        height).

        time_s: Due time of the picture. names: The maps that playing shaders read."""
        self._maps = maps
        self._time_s = time_s
        self._text = tuple(each for each in graphics if each.slot <= TEXTS[-1]), size_px
        if HISTORY in names:
            self._continue_history()
        elif HISTORY in self._textures:
            self._textures.pop(HISTORY).release()

    @property
    def presence(self) -> dict[str, Input]:
        """For size expressions: by name of a map, True if it shows something."""
        return {**dict.fromkeys(SOURCE_MAPS, self._maps is not None), TEXT: bool(self._text[0])}

    def texture(self, name: str) -> moderngl.Texture:
        """Return the texture of a map; of black and transparent texels where there is no source."""
        if name == HISTORY:
            return self._textures.get(HISTORY) or self._upload("", _NOTHING)
        source = (
            self._text if name == TEXT else self._maps,
            self._time_s if name == "flowImage" else 0.0,
        )
        if name not in self._textures or self._uploaded.get(name) != source:
            self._upload(name, self._pixels(name))
            self._uploaded[name] = source
        return self._textures[name]

    def _pixels(self, name: str) -> np.ndarray:
        if name == TEXT:
            graphics, size_px = self._text
            return draw_coverage(graphics, size_px, TEXT_PX) if graphics else _NOTHING
        if self._maps is None:
            return _NOTHING.astype(np.float32) if name in ("objectImage", "flowImage") else _NOTHING
        return self._flow(self._maps) if name == "flowImage" else _PLANES[name](self._maps)

    def release(self) -> None:
        release_all(*self._textures.values())
        self._textures.clear()

    def _upload(self, name: str, pixels: np.ndarray) -> moderngl.Texture:
        size_px = (pixels.shape[1], pixels.shape[0])
        dtype = "f1" if pixels.dtype == np.uint8 else "f4"
        texture = self._textures.get(name)
        if texture is None or texture.size != size_px or texture.dtype != dtype:
            release_all(texture)
            texture = self._textures[name] = self._context.texture(size_px, 4, dtype=dtype)
        texture.write(np.ascontiguousarray(pixels))
        return texture

    def _flow(self, maps: SourceMaps) -> np.ndarray:
        """Return the flow with the time between its two pictures, and the progress to the next one,
        0..1."""
        progress = (self._time_s - maps.time_s) / maps.interval_s if maps.interval_s > 0 else 1.0
        pixels = np.empty((*maps.flow.shape[:2], 4), np.float32)
        pixels[..., :2] = maps.flow
        pixels[..., 2:] = maps.interval_s, min(progress, 1.0)
        return pixels

    def _continue_history(self) -> None:
        """Add the newest picture to the history, thirty times a second. It ends where the show's
        size changes."""
        if self._maps is None:
            return
        height, width = self._maps.echo.shape[:2]
        texture = self._textures.get(HISTORY)
        if texture is None or texture.size != (width * COLUMNS, height * ROWS):
            release_all(texture)
            texture = self._context.texture((width * COLUMNS, height * ROWS), 4)
            self._textures[HISTORY] = texture
            self.history = (-1.0, 0.0)
            self._next_cell_s = self._time_s
        cells = int((self._time_s - self._next_cell_s) * CELLS_PER_S + 1.001)
        if cells > COLUMNS:  # the picture stood still: what happened meanwhile is unknown
            self._next_cell_s = self._time_s
            cells = 1
        for _ in range(cells):
            newest = self.history[0] + 1
            column = int(newest) % COLUMNS
            row = int(newest) // COLUMNS % ROWS
            texture.write(self._maps.echo, viewport=(column * width, row * height, width, height))
            self.history = newest, max(0.0, newest - COLUMNS * ROWS + 1)
        self._next_cell_s += cells / CELLS_PER_S
