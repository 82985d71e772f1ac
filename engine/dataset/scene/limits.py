"""Checks of a scene that may have been edited by hand, beyond the limits of its numbers.

Errors name the path in the JSON, such as `$.piles[3].exposed_m`.
"""

import numpy as np

from engine.dataset.scene.camera import SiteCamera
from engine.dataset.scene.description import PlacedAsset, SiteScene, Terrain
from engine.dataset.scene.things import Distractor, Pile

MAX_TERRAIN_POINTS = 4097  # of a side
MAX_GAP_M = 0.05  # how far `ground_m` may be off the terrain before it counts as a mistake
MIN_OVER_GROUND_M = 2.0


def check_scene(scene: SiteScene) -> None:
    """Raise ValueError, in one line that begins with the path in the JSON, if it cannot be
    drawn."""
    check_terrain(scene.terrain)
    for name in ("tracks", "lime_lines"):
        for index, line in enumerate(getattr(scene, name)):
            if len(line.points) < 2:
                raise ValueError(
                    f"$.{name}[{index}].points: has {len(line.points)} points; a line has 2 or more"
                )
    seen: dict[int, str] = {}
    lists = {name: getattr(scene, name) for name in ("piles", "distractors", "placed_assets")}
    things = [
        (f"$.{name}[{index}]", thing)
        for name, each in lists.items()
        for index, thing in enumerate(each)
    ]
    for (path, thing), ground_m in zip(
        things, _heights(scene.terrain, [each for _, each in things]), strict=True
    ):
        if thing.number in seen:
            raise ValueError(
                f"{path}.number: {thing.number} is that of {seen[thing.number]}, too; delete the "
                "number of a copy, and "
                "it is given a new one"
            )
        seen[thing.number] = path
        _check_position(path, thing, scene.terrain.side_m / 2, ground_m)
    names = [asset.name for asset in scene.assets]
    for index, name in enumerate(names):
        if name in names[:index]:
            raise ValueError(f"$.assets[{index}].name: {name} is there twice")
    for index, one in enumerate(scene.placed_assets):
        if one.asset not in names:
            raise ValueError(
                f"$.placed_assets[{index}].asset: {one.asset!r} is not one of $.assets: "
                f"{', '.join(names)}"
            )
    camera = scene.camera
    (under_m,) = _heights(scene.terrain, [camera])
    if camera.height_m < under_m + MIN_OVER_GROUND_M:
        raise ValueError(
            f"$.camera.height_m: {camera.height_m:g} is not above the ground there, which is at "
            f"{under_m:.2f}"
        )


def check_terrain(terrain: Terrain) -> None:
    """Raise ValueError for heights that are not a square array of numbers."""
    heights = terrain.heights_m
    if heights.dtype != np.float32 or heights.ndim != 2 or heights.shape[0] != heights.shape[1]:
        shape = "x".join(map(str, heights.shape))
        raise ValueError(
            f"$.terrain.heights_m: is {shape} {heights.dtype}, not a square of float32"
        )
    if not 2 <= heights.shape[0] <= MAX_TERRAIN_POINTS:
        raise ValueError(
            f"$.terrain.heights_m: a side of {heights.shape[0]} is not 2 to {MAX_TERRAIN_POINTS}"
        )
    if not (np.abs(heights) <= 5000).all():
        raise ValueError("$.terrain.heights_m: holds heights that are no numbers, or above 5000 m")


def _check_position(
    path: str, thing: Pile | Distractor | PlacedAsset, half_m: float, ground_m: float
) -> None:
    if max(abs(thing.x_m), abs(thing.y_m)) > half_m:
        raise ValueError(
            f"{path}: ({thing.x_m:g}, {thing.y_m:g}) is off the ground, which ends {half_m:.1f} m "
            "from 0, 0"
        )
    if abs(thing.ground_m - ground_m) > MAX_GAP_M:
        raise ValueError(
            f"{path}.ground_m: is {thing.ground_m:.3f}, but the ground there is at "
            f"{ground_m:.3f}; write null to stand "
            "it on the ground"
        )


def _heights(
    terrain: Terrain, things: list[Pile | Distractor | PlacedAsset] | list[SiteCamera]
) -> np.ndarray:
    places_m = np.array([(thing.x_m, thing.y_m) for thing in things], np.float64).reshape(-1, 2)
    return terrain.height_at(*places_m.T)
