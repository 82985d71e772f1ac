import numpy as np
import pytest

from engine.jobs.dataset.layout.settling import settle
from engine.jobs.dataset.layout.terrain import make_terrain
from engine.jobs.dataset.options import SceneOptions
from engine.jobs.dataset.scene.camera import CAMERA_HEIGHT_M
from tests.jobs.dataset.scene.scenes import SMALL, scenes

GRID = np.meshgrid(np.linspace(-97, 97, 400), np.linspace(-71, 71, 300))


def heights(options: SceneOptions, seed: int) -> np.ndarray:
    return make_terrain(settle(options, seed), seed).height_at(*GRID)


@pytest.mark.parametrize("seed", range(4))
def test_the_given_number_of_flat_terraces_rises_across_the_site(seed: int) -> None:
    terraced = heights(SceneOptions(num_terraces=7, terrace_height=2, terrain_size=200), seed)
    rolling = heights(SceneOptions(num_terraces=7, terrace_height=0, terrain_size=200), seed)
    steps = (terraced - rolling) / 2
    steps -= steps.min()
    assert np.ptp(steps) == pytest.approx(6, abs=0.02)
    level = np.round(steps)
    is_flat = np.abs(steps - level) < 0.02
    assert is_flat.mean() > 0.5
    assert all(is_flat[level == terrace].any() for terrace in range(7))


def test_one_terrace_is_rolling_ground_of_decimetres_alone() -> None:
    for seed in range(6):
        rolling = heights(SceneOptions(num_terraces=1), seed)
        assert 0.2 < np.ptp(rolling) < 2.0


def test_a_slope_between_terraces_is_stable_for_earth() -> None:
    for seed in range(6):
        terrain = make_terrain(settle(SceneOptions(num_terraces=11, terrace_height=3), seed), seed)
        east, north = terrain.slope_at(*GRID, over_m=1.0)
        steepest = np.hypot(east, north).max()
        assert 0.7 < steepest < 1.3


@pytest.mark.parametrize("options", [SceneOptions(), SMALL, SceneOptions(width=1080, height=1920)])
def test_the_camera_never_sees_the_terrains_edge(options: SceneOptions) -> None:
    for one in scenes(options, 6):
        lowest = CAMERA_HEIGHT_M - one.terrain.heights_m.min()
        taller = max(1, options.height / options.width)
        assert one.terrain.side_m / 2 > lowest * taller


def test_the_site_lies_at_height_zero_on_average() -> None:
    for one in scenes(SceneOptions(), 6):
        x, y = np.meshgrid(np.linspace(-86, 86, 300), np.linspace(-71, 71, 300))
        assert one.terrain.height_at(x, y).mean() == pytest.approx(0, abs=0.6)


def test_the_mesh_is_fine_but_not_too_large() -> None:
    for one in scenes(SceneOptions(), 6):
        assert one.terrain.heights_m.dtype == np.float32
        assert one.terrain.heights_m.shape[0] <= 500
        assert one.terrain.cell_m == pytest.approx(0.5, abs=0.01)


def test_the_rolling_ground_does_not_depend_on_the_terraces() -> None:
    few, many = (heights(SceneOptions(num_terraces=count, terrace_height=0, terrain_size=200), 8) for count in (2, 9))
    assert np.abs(few - many).max() < 0.02
