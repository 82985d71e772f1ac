"""Layout of recipe 2: rows of any direction that run over the picture's edge, with 0 to 768 piles
in a picture. A plan of rows, blocks and roads (field_plan.py) is built over the ground of the whole
sensor, as a crew would build it. It grows until the picture shows as many piles as were drawn. A
small window gets a random part with at least one pile."""

from dataclasses import dataclass, replace

import numpy as np

from engine.dataset.layout.field_plan import MIN_PITCH_M, Field, FieldRequest, plan_field
from engine.dataset.layout.rows_and_clusters import SiteLayout, Strip, lay_clusters, lay_rows
from engine.dataset.layout.settling import OF_CLUSTERS, Settled
from engine.dataset.layout.sight import (
    is_detail,
    is_in_picture,
    terrain_under,
    visible_m2,
    whole_sensor,
)
from engine.dataset.options import SceneOptions, option_name
from engine.dataset.scene.camera import SiteCamera
from engine.dataset.scene.description import Terrain
from engine.dataset.scene.streams import Seed, stream
from engine.errors import UsageError
from engine.jobs.kit import Span, check_number, check_span, interpolate, option, parse_span

ROAD_MARGIN_M = 25.0  # length of a road beyond what the cameras see
EMPTY_FRACTION = 0.1
PILES: Span = (14, 768)  # fewest and most piles of a real picture
PILES_SKEW = (
    1.4435  # exponent for a uniform number; the mean of PILES becomes that of real pictures, 322.7
)
# ground around the pictures that is built, too: its posts and their shadows lean into the picture
MARGIN_M = 8.0
# margin of a window, as a share of its size, where the pile that it must show does not stand
EDGE_FRACTION = 0.08
MAX_PILES = 30_000  # limit for a whole scene; Blender numbers 32767 things
_COUNTED = ("num_rows", "piles_per_row", *OF_CLUSTERS)
"""Options that fix the layout of recipe 1, which recipe 2 turns in any direction."""


def to_layout(planned: Field, chosen: np.ndarray, covers: np.ndarray) -> SiteLayout:
    """Turn the chosen piles of a field into strips, one per row, with the roads in sight. `covers`:
    of FieldRequest."""
    roads = []
    for road in planned.roads_m:
        inside = ((road > covers[0] - ROAD_MARGIN_M) & (road < covers[1] + ROAD_MARGIN_M)).all(
            axis=1
        )
        edges = np.flatnonzero(np.diff(inside, prepend=False, append=False))
        roads += [road[begin:end] for begin, end in edges.reshape(-1, 2) if end - begin >= 2]
    index = np.flatnonzero(chosen)
    index = index[np.lexsort((planned.columns[index], planned.rows[index]))]
    ends = np.flatnonzero(np.diff(planned.rows[index])) + 1
    strips = tuple(
        Strip(
            points_m=planned.points_m[row],
            columns=np.arange(len(row)),
            heading=float(planned.headings[row].mean()),
            axis_m=planned.points_m[row],
            cluster=int(planned.blocks[row[0]]),
        )
        for row in np.split(index, ends)
        if len(row)
    )
    return SiteLayout(strips=strips, roads_m=tuple(roads))


