"""The last step to 8 bits: no bands in slow gradients, nothing added to what 8 bits can hold."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from engine.render.blue_noise import FILE, SIDE, thresholds
from engine.render.gl_targets import PLAIN_DTYPE
from engine.render.opening import open_renderer
from engine.render.picture import PictureInput, Renderer
from tests.render.void_and_cluster import make_ranks
from tests.support.pictures import draw_once

SIMPLE = {"/mode": "simple"}
SIZE = (512, 64)
BOX = 32  # columns: a part of the picture in which the eye averages


@pytest.fixture
def gradient(picture: Callable) -> PictureInput:
    """Five levels of grey from the left to the right edge."""
    waves = np.zeros((4, 1024), np.float32)
    waves[:] = np.linspace(0.0, 0.02, 1024)
    look = {"/layer/1/solo": True, "/colour/mode": "scheme", "/layer/1/wrap": "repeat"}
    return picture(look, waves=waves)


def steps(rows: np.ndarray) -> int:
    """Number of neighbouring columns with different means."""
    return int((np.abs(np.diff(rows[..., 0].astype(float).mean(axis=0))) > 1e-6).sum())


def box_means(rows: np.ndarray) -> np.ndarray:
    """Means of the boxes of red levels, from left to right."""
    means: np.ndarray = rows[..., 0].astype(float).reshape(SIZE[1], -1, BOX).mean(axis=(0, 2))
    return means


def test_a_still_gradient_has_no_bands_and_stands_still(
    renderer: Renderer, gradient: PictureInput
) -> None:
    renderer.resize(*SIZE)
    deep = draw_once(renderer, gradient).read_rgba16() / 257
    dithered, rounded = renderer.read_rgba(), np.round(deep)
    assert 3 < np.ptp(deep[..., 0]) < 8
    assert steps(rounded) < 10
    assert steps(dithered) > SIZE[0] // 2
    assert (np.diff(box_means(dithered)) > 0).all()  # everywhere brighter to the right
    assert np.abs(box_means(rounded) - box_means(deep)).max() > 0.1
    assert np.abs(box_means(dithered) - box_means(deep)).max() < 0.05
    assert np.abs(dithered - deep).max() < 1
    renderer.resize(*SIZE)
    seen = []
    for _ in range(3):
        seen.append(draw_once(renderer, gradient).read_rgba().copy())
    assert (seen[0] == seen[1]).all() and (seen[0] == seen[2]).all()


def test_levels_of_8_bits_stay_as_they_are_grey_grey_and_alpha_above_its_colour(
    renderer: Renderer, draw: Any
) -> None:
    card = np.arange(256, dtype=np.uint8).repeat(3).reshape(16, 16, 3).repeat(8, 0).repeat(8, 1)
    draw(renderer, SIMPLE, size=(128, 128), layer5=np.ascontiguousarray(card))
    assert (
        renderer.read_rgba()[..., :3] == card
    ).all()  # black and white too, so a still picture never flickers
    draw(
        renderer,
        SIMPLE | {"/master/fade": 0.987},
        size=(64, 64),
        layer5=np.full((4, 4, 3), 77, np.uint8),
    )
    rgba = renderer.read_rgba()
    assert (np.ptp(rgba[..., :3], axis=-1) == 0).all() and np.ptp(rgba[..., 0]) == 1
    draw(renderer, {"/multiverse/alpha": "luma", "/master/fade": 0.4}, size=(64, 64))
    rgba = renderer.read_rgba()
    assert (rgba[..., 3] == rgba[..., :3].max(axis=-1)).all()


def test_a_slow_fade_dims_in_steps_below_one_level(renderer: Renderer, draw: Callable) -> None:
    means = []
    for fade in (1.0, 0.999, 0.998, 0.997):
        draw(
            renderer,
            SIMPLE | {"/master/fade": fade},
            size=(64, 64),
            layer5=np.full((4, 4, 3), 100, np.uint8),
        )
        means.append(renderer.read_rgba()[..., :3].mean())
    assert means == pytest.approx([100, 99.9, 99.8, 99.7], abs=0.01)


def test_both_renderers_dither_alike(gl: Renderer, cpu: Renderer, gradient: PictureInput) -> None:
    seen = []
    for renderer in (gl, cpu):
        renderer.resize(*SIZE)
        seen.append(draw_once(renderer, gradient).read_rgba().astype(int))
    assert np.abs(seen[0] - seen[1]).max() <= 1 and (seen[0] != seen[1]).mean() < 0.02


def test_the_renderer_reports_its_bits_per_channel(renderer: Renderer) -> None:
    assert renderer.description.endswith(", 16-bit pictures")


def test_a_driver_without_deep_targets_draws_with_8_bits_and_reports_it(
    gl: Renderer, draw: Any, monkeypatch: Any
) -> None:
    expected = draw(gl, size=(64, 36)).astype(int)
    monkeypatch.setattr("engine.render.gl_publish.deepest_dtype", lambda context: PLAIN_DTYPE)
    plain = open_renderer("gl", 64, 36)
    try:
        assert plain.description.endswith(", only 8-bit pictures")
        assert np.abs(draw(plain) - expected).max() <= 1
        assert (
            np.abs(
                draw(plain, {"/post/bloom": 1.0}) - draw(gl, {"/post/bloom": 1.0}).astype(int)
            ).max()
            <= 2
        )
        assert (plain.read_rgba16() % 257 == 0).all()
    finally:
        plain.close()


def test_the_tile_has_every_threshold_once_no_low_frequencies_and_is_that_of_its_generator() -> (
    None
):
    tile = thresholds()
    assert sorted(tile.ravel() * SIDE**2 - 0.5) == list(range(SIDE**2))
    power = np.abs(np.fft.fft2(tile - tile.mean())) ** 2
    waves = np.hypot(*np.meshgrid(*[np.minimum(np.arange(SIDE), SIDE - np.arange(SIDE))] * 2))
    is_low = (waves > 0) & (waves < SIDE / 6)
    assert power[is_low].mean() < 0.01 * power[~is_low].mean()
    assert (np.load(FILE) == make_ranks()).all()
