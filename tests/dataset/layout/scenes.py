"""Scenes that several tests use, and digests to compare them."""

import hashlib
from functools import cache

import numpy as np

from engine.dataset.layout.recipe_1 import describe_recipe_1
from engine.dataset.options import SceneOptions
from engine.dataset.scene.description import SiteScene, Terrain

SMALL = SceneOptions(width=1920, height=1080)


@cache
def scene(options: SceneOptions, seed: int) -> SiteScene:
    return describe_recipe_1(options, seed)


def plan(things) -> np.ndarray:
    """Positions of piles, (n, 2) metres."""
    return np.array([(thing.x_m, thing.y_m) for thing in things])


def nearest_m(points_m: np.ndarray) -> float:
    """The minimum distance of any two of (n, 2) points; infinity for fewer than two."""
    apart = points_m[:, None] - points_m[None]
    return float(
        np.min(
            np.hypot(*apart.transpose(2, 0, 1))[~np.eye(len(points_m), dtype=bool)], initial=np.inf
        )
    )


def digest(one: SiteScene) -> str:
    rest = (
        one.seed,
        one.camera,
        one.sun,
        one.ground,
        one.piles,
        one.distractors,
        one.tracks,
        one.lime_lines,
    )
    terrain = one.terrain
    return hashlib.sha256(
        repr((rest, terrain.size_m, terrain.cell_m)).encode() + terrain.heights_m.tobytes()
    ).hexdigest()


def terrain_of(rule, size_m: float = 240.0, cell_m: float = 0.5) -> Terrain:
    """A terrain with heights given by a function of x and y."""
    along = np.arange(int(size_m / cell_m) + 1) * cell_m - size_m / 2
    x, y = np.meshgrid(along, along)
    heights = np.broadcast_to(np.asarray(rule(x, y), np.float32), x.shape).copy()
    return Terrain(size_m=200.0, cell_m=cell_m, heights_m=heights)
