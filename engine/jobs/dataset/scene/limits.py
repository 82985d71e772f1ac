"""Checks what a scene that somebody may have edited by hand must have beside numbers in their limits.

Errors name the place in the JSON, such as `$.piles[3].exposed_m`.
"""

import math
from collections.abc import Iterator
from dataclasses import fields, is_dataclass
from typing import Any

import numpy as np

from engine.jobs.dataset.options import MAX_SIDE_PX
from engine.jobs.dataset.scene.camera import SiteCamera
from engine.jobs.dataset.scene.description import (
    Asset,
    CloudShadows,
    Cover,
    GroundLook,
    GroundPicture,
    LimeLine,
    PlacedAsset,
    SiteScene,
    Sun,
    Terrain,
    Track,
)
from engine.jobs.dataset.scene.things import Distractor, Pile

Range = tuple[float, float]
MAX_NUMBER = 65535
"""Largest instance number that a picture can hold."""
MAX_TERRAIN_POINTS = 4097  # of a side
MAX_GAP_M = 0.05
"""How far `ground_m` may be off the terrain before it was forgotten rather than meant."""
MIN_OVER_GROUND_M = 2.0
ANY: Range = (-1e6, 1e6)
WORD: Range = (0, 2**32 - 1)
NAME: Range = (1, MAX_NUMBER)
COLOR: Range = (0, 100)
SLOPE: Range = (-3, 3)

LIMITS: dict[type, dict[str, Range]] = {
    SiteScene: {"seed": WORD, "effects_seed": (0, math.inf)},
    SiteCamera: {
        "width_px": (16, MAX_SIDE_PX),
        "height_px": (16, MAX_SIDE_PX),
        "sensor_px": (16, 8 * MAX_SIDE_PX),
        "left_px": (-8 * MAX_SIDE_PX, 8 * MAX_SIDE_PX),
        "top_px": (-8 * MAX_SIDE_PX, 8 * MAX_SIDE_PX),
        "height_m": (1, 2000),
        "field_of_view_deg": (1, 150),
        "yaw_deg": (-720, 720),
        "pitch_deg": (-89, 89),
        "roll_deg": (-720, 720),
        "strip_overlap": (0, 0.95),
    },
    Sun: {
        "elevation_deg": (1, 90),
        "azimuth_deg": (-360, 720),
        "energy": (0, 20),
        "overcast": (0, 1),
        "exposure_stops": (-5, 5),
        "latitude_deg": (-90, 90),
        "solar_hour": (0, 24),
    },
    CloudShadows: {"share": (0.001, 0.999), "depth": (0, 1), "size_m": (1, 10_000), "noise_seed": WORD},
    Terrain: {"size_m": (1, 10_000), "cell_m": (0.01, 100)},
    GroundLook: {
        "soil": (0, 1),
        "subsoil": (0, 1),
        "grass": (0, 1),
        "grass_share": (0, 1),
        "noise_seed": WORD,
        "second_share": (0, 1),
        "patch_m": (0.1, 1000),
    },
    Cover: {"color": (0, 1), "accent": (0, 1), "share": (0, 1), "contrast": (0, 10), "grain_m": (0.0001, 100)},
    GroundPicture: {"size_m": (0.1, 500), "shift_x": (0, 1), "shift_y": (0, 1)},
    Track: {"width_m": (0.01, 20), "gauge_m": (0, 20), "depth": (0, 1)},
    LimeLine: {"width_m": (0.005, 5), "strength": (0, 1)},
    Pile: {
        "exposed_m": (0.01, 20),
        "diameter_m": (0.01, 5),
        "base_diameter_m": (0, 20),
        "base_height_m": (0, 5),
        "flange_diameter_m": (0, 5),
        "width_m": (0, 5),
        "bars_m": (0, 5),
        "paint_m": (0, 20),
        "dirt_m": (0, 20),
        "rust": (0, 3),
        "tilt_x": (-1, 1),
        "tilt_y": (-1, 1),
        "shade": (0, 10),
        "foot_shade": (0, 10),
        "tint": COLOR,
        "number": NAME,
    },
    Distractor: {
        "slope_x": SLOPE,
        "slope_y": SLOPE,
        "scale": (0.01, 20),
        "shape_seed": WORD,
        "shade": (0, 10),
        "number": NAME,
        "tint": COLOR,
        "lift_m": (-20, 50),
    },
    Asset: {"scale": (1e-6, 1e6), "size_m": (0, 1000)},
    PlacedAsset: {
        "slope_x": SLOPE,
        "slope_y": SLOPE,
        "scale": (0.01, 20),
        "shade": (0, 10),
        "lift_m": (-20, 50),
        "number": NAME,
    },
}
"""Lowest and highest value of each number; ANY for those that are not named."""


