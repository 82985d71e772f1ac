"""What two outputs show, drawn by a real OpenGL: crops, corners, blended edges, a second look on
the same context."""

from collections.abc import Callable
from itertools import count
from typing import Any

import cv2
import numpy as np
import pytest

from engine.render.guarded_renderer import GuardedRenderer
from engine.render.output_shape import CORNERS, OutputShape
from engine.render.picture import Renderer
from engine.system.clock import SteppedClock
from tests.support.pictures import draw_once

SIMPLE, HALF, GAMMA, INDICES = {"/mode": "simple"}, 0.5, 2.2, count(1)
PIN = ((0.1, 0.2), (0.95, 0.05), (0.8, 0.9), (0.05, 0.7))


def read_output(renderer: Renderer, number: int = 1, **changes: object) -> np.ndarray:
    """The pixels of an output of the last picture."""
    shape = OutputShape(
        number=number, index=next(INDICES), picture_px=renderer._targets.size_px, **changes
    )
    return renderer.lazy_picture(shape).read_rgba().copy()


@pytest.mark.parametrize("size", [(64, 36), (65, 37)])
@pytest.mark.parametrize("alpha", ["opaque", "luma"])
def test_two_crops_join_to_the_whole_picture(
    gl: Renderer, picture: Callable, size: Any, alpha: str
) -> None:
    gl.resize(*size)
    whole = draw_once(gl, picture({"/multiverse/alpha": alpha})).read_rgba()
    left = read_output(gl, number=1, crop=(0.0, 0.0, HALF, 1.0))
    right = read_output(gl, number=2, crop=(HALF, 0.0, HALF, 1.0))
    assert np.array_equal(np.hstack((left, right)), whole) and whole[..., :3].max() > 100


def test_an_output_has_a_size_of_its_own(gl: Renderer, picture: Callable) -> None:
    rows = np.zeros((36, 64, 3), np.uint8)
    rows[:18], rows[18:] = (200, 100, 0), (0, 50, 250)
    draw_once(gl, picture(SIMPLE, layer5=rows))
    for width, height in ((32, 18), (100, 90), (7, 6)):
        rgba = read_output(gl, requested_px=(width, height))
        assert rgba.shape == (height, width, 4)
        assert np.allclose(rgba[0, :, :3], (200, 100, 0), atol=1) and np.allclose(
            rgba[-1, :, :3], (0, 50, 250), atol=1
        )


def test_moved_corners_show_the_picture_where_opencv_does_and_black_outside(
    gl: Renderer, picture: Callable
) -> None:
    gl.resize(320, 180)
    smooth = cv2.GaussianBlur(
        np.random.default_rng(1).integers(0, 256, (180, 320, 3), np.uint8), (0, 0), 4
    )
    smooth = cv2.normalize(smooth, None, 40, 255, cv2.NORM_MINMAX)
    draw_once(gl, picture(SIMPLE, layer5=smooth))
    rgba, size = read_output(gl, pin=PIN).astype(int), np.array((320, 180))
    matrix = cv2.getPerspectiveTransform(
        np.float32(CORNERS * size - 0.5), np.float32(PIN * size - 0.5)
    )
    expected = cv2.warpPerspective(gl.read_rgba().astype(np.float32), matrix, (320, 180))
    cover = cv2.warpPerspective(np.ones((180, 320), np.float32), matrix, (320, 180))
    inside, outside = (
        cv2.erode(cover, np.ones((3, 3))) == 1,
        cv2.dilate(cover, np.ones((3, 3))) == 0,
    )
    difference = np.abs(rgba - expected)[inside, :3]
    assert (
        difference.mean() < 0.8
        and difference.max() < 8
        and (rgba[outside, :3] == 0).all()
        and inside.mean() > 0.4
    )


@pytest.mark.parametrize("level", [255, 128])
def test_the_light_of_two_blended_edges_is_that_of_one_projector(
    gl: Renderer, picture: Callable, level: int
) -> None:
    gl.resize(320, 36)
    draw_once(gl, picture(SIMPLE, layer5=np.full((36, 320, 3), level, np.uint8)))
    left = read_output(
        gl, number=1, crop=(0.0, 0.0, 0.6, 1.0), edges=(0.0, 0.0, 1 / 3, 0.0), gamma=GAMMA
    )
    right = read_output(
        gl, number=2, crop=(0.4, 0.0, 0.6, 1.0), edges=(1 / 3, 0.0, 0.0, 0.0), gamma=GAMMA
    )
    light = np.zeros((36, 320))
    light[:, :192] += (left[..., 0] / 255) ** GAMMA
    light[:, 128:] += (right[..., 0] / 255) ** GAMMA
    assert np.allclose(light.mean(axis=0), (level / 255) ** GAMMA, atol=0.012), (
        "one of 255 levels is 0.009 of white"
    )


