"""Turns a scene into a stage that renderers draw."""

from engine.jobs.dataset.geometry.batches import SceneStage
from engine.jobs.dataset.geometry.distractors import build_distractors
from engine.jobs.dataset.geometry.ground import build_ground
from engine.jobs.dataset.geometry.piles import build_piles
from engine.jobs.dataset.scene.description import SiteScene


def set_stage(scene: SiteScene) -> SceneStage:
    """Build the stage. The same scene gives the same bytes. Unit meshes are built once per process and shared."""
    return SceneStage(
        scene=scene,
        ground=build_ground(scene.terrain),
        batches=(
            *build_piles(scene.piles, scene.terrain, scene.ground),
            *build_distractors(scene.distractors, scene.ground),
        ),
    )
