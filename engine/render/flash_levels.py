"""What the flash guard looks at: some thousand pixels of a picture, and their mean luminance and red.

Pixels are taken one from each cell of a 64 x 36 grid, at a fixed random place in the cell: at cell centres
the stripes of a wave could fall in step with the grid and be missed.
"""

import numpy as np

COLUMNS, ROWS = 64, 36
_SEED = 2301  # any; fixed, so that two offline runs agree

_DISPLAY = np.arange(256) / 255
_LINEAR = np.where(_DISPLAY <= 0.04045, _DISPLAY / 12.92, ((_DISPLAY + 0.055) / 1.055) ** 2.4).astype(np.float32)
_LUMINANCE = np.array([0.2126, 0.7152, 0.0722], np.float32)  # of linear sRGB (WCAG "relative luminance")
_LUMA = np.array([0.299, 0.587, 0.114], np.float32) / 255  # BT.601, of display values
_SATURATED_RED = 0.8  # WCAG: red is saturated when it is at least this share of R + G + B


def sample_places(width: int, height: int) -> np.ndarray:
    """(36, 64, 2) int32: column and row of each sampled pixel of a picture of this size."""
    jitter = np.random.default_rng(_SEED).random((ROWS, COLUMNS, 2))
    cells = np.stack(np.meshgrid(np.arange(COLUMNS), np.arange(ROWS)), axis=-1)
    places = (cells + jitter) * (width / COLUMNS, height / ROWS)
    return np.minimum(places.astype(np.int32), (width - 1, height - 1)).astype(np.int32)


def mix_samples(previous: np.ndarray, current: np.ndarray, fade: float, share: float) -> np.ndarray:
    """Samples of the picture that publish.glsl makes of these two, (n, 3) uint8, rounded as it rounds."""
    if fade == 1.0 and share == 1.0:
        return current
    mixed = previous * np.float32(1.0 - share) + current * np.float32(fade * share)
    return (mixed + np.float32(0.5)).astype(np.uint8)


def flash_levels(samples: np.ndarray) -> tuple[float, float, float]:
    """Mean relative luminance, display luma and saturated red of (n, 3) uint8 samples, each 0..1.

    Luma as well as luminance: where a projector's or an LED wall's curve is flatter than sRGB's, dark flashes
    that WCAG's luminance hardly sees are as bright as luma says. Red: the mean of R - G - B where red is
    saturated.
    """
    linear = _LINEAR[samples]
    luminance = float((linear @ _LUMINANCE).mean())
    luma = float((samples.astype(np.float32) @ _LUMA).mean())
    red = linear[:, 0]
    others = linear[:, 1] + linear[:, 2]
    is_saturated = red * (1 - _SATURATED_RED) >= _SATURATED_RED * others
    return luminance, luma, float(np.where(is_saturated, red - others, 0).clip(0).mean())
