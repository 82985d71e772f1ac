"""Layouts of recipe 2 as strips and roads."""

from dataclasses import replace

import numpy as np

from engine.jobs.dataset.scene.layout import SiteLayout, Strip
from engine.jobs.dataset.varied.built import OTHER_BLOCK, Field
from engine.jobs.dataset.varied.plots import FieldStyle

ROAD_MARGIN_M = 25.0
"""Length of a road beyond what the cameras see."""


def as_layout(planned: Field, chosen: np.ndarray, *, is_empty: bool) -> SiteLayout:
    """The chosen piles of the field as strips, one per row, with the roads in sight. `is_empty`: roads alone."""
    strips = [] if is_empty else _strips(planned, chosen)
    reach = planned.covers + np.array([[-ROAD_MARGIN_M], [ROAD_MARGIN_M]])
    roads = []
    for road in planned.roads_m:
        inside = ((road > reach[0]) & (road < reach[1])).all(axis=1)
        edges = np.flatnonzero(np.diff(np.concatenate([[False], inside, [False]]).astype(int)))
        roads += [road[begin:end] for begin, end in edges.reshape(-1, 2) if end - begin >= 2]
    clustered = planned.style is FieldStyle.TABLES and not is_empty
    used = np.unique(planned.blocks[chosen])
    centres = planned.centres_m[used[used < OTHER_BLOCK]] if clustered else np.empty((0, 2))
    return SiteLayout(strips=tuple(strips), roads_m=tuple(roads), centres_m=centres)


def _strips(planned: Field, chosen: np.ndarray) -> list[Strip]:
    index = np.flatnonzero(chosen)
    index = index[np.lexsort((planned.columns[index], planned.rows[index]))]
    ends = np.flatnonzero(np.diff(planned.rows[index])) + 1
    return [
        Strip(
            points_m=planned.points_m[row],
            columns=np.arange(len(row)),
            heading=float(planned.headings[row].mean()),
            axis_m=planned.points_m[row],
            cluster=int(planned.blocks[row[0]]),
        )
        for row in np.split(index, ends)
        if len(row)
    ]


def turned(layout: SiteLayout, angle: float, *, is_empty: bool) -> SiteLayout:
    """Turn a layout around the origin, counter-clockwise. `is_empty`: its roads alone."""
    cos, sin = np.cos(angle), np.sin(angle)

    def turn(points: np.ndarray) -> np.ndarray:
        x, y = points.T
        moved: np.ndarray = np.round(np.stack([cos * x - sin * y, sin * x + cos * y], axis=1), 4)
        return moved

    strips = () if is_empty else layout.strips
    return SiteLayout(
        strips=tuple(
            replace(strip, points_m=turn(strip.points_m), axis_m=turn(strip.axis_m), heading=strip.heading + angle)
            for strip in strips
        ),
        roads_m=tuple(map(turn, layout.roads_m)),
        centres_m=turn(layout.centres_m),
    )