def test_edges_follow_moved_corners_and_all_four_sides_fade(
    gl: Renderer, picture: Callable
) -> None:
    gl.resize(320, 180)
    draw_once(gl, picture(SIMPLE, layer5=np.full((180, 320, 3), 255, np.uint8)))
    half = ((0.5, 0.0), (1.0, 0.0), (1.0, 1.0), (0.5, 1.0))
    pinned = read_output(gl, pin=half, edges=(0.2, 0.2, 0.2, 0.2))[..., 0].astype(float)
    plain = read_output(gl, number=2, edges=(0.2, 0.2, 0.2, 0.2))[..., 0].astype(float)
    assert (
        np.abs(pinned[:, 160:] - plain.reshape(180, 160, 2).mean(axis=2)).max() < 6
        and pinned[:, :159].max() == 0
    )
    assert np.abs(plain - plain[::-1]).max() <= 1 and np.abs(plain - plain[:, ::-1]).max() <= 1
    assert plain[90, 160] == 255 and plain[0].max() < 30 and plain[:, 0].max() < 30


@pytest.fixture
def guarded(gl: Renderer, reports: Callable) -> GuardedRenderer:
    return GuardedRenderer(lambda width, height: gl, (64, 36), clock=SteppedClock(), report=reports)


def test_a_plain_output_is_the_picture_itself_without_a_pass(
    guarded: GuardedRenderer, picture: Callable
) -> None:
    passes = dict(guarded._renderer._lazy._output_painter._passes)
    guarded.draw(picture())
    plain = OutputShape(number=1, picture_px=(64, 36))
    assert guarded.output_picture(plain).read_rgba() is guarded.reader()()
    assert guarded._renderer._lazy._output_painter._passes == passes


def test_a_second_look_leaves_the_first_as_it_is(
    gl: Renderer, guarded: GuardedRenderer, picture: Callable
) -> None:
    look = {"/layer/1/angle": 70.0, "/feedback/amount": 0.5}
    gl.resize(48, 30)
    alone = [draw_once(gl, picture(look, deck=2)).read_rgba().copy() for _ in range(3)][-1]
    gl.resize(64, 36)
    guarded.draw(picture())
    before = guarded.reader()().copy()
    second = guarded.open_second((48, 30), guarded._report)
    for _ in range(3):
        guarded.draw(picture())
        late_reader = guarded.reader()
        second.draw(picture(look, deck=2))
        assert np.array_equal(late_reader(), before), "read after the second was drawn"
    assert np.array_equal(second.reader()(), alone)
    second.close()
    guarded.resize(64, 36)  # what it had bound is gone


def test_numba_shows_the_whole_and_says_once_why(
    cpu: Renderer, picture: Callable, reports: Callable
) -> None:
    drawing = GuardedRenderer(
        lambda width, height: cpu, (64, 36), clock=SteppedClock(), report=reports
    )
    half = OutputShape(number=2, picture_px=(64, 36), crop=(0.0, 0.0, HALF, 1.0))
    for _ in range(2):
        drawing.draw(picture())
        output = drawing.output_picture(half)
        assert (output.width, output.height) == (
            64,
            36,
        ) and output.read_rgba() is drawing.reader()()
    ((_, line),) = reports.lines
    assert (
        line.startswith("output 2: crop, size, blended edges and corners need OpenGL")
        and "--renderer gl" in line
    )


def test_a_refused_size_is_one_line(
    guarded: GuardedRenderer, picture: Callable, reports: Callable
) -> None:
    guarded.draw(picture())
    too_large = OutputShape(number=2, picture_px=(64, 36), requested_px=(10**6, 8))
    assert (guarded.output_picture(too_large).read_rgba()[..., :3] == 0).all()
    assert guarded.texture is not None and "the picture of an output" in reports.lines[0][1]
    guarded.draw(picture())
    assert guarded.reader()()[..., :3].max() > 100
