"""Fade, blackout, freeze and alpha: the last steps before a picture is published."""

from collections.abc import Callable

import numpy as np
import pytest

from engine.render import Renderer

SIMPLE = {"/mode": "simple"}


def grey(level: int) -> np.ndarray:
    return np.full((6, 8, 3), level, np.uint8)


@pytest.mark.parametrize("fade", [0.0, 0.25, 0.5, 1.0])
def test_fade_dims_the_finished_picture(renderer: Renderer, draw: Callable, fade: float) -> None:
    rgba = draw(renderer, SIMPLE | {"/master/fade": fade}, size=(8, 6), layer5=grey(201))
    assert np.abs(rgba[..., :3].astype(int) - round(201 * fade)).max() <= 1
    assert (rgba[..., 3] == 255).all()


def test_without_fade_the_drawn_picture_is_published_directly(gl: Renderer, draw: Callable) -> None:
    draw(gl, SIMPLE, size=(8, 6), layer5=grey(50))
    drawn = gl.texture.glo
    draw(gl, SIMPLE | {"/master/fade": 0.5}, layer5=grey(50))
    assert gl.texture.glo != drawn
    draw(gl, SIMPLE, layer5=grey(50))
    assert gl.texture.glo == drawn  # again the first of the pass's two targets
    assert (gl.texture.width, gl.texture.height) == (8, 6)


def test_a_published_texture_stays_valid_during_the_next_fade(gl: Renderer, draw: Callable) -> None:
    draw(gl, SIMPLE, size=(8, 6), layer5=grey(50))
    levels = [draw(gl, SIMPLE | {"/master/fade": fade}, layer5=grey(100))[0, 0, 0] for fade in (1, 0.5, 0.25, 1)]
    assert levels == [100, 50, 25, 100]


@pytest.mark.parametrize("guard", [False, True])
def test_blackout_starts_and_ends_within_one_frame(renderer: Renderer, draw: Callable, guard: bool) -> None:
    changes = SIMPLE | {"/safety/flash_guard": guard}
    renderer.resize(8, 6)
    blackout = changes | {"/master/blackout": True}
    levels = [
        draw(renderer, look, layer5=grey(200), time_s=frame / 30)[..., :3].max()
        for frame, look in enumerate((changes, blackout, blackout, changes))
    ]
    assert levels == [200, 0, 0, 200]


def test_blackout_is_black_even_while_the_guard_is_holding(renderer: Renderer, draw: Callable) -> None:
    strobe = SIMPLE | {"/safety/flash_guard": True}
    renderer.resize(8, 6)
    for frame in range(20):
        draw(renderer, strobe, layer5=grey(255 * (frame % 2)), time_s=frame / 30)
    rgba = draw(renderer, strobe | {"/master/blackout": True}, layer5=grey(255), time_s=20 / 30)
    assert (rgba == (0, 0, 0, 255)).all()


def test_freeze_holds_the_picture_while_sound_and_camera_continue(renderer: Renderer, draw: Callable) -> None:
    held = draw(renderer, size=(64, 36)).copy()
    for hz in (90.0, 300.0):
        assert (draw(renderer, {"/master/freeze": True}, pitches_hz=(hz,) * 4) == held).all()
    assert (draw(renderer, pitches_hz=(300.0,) * 4) != held).any()


def test_a_frozen_picture_still_fades(renderer: Renderer, draw: Callable) -> None:
    draw(renderer, SIMPLE, size=(8, 6), layer5=grey(200))
    frozen = SIMPLE | {"/master/freeze": True}
    levels = [draw(renderer, frozen | {"/master/fade": fade}, layer5=grey(7))[0, 0, 0] for fade in (0.5, 0.0, 1.0)]
    assert levels == [100, 0, 200]


def test_freeze_before_the_first_picture_draws_one(renderer: Renderer, draw: Callable) -> None:
    rgba = draw(renderer, SIMPLE | {"/master/freeze": True}, size=(8, 6), layer5=grey(90))
    assert (rgba[..., :3] == 90).all()


@pytest.mark.parametrize("fade", [1.0, 0.5])
def test_luma_alpha_is_the_largest_channel_so_that_colour_is_premultiplied(
    renderer: Renderer, draw: Callable, fade: float
) -> None:
    colours = np.zeros((6, 8, 3), np.uint8)
    colours[:, :4] = (200, 100, 0)
    rgba = draw(renderer, SIMPLE | {"/multiverse/alpha": "luma", "/master/fade": fade}, size=(8, 6), layer5=colours)
    assert rgba[0, 0].tolist() == [200 * fade, 100 * fade, 0, 200 * fade]
    assert rgba[0, 7].tolist() == [0, 0, 0, 0]


def test_a_layer_that_fades_away_does_not_make_the_picture_jump(renderer: Renderer, draw: Callable) -> None:
    for blend in (0.0, 1.0, 2.0, 3.0):
        means = []
        for intensity in np.linspace(0.08, 0, 17):
            look = {"/layer/3/intensity": float(intensity), "/multiverse/blend": blend}
            means.append(draw(renderer, look, size=(64, 36))[..., :3].mean())
        assert np.abs(np.diff(means)).max() < 3, f"blend {blend}"
