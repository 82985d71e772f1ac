"""Data classes of a construction site from above, with the limits of their numbers. x points right
in the picture (east), y up (north), z to the camera; metres and radians unless named; origin: the
picture's middle, mean height."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated, Literal

import numpy as np
from msgspec import Meta

from engine.dataset.scene.camera import SiteCamera
from engine.dataset.scene.things import (
    Distractor,
    Factor,
    InstanceNumber,
    Number,
    Pile,
    Points,
    Rgb,
    Slope,
    Uint32,
    UnitFloat,
)

UpAxis = Literal["y", "z"]
Side = Annotated[float, Meta(ge=0, le=1000)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Asset:
    """One model: a file, and how it is used."""

    name: str
    path: str
    sha256: (
        str  # hash of the file; with other files that it names (buffers, textures), of all of them
    )
    category: str  # its class in labels
    scale: Annotated[float, Meta(ge=1e-6, le=1e6)] = 1.0  # metres per unit of the file
    up: UpAxis = "y"  # the file's axis that points up
    size_m: tuple[Side, Side, Side]  # along its own x, its own y, and up, with the scale


@dataclass(frozen=True, slots=True, kw_only=True)
class PlacedAsset:
    """An asset on the site. Fields as in Distractor."""

    asset: str  # its name
    x_m: Number
    y_m: Number
    ground_m: Number
    turn: Number
    slope_x: Slope = 0.0
    slope_y: Slope = 0.0
    scale: Annotated[float, Meta(ge=0.01, le=20)] = 1.0
    shade: Factor = 1.0
    lift_m: Annotated[float, Meta(ge=-20, le=50)] = 0.0
    number: InstanceNumber = 0

    @property
    def label_attributes(self) -> dict[str, str | float]:
        return {"kind": self.asset}


@dataclass(frozen=True, slots=True, kw_only=True)
class Sun:
    elevation_deg: Annotated[float, Meta(ge=1, le=90)]
    azimuth_deg: Annotated[float, Meta(ge=-360, le=720)]  # clockwise from north
    energy: Annotated[float, Meta(ge=0, le=20)]
    # share of its light that clouds scatter: 0 in a clear sky; with 1 nothing casts a shadow
    overcast: UnitFloat = 0.0
    clouds: "CloudShadows | None" = None
    exposure_stops: Annotated[float, Meta(ge=-5, le=5)] = (
        0.0  # error of the metering: 1 is one stop brighter
    )
    latitude_deg: Annotated[float, Meta(ge=-90, le=90)] | None = None
    """Place, day and time that the sun stands for, if it was found by them."""
    date: str = ""  # YYYY-MM-DD
    solar_hour: Annotated[float, Meta(ge=0, le=24)] | None = (
        None  # local solar time: 12 when the sun is highest
    )

    @property
    def direction(self) -> np.ndarray:
        """Unit vector from the ground to the sun, (3,) float64."""
        elevation = np.radians(self.elevation_deg)
        azimuth = np.radians(self.azimuth_deg)
        flat = np.cos(elevation)
        return np.array([flat * np.sin(azimuth), flat * np.cos(azimuth), np.sin(elevation)])


@dataclass(frozen=True, slots=True, kw_only=True)
class CloudShadows:
    """Shadows of single clouds on the ground, soft and tens of metres wide."""

    share: Annotated[float, Meta(ge=0.001, le=0.999)]  # share of the ground in shadow, 0..1
    depth: UnitFloat  # share of the sun's light that is missing in their middle, 0..1
    size_m: Annotated[float, Meta(ge=1, le=10_000)]  # from one cloud to the next
    noise_seed: Uint32  # 32 bits


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Terrain:
    """A square height field around the origin, larger than the site, so that no picture shows its
    edge."""

    size_m: Annotated[float, Meta(ge=1, le=10_000)]  # side of the site, which contains all things
    cell_m: Annotated[float, Meta(ge=0.01, le=100)]
    # (n, n) float32: [0, 0] is the south-west corner, rows go north; the side is (n - 1) cells
    heights_m: np.ndarray

    @property
    def side_m(self) -> float:
        cells: int = self.heights_m.shape[0] - 1
        return cells * self.cell_m

    def height_at(self, x_m: np.ndarray, y_m: np.ndarray) -> np.ndarray:
        """Height of the drawn surface, shaped as x and y, clamped to the edge; cells are split to
        the north-east."""
        last = self.heights_m.shape[0] - 1
        column = np.clip((np.asarray(x_m, np.float64) + self.side_m / 2) / self.cell_m, 0, last)
        row = np.clip((np.asarray(y_m, np.float64) + self.side_m / 2) / self.cell_m, 0, last)
        i = np.minimum(column.astype(int), last - 1)
        j = np.minimum(row.astype(int), last - 1)
        u, v = column - i, row - j
        heights = self.heights_m
        south_west = heights[j, i]
        north_east = heights[j + 1, i + 1]
        corner = np.where(u >= v, heights[j, i + 1], heights[j + 1, i])
        along, across = np.minimum(u, v), np.abs(u - v)
        found: np.ndarray = (
            south_west + (corner - south_west) * across + (north_east - south_west) * along
        )
        return found

    def on_surface(self, points_m: np.ndarray) -> np.ndarray:
        """Points on the terrain, (n, 3), from their x and y, (n, 2)."""
        return np.column_stack([points_m, self.height_at(points_m[:, 0], points_m[:, 1])])

    def slope_at(
        self, x_m: np.ndarray, y_m: np.ndarray, over_m: float = 4.0
    ) -> tuple[np.ndarray, np.ndarray]:
        """Rise per metre to the east and to the north, measured over `over_m` metres."""
        half = over_m / 2
        east = (self.height_at(x_m + half, y_m) - self.height_at(x_m - half, y_m)) / over_m
        north = (self.height_at(x_m, y_m + half) - self.height_at(x_m, y_m - half)) / over_m
        return east, north


class CoverKind(StrEnum):
    """Materials that may cover the ground in recipe 2."""

    GRAVEL = "gravel"
    SAND = "sand"
    LOESS = "loess"
    RED_EARTH = "red-earth"
    WET_EARTH = "wet-earth"
    STRAW = "straw"
    STUBBLE = "stubble"
    GRASS = "grass"
    SNOW = "snow"
    ASPHALT = "asphalt"
    RUBBLE = "rubble"
    PICTURE = "picture"  # a picture of the user's


@dataclass(frozen=True, slots=True, kw_only=True)
class Cover:
    """One look of the ground in recipe 2, such as gravel. Colours as in GroundLook."""

    kind: CoverKind
    color: Rgb
    accent: Rgb  # its second colour: dust between stones, dry blades, muddy water, ..
    # amount of its own feature, 0..1: stalks, puddles, ripples, bare spots in snow, ..
    share: UnitFloat
    contrast: Factor  # factor for the differences of brightness within it; 1 is usual
    grain_m: Annotated[float, Meta(ge=0.0001, le=100)]  # size of its stones, tufts or rows
    heading: Number  # direction of its stalks, rows or ripples, in radians from east


@dataclass(frozen=True, slots=True, kw_only=True)
class GroundPicture:
    """A picture of the user's that is tiled over the ground."""

    path: str
    sha256: str
    size_m: Annotated[float, Meta(ge=0.1, le=500)]  # metres across its width
    turn: Number = 0.0  # radians, counter-clockwise
    shift_x: UnitFloat = 0.0  # shares of its size, 0..1
    shift_y: UnitFloat = 0.0

    def __str__(self) -> str:
        return f"{self.path},{self.size_m:g}"


