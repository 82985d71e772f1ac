"""Light, shadow and marks in the picture."""

import numpy as np
import pytest

from engine.dataset.geometry.batches import Rendered
from engine.dataset.raster.drawing import render
from engine.dataset.scene.description import LimeLine, Sun, Track
from tests.dataset.raster.geometries import CAMERA, block, geometry, post


def brightness(rendered: Rendered) -> np.ndarray:
    """(height, width) 0..255."""
    return rendered.colors.mean(axis=2)


def at(x_m: float, y_m: float, reach_px: int = 1) -> tuple[slice, slice]:
    """The pixels around a point on level ground."""
    column, row = CAMERA.pixel_of(np.array([[x_m, y_m, 0.0]]))[0].astype(int)
    return slice(row - reach_px, row + reach_px + 1), slice(
        column - reach_px, column + reach_px + 1
    )


@pytest.fixture(scope="module")
def busy() -> dict[str, Rendered]:
    """One scene drawn as a whole, again, in tiles, and without multi-sampling."""
    site = geometry(
        *[post(k + 1, -12 + 5 * k, 3.0 - k, size_m=(0.6, 0.6, 1.2)) for k in range(6)],
        block(0, -5.0, -6.0, size_m=(3.0, 2.0, 2.0)),
        hills_m=0.3,
        grass_share=0.4,
        tracks=(Track(points=((-20.0, 5.0), (20.0, 8.0))),),
        lime_lines=(LimeLine(points=((-15.0, -9.0), (15.0, -3.0))),),
    )
    return {
        "whole": render(site),
        "again": render(site),
        "tiles": render(site, tile_px=67),
        "hard": render(site, samples=0),
        "hard tiles": render(site, samples=0, tile_px=67),
    }


def test_the_same_scene_gives_the_same_bytes_twice_and_tiles_leave_no_trace(
    busy: dict[str, Rendered],
) -> None:
    """Tiles are bit-identical with one sample per pixel. With four, the driver's interpolation
    decides which of two surfaces is visible in a sample: that may differ in the last bit, and so a
    colour at an edge."""
    for name in ("colors", "instances", "depth_m"):
        assert np.array_equal(getattr(busy["whole"], name), getattr(busy["again"], name))
    assert np.array_equal(busy["hard"].colors, busy["hard tiles"].colors)
    assert not np.array_equal(busy["hard"].colors, busy["whole"].colors)
    difference = np.abs(busy["whole"].colors.astype(int) - busy["tiles"].colors).max(axis=2)
    assert difference.max() <= 2
    assert (difference > 0).mean() < 2e-4


@pytest.mark.parametrize(("elevation_deg", "azimuth_deg"), [(30.0, 200.0), (60.0, 315.0)])
def test_a_shadow_falls_away_from_the_sun_and_is_as_long_as_it_should(
    elevation_deg: float, azimuth_deg: float
) -> None:
    sun = Sun(elevation_deg=elevation_deg, azimuth_deg=azimuth_deg, energy=3)
    high_m = 3.0
    light = brightness(render(geometry(block(1, 0, 0, size_m=(0.3, 0.3, high_m)), sun=sun)))
    bare = brightness(render(geometry(sun=sun)))
    away = -sun.direction[:2] / np.linalg.norm(sun.direction[:2])
    length_m = high_m / np.tan(np.radians(elevation_deg))

    def ratio(distance_m: float) -> float:
        pixels = at(*(away * distance_m), 0)
        return float(light[pixels].mean() / bare[pixels].mean())

    for distance_m in np.linspace(0.6, length_m - 0.5, 5):
        assert ratio(distance_m) < 0.75
    for distance_m in (length_m + 0.7, length_m + 2, -1.0, -length_m):
        assert ratio(distance_m) > 0.95


def test_the_foot_of_a_thing_is_shaded_from_the_sky_on_its_sunny_side_too() -> None:
    sun = Sun(elevation_deg=60, azimuth_deg=90, energy=2)
    after = brightness(render(geometry(block(1, 0, 0, size_m=(0.4, 4.0, 1.5)), sun=sun)))
    before = brightness(render(geometry(sun=sun)))
    near, far = at(0.5, 0.0, 0), at(3.1, 0.0, 0)
    assert after[near].mean() < 0.95 * before[near].mean()
    assert np.array_equal(after[far], before[far])


def test_tracks_and_lime_are_drawn_at_their_positions() -> None:
    level = geometry()
    marked = geometry(
        tracks=(Track(points=((-15.0, 6.0), (15.0, 6.0)), width_m=1.0, gauge_m=3.0),),
        lime_lines=(LimeLine(points=((-12.0, -5.0), (12.0, -5.0)), width_m=0.5),),
    )
    before, after = brightness(render(level)), brightness(render(marked))
    for x_m in (-11.0, 0.0, 10.0):
        assert after[at(x_m, -5.0, 0)].mean() > before[at(x_m, -5.0, 0)].mean() * 1.4
        for y_m in (4.5, 7.5):
            assert abs(after[at(x_m, y_m)] - before[at(x_m, y_m)]).mean() > 4
        for y_m in (6.0, 9.0, 3.0, -4.0, -6.0):
            assert np.array_equal(after[at(x_m, y_m)], before[at(x_m, y_m)])
    assert np.array_equal(after[at(17.5, 6.0, 3)], before[at(17.5, 6.0, 3)])
