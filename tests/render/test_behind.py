"""What plays behind a blackout, for previews."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from engine.render.gl_publish import FittedPicture
from engine.render.guarded_renderer import GuardedRenderer
from engine.render.picture import Renderer, fitted_size
from engine.system.clock import SteppedClock
from tests.support.pictures import draw_once

BLACK = {"/master/blackout": True}
FROZEN = {"/master/freeze": True}


def behind(renderer: Renderer, picture: Any, size_px: tuple[int, int] = (96, 54)) -> np.ndarray:
    return draw_once(renderer, picture).read_behind(size_px)


def test_behind_a_blackout_is_the_picture_before_it(renderer: Renderer, picture: Callable) -> None:
    renderer.resize(96, 54)
    rgba = behind(renderer, picture())
    before = renderer.read_rgba()
    assert rgba.dtype == np.uint8 and (rgba[..., 3] == 255).all()
    assert np.abs(rgba[..., :3].astype(int) - before[..., :3]).max() <= 1, (
        "published pictures are dithered"
    )
    assert before[..., :3].max() > 100
    for changes in (BLACK, {"/master/fade": 0.3}, {**BLACK, "/safety/flash_guard": True}):
        again = behind(renderer, picture({**FROZEN, **changes}, pitches_hz=(900.0,) * 4))
        assert np.array_equal(again, rgba), changes
        assert renderer.read_rgba()[..., :3].max() < before[..., :3].max(), (
            "the main picture stays dark"
        )
    moved = behind(renderer, picture(BLACK, pitches_hz=(900.0,) * 4))
    assert not np.array_equal(moved, rgba), "it moves on in a blackout"
    assert (renderer.read_rgba()[..., :3] == 0).all()
    half = behind(renderer, picture({**FROZEN, **BLACK}), (48, 27))
    means = half[..., :3].mean(axis=(0, 1)), moved[..., :3].mean(axis=(0, 1))
    assert half.shape == (27, 48, 4) and np.allclose(*means, atol=2)


def test_both_renderers_show_the_same_behind_it(
    gl: Renderer, cpu: Renderer, picture: Callable
) -> None:
    found = []
    for renderer in (gl, cpu):
        renderer.resize(96, 54)
        found.append(behind(renderer, picture(BLACK)).astype(int))
    with gl._drawing():
        # as on a GPU, also here
        own, gl._behind = (gl._behind, FittedPicture(gl._context, gl._finish))
        found += [behind(gl, picture({**BLACK, **FROZEN})).astype(int) for _ in range(2)]
        small = [
            behind(renderer, picture({**BLACK, **FROZEN}), (48, 27)).astype(int)
            for renderer in (gl, cpu)
        ]
        gl._behind.release()
        gl._behind = own
    assert (
        all(np.abs(found[0] - each).max() <= 2 for each in found) and found[0][..., :3].max() > 100
    )
    assert np.abs(small[0] - small[1]).mean() < 8, (
        "the ways of scaling differ, the picture does not"
    )


def test_it_is_drawn_only_if_it_is_read_and_then_once_and_small(
    cpu: Renderer, picture: Callable, reports: Callable, monkeypatch: pytest.MonkeyPatch
) -> None:
    sizes_px = []
    read = cpu.read_behind
    monkeypatch.setattr(
        cpu, "read_behind", lambda size_px: sizes_px.append(size_px) or read(size_px)
    )
    cpu.resize(1280, 360)
    drawing = GuardedRenderer(
        lambda width, height: cpu, (1280, 360), clock=SteppedClock(), report=reports
    )
    drawing.draw(picture(BLACK))
    read_rgba = drawing.behind_reader()
    assert sizes_px == []
    assert read_rgba() is read_rgba() and read_rgba().shape == (180, 640, 4)
    assert sizes_px == [(640, 180)]


def test_it_fits_into_640_pixels_and_is_never_enlarged() -> None:
    for full_px, expected in [
        ((1920, 1080), (640, 360)),
        ((320, 200), (320, 200)),
        ((1080, 1920), (360, 640)),
    ]:
        assert fitted_size(full_px, 640) == expected
    assert fitted_size((5000, 1), 640) == (640, 1)
