"""Develops a picture: from the light in the lens to the display values of the camera's own picture style.

The order is that of a camera: haze before the lens, exposure, blur, motion, vignette and noise on light; then white
balance, tone and saturation; sharpening and rounding on display values. `kernels.develop` does the arithmetic.
"""

from collections.abc import Mapping

import numpy as np

from engine.jobs.dataset.scene.camera import SiteCamera
from engine.jobs.dataset.scene.streams import Seed, stream
from engine.jobs.dataset.sensor.curve import MAX_LIGHT, light_shown_as, middle_light, shown
from engine.jobs.dataset.sensor.softness import gaussian, line, reach_of

AIRLIGHT = (0.30, 0.335, 0.385)  # light scattered by an endless way through hazy air, shown as a bluish grey of 0.72
HAZE_TABLE, TONE_TABLE = 4096, 16384
MIN_CLEAR = 1e-3  # share of the light at the last entry
SHOT_SHARE = 0.85  # share of the variance in middle grey that comes from the light itself
LUMINANCE = np.array([0.2126, 0.7152, 0.0722])
CRAB_DEG = 8.0  # standard deviation of the angle between the picture's top and the flight over ground
NEEDS_NOTHING = {"distortion", "aberration", "jpeg"}  # effects that are not drawn here


def flight_direction_deg(seed: Seed) -> float:
    """Direction of flight, clockwise from the picture's top."""
    return round(float(stream(seed, "camera effect motion, direction").normal()) * CRAB_DEG, 3)


def develop(
    colors: np.ndarray, depth_m: np.ndarray, camera: SiteCamera, effects: Mapping[str, float], seed: Seed
) -> np.ndarray:
    """Apply the effects to (height, width, 3) uint8; `depth_m`: (height, width) float32, along the axis.

    An effect that is missing or neutral changes nothing; without any the picture is returned as it is.
    """
    if not set(effects) - NEEDS_NOTHING:
        return colors
    from engine.jobs.dataset.sensor import kernels

    value = {name: 0.0 for name in ("exposure", "haze", "blur", "demosaic", "motion", "vignette", "noise")} | {
        "warmth": 0.0,
        "tint": 0.0,
        "contrast": 0.0,
        "saturation": 0.0,
        "sharpening": 0.0,
        **effects,
    }
    exposure = 2.0 ** value["exposure"]
    levels = light_shown_as(np.arange(256) / 255) * exposure
    taps, shares = line(value["motion"], flight_direction_deg(seed))
    clear, per_m = _clear_air(value["haze"])
    shot, read = _variances(value["noise"])
    center, corner_px = camera.center_px, np.hypot(camera.sensor_width_px, camera.sensor_height_px) / 2
    numbers = np.zeros(kernels.NUMBERS, np.float32)
    numbers[kernels.CENTER_X], numbers[kernels.CENTER_Y] = center
    numbers[kernels.PER_FOCAL], numbers[kernels.PER_CORNER] = 1 / camera.focal_px, 1 / corner_px
    numbers[kernels.VIGNETTE] = 2 ** (value["vignette"] / 2) - 1
    numbers[kernels.SHOT], numbers[kernels.READ] = shot, read
    numbers[kernels.TONE_SCALE] = (TONE_TABLE - 1) / np.sqrt(MAX_LIGHT)
    numbers[kernels.SATURATION] = 1 + value["saturation"] / 100
    numbers[kernels.SHARPENING] = value["sharpening"] / 100
    numbers[kernels.HAZE_SCALE] = per_m
    out = np.empty_like(colors, order="C")
    kernels.develop(
        out,
        np.require(
            colors, np.uint8, ("C", "W")
        ),  # for Numba, an array that is read-only is another type to compile for
        np.require(depth_m, np.float32, ("C", "W")),
        levels.astype(np.float32),
        clear.astype(np.float32),
        (np.array(AIRLIGHT) * exposure).astype(np.float32),
        _weights(value["blur"], value["demosaic"]),
        taps,
        shares.astype(np.float32),
        balance(value["warmth"], value["tint"]).astype(np.float32),
        _tone(value["contrast"]).astype(np.float32),
        numbers,
        stream(seed, "camera effect noise, pattern").integers(2**32, size=2, dtype=np.uint32),
    )
    return out


def balance(warmth_ev: float, tint_ev: float) -> np.ndarray:
    """(3,) gains of red, green and blue that keep a grey's luminance."""
    gains = 2.0 ** np.array([warmth_ev / 2, tint_ev, -warmth_ev / 2])
    balanced: np.ndarray = gains / (gains @ LUMINANCE)
    return balanced


def _clear_air(haze: float) -> tuple[np.ndarray, float]:
    """Share of light that passes, (HAZE_TABLE,) by distance, and entries per metre; empty without haze."""
    if haze <= 0:
        return np.empty(0), 0.0
    per_m = -np.log(1 - haze / 100) / 100
    far_m = -np.log(MIN_CLEAR) / per_m
    middles_m = (np.arange(HAZE_TABLE) + 0.5) * far_m / HAZE_TABLE
    return np.exp(-per_m * middles_m), HAZE_TABLE / far_m


def _variances(noise: float) -> tuple[float, float]:
    """Variance of the light in middle grey: by the light, and constant. `noise` is that of display values there."""
    middle, rise = middle_light()
    variance = (noise / rise) ** 2
    return SHOT_SHARE * variance / middle, (1 - SHOT_SHARE) * variance


def _weights(blur_px: float, demosaic_px: float) -> np.ndarray:
    """(3, 2 k + 1) float32: red and blue are softer than green."""
    colour_px = float(np.hypot(blur_px, demosaic_px))
    reach = reach_of(colour_px)
    return np.stack([gaussian(each, reach) for each in (colour_px, blur_px, colour_px)]).astype(np.float32)


def _tone(contrast: float) -> np.ndarray:
    """(TONE_TABLE,) display values of 0..255 by the root of light up to MAX_LIGHT."""
    display = shown(np.linspace(0, np.sqrt(MAX_LIGHT), TONE_TABLE) ** 2)
    steepened: np.ndarray = display + contrast / 100 * 2 * display * (1 - display) * (2 * display - 1)
    return steepened * 255
