"""Pixels of light and their channels. Pure.

The pixels are a grid over the whole picture, whatever its aspect ratio. Each shows the mean of its
part (`picture`), or the colour of one of the four layers, in four equal groups from the left: as it
is (`palette`), as bright as the layer's sound (`levels`), or flashing on each beat and dark before
the next (`beat`).

LEDs are linear: half the level is half the light, while a picture's half is a fifth. `2.2`
converts, for LEDs without a curve of their own; `linear` sends the picture's values, for fixtures
with one.
"""

from collections.abc import Iterator, Mapping
from typing import Any, Final

import numpy as np

from engine.dmx.packets import CHANNELS
from engine.render.colour import layer_colours
from engine.render.look import Look
from engine.values import BeatFeatures, ChannelFeatures

GAMMA: Final = 2.2
MIN_SAMPLES: Final = 256  # rows and columns of a picture that count at least
MIN_DB: Final = -48.0  # a layer's sound that is still dark


def read_size(width: int, height: int, columns: int, rows: int) -> tuple[int, int]:
    """Size at which to read the picture: the smallest of its shape with a pixel for each of the
    grid's."""
    scale = max(columns / width, rows / height)
    return max(columns, round(width * scale)), max(rows, round(height * scale))


def grid_of(rgba: np.ndarray, columns: int, rows: int) -> np.ndarray:
    """Colours of a grid of pixels, (rows, columns, 3) float32, display values 0..1. Each is the
    mean of its part of (height, width, 4) uint8.

    Of a large picture, from a software renderer, not every pixel counts: all of 720p would take a
    third of a core."""
    steps = (
        side // max(MIN_SAMPLES, 4 * count) or 1
        for side, count in zip(rgba.shape, (rows, columns), strict=False)
    )
    rgba = rgba[tuple(slice(None, None, step) for step in steps)]
    height, width = rgba.shape[:2]
    across = np.minimum(np.arange(columns + 1) * width // columns, width)
    down = np.minimum(np.arange(rows + 1) * height // rows, height)
    sums = np.add.reduceat(
        rgba[..., :3].astype(np.float32), np.minimum(down[:-1], height - 1), axis=0
    )
    sums = np.add.reduceat(sums, np.minimum(across[:-1], width - 1), axis=1)
    counts = (
        np.maximum(np.diff(down), 1)[:, None, None] * np.maximum(np.diff(across), 1)[None, :, None]
    )
    return np.asarray(sums / (counts * 255.0), np.float32)


def colours_of(
    content: str,
    values: Mapping[str, Any],
    channels: tuple[ChannelFeatures, ...],
    beat: BeatFeatures,
    columns: int,
) -> np.ndarray:
    """Colours of a row of pixels, (1, columns, 3) float32, display values 0..1, from `palette`,
    `levels` or `beat`; the master darkens them."""
    rgb = np.array(layer_colours(Look.from_values(values), channels), np.float32)
    if content == "levels":
        db = np.array([20 * np.log10(max(each.envelope, 1e-6)) for each in channels])
        rgb *= np.clip(1.0 - db / MIN_DB, 0.0, 1.0)[:, None].astype(np.float32)
    elif content == "beat":
        rgb *= (1.0 - beat.beat % 1.0) ** 2
    rgb *= 0.0 if values["/master/blackout"] else values["/master/fade"]
    return rgb[np.arange(columns) * len(rgb) // columns][None]


def levels_of(
    grid: np.ndarray, order: str, *, is_serpentine: bool, gamma: str, level: float
) -> np.ndarray:
    """DMX levels, (pixels, channels of a pixel) uint8, row by row, in a serpentine every second row
    from the right.

    `order`: the letters of the channels. White (`w`) takes over what red, green and blue have in
    common."""
    light = np.clip(grid, 0.0, 1.0)
    if is_serpentine:
        light = light.copy()
        light[1::2] = light[1::2, ::-1]
    light = light.reshape(-1, 3) ** (GAMMA if gamma == "2.2" else 1.0)
    parts = {"r": light[:, 0], "g": light[:, 1], "b": light[:, 2]}
    if "w" in order:
        white = light.min(axis=1)
        parts = {name: part - white for name, part in parts.items()} | {"w": white}
    return np.rint(np.stack([parts[name] for name in order], axis=1) * (255.0 * level)).astype(
        np.uint8
    )


def universes_of(levels: np.ndarray, universe: int, channel: int) -> Iterator[tuple[int, bytes]]:
    """The universes that the pixels fill, from this channel of the first one; no pixel is cut in
    two."""
    size = levels.shape[1]
    at = 0
    while at < len(levels):
        if count := (CHANNELS + 1 - channel) // size:
            yield universe, bytes(channel - 1) + levels[at : at + count].tobytes()
        at = at + count
        universe = universe + 1
        channel = 1
