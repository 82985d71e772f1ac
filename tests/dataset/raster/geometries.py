"""Small scenes with known results: a terrain, and posts of one mesh each."""

import numpy as np

from engine.dataset.geometry.batches import InstanceBatch, Mesh, SceneGeometry, Surface
from engine.dataset.geometry.primitives import box, cylinder
from engine.dataset.geometry.terrain_mesh import build_terrain_mesh
from engine.dataset.scene.camera import SiteCamera
from engine.dataset.scene.description import GroundLook, LimeLine, SiteScene, Sun, Terrain, Track

CAMERA = SiteCamera(width_px=200, height_px=160, height_m=20.0)  # 0.2 m a pixel at z = 0


def geometry(
    *posts: InstanceBatch,
    camera: SiteCamera = CAMERA,
    sun: Sun = Sun(elevation_deg=45, azimuth_deg=90, energy=2),  # noqa: B008  frozen
    slope_x: float = 0.0,
    hills_m: float = 0.0,
    tracks: tuple[Track, ...] = (),
    lime_lines: tuple[LimeLine, ...] = (),
    grass_share: float = 0.0,
) -> SceneGeometry:
    count, cell_m = 57, 1.0
    along = (np.arange(count) - (count - 1) / 2) * cell_m
    heights = slope_x * along[None, :] + hills_m * np.sin(along[None, :]) * np.cos(
        1.3 * along[:, None]
    )
    terrain = Terrain(
        size_m=40.0,
        cell_m=cell_m,
        heights_m=np.broadcast_to(heights, (count, count)).astype(np.float32),
    )
    scene = SiteScene(
        seed=1,
        camera=camera,
        sun=sun,
        terrain=terrain,
        ground=GroundLook(
            soil=(0.30, 0.21, 0.14),
            subsoil=(0.4, 0.3, 0.2),
            grass=(0.1, 0.15, 0.05),
            grass_share=grass_share,
            noise_seed=7,
        ),
        piles=(),
        distractors=(),
        tracks=tracks,
        lime_lines=lime_lines,
    )
    return SceneGeometry(scene=scene, terrain=build_terrain_mesh(terrain), batches=posts)


def post(
    number: int, x_m: float, y_m: float, *, size_m: tuple[float, float, float], foot_m: float = 0.0
) -> InstanceBatch:
    """A round post with these diameters and height."""
    return _batch(cylinder(), number, x_m, y_m, size_m, foot_m)


def block(
    number: int, x_m: float, y_m: float, *, size_m: tuple[float, float, float], foot_m: float = 0.0
) -> InstanceBatch:
    return _batch(box(), number, x_m, y_m, size_m, foot_m)


def _batch(
    mesh: Mesh,
    number: int,
    x_m: float,
    y_m: float,
    size_m: tuple[float, float, float],
    foot_m: float,
) -> InstanceBatch:
    transform = np.diag([*size_m, 1.0])
    transform[:3, 3] = x_m, y_m, foot_m
    return InstanceBatch(
        name=f"post {number}",
        mesh=mesh,
        surface=Surface.CONCRETE,
        transforms=transform[None].astype(np.float32),
        instances=np.array([number], np.uint16),
        tints=np.ones((1, 3), np.float32),
    )