def check_scene(scene: SiteScene) -> None:
    """Raise ValueError, in one line that begins with the place in the JSON, if it cannot be drawn."""
    check_terrain(scene.terrain)
    _check_numbers(scene, "$")
    for name in ("tracks", "lime_lines"):
        for place, line in enumerate(getattr(scene, name)):
            if len(line.points) < 2:
                raise ValueError(f"$.{name}[{place}].points: has {len(line.points)} points; a line has 2 or more")
    seen: dict[int, str] = {}
    for path, thing in things_of(scene):
        if thing.number in seen:
            raise ValueError(
                f"{path}.number: {thing.number} is that of {seen[thing.number]}, too; delete the number of a copy, and "
                "it is given a new one"
            )
        seen[thing.number] = path
        _check_place(path, thing, scene.terrain)
    names = [asset.name for asset in scene.assets]
    for place, name in enumerate(names):
        if name in names[:place]:
            raise ValueError(f"$.assets[{place}].name: {name} is there twice")
    for place, one in enumerate(scene.placed_assets):
        if one.asset not in names:
            raise ValueError(
                f"$.placed_assets[{place}].asset: {one.asset!r} is not one of $.assets: {', '.join(names)}"
            )
    camera = scene.camera
    under_m = _height(scene.terrain, camera.x_m, camera.y_m)
    if camera.height_m < under_m + MIN_OVER_GROUND_M:
        raise ValueError(
            f"$.camera.height_m: {camera.height_m:g} is not above the ground there, which is at {under_m:.2f}"
        )


def things_of(scene: SiteScene) -> Iterator[tuple[str, Pile | Distractor | PlacedAsset]]:
    """Everything that stands on the ground, with its place in the JSON."""
    for name in ("piles", "distractors", "placed_assets"):
        for place, thing in enumerate(getattr(scene, name)):
            yield f"$.{name}[{place}]", thing


def check_terrain(terrain: Terrain) -> None:
    """Raise ValueError for heights that are no square of numbers."""
    heights = terrain.heights_m
    if heights.dtype != np.float32 or heights.ndim != 2 or heights.shape[0] != heights.shape[1]:
        shape = "x".join(map(str, heights.shape))
        raise ValueError(f"$.terrain.heights_m: is {shape} {heights.dtype}, not a square of float32")
    if not 2 <= heights.shape[0] <= MAX_TERRAIN_POINTS:
        raise ValueError(f"$.terrain.heights_m: a side of {heights.shape[0]} is not 2 to {MAX_TERRAIN_POINTS}")
    if not (np.abs(heights) <= 5000).all():
        raise ValueError("$.terrain.heights_m: holds heights that are no numbers, or above 5000 m")


def _check_numbers(value: Any, path: str) -> None:
    limits = LIMITS.get(type(value), {})
    for each in fields(value):
        _check_value(getattr(value, each.name), f"{path}.{each.name}", limits.get(each.name, ANY))


def _check_value(value: Any, path: str, allowed: Range) -> None:
    if is_dataclass(value):
        _check_numbers(value, path)
    elif isinstance(value, tuple):
        for place, item in enumerate(value):
            _check_value(item, f"{path}[{place}]", allowed)
    elif isinstance(value, (int, float)) and not isinstance(value, bool) and not allowed[0] <= value <= allowed[1]:
        raise ValueError(f"{path}: {value:g} is not {allowed[0]:g} to {allowed[1]:g}")


def _check_place(path: str, thing: Pile | Distractor | PlacedAsset, terrain: Terrain) -> None:
    half_m = terrain.side_m / 2
    if max(abs(thing.x_m), abs(thing.y_m)) > half_m:
        raise ValueError(
            f"{path}: ({thing.x_m:g}, {thing.y_m:g}) is off the ground, which ends {half_m:.1f} m from 0, 0"
        )
    ground_m = _height(terrain, thing.x_m, thing.y_m)
    if abs(thing.ground_m - ground_m) > MAX_GAP_M:
        raise ValueError(
            f"{path}.ground_m: is {thing.ground_m:.3f}, but the ground there is at {ground_m:.3f}; write null to stand "
            "it on the ground"
        )


def _height(terrain: Terrain, x_m: float, y_m: float) -> float:
    return float(terrain.height_at(np.array([x_m]), np.array([y_m]))[0])
