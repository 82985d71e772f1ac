"""Finds free positions for things on a site, and stands them on the ground."""

from dataclasses import asdict, dataclass, replace

import numpy as np

from engine.dataset.layout.habits import HABITS, Habit
from engine.dataset.layout.rows_and_clusters import SiteLayout
from engine.dataset.layout.settling import Site
from engine.dataset.scene.description import Terrain
from engine.dataset.scene.streams import Seed, stream
from engine.dataset.scene.things import Distractor, DistractorKind, Pile
from engine.errors import UsageError

CELL_M = 1.0
REACH_M = 8.0  # upper limit of the stored distances; larger than any thing needs
BEYOND_M = 4.0  # things stand up to this far beyond the pictures' edges and reach into them
APART_M = 0.3  # minimum distance between two footprints
TRIES = 60  # random positions tried for each thing
UNEVEN_M = (
    0.08  # by how much the ground under a thing may leave a plane, plus a tenth of its radius
)
FLAT_UNEVEN_M = 0.07
SUNK_M = 0.03  # how deep every model that leans with the ground reaches into it, at least
_SLOPE_POINTS = np.array([(0, 0), (1, 0), (-1, 0), (0, 1), (0, -1)], np.float64)
_AROUND = np.linspace(0, 2 * np.pi, 10, endpoint=False)
_RIM = np.stack([np.cos(_AROUND), np.sin(_AROUND)], axis=1)
_RIM_POINTS = np.concatenate([0.5 * _RIM, 0.95 * _RIM])


class Clearance:
    """Tracks which ground is free: one random point per cell of a lattice over the site. Occupied
    areas are discs."""

    def __init__(self, site: Site, draw: np.random.Generator) -> None:
        self._columns = max(int(site.width_m / CELL_M), 1)
        self._rows = max(int(site.depth_m / CELL_M), 1)
        shape = (self._rows * self._columns, 2)
        row, column = np.divmod(np.arange(shape[0]), self._columns)
        self._corner = np.array([-self._columns, -self._rows]) * CELL_M / 2
        self.points_m = (
            self._corner + (np.stack([column, row], axis=1) + draw.random(shape)) * CELL_M
        )  # (n, 2)
        self.room_m = np.full(shape[0], REACH_M)
        """(n,) distance from each point to the nearest disc's edge, at most REACH_M; negative
        inside a disc."""

    def cells(self, points_m: np.ndarray) -> np.ndarray:
        """Index, (n,), of the lattice's cell that holds each point, (n, 2); the nearest one outside
        the site."""
        cell = np.floor((points_m - self._corner) / CELL_M).astype(int)
        column, row = np.clip(cell, 0, (self._columns - 1, self._rows - 1)).T
        return np.asarray(row * self._columns + column)

    def take(self, middles_m: np.ndarray, radius_m: float) -> None:
        """Mark discs of one radius as occupied; middles: (k, 2)."""
        steps = np.arange(
            -int(np.ceil((REACH_M + radius_m) / CELL_M)),
            int(np.ceil((REACH_M + radius_m) / CELL_M)) + 1,
        )
        cell = np.floor((middles_m - self._corner) / CELL_M).astype(int)
        column = cell[:, 0, None, None] + steps[None, None, :]  # (k, 1, steps)
        row = cell[:, 1, None, None] + steps[None, :, None]  # (k, steps, 1)
        inside = (column >= 0) & (column < self._columns) & (row >= 0) & (row < self._rows)
        index = (row * self._columns + column)[inside]
        middle = np.broadcast_to(np.arange(len(middles_m))[:, None, None], inside.shape)[inside]
        away = self.points_m[index] - middles_m[middle]
        np.minimum.at(self.room_m, index, np.sqrt((away * away).sum(axis=1)) - radius_m)


@dataclass(frozen=True, slots=True, kw_only=True)
class Seat:
    """Where and how a thing stands: fields of Distractor and PlacedAsset with the same names."""

    x_m: float
    y_m: float
    ground_m: float
    slope_x: float
    slope_y: float
    lift_m: float


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class PiledSite:
    terrain: Terrain
    layout: SiteLayout
    piles: tuple[Pile, ...]
    views_m: np.ndarray  # (views, 4, 2) corners of what the views show, of `corners_of_views`
    seed: Seed

    @property
    def half_m(self) -> float:
        """Half the side of the square around the origin that holds all views."""
        return float(np.abs(self.views_m).max())

    @property
    def piles_m(self) -> np.ndarray:
        return np.array([(pile.x_m, pile.y_m) for pile in self.piles]).reshape(-1, 2)

    @property
    def heading(self) -> float | None:
        """Direction of its first row; None without piles."""
        return self.layout.strips[0].heading if self.layout.strips else None


