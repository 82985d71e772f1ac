"""Fields of recipe 2 on level ground, and figures of them."""

import numpy as np

from engine.dataset.layout.field import FieldOptions, lay_field
from engine.dataset.layout.field_plan import MIN_PITCH_M
from engine.dataset.layout.rows_and_clusters import SiteLayout
from engine.dataset.layout.settling import settle
from engine.dataset.options import SceneOptions
from engine.dataset.scene.camera import SiteCamera
from engine.dataset.scene.description import Terrain

LEVEL = Terrain(size_m=200.0, cell_m=100.0, heights_m=np.zeros((9, 9), np.float32))
DRONE = SiteCamera(width_px=5280, height_px=3956, height_m=90.0, field_of_view_deg=72.0)


def lay(
    seed: int,
    field: FieldOptions | None = None,
    *cameras: SiteCamera,
    options: SceneOptions | None = None,
    terrain: Terrain = LEVEL,
    min_pitch_m: float = MIN_PITCH_M,
) -> SiteLayout:
    options = options or SceneOptions()
    own = field or FieldOptions(empty_share=0.0)
    settled = settle(options, seed)
    return lay_field(
        options, own, settled, terrain, cameras or (DRONE,), (7, seed), min_pitch_m=min_pitch_m
    )


def pile_positions(layout: SiteLayout) -> np.ndarray:
    """(n, 2) metres."""
    return np.concatenate([np.empty((0, 2)), *(strip.points_m for strip in layout.strips)])


def seen(layout: SiteLayout, camera: SiteCamera = DRONE) -> int:
    """Number of piles whose foot is in the picture."""
    points = pile_positions(layout)
    pixel = camera.pixel_of(np.column_stack([points, np.zeros(len(points))]))
    return int(((pixel > 0) & (pixel < (camera.width_px, camera.height_px))).all(axis=1).sum())