def rotate_layout(layout: SiteLayout, angle: float) -> SiteLayout:
    """Turn a layout around the origin, counter-clockwise."""
    cos, sin = np.cos(angle), np.sin(angle)

    def turn(points: np.ndarray) -> np.ndarray:
        x, y = points.T
        return np.round(np.stack([cos * x - sin * y, sin * x + cos * y], axis=1), 4)

    return SiteLayout(
        strips=tuple(
            replace(
                strip,
                points_m=turn(strip.points_m),
                axis_m=turn(strip.axis_m),
                heading=strip.heading + angle,
            )
            for strip in layout.strips
        ),
        roads_m=tuple(map(turn, layout.roads_m)),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class FieldOptions:
    empty_share: float | None = option(
        None, "Share of pictures without any pile. (default: 0.1)", metavar="0..1"
    )
    piles: Span | None = option(
        None,
        "Piles that a full picture shows, as many as fit. (default: 14..768, mean 323)",
        metavar="N",
        parse=parse_span,
    )

    def check(self) -> None:
        """Raise UsageError for a number out of its range."""
        if self.empty_share is not None:
            check_number("--empty-share", self.empty_share, 0, 1)
        check_span("--piles", self.piles, 0, MAX_PILES)
        if self.empty_share == 1 and self.piles is not None and self.piles[1] > 0:
            raise UsageError(
                "--piles: no picture has piles with --empty-share 1; leave one of them out"
            )


def lay_field(
    options: SceneOptions,
    field: FieldOptions,
    settled: Settled,
    terrain: Terrain,
    cameras: tuple[SiteCamera, ...],
    seed: Seed,
    *,
    min_pitch_m: float = MIN_PITCH_M,
    views: tuple[SiteCamera, ...] | None = None,
) -> SiteLayout:
    """Lay lines of piles over the ground that the cameras see, `min_pitch_m` apart. UsageError for
    options that exclude one another. `views`: the cameras with all that their lens may show."""
    counted = [name for name in _COUNTED if getattr(options, name) is not None]
    if counted and field.piles is not None:
        raise UsageError(
            f"--piles: {option_name(counted[0])} fixes the number of piles already; leave one of "
            "them out"
        )
    default = 0.0 if counted else EMPTY_FRACTION
    empty_fraction = default if field.empty_share is None else field.empty_share
    is_empty = bool(stream(seed, "field empty").random() < empty_fraction)
    if counted:
        layout = (
            lay_clusters(settled, terrain, seed)
            if settled.use_clusters
            else lay_rows(settled, seed)
        )
        layout = rotate_layout(layout, float(stream(seed, "field turn").uniform(0, 2 * np.pi)))
        return replace(layout, strips=()) if is_empty else layout
    target_count = _target_count(field, seed)
    fullest = tuple(whole_sensor(camera) for camera in cameras)
    request = FieldRequest(
        target_count=target_count,
        cameras=fullest,
        terrain=terrain,
        seed=seed,
        min_pitch_m=min_pitch_m,
        row_spacing=options.row_spacing,
        use_clusters=options.use_clusters,
    )
    planned = plan_field(request)
    if field.piles is not None and planned.visible_piles < field.piles[0] and not is_empty:
        raise UsageError(
            f"--piles {field.piles[0]:g}: {planned.visible_piles:.0f} piles fit in a picture of "
            f"{visible_m2(fullest[0]):.0f} m2 with this plan; give fewer, or a greater --altitude"
        )
    if is_detail(cameras[0]) and len(planned.points_m):
        planned = planned.shifted(_onto_window(planned, cameras[0], request))
    layout = to_layout(planned, _near(planned, views or cameras, terrain), request.covers)
    return replace(layout, strips=()) if is_empty or target_count == 0 else layout


def _target_count(field: FieldOptions, seed: Seed) -> int:
    roll = float(stream(seed, "field piles").random())
    if field.piles is None:
        return round(interpolate(PILES, roll**PILES_SKEW))
    low, high = field.piles
    return min(int(low + (high - low + 1) * roll), int(high))


def _onto_window(planned: Field, camera: SiteCamera, request: FieldRequest) -> np.ndarray:
    """(2,) metres from a random pile of the full picture to a random point in the window."""
    which, column, row = stream(request.seed, "field window").random(3)
    points = planned.points_m
    visible = np.flatnonzero(is_in_picture(request.cameras[0], request.terrain.on_surface(points)))
    chosen = visible[int(which * len(visible))] if len(visible) else int(which * len(points))
    inner = EDGE_FRACTION + (1 - 2 * EDGE_FRACTION) * np.array([column, row])
    pixel = (float(inner[0] * camera.width_px), float(inner[1] * camera.height_px))
    return np.asarray(terrain_under(camera, pixel, request.terrain) - points[chosen])


def _near(planned: Field, cameras: tuple[SiteCamera, ...], terrain: Terrain) -> np.ndarray:
    """(n,) bool: True for piles in or near one of the pictures."""
    grounded = terrain.on_surface(planned.points_m)
    near = np.zeros(len(grounded), bool)
    for camera in cameras:
        near |= is_in_picture(camera, grounded, MARGIN_M)
    return near & (np.cumsum(near) <= MAX_PILES)
