"""Develops a picture, from scene light to display values (`kernels.develop`). Haze, exposure, blur,
motion, vignette and noise act on linear light; then white balance, tone and saturation; sharpening
and rounding on display values.

Both engines tone map light by a filmic curve (Narkowicz 2015, after ACES) and the sRGB curve, which
is inverted first; 255 becomes 7.2 times white, so highlights stay bright when blurred. Blur weights
are fitted to the requested second moment, because Gaussians and lines sampled at whole pixels blur
too little or too much.
"""

from collections.abc import Callable, Mapping

import numpy as np

from engine.dataset.scene.camera import SiteCamera
from engine.dataset.scene.streams import Seed, stream
from engine.dataset.sensor.effects import EFFECTS

A, B, C, D, E = 2.51, 0.03, 2.43, 0.59, 0.14  # tone = x (A x + B) / (x (C x + D) + E)
MIDDLE_GREY = 0.18
MAX_LIGHT = 8.0  # this light and more is white
STEPS = 50
SAMPLES = 64  # per pixel of a line
# light scattered along an infinite path of hazy air, a bluish grey of 0.72
AIRLIGHT = (0.30, 0.335, 0.385)
HAZE_TABLE = 4096
TONE_TABLE = 16384
MIN_CLEAR = 1e-3  # fraction of the light at the last entry
SHOT_NOISE_FRACTION = (
    0.85  # fraction of the variance in middle grey that comes from the light itself
)
LUMINANCE = np.array([0.2126, 0.7152, 0.0722])
CRAB_DEG = (
    8.0  # standard deviation of the angle between the picture's top and the flight over ground
)
NEEDS_NOTHING = {"distortion", "aberration", "jpeg"}  # effects that are not drawn here


def tone_map(light: np.ndarray) -> np.ndarray:
    """Convert light to display values of 0..1, float64."""
    tone = np.clip(light * (A * light + B) / (light * (C * light + D) + E), 0, 1)
    return np.where(
        tone <= 0.0031308, 12.92 * tone, 1.055 * np.maximum(tone, 1e-9) ** (1 / 2.4) - 0.055
    )


def inverse_tone_map(display: np.ndarray) -> np.ndarray:
    """Convert display values of 0..1 to light, float64: the inverse of `tone_map`."""
    tone = np.where(display <= 0.04045, display / 12.92, ((display + 0.055) / 1.055) ** 2.4)
    a, b, c = A - C * tone, B - D * tone, -E * tone
    return (np.sqrt(b * b - 4 * a * c) - b) / (2 * a)


def gaussian(sigma_px: float, reach_px: int) -> np.ndarray:
    """Blur weights, (2 * reach_px + 1,) float64, sum 1, whose standard deviation is `sigma_px`."""
    pixels = np.arange(-reach_px, reach_px + 1.0)

    def weights(width: float) -> np.ndarray:
        bell = np.exp(-(pixels**2) / (2 * width**2))
        normal: np.ndarray = bell / bell.sum()
        return normal

    if sigma_px <= 0:
        return np.where(pixels == 0, 1.0, 0.0)
    return weights(
        _solve(
            lambda width: float((weights(width) * pixels**2).sum()),
            sigma_px**2,
            1e-3,
            2 * sigma_px + 1,
        )
    )


def motion_taps(length_px: float, direction_deg: float) -> tuple[np.ndarray, np.ndarray]:
    """Taps of motion blur along a line: offsets in rows and columns, (n, 2) int64, and weights,
    (n,) float64, sum 1. Their standard deviation is the line's, length / sqrt(12). `direction_deg`:
    clockwise from the picture's top."""

    def spread(length: float) -> np.ndarray:
        along = (np.arange(count) + 0.5) / count * length - length / 2
        grid = np.zeros((2 * reach + 1, 2 * reach + 1))
        rows, columns = -along * np.cos(angle) + reach, along * np.sin(angle) + reach
        row = np.floor(rows).astype(int)
        column = np.floor(columns).astype(int)
        down = rows - row
        right = columns - column
        for j, beside in enumerate((1 - right, right)):
            for i, below in enumerate((1 - down, down)):
                cell = np.minimum(row + i, 2 * reach), np.minimum(column + j, 2 * reach)
                np.add.at(grid, cell, below * beside / count)
        return grid

    if length_px <= 0:
        return np.zeros((1, 2), np.int64), np.ones(1)
    angle = np.radians(direction_deg)
    reach = int(np.ceil(length_px / 2)) + 1
    count = int(np.ceil(length_px) + 1) * SAMPLES
    away = np.arange(-reach, reach + 1.0) ** 2
    square = away[:, None] + away
    cells = spread(
        _solve(
            lambda length: float((spread(length) * square).sum()), length_px**2 / 12, 0.0, length_px
        )
    )
    is_used = cells > 1e-4
    taps = np.ascontiguousarray(np.argwhere(is_used) - reach)
    return taps, cells[is_used] / cells[is_used].sum()


def _solve(moment: Callable[[float], float], target: float, low: float, high: float) -> float:
    """Bisect for the argument between `low` and `high` at which the rising function `moment` is
    `target`."""
    for _ in range(STEPS):
        middle = (low + high) / 2
        low, high = (middle, high) if moment(middle) < target else (low, middle)
    return (low + high) / 2


