"""Numbers and depths of visible piles."""

import numpy as np
import pytest

from engine.dataset.geometry.batches import Rendered
from engine.dataset.raster.drawing import render
from tests.dataset.geometry.sites import render_numbers
from tests.dataset.raster.geometries import CAMERA, block, geometry, post

TOP_M = 2.0


@pytest.fixture(scope="module")
def posts() -> Rendered:
    """1 far to the south-west, 2 half behind an unnumbered block, 3 below the ground, 4 completely
    under a roof."""
    return render(
        geometry(
            post(1, -9.3, -7.1, size_m=(1.5, 1.5, TOP_M)),
            post(2, 8.0, 0.0, size_m=(1.0, 1.0, 1.0)),
            block(0, 7.0, 0.0, size_m=(0.5, 4.0, 3.0)),
            post(3, 0.0, 5.0, size_m=(1.0, 1.0, 0.8), foot_m=-1.0),
            post(4, 0.0, -5.0, size_m=(1.0, 1.0, 0.8)),
            block(0, 0.0, -5.0, size_m=(3.0, 3.0, 0.2), foot_m=2.0),
        )
    )


def test_a_posts_top_lands_where_the_camera_says(posts: Rendered) -> None:
    is_top = (posts.instances == 1) & (posts.depth_m < CAMERA.height_m - TOP_M + 0.001)
    rows, columns = np.nonzero(is_top)
    expected = CAMERA.pixel_of(np.array([[-9.3, -7.1, TOP_M]]))[0]
    assert np.abs([columns.mean() + 0.5, rows.mean() + 0.5] - expected).max() < 0.5
    across_px = 1.5 * CAMERA.focal_px / (CAMERA.height_m - TOP_M)
    assert is_top.sum() == pytest.approx(np.pi / 4 * across_px**2, rel=0.1)
    assert posts.colors.shape == (CAMERA.height_px, CAMERA.width_px, 3)
    assert posts.instances.dtype == np.uint16 and posts.renderer.startswith("raster ")


def test_an_occluder_hides_a_pile(posts: Rendered) -> None:
    assert set(np.unique(posts.instances)) == {0, 1, 2}
    columns = np.nonzero(posts.instances == 2)[1]
    alone = render_numbers(geometry(post(2, 8.0, 0.0, size_m=(1.0, 1.0, 1.0))))
    assert 0 < len(columns) < (alone.instances == 2).sum()
    assert columns.min() > np.nonzero(alone.instances == 2)[1].min()


def test_depth_is_that_of_a_sloping_plane() -> None:
    slope = 0.2
    depth = render_numbers(geometry(slope_x=slope)).depth_m
    ray = (np.arange(CAMERA.width_px) + 0.5 - CAMERA.width_px / 2) / CAMERA.focal_px
    expected = CAMERA.height_m / (1 + slope * ray)  # where x = ray * depth and z = slope * x meet
    assert depth.dtype == np.float32
    np.testing.assert_allclose(depth, np.broadcast_to(expected, depth.shape), rtol=1e-6)


def test_tiles_and_samples_change_no_number_and_no_depth() -> None:
    rng = np.random.default_rng(3)
    crowd = [
        post(k + 1, *rng.uniform(-15, 15, 2), size_m=(0.7, 0.7, 1.0), foot_m=rng.uniform(-1, 0))
        for k in range(40)
    ]
    crowd += [
        block(k + 41, *rng.uniform(-15, 15, 2), size_m=(2, 2, 1), foot_m=-0.3) for k in range(10)
    ]
    site = geometry(*crowd, hills_m=0.4)
    whole = render(site)
    assert len(np.unique(whole.instances)) > 30
    for other in (render(site, tile_px=67), render(site, samples=0)):
        assert np.array_equal(other.instances, whole.instances)
        assert np.array_equal(other.depth_m, whole.depth_m)
