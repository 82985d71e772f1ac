"""Sun and sky of recipe 2: by place, date and weather."""

from dataclasses import dataclass

from engine.jobs.dataset.options import SceneOptions
from engine.jobs.dataset.scene.description import Sun
from engine.jobs.dataset.scene.settling import Settled
from engine.jobs.dataset.scene.streams import Seed


@dataclass(frozen=True, slots=True, kw_only=True)
class SkyOptions:
    def check(self) -> None:
        """Raise UsageError for a number out of its range, and for options that exclude one another."""


def draw_sun(options: SceneOptions, sky: SkyOptions, settled: Settled, seed: Seed, view: int) -> Sun:
    """Draw the sun of one view; each view may have a date of its own."""
    return Sun(elevation_deg=settled.sun_elevation, azimuth_deg=settled.sun_azimuth, energy=settled.sun_energy)
