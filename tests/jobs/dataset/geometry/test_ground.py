import numpy as np
import pytest

from engine.jobs.dataset.geometry.ground import build_ground
from tests.jobs.dataset.geometry.sites import hilly, normals_agree, sloping


def test_height_at_equals_the_drawn_triangle() -> None:
    terrain = hilly(3)
    mesh = build_ground(terrain)
    rng = np.random.default_rng(4)
    corners = mesh.positions.astype(np.float64)[mesh.triangles]  # (t, 3, 3)
    weights = rng.dirichlet((1, 1, 1), len(corners))
    points = (corners * weights[..., None]).sum(axis=1)
    assert np.abs(terrain.height_at(points[:, 0], points[:, 1]) - points[:, 2]).max() < 1e-5


def test_the_ground_covers_its_square_and_faces_up() -> None:
    terrain = hilly(5)
    mesh = build_ground(terrain)
    count = terrain.heights_m.shape[0]
    assert len(mesh.triangles) == 2 * (count - 1) ** 2
    assert mesh.positions[:, :2].min() == pytest.approx(-terrain.side_m / 2, abs=1e-5)
    assert mesh.positions[:, :2].max() == pytest.approx(terrain.side_m / 2, abs=1e-5)
    grid = mesh.positions.reshape(count, count, 3)
    assert np.array_equal(grid[..., 2], terrain.heights_m)
    assert (np.diff(grid[0, :, 0]) > 0).all() and (np.diff(grid[:, 0, 1]) > 0).all()
    corners = mesh.positions[mesh.triangles]
    up = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])[:, 2]
    assert up == pytest.approx(terrain.cell_m**2, rel=1e-3)


def test_a_slope_has_its_own_normal_everywhere() -> None:
    mesh = build_ground(sloping(0.3, -0.2))
    expected = np.array([-0.3, 0.2, 1]) / np.linalg.norm([-0.3, 0.2, 1])
    assert np.abs(mesh.normals - expected).max() < 1e-5
    assert normals_agree(mesh)
