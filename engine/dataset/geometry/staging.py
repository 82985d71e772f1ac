"""Turns a scene into a stage that renderers draw: piles, distractors, and models of the user's."""

from collections.abc import Iterator

import numpy as np

from engine.dataset.assets.reading import Finish, ModelPart, read_asset
from engine.dataset.geometry.batches import InstanceBatch, Mesh, SceneStage, Surface
from engine.dataset.geometry.distractors import build_distractors, transforms_of
from engine.dataset.geometry.ground import build_ground
from engine.dataset.geometry.piles import build_piles
from engine.dataset.scene.description import Asset, PlacedAsset, SiteScene

SURFACES: dict[Finish, Surface] = {"matt": Surface.MODEL, "shiny": Surface.SHINY_MODEL, "metal": Surface.METAL_MODEL}


def build_assets(placed: tuple[PlacedAsset, ...], assets: tuple[Asset, ...]) -> Iterator[InstanceBatch]:
    """Batches in the order of the assets. UsageError if a file has changed or is missing."""
    for asset in assets:
        alike = [one for one in placed if one.asset == asset.name]
        if not alike:
            continue
        transforms = transforms_of(alike)
        shades = np.array([[one.shade] for one in alike])
        for number, part in enumerate(read_asset(asset).parts):
            yield InstanceBatch(
                name=f"{asset.name} {number}",
                mesh=_mesh(part),
                surface=SURFACES[part.finish],
                transforms=transforms,
                instances=np.array([one.number for one in alike], np.uint16),
                tints=(shades * part.albedo).astype(np.float32),
            )


def _mesh(part: ModelPart) -> Mesh:
    count = 3 * len(part.corners)
    return Mesh(
        positions=part.corners.reshape(-1, 3),
        normals=part.normals.reshape(-1, 3),
        triangles=np.arange(count, dtype=np.uint32).reshape(-1, 3),
    )


HORIZON_M = 6000.0  # distance of the horizon, where a view shows it
LOW_DROP = 0.25  # metres by which a ray falls per metre of depth, below which it may pass over the edge of the terrain


def set_stage(scene: SiteScene) -> SceneStage:
    """Build the stage. The same scene gives the same bytes. Unit meshes are built once per process and shared."""
    sees_horizon = scene.camera.drops_of(scene.camera.corners_px).min() < LOW_DROP
    return SceneStage(
        scene=scene,
        ground=build_ground(scene.terrain, HORIZON_M if sees_horizon else 0.0),
        batches=(
            *build_piles(scene.piles, scene.terrain, scene.ground),
            *build_distractors(scene.distractors, scene.ground),
            *build_assets(scene.placed_assets, scene.assets),
        ),
    )