def flight_direction_deg(seed: Seed) -> float:
    """Direction of flight, clockwise from the picture's top."""
    return round(float(stream(seed, "camera effect motion, direction").normal()) * CRAB_DEG, 3)


def develop(
    colors: np.ndarray,
    depth_m: np.ndarray,
    camera: SiteCamera,
    effects: Mapping[str, float],
    seed: Seed,
) -> np.ndarray:
    """Apply the effects to (height, width, 3) uint8; `depth_m`: (height, width) float32, along the
    axis. Without effects the picture is returned as it is."""
    if not set(effects) - NEEDS_NOTHING:
        return colors
    from engine.dataset.sensor import kernels

    value = dict.fromkeys(EFFECTS, 0.0) | dict(effects)
    exposure = 2.0 ** value["exposure"]
    levels = inverse_tone_map(np.arange(256) / 255) * exposure
    taps, tap_weights = motion_taps(value["motion"], flight_direction_deg(seed))
    clear, per_m = _clear_air(value["haze"])
    shot, read = _variances(value["noise"])
    center = camera.center_px
    corner_px = np.hypot(camera.sensor_width_px, camera.sensor_height_px) / 2
    numbers = np.zeros(kernels.NUMBERS, np.float32)
    numbers[kernels.CENTER_X], numbers[kernels.CENTER_Y] = center
    numbers[kernels.PER_FOCAL] = 1 / camera.focal_px
    numbers[kernels.PER_CORNER] = 1 / corner_px
    numbers[kernels.VIGNETTE] = 2 ** (value["vignette"] / 2) - 1
    numbers[kernels.SHOT] = shot
    numbers[kernels.READ] = read
    numbers[kernels.TONE_SCALE] = (TONE_TABLE - 1) / np.sqrt(MAX_LIGHT)
    numbers[kernels.SATURATION] = 1 + value["saturation"] / 100
    numbers[kernels.SHARPENING] = value["sharpening"] / 100
    numbers[kernels.HAZE_SCALE] = per_m
    out = np.empty_like(colors, order="C")
    kernels.develop(
        out,
        np.require(colors, np.uint8, ("C", "W")),  # for Numba, a read-only array is another type
        np.require(depth_m, np.float32, ("C", "W")),
        levels.astype(np.float32),
        clear.astype(np.float32),
        (np.array(AIRLIGHT) * exposure).astype(np.float32),
        _weights(value["blur"], value["demosaic"]),
        taps,
        tap_weights.astype(np.float32),
        balance(value["warmth"], value["tint"]).astype(np.float32),
        _tone(value["contrast"]).astype(np.float32),
        numbers,
        stream(seed, "camera effect noise, pattern").integers(2**32, size=2, dtype=np.uint32),
    )
    return out


def balance(warmth_ev: float, tint_ev: float) -> np.ndarray:
    """Gains of red, green and blue, (3,), that keep a grey's luminance."""
    gains = 2.0 ** np.array([warmth_ev / 2, tint_ev, -warmth_ev / 2])
    return np.asarray(gains / (gains @ LUMINANCE))


def _clear_air(haze: float) -> tuple[np.ndarray, float]:
    """Transmittance of air by distance, (HAZE_TABLE,), and entries per metre; empty without
    haze."""
    if haze <= 0:
        return np.empty(0), 0.0
    per_m = -np.log(1 - haze / 100) / 100
    far_m = -np.log(MIN_CLEAR) / per_m
    middles_m = (np.arange(HAZE_TABLE) + 0.5) * far_m / HAZE_TABLE
    return np.exp(-per_m * middles_m), HAZE_TABLE / far_m


def _variances(noise: float) -> tuple[float, float]:
    """Noise variances in middle grey: shot noise per light, and read noise. `noise`: of display
    values there."""
    middle = float(inverse_tone_map(np.array(1.055 * MIDDLE_GREY ** (1 / 2.4) - 0.055)))
    step = middle / 100
    ends = tone_map(np.array([middle - step, middle + step]))
    rise = float(ends[1] - ends[0]) / (2 * step)  # of the display value per unit of light
    variance = (noise / rise) ** 2
    return SHOT_NOISE_FRACTION * variance / middle, (1 - SHOT_NOISE_FRACTION) * variance


def _weights(blur_px: float, demosaic_px: float) -> np.ndarray:
    """Blur weights by colour, (3, 2 k + 1) float32: red and blue are softer than green."""
    colour_px = float(np.hypot(blur_px, demosaic_px))
    reach = max(1, int(np.ceil(3 * colour_px))) if colour_px > 0 else 0  # pixels on each side
    return np.stack([gaussian(each, reach) for each in (colour_px, blur_px, colour_px)]).astype(
        np.float32
    )


def _tone(contrast: float) -> np.ndarray:
    """Table of the tone curve: (TONE_TABLE,) display values of 0..255 by the root of light up to
    MAX_LIGHT."""
    display = tone_map(np.linspace(0, np.sqrt(MAX_LIGHT), TONE_TABLE) ** 2)
    steepened: np.ndarray = display + contrast / 100 * 2 * display * (1 - display) * (
        2 * display - 1
    )
    return steepened * 255
