"""Sun, sky and exposure."""

from dataclasses import dataclass

import numpy as np

from engine.dataset.scene.description import Sun

SKY_RGB = np.array([0.52, 0.63, 0.86]) * 0.35  # linear radiance of a clear sky; what it loses in blue, soil gives back
SKY_HIGH_DEG = 45.0  # the sun's elevation at which it is that bright
WHITE_SUN_RGB = np.array([1.0, 0.95, 0.88])
LOW_SUN_RGB = np.array([1.0, 0.80, 0.58])
LOW_SUN_DEG = 30.0  # below it the light yellows

MEAN_LIGHT = 0.62  # irradiance over pi that is exposed as it comes
EXPOSURE = 1.05
ADAPTATION = 0.6  # how much of a change in light the camera takes back: 0 none, 1 all


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Light:
    """Linear, Rec. 709."""

    sun_rgb: np.ndarray
    """Radiance of a white Lambert surface that faces the sun."""
    sky_rgb: np.ndarray
    exposure: float


def light_of(sun: Sun) -> Light:
    height = np.sin(np.radians(sun.elevation_deg))
    yellow = np.clip(1 - sun.elevation_deg / LOW_SUN_DEG, 0, 1)
    sun_rgb = (WHITE_SUN_RGB + (LOW_SUN_RGB - WHITE_SUN_RGB) * yellow) * sun.energy / np.pi
    sky_rgb = SKY_RGB * (0.5 + 0.5 * height / np.sin(np.radians(SKY_HIGH_DEG)))
    mean = float((sun_rgb * height + sky_rgb).mean())
    return Light(sun_rgb=sun_rgb, sky_rgb=sky_rgb, exposure=EXPOSURE * (MEAN_LIGHT / mean) ** ADAPTATION)
