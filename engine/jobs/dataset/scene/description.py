"""A construction site seen from above, as values: what stands where, and nothing of how it is drawn.

x points right in the picture (east), y up (north), z towards the camera; metres and radians unless a name says
otherwise. The origin lies in the middle of the picture at the site's mean height.
"""

from dataclasses import dataclass
from enum import StrEnum

import numpy as np

CAMERA_HEIGHT_M = 100.0
FIELD_OF_VIEW_DEG = 90.0  # across the width


class PileKind(StrEnum):
    PHC = "phc"
    """Prestressed concrete tube, 300, 400 or 500 mm."""
    SPIRAL_STEEL = "spiral_steel"
    """Screwed in, 76 to 159 mm, with a flange of 220 mm on top."""
    CAST_IN_PLACE = "cast_in_place"
    """Concrete of 300 mm."""


class DistractorKind(StrEnum):
    BAG = "bag"
    EXCAVATOR = "excavator"
    LOADER = "loader"
    ROLLER = "roller"
    DEBRIS = "debris"
    """A broken piece of concrete."""
    REBAR = "rebar"
    """A bundle of bars, along its own x."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Camera:
    """Looks straight down from (0, 0, height_m), north at the top. A pinhole: no lens error."""

    width_px: int
    height_px: int
    height_m: float = CAMERA_HEIGHT_M
    field_of_view_deg: float = FIELD_OF_VIEW_DEG

    @property
    def focal_px(self) -> float:
        return self.width_px / 2 / float(np.tan(np.radians(self.field_of_view_deg) / 2))

    def pixel_of(self, points: np.ndarray) -> np.ndarray:
        """(n, 3) metres -> (n, 2) pixels: column and row of the picture, whose top left corner is (0, 0)."""
        scale = self.focal_px / (self.height_m - points[:, 2])
        column = self.width_px / 2 + points[:, 0] * scale
        row = self.height_px / 2 - points[:, 1] * scale
        return np.stack([column, row], axis=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Sun:
    elevation_deg: float
    azimuth_deg: float
    """From north, clockwise."""
    energy: float

    @property
    def direction(self) -> np.ndarray:
        """(3,) float64, unit: from the ground to the sun."""
        elevation, azimuth = np.radians(self.elevation_deg), np.radians(self.azimuth_deg)
        flat = np.cos(elevation)
        return np.array([flat * np.sin(azimuth), flat * np.cos(azimuth), np.sin(elevation)])


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Terrain:
    """A square height field around the origin. It reaches further than the site, so that no picture sees its edge."""

    size_m: float
    """Side of the site, inside which everything stands."""
    cell_m: float
    heights_m: np.ndarray
    """(n, n) float32: [0, 0] is the south-west corner, rows go north; the side is (n - 1) * cell_m."""

    @property
    def side_m(self) -> float:
        return (self.heights_m.shape[0] - 1) * self.cell_m

    def height_at(self, x_m: np.ndarray, y_m: np.ndarray) -> np.ndarray:
        """Of the surface as it is drawn: each cell is two triangles, parted from its south-west to its north-east
        corner. Same shape as x and y; outside it is that of the edge."""
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
        return south_west + (corner - south_west) * across + (north_east - south_west) * along

    def slope_at(self, x_m: np.ndarray, y_m: np.ndarray, over_m: float = 4.0) -> tuple[np.ndarray, np.ndarray]:
        """Rise a metre to the east and to the north, taken over so many metres."""
        half = over_m / 2
        east = (self.height_at(x_m + half, y_m) - self.height_at(x_m - half, y_m)) / over_m
        north = (self.height_at(x_m, y_m + half) - self.height_at(x_m, y_m - half)) / over_m
        return east, north


@dataclass(frozen=True, slots=True, kw_only=True)
class GroundLook:
    """Colours are linear light, Rec. 709 primaries, 0..1."""

    soil: tuple[float, float, float]
    subsoil: tuple[float, float, float]
    """What shows where it was dug, driven on, or where the terraces fall."""
    grass: tuple[float, float, float]
    grass_share: float
    """0..1 of the ground that it covers."""
    noise_seed: int
    """32 bits."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pile:
    """One foundation pile: post, base, hoop and flange are one instance, numbered from 1 in the order of the scene."""

    kind: PileKind
    x_m: float
    y_m: float
    ground_m: float
    """z of the ground at its axis."""
    exposed_m: float
    """From there to the top, along z."""
    diameter_m: float
    base_diameter_m: float
    """The collar of concrete or spoil around its foot."""
    base_height_m: float
    flange_diameter_m: float = 0.0
    """0: none."""
    has_hoop: bool = False
    """The steel ring around a PHC pile's head."""
    is_cracked: bool = False
    rust: int = 0
    """0 bright, 1 spotted, 2 brown, 3 flaking; of steel."""
    tilt_x: float = 0.0
    """Radians that the axis leans to the east."""
    tilt_y: float = 0.0
    """To the north."""
    turn: float = 0.0
    """Radians around its axis."""
    shade: float = 1.0
    """Factor of its material's brightness."""
    table: int = 0
    """Which piles carry one table: their tops lie in one plane."""

    @property
    def top_m(self) -> float:
        return self.ground_m + self.exposed_m


@dataclass(frozen=True, slots=True, kw_only=True)
class Distractor:
    """What must not be taken for a pile: no instance, no label. It stands on the ground and leans with it."""

    kind: DistractorKind
    x_m: float
    y_m: float
    ground_m: float
    turn: float
    """Radians around its own z, counter-clockwise from above."""
    slope_x: float = 0.0
    """Rise of the ground under it, a metre to the east."""
    slope_y: float = 0.0
    scale: float = 1.0
    shape_seed: int = 0
    """32 bits; of what is never twice the same, as debris."""
    shade: float = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Track:
    """Where a crawler has driven: two bands of `width_m`, their middles `gauge_m` apart."""

    points: tuple[tuple[float, float], ...]
    """Of the middle, metres."""
    width_m: float = 0.7
    gauge_m: float = 1.8
    depth: float = 1.0
    """0..1, how much of it shows."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LimeLine:
    """A white line strewn on the ground to mark it out."""

    points: tuple[tuple[float, float], ...]
    width_m: float = 0.1
    strength: float = 1.0


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Scene:
    seed: int
    """Base seed + index."""
    camera: Camera
    sun: Sun
    terrain: Terrain
    ground: GroundLook
    piles: tuple[Pile, ...]
    distractors: tuple[Distractor, ...]
    tracks: tuple[Track, ...]
    lime_lines: tuple[LimeLine, ...]
