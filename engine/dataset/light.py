"""Computes sun, sky, exposure, and cloud shadows of a scene, the same for both engines."""

from dataclasses import dataclass

import numpy as np

from engine.dataset.scene.description import CloudShadows, GroundLook, Sun
from engine.dataset.scene.streams import smooth_noise

# linear radiance of a clear sky, with light reflected by the soil
SKY_RGB = np.array([0.52, 0.63, 0.86]) * 0.35
LUMINANCE = np.array([0.2126, 0.7152, 0.0722])
SKY_HIGH_DEG = 45.0  # elevation of the sun for that brightness
WHITE_SUN_RGB = np.array([1.0, 0.95, 0.88])
LOW_SUN_RGB = np.array([1.0, 0.80, 0.58])
LOW_SUN_DEG = 30.0  # elevation below which the light turns yellow

THICK_CLOUD_FRACTION = 0.35  # of the light of a clear day that an overcast sky transmits
THICK_CLOUD_RGB = np.array([0.98, 1.0, 1.04])
SUN_ANGLE_DEG = 0.53
VEILED_ANGLE_DEG = 12.0  # how much wider the bright part of the sky is when it is quite overcast

MEAN_RADIANCE = 0.156  # mean radiance of soil that needs no exposure correction
ADAPTATION = 0.7  # fraction of a change in radiance that the camera compensates: 0 none, 1 all
# Recipe 2.
CLEAR_SKY = 0.6  # of SKY_RGB at SKY_HIGH_DEG: about a quarter of the light on level ground
HORIZON_SKY = 0.22  # of that, with the sun on the horizon
WARM_RGB = np.array([1.08, 1.0, 0.86])  # tint of a picture with the sun on the horizon
WHITE_BALANCE = 0.8  # fraction of the light's own tint that the camera compensates
METERED_ALBEDO = 0.185  # exposed for the light alone, as if the ground were a grey card
DARK_ALBEDO = (
    0.09  # ground darker than that makes the camera expose longer, by the root of the ratio,
)
MAX_DARK_GAIN = 1.5  # and at most so much: nobody keeps a black picture
LIGHT_ADAPTATION = 0.92  # fraction of a change of the light that the camera compensates
SIDE_PX = 256
CLOUDS_A_SIDE = 8
OCTAVES = 4
BORDER = 0.45  # width of the soft edge, in standard deviations of the noise


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Light:
    """Sun, sky and exposure of a scene, as linear light in Rec. 709."""

    sun_color: np.ndarray  # factor for the sun's energy
    sun_rgb: np.ndarray  # radiance of a white Lambert surface that faces the sun
    sky_rgb: np.ndarray
    exposure: float
    sun_energy: float  # W/m2, as in Blender
    sun_angle_deg: float  # diameter of the part of the sky that sends the sun's light


def light_of(sun: Sun, look: GroundLook) -> Light:
    """Light and exposure: recipe 1 exposes for the soil, recipe 2 for the light, and for very dark
    ground."""
    height = np.sin(np.radians(sun.elevation_deg))
    yellow = np.clip(1 - sun.elevation_deg / LOW_SUN_DEG, 0, 1)
    sun_color = WHITE_SUN_RGB + (LOW_SUN_RGB - WHITE_SUN_RGB) * yellow
    if look.covers:
        return _light_of_day(sun, sun_color, float(height), float(yellow), _dark_gain(look))
    sun_rgb = sun_color * sun.energy / np.pi
    sky_rgb = SKY_RGB * (0.5 + 0.5 * height / np.sin(np.radians(SKY_HIGH_DEG)))
    radiance = max(float((np.array(look.soil) * (sun_rgb * height + sky_rgb)) @ LUMINANCE), 1e-3)
    return Light(
        sun_color=sun_color,
        sun_rgb=sun_rgb,
        sky_rgb=sky_rgb,
        exposure=float((MEAN_RADIANCE / radiance) ** ADAPTATION),
        sun_energy=sun.energy,
        sun_angle_deg=SUN_ANGLE_DEG,
    )


def _dark_gain(look: GroundLook) -> float:
    """Factor of the exposure for very dark ground, 1..MAX_DARK_GAIN."""
    first, last = (
        float(np.array(cover.color) @ LUMINANCE) for cover in (look.covers[0], look.covers[-1])
    )
    albedo = first + (last - first) * look.second_share
    return float(min(max((DARK_ALBEDO / max(albedo, 1e-3)) ** 0.5, 1.0), MAX_DARK_GAIN))


def _light_of_day(
    sun: Sun, sun_color: np.ndarray, height: float, yellow: float, gain: float
) -> Light:
    """Light of recipe 2: clear, veiled or overcast, and balanced to white as a camera does."""
    high = np.sin(np.radians(SKY_HIGH_DEG))
    sun_rgb = sun_color * sun.energy / np.pi
    sky_rgb = CLEAR_SKY * SKY_RGB * (HORIZON_SKY + (1 - HORIZON_SKY) * height / high)
    cloud_rgb = (
        THICK_CLOUD_FRACTION * float((sun_rgb * height + sky_rgb) @ LUMINANCE) * THICK_CLOUD_RGB
    )
    sky_rgb = sky_rgb * (1 - sun.overcast) + cloud_rgb * sun.overcast
    sun_rgb = sun_rgb * (1 - sun.overcast)
    whole = sun_rgb * height + sky_rgb
    brightness = max(float(whole @ LUMINANCE), 1e-3)
    tint = 1 + (WARM_RGB - 1) * yellow * (1 - sun.overcast)
    gains = (tint * brightness / np.maximum(whole, 1e-6)) ** WHITE_BALANCE
    exposure = (
        (MEAN_RADIANCE / (METERED_ALBEDO * brightness)) ** LIGHT_ADAPTATION
        * gain
        * 2**sun.exposure_stops
    )
    return Light(
        sun_color=sun_color * gains,
        sun_rgb=sun_rgb * gains,
        sky_rgb=sky_rgb * gains,
        exposure=float(exposure),
        sun_energy=sun.energy * (1 - sun.overcast),
        sun_angle_deg=SUN_ANGLE_DEG + VEILED_ANGLE_DEG * sun.overcast,
    )


def period_m(clouds: CloudShadows) -> float:
    """Side of the square that the cloud map covers; it repeats."""
    return CLOUDS_A_SIDE * clouds.size_m


def cloud_map(clouds: CloudShadows) -> np.ndarray:
    """Fraction of the sun's light that reaches the ground where its ray meets z = 0, (side, side)
    float32, 0..1; row 0 south. Tiling noise in octaves, with the threshold that gives the cloud
    fraction."""
    draw = np.random.default_rng(clouds.noise_seed)
    total = np.zeros((SIDE_PX, SIDE_PX))
    for octave in range(OCTAVES):
        count = CLOUDS_A_SIDE << octave
        table = draw.uniform(-1, 1, (count, count))
        total += smooth_noise(table, (np.arange(SIDE_PX) + 0.5) / SIDE_PX * count) / 2**octave
    level = np.quantile(total, 1 - clouds.share)
    border = BORDER * total.std()
    inside = np.clip((total - level) / (2 * border) + 0.5, 0, 1)
    return np.asarray(1 - clouds.depth * inside * inside * (3 - 2 * inside), np.float32)
