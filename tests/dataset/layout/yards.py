"""Small yards to scatter things over: rolling ground, and piles on a lattice."""

from dataclasses import replace
from functools import cache

import numpy as np

from engine.dataset.layout.clutter import ClutterOptions, place_clutter
from engine.dataset.layout.placer import PiledSite
from engine.dataset.layout.rows_and_clusters import SiteLayout, Strip
from engine.dataset.options import SceneOptions
from engine.dataset.scene.camera import SiteCamera
from engine.dataset.scene.description import SiteScene, Sun, Terrain
from engine.dataset.scene.things import Distractor, Pile, PileKind
from engine.jobs.kit import Span
from tests.dataset.geometry.sites import site

PITCH_M = 4.0
ROAD = np.array([(-40.0, -2.0), (40.0, 2.0)])


@cache
def rolling(side_m: int = 260) -> Terrain:
    along = np.arange(2 * side_m + 1) * 0.5 - side_m / 2
    x, y = along[None, :], along[:, None]
    heights = 0.4 * np.sin(x / 9) * np.cos(y / 7) + 0.03 * np.sin(x * 1.3 + y) + 0.04 * x
    return Terrain(size_m=200.0, cell_m=0.5, heights_m=heights.astype(np.float32))


def lattice(rows: int, columns: int) -> tuple[Pile, ...]:
    """Piles 4 m apart, numbered from 1; one table a row."""
    piles = []
    for row in range(rows):
        for column in range(columns):
            x, y = (column - (columns - 1) / 2) * PITCH_M, (row - (rows - 1) / 2) * PITCH_M + 0.5
            piles.append(
                Pile(
                    kind=PileKind.PHC,
                    x_m=x,
                    y_m=y,
                    ground_m=float(rolling().height_at(np.float64(x), np.float64(y))),
                    exposed_m=0.6,
                    diameter_m=0.4,
                    base_diameter_m=0.8,
                    base_height_m=0.08,
                    table=row,
                    number=len(piles) + 1,
                )
            )
    return tuple(piles)


@cache
def scatter(
    seed: int,
    piles: tuple[Pile, ...] = (),
    half_m: float = 30.0,
    *,
    hidden: float | Span | None = 0.0,
    clutter: float = 1.0,
    confusers: tuple[str, ...] | None = None,
    **scene_options: int,
) -> tuple[Distractor, ...]:
    corners = np.array([(-half_m, half_m), (half_m, half_m), (half_m, -half_m), (-half_m, -half_m)])
    strips = []
    for table in sorted({pile.table for pile in piles}):
        row = np.array([(pile.x_m, pile.y_m) for pile in piles if pile.table == table])
        strips.append(Strip(points_m=row, columns=np.arange(len(row)), heading=0.0, axis_m=row))
    layout = SiteLayout(strips=tuple(strips), roads_m=(ROAD,))
    hidden_share = (hidden, hidden) if isinstance(hidden, float) else hidden
    options = SceneOptions(**scene_options)  # type: ignore[arg-type]
    own = ClutterOptions(clutter=clutter, hidden_share=hidden_share, confusers=confusers)
    site = PiledSite(
        terrain=rolling(), layout=layout, piles=piles, views_m=corners[None], seed=(seed, 0)
    )
    return place_clutter(options, own, site)


def seen(
    piles: tuple[Pile, ...], things: tuple[Distractor, ...], half_m: float = 17.0
) -> SiteScene:
    """A scene seen straight down from so high up that nothing leans."""
    height_m = 400.0
    field_deg = 2 * float(np.degrees(np.arctan(half_m / height_m)))
    camera = SiteCamera(width_px=240, height_px=240, height_m=height_m, field_of_view_deg=field_deg)
    return replace(
        site(piles, things, rolling(80)),
        camera=camera,
        sun=Sun(elevation_deg=40, azimuth_deg=140, energy=2),
    )
