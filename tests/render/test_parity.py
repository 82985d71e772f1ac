"""OpenGL, Numba and the formula in NumPy draw the same picture, pixel by pixel."""

from collections.abc import Callable, Iterator
from typing import Any

import cv2
import numpy as np
import pytest

from engine.render.picture import Renderer
from osc_schema import PARAMS, Param, ParamType, Value
from tests.benchmarks.render_reference import draw_deep_reference
from tests.support.cases import cases_of
from tests.support.long_form import IS_SOAK
from tests.support.pictures import draw_once

SIZES = {"wide": (160, 90), "tall and odd": (91, 131)}
TOLERANCE = 2  # of 255 per channel
MIN_EQUAL_FRACTION = 0.99  # the other pixels are at wrap, rotation and region edges
FRAMES_OF_FEEDBACK = 6

LOOKS: dict[str, dict[str, Any]] = cases_of(__file__)

OTHER_AREAS = {"fx", "text", "logo", "mod", "lfo"}
"""Areas of looks whose parameters act through others, or need OpenGL."""
IN_BOTH = ("default", "angles", "regions", "kaleidoscope", "feedback", "everything")
"""Looks whose arithmetic depends on the size most; the others are drawn in one size."""

EVERYTHING_BUT_EDGES = LOOKS["everything"] | {
    "/post/bloom": 0.3,
    "/mirror/mode": "off",
    "/layer/1/shape": "stripes",
}


@pytest.fixture
def compare(
    gl: Renderer, cpu: Renderer, picture: Callable, values: Callable, tones: Callable
) -> Callable[..., None]:
    """Draw one look with OpenGL, Numba and the formula over frames of changing sound, and compare
    the last pictures."""
    random = np.random.default_rng(3)
    camera = random.integers(0, 256, (12, 17, 3), dtype=np.uint8).repeat(7, 0).repeat(7, 1)
    regions = random.integers(0, 4, (9, 16), dtype=np.uint8).repeat(5, 0).repeat(5, 1)

    def all_three(changes: dict[str, Any], size: tuple[int, int]) -> Iterator[list[np.ndarray]]:
        last = None
        for frame in range(FRAMES_OF_FEEDBACK if "/feedback/amount" in changes else 1):
            pitches_hz = (110.0 * 1.06**frame, 164.8, 220.0, 277.2 / 1.03**frame)
            request = picture(
                changes, pitches_hz=pitches_hz, layer5=camera, region=regions, time_s=frame / 30
            )
            for renderer in (gl, cpu):
                renderer.draw(request)
                renderer.wait()
            last = draw_deep_reference(
                values(changes),
                request.on_air.waves,
                pitches_hz,
                *size,
                layer5=camera,
                region=regions,
                last=last,
            )
        yield from (gl.read_rgba(), cpu.read_rgba(), np.round(last / 257))

    def check(look: str, changes: dict[str, Any], size: tuple[int, int]) -> None:
        gl.resize(*size)
        cpu.resize(*size)
        by_gl, by_numba, by_numpy = (rgba.astype(int) for rgba in all_three(changes, size))
        assert by_gl.shape == by_numba.shape == (size[1], size[0], 4)
        for name, one, other in (
            ("GL and Numba", by_gl, by_numba),
            ("GL and NumPy", by_gl, by_numpy),
            ("Numba and NumPy", by_numba, by_numpy),
        ):
            fraction = (np.abs(one - other) <= TOLERANCE).mean(axis=(0, 1))
            assert (fraction >= MIN_EQUAL_FRACTION).all(), (
                f"{look}: {name} agree at only {fraction} of the pixels"
            )

    return check


@pytest.mark.parametrize("size", SIZES)
def test_three_renderers_draw_the_same_picture(compare: Callable[..., None], size: str) -> None:
    for look in LOOKS if size == "tall and odd" or IS_SOAK else IN_BOTH:
        compare(look, LOOKS[look], SIZES[size])


def test_a_sharp_layer_5_is_what_opencv_calls_cubic(renderer: Renderer, picture: Callable) -> None:
    small = np.random.default_rng(3).integers(0, 256, (9, 16, 3), dtype=np.uint8)
    seen = {}
    for how in ("sharp", "soft"):
        draw_once(renderer, picture({"/mode": "simple", "/layer/5/filter": how}, layer5=small))
        seen[how] = renderer.read_rgba()[..., :3].astype(int)
    size = seen["sharp"].shape[1::-1]
    assert size == (64, 36)
    for how, interpolation in (("sharp", cv2.INTER_CUBIC), ("soft", cv2.INTER_LINEAR)):
        assert (
            np.abs(seen[how] - cv2.resize(small, size, interpolation=interpolation)).max()
            <= TOLERANCE
        ), how
    assert np.abs(seen["sharp"] - seen["soft"]).max() > 20


def extremes(param: Param) -> list[Value]:
    """Values to test: every other item or state, or both ends of a number."""
    if param.type is ParamType.MENU:
        return [item for item in param.menu if item != param.default]
    return [not param.default] if param.type is ParamType.BOOL else [param.low, param.high]


def test_no_parameter_of_a_look_is_drawn_by_one_renderer_alone(
    gl: Renderer, cpu: Renderer, picture: Callable
) -> None:
    for area in sorted({param.area for param in PARAMS if param.is_look} - OTHER_AREAS):
        random = np.random.default_rng(3)
        camera = random.integers(0, 256, (12, 17, 3), dtype=np.uint8).repeat(7, 0).repeat(7, 1)
        regions = random.integers(0, 4, (9, 16), dtype=np.uint8).repeat(5, 0).repeat(5, 1)
        wrong = []
        for param in PARAMS:
            if param.area != area or not param.is_look or param.needs_opengl:
                continue
            for value in extremes(param):
                request = picture(
                    EVERYTHING_BUT_EDGES | {param.address: value},
                    layer5=camera,
                    region=regions,
                    time_s=0.4,
                )
                seen = []
                for renderer in (gl, cpu):
                    seen.append(draw_once(renderer, request).read_rgba().astype(int))
                fraction = (np.abs(seen[0] - seen[1]) <= TOLERANCE).mean()
                if fraction < MIN_EQUAL_FRACTION:
                    wrong.append(f"{param.address} {value}: {fraction:.1%} alike")
        assert wrong == [], area


def test_vav_original_is_the_same_everywhere(compare: Callable, vav: dict[str, Any]) -> None:
    for blend in [0.0, 0.5, 1.0, 2.0, 3.0]:
        compare(f"VAV original, blend {blend}", vav | {"/multiverse/blend": blend}, SIZES["wide"])