class Placer:
    """Tracks which ground is occupied. All positions are points of a lattice, one random point per
    cell of a metre."""

    def __init__(self, site: PiledSite) -> None:
        self.terrain = site.terrain
        self.piles_m = site.piles_m
        self.half_m = min(site.half_m + BEYOND_M, site.terrain.side_m / 2 - 1)
        square = Site(width_m=2 * self.half_m, depth_m=2 * self.half_m)
        self._things = Clearance(square, stream(site.seed, "clutter places"))
        self._from_piles = Clearance(square, stream(site.seed, "clutter places"))
        if len(self.piles_m):
            self._from_piles.take(self.piles_m, 0.0)

    def find(
        self,
        habit: Habit,
        scale: float,
        draw: np.random.Generator,
        near: np.ndarray | None = None,
        spread_m: float = 0.0,
    ) -> Seat | None:
        """A free position, random over the extent or around a point; None if none of some tries is
        free and level."""
        if near is None:
            chosen = draw.integers(0, len(self._things.points_m), TRIES)
        else:
            away = draw.random((TRIES, 2)) * 2 - 1
            chosen = self._things.cells(
                near + away * spread_m * np.linspace(0.5, 1.6, TRIES)[:, None]
            )
        radius_m = habit.footprint_m * scale
        is_free = self._things.room_m[chosen] >= radius_m + APART_M
        is_free &= self._from_piles.room_m[chosen] >= min(radius_m + habit.from_pile_m, 7.9)
        for point in chosen[is_free][:8]:
            x, y = self._things.points_m[point].tolist()
            seat = self.seat(x, y, radius_m, habit)
            if seat is not None:
                return seat
        return None

    def is_clear(self, points_m: np.ndarray, from_pile_m: float, from_thing_m: float) -> bool:
        """True if no pile is nearer than that to any of the points, (n, 2), and roughly nothing
        else is either."""
        if np.abs(points_m).max() > self.half_m:
            return False
        if len(self.piles_m):
            away = points_m[:, None] - self.piles_m[None]
            if float((away * away).sum(axis=2).min()) < from_pile_m**2:
                return False
        return bool((self._things.room_m[self._things.cells(points_m)] >= from_thing_m).all())

    def take(self, points_m: np.ndarray, radius_m: float) -> None:
        self._things.take(np.atleast_2d(points_m), radius_m)

    def seat(self, x: float, y: float, radius_m: float, habit: Habit) -> Seat | None:
        """How a thing stands there; None on ground that is too steep or too uneven for it."""
        half_m = float(np.clip(0.7 * radius_m, 0.5, 3.0))
        off = np.concatenate([_SLOPE_POINTS * half_m, _RIM_POINTS * radius_m])
        heights = self.terrain.height_at(x + off[:, 0], y + off[:, 1])
        ground_m, towards_east, towards_west, towards_north, towards_south = heights[:5].tolist()
        east = (towards_east - towards_west) / (2 * half_m)
        north = (towards_north - towards_south) / (2 * half_m)
        steep = float(np.hypot(east, north))
        if steep > habit.max_slope:
            return None
        if habit.is_upright:
            return Seat(
                x_m=x,
                y_m=y,
                ground_m=ground_m,
                slope_x=0.0,
                slope_y=0.0,
                lift_m=-min(0.25 * steep, 0.1),
            )
        gaps = heights[5:] - (ground_m + off[5:] @ (east, north))
        lowest = min(float(gaps.min()), 0.0)
        highest = max(float(gaps.max()), 0.0)
        if highest - lowest > (FLAT_UNEVEN_M if habit.is_flat else UNEVEN_M) + 0.1 * radius_m:
            return None
        lift_m = highest if habit.is_flat else min(lowest + SUNK_M, 0.0)
        return Seat(
            x_m=x,
            y_m=y,
            ground_m=ground_m,
            slope_x=east,
            slope_y=north,
            lift_m=lift_m + habit.lift_m,
        )


def stand(
    kind: DistractorKind,
    seat: Seat,
    draw: np.random.Generator,
    *,
    scale: float,
    turn: float | None = None,
    tint: tuple[float, float, float] | None = None,
    lift_m: float | None = None,
) -> Distractor:
    """Create a thing at this position, the rest of it random. Always draws the same count of random
    numbers."""
    own_turn, shade, color = draw.random(3).tolist()
    tints = HABITS[kind].tints
    return Distractor(
        kind=kind,
        **asdict(seat if lift_m is None else replace(seat, lift_m=lift_m)),
        turn=float(own_turn * 2 * np.pi) if turn is None else turn,
        scale=scale,
        shape_seed=int(draw.integers(2**32)),
        shade=0.8 + 0.35 * shade,
        tint=tints[int(color * len(tints))] if tint is None else tint,
    )


def require_all(option: str, things: str, requested_count: int, fit: int) -> None:
    """Raise UsageError if fewer things fit than were requested."""
    if fit < requested_count:
        raise UsageError(
            f"{option} {requested_count}: {fit} {things} fit between the piles of this site"
        )
