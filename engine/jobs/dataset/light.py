"""Sun, sky and exposure, for both engines."""

from dataclasses import dataclass

import numpy as np

from engine.jobs.dataset.scene.description import GroundLook, Sun

SKY_RGB = np.array([0.52, 0.63, 0.86]) * 0.35  # linear radiance of a clear sky, with light reflected by the soil
LUMINANCE = np.array([0.2126, 0.7152, 0.0722])
SKY_HIGH_DEG = 45.0  # elevation of the sun for that brightness
WHITE_SUN_RGB = np.array([1.0, 0.95, 0.88])
LOW_SUN_RGB = np.array([1.0, 0.80, 0.58])
LOW_SUN_DEG = 30.0  # elevation below which the light turns yellow

THICK_CLOUD_SHARE = 0.35  # of the light of a clear day that an overcast sky lets through
THICK_CLOUD_RGB = np.array([0.98, 1.0, 1.04])
SUN_ANGLE_DEG = 0.53
VEILED_ANGLE_DEG = 12.0  # how much wider the bright part of the sky is when it is quite overcast

MEAN_RADIANCE = 0.156  # mean radiance of soil that needs no exposure correction
ADAPTATION = 0.7  # share of a change in radiance that the camera compensates: 0 none, 1 all
METERED_ALBEDO = 0.23  # recipe 2: exposed for the light alone, as if the ground were a grey card
LIGHT_ADAPTATION = 0.92  # recipe 2: share of a change of the light that the camera compensates


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Light:
    """Light of a scene; linear, Rec. 709."""

    sun_color: np.ndarray
    """Factor for the sun's energy."""
    sun_rgb: np.ndarray
    """Radiance of a white Lambert surface that faces the sun."""
    sky_rgb: np.ndarray
    exposure: float
    sun_energy: float
    """W/m2, as in Blender."""
    sun_angle_deg: float
    """Diameter of the part of the sky that sends the sun's light."""


def light_of(sun: Sun, ground: GroundLook) -> Light:
    """Compute the light, with its exposure.

    Recipe 1 exposes for the soil; recipe 2 for the light alone, so that dark ground is dark in the picture.
    """
    height = np.sin(np.radians(sun.elevation_deg))
    yellow = np.clip(1 - sun.elevation_deg / LOW_SUN_DEG, 0, 1)
    sun_color = WHITE_SUN_RGB + (LOW_SUN_RGB - WHITE_SUN_RGB) * yellow
    energy = sun.energy
    sun_rgb = sun_color * energy / np.pi
    sky_rgb = SKY_RGB * (0.5 + 0.5 * height / np.sin(np.radians(SKY_HIGH_DEG)))
    if sun.overcast > 0:
        cloud_rgb = THICK_CLOUD_SHARE * float((sun_rgb * height + sky_rgb) @ LUMINANCE) * THICK_CLOUD_RGB
        sky_rgb = sky_rgb * (1 - sun.overcast) + cloud_rgb * sun.overcast
        energy *= 1 - sun.overcast
        sun_rgb = sun_color * energy / np.pi
    if ground.covers:
        radiance = max(METERED_ALBEDO * float((sun_rgb * height + sky_rgb) @ LUMINANCE), 1e-3)
        exposure = (MEAN_RADIANCE / radiance) ** LIGHT_ADAPTATION * 2**sun.exposure_stops
    else:
        radiance = max(float((np.array(ground.soil) * (sun_rgb * height + sky_rgb)) @ LUMINANCE), 1e-3)
        exposure = (MEAN_RADIANCE / radiance) ** ADAPTATION
    return Light(
        sun_color=sun_color,
        sun_rgb=sun_rgb,
        sky_rgb=sky_rgb,
        exposure=float(exposure),
        sun_energy=energy,
        sun_angle_deg=SUN_ANGLE_DEG + VEILED_ANGLE_DEG * sun.overcast,
    )
