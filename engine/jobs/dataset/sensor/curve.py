"""The renderers' display curve and its inverse.

Both engines show light through a filmic curve (Narkowicz 2015, after ACES) and then the sRGB curve. Effects of lens and
sensor act on light, so pixels are turned back into light, and after that into display values again. 255 becomes 7.2
times white: what is blurred or darkened there keeps its glare.
"""

import numpy as np

A, B, C, D, E = 2.51, 0.03, 2.43, 0.59, 0.14  # film = x (A x + B) / (x (C x + D) + E)
MIDDLE_GREY = 0.18
MAX_LIGHT = 8.0  # light that is shown as white, and all above it


def shown(light: np.ndarray) -> np.ndarray:
    """Light to display values of 0..1, float64."""
    film = np.clip(light * (A * light + B) / (light * (C * light + D) + E), 0, 1)
    encoded: np.ndarray = np.where(film <= 0.0031308, 12.92 * film, 1.055 * np.maximum(film, 1e-9) ** (1 / 2.4) - 0.055)
    return encoded


def light_shown_as(display: np.ndarray) -> np.ndarray:
    """Display values of 0..1 to light, float64: the inverse of `shown`."""
    film = np.where(display <= 0.04045, display / 12.92, ((display + 0.055) / 1.055) ** 2.4)
    a, b, c = A - C * film, B - D * film, -E * film
    light: np.ndarray = (np.sqrt(b * b - 4 * a * c) - b) / (2 * a)
    return light


def middle_light() -> tuple[float, float]:
    """Light of middle grey, and how much the display value rises there per unit of light."""
    display = 1.055 * MIDDLE_GREY ** (1 / 2.4) - 0.055
    light = float(light_shown_as(np.array(display)))
    step = light / 100
    ends = shown(np.array([light - step, light + step]))
    return light, float(ends[1] - ends[0]) / (2 * step)
