"""Turns a scene into a stage that renderers draw."""

from engine.jobs.dataset.geometry.assets import build_assets
from engine.jobs.dataset.geometry.batches import SceneStage
from engine.jobs.dataset.geometry.distractors import build_distractors
from engine.jobs.dataset.geometry.ground import build_ground
from engine.jobs.dataset.geometry.piles import build_piles
from engine.jobs.dataset.scene.description import SiteScene

HORIZON_M = 6000.0
"""Distance of the horizon, where a view shows it."""
LOW_DROP = 0.25
"""Metres by which a ray falls per metre of depth, below which it may pass over the edge of the terrain."""


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
