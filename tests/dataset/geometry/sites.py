"""Small sites with known figures, and checks of meshes."""

import numpy as np
import pytest

from engine.dataset.geometry.batches import InstanceBatch, Mesh, Rendered, SceneGeometry
from engine.dataset.raster.drawing import SceneRenderer, render
from engine.dataset.scene.camera import SiteCamera
from engine.dataset.scene.description import GroundLook, SiteScene, Sun, Terrain
from engine.dataset.scene.things import Distractor, Pile, PileKind


def sloping(
    slope_x: float = 0.0, slope_y: float = 0.0, count: int = 41, cell_m: float = 1.0
) -> Terrain:
    along = (np.arange(count) - (count - 1) / 2) * cell_m
    heights = slope_x * along[None, :] + slope_y * along[:, None]
    return Terrain(size_m=count * cell_m * 0.8, cell_m=cell_m, heights_m=heights.astype(np.float32))


def hilly(seed: int, count: int = 33, cell_m: float = 0.7) -> Terrain:
    heights = np.random.default_rng(seed).normal(0, 0.3, (count, count)).astype(np.float32)
    return Terrain(size_m=18.0, cell_m=cell_m, heights_m=heights)


def site(
    piles: tuple[Pile, ...] = (),
    distractors: tuple[Distractor, ...] = (),
    terrain: Terrain | None = None,
) -> SiteScene:
    return SiteScene(
        seed=1,
        camera=SiteCamera(width_px=640, height_px=480),
        sun=Sun(elevation_deg=45, azimuth_deg=120, energy=2),
        terrain=sloping() if terrain is None else terrain,
        ground=GroundLook(
            soil=(0.3, 0.2, 0.1),
            subsoil=(0.3, 0.2, 0.1),
            grass=(0.1, 0.2, 0.1),
            grass_share=0.3,
            noise_seed=1,
        ),
        piles=piles,
        distractors=distractors,
        tracks=(),
        lime_lines=(),
    )


def pile(kind: PileKind, **changes: object) -> Pile:
    steel = kind is PileKind.SPIRAL_STEEL
    values: dict[str, object] = {
        "x_m": 0.0,
        "y_m": 0.0,
        "ground_m": 0.0,
        "exposed_m": 0.7,
        "diameter_m": {
            PileKind.PHC: 0.4,
            PileKind.SPIRAL_STEEL: 0.114,
            PileKind.CAST_IN_PLACE: 0.3,
        }[kind],
        "base_diameter_m": 0.8,
        "base_height_m": 0.1,
        "flange_diameter_m": 0.22 if steel else 0.0,
    }
    return Pile(kind=kind, **(values | changes))  # type: ignore[arg-type]


def world(batch: InstanceBatch, k: int = 0) -> np.ndarray:
    """World positions of the k-th instance's vertices, (v, 3) float64."""
    matrix = batch.transforms[k].astype(np.float64)
    return batch.mesh.positions @ matrix[:3, :3].T + matrix[:3, 3]


def batches_named(geometry: SceneGeometry, start: str) -> list[InstanceBatch]:
    return [batch for batch in geometry.batches if batch.name.startswith(start)]


def volume(mesh: Mesh) -> float:
    """Signed volume: positive if the triangles are counter-clockwise seen from outside."""
    a, b, c = mesh.positions.astype(np.float64)[mesh.triangles].transpose(1, 0, 2)
    return float((a * np.cross(b, c)).sum() / 6)


def is_closed(mesh: Mesh) -> bool:
    """True if each edge occurs equally often in both directions, after merging vertices at equal
    positions."""
    _, vertex = np.unique(mesh.positions.round(5) + 0.0, axis=0, return_inverse=True)
    corners = vertex.reshape(-1)[mesh.triangles]
    edges = np.concatenate([corners[:, [0, 1]], corners[:, [1, 2]], corners[:, [2, 0]]])
    there, there_count = np.unique(edges, axis=0, return_counts=True)
    back, back_count = np.unique(edges[:, ::-1], axis=0, return_counts=True)
    return np.array_equal(there, back) and np.array_equal(there_count, back_count)


def normals_agree(mesh: Mesh) -> bool:
    """Assert that normals have length 1 and point to the outer side of their triangles."""
    lengths = np.linalg.norm(mesh.normals.astype(np.float64), axis=1)
    corners = mesh.positions.astype(np.float64)[mesh.triangles]
    faces = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    along = (mesh.normals[mesh.triangles] * faces[:, None, :]).sum(axis=-1)
    return bool(np.allclose(lengths, 1, atol=1e-4) and (along > 0).all())


def render_numbers(geometry: SceneGeometry) -> Rendered:
    """Numbers and depth; the colours, which take most of the time, are black."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(SceneRenderer, "draw_colors", lambda drawing, tile: 0)
        return render(geometry)