@dataclass(frozen=True, slots=True, kw_only=True)
class GroundLook:
    """How the ground looks. Colours are linear light, Rec. 709 primaries, 0..1."""

    soil: Rgb  # in recipe 2 the colour of the first cover
    subsoil: Rgb  # exposed where the ground was dug or driven on, and on the slopes of terraces
    grass: Rgb
    grass_share: UnitFloat  # share of the ground that grass covers, 0..1
    noise_seed: Uint32  # 32 bits
    covers: tuple[
        Cover, ...
    ] = ()  # recipe 2: one look, or two in patches; recipe 1: none: bare earth with grass
    second_share: UnitFloat = 0.0  # share of the ground under the second cover, 0..1
    patch_m: Annotated[float, Meta(ge=0.1, le=1000)] = (
        20.0  # from one patch of the second cover to the next
    )
    picture: GroundPicture | None = None  # replaces the first cover's colours

    @property
    def cover(self) -> str:
        """Names of the covers: `gravel`, `snow+grass`, `picture`; "" in recipe 1."""
        return "+".join(cover.kind for cover in self.covers)


@dataclass(frozen=True, slots=True, kw_only=True)
class Track:
    """Tracks of a crawler: two bands of `width_m`, their centre lines `gauge_m` apart."""

    points: Points  # the centre line, metres
    width_m: Annotated[float, Meta(ge=0.01, le=20)] = 0.7
    gauge_m: Annotated[float, Meta(ge=0, le=20)] = 1.8
    depth: UnitFloat = 1.0  # visibility, 0..1


@dataclass(frozen=True, slots=True, kw_only=True)
class LimeLine:
    """A white line of lime strewn on the ground as a marking."""

    points: Points
    width_m: Annotated[float, Meta(ge=0.005, le=5)] = 0.1
    strength: UnitFloat = 1.0


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SiteScene:
    seed: Uint32  # base seed + index
    camera: SiteCamera
    sun: Sun
    terrain: Terrain
    ground: GroundLook
    piles: tuple[Pile, ...]
    distractors: tuple[Distractor, ...]
    tracks: tuple[Track, ...]
    lime_lines: tuple[LimeLine, ...]
    assets: tuple[Asset, ...] = ()  # models of the user's that stand in the scene
    placed_assets: tuple[PlacedAsset, ...] = ()
    effects_seed: tuple[Annotated[int, Meta(ge=0)], ...] = ()
    """Seed of the camera's effects: base seed, scene, view. (): that of the picture that is made of
    it."""
