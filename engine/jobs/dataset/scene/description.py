"""Data classes of a construction site seen from above, independent of rendering.

x points right in the picture (east), y up (north), z towards the camera. Metres and radians unless a name says
otherwise. The origin is the middle of the picture at the site's mean height.
"""

from dataclasses import dataclass

import numpy as np

from engine.jobs.dataset.scene.camera import SiteCamera
from engine.jobs.dataset.scene.things import Distractor, Pile


@dataclass(frozen=True, slots=True, kw_only=True)
class Sun:
    elevation_deg: float
    azimuth_deg: float
    """Clockwise from north."""
    energy: float

    @property
    def direction(self) -> np.ndarray:
        """Unit vector from the ground to the sun, (3,) float64."""
        elevation, azimuth = np.radians(self.elevation_deg), np.radians(self.azimuth_deg)
        flat = np.cos(elevation)
        return np.array([flat * np.sin(azimuth), flat * np.cos(azimuth), np.sin(elevation)])


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Terrain:
    """A square height field around the origin, larger than the site, so that no picture shows its edge."""

    size_m: float
    """Side of the site, which contains all things."""
    cell_m: float
    heights_m: np.ndarray
    """(n, n) float32: [0, 0] is the south-west corner, rows go north; the side is (n - 1) * cell_m."""

    @property
    def side_m(self) -> float:
        cells: int = self.heights_m.shape[0] - 1
        return cells * self.cell_m

    def height_at(self, x_m: np.ndarray, y_m: np.ndarray) -> np.ndarray:
        """Height of the drawn surface, same shape as x and y; clamped to the edge outside.

        Each cell is two triangles, split from its south-west to its north-east corner.
        """
        last = self.heights_m.shape[0] - 1
        column = np.clip((np.asarray(x_m, np.float64) + self.side_m / 2) / self.cell_m, 0, last)
        row = np.clip((np.asarray(y_m, np.float64) + self.side_m / 2) / self.cell_m, 0, last)
        i = np.minimum(column.astype(int), last - 1)
        j = np.minimum(row.astype(int), last - 1)
        u, v = column - i, row - j
        heights = self.heights_m
        south_west, north_east = heights[j, i], heights[j + 1, i + 1]
        corner = np.where(u >= v, heights[j, i + 1], heights[j + 1, i])
        along, across = np.minimum(u, v), np.abs(u - v)
        found: np.ndarray = south_west + (corner - south_west) * across + (north_east - south_west) * along
        return found

    def slope_at(self, x_m: np.ndarray, y_m: np.ndarray, over_m: float = 4.0) -> tuple[np.ndarray, np.ndarray]:
        """Rise per metre to the east and to the north, measured over `over_m` metres."""
        half = over_m / 2
        east = (self.height_at(x_m + half, y_m) - self.height_at(x_m - half, y_m)) / over_m
        north = (self.height_at(x_m, y_m + half) - self.height_at(x_m, y_m - half)) / over_m
        return east, north


@dataclass(frozen=True, slots=True, kw_only=True)
class GroundLook:
    """Colours are linear light, Rec. 709 primaries, 0..1."""

    soil: tuple[float, float, float]
    subsoil: tuple[float, float, float]
    """Exposed where the ground was dug or driven on, and on the slopes of terraces."""
    grass: tuple[float, float, float]
    grass_share: float
    """Share of the ground that grass covers, 0..1."""
    noise_seed: int
    """32 bits."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Track:
    """Tracks of a crawler: two bands of `width_m`, their centre lines `gauge_m` apart."""

    points: tuple[tuple[float, float], ...]
    """The centre line, metres."""
    width_m: float = 0.7
    gauge_m: float = 1.8
    depth: float = 1.0
    """Visibility, 0..1."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LimeLine:
    """A white line of lime strewn on the ground as a marking."""

    points: tuple[tuple[float, float], ...]
    width_m: float = 0.1
    strength: float = 1.0


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SiteScene:
    seed: int
    """Base seed + index."""
    camera: SiteCamera
    sun: Sun
    terrain: Terrain
    ground: GroundLook
    piles: tuple[Pile, ...]
    distractors: tuple[Distractor, ...]
    tracks: tuple[Track, ...]
    lime_lines: tuple[LimeLine, ...]
