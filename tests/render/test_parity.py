"""OpenGL, Numba and the formula in NumPy draw the same picture, pixel by pixel."""

from collections.abc import Callable, Iterator
from typing import Any

import cv2
import numpy as np
import pytest

from engine.render.picture import Renderer
from osc_schema import PARAMS, Param, ParamType, Value
from tests.benchmarks.render_reference import draw_deep_reference
from tests.support.long_form import IS_SOAK
from tests.support.pictures import draw_once

SIZES = {"wide": (160, 90), "tall and odd": (91, 131)}
TOLERANCE = 2  # of 255 per channel
MIN_EQUAL_FRACTION = 0.99  # the other pixels are at wrap, rotation and region edges
FRAMES_OF_FEEDBACK = 6

ROTATED_RATIOS = {f"/layer/{n}/ratio": ratio for n, ratio in zip((1, 2, 3, 4), (0.0625, 0.5, 3.0, 16.0), strict=True)}
REPEAT = {f"/layer/{n}/wrap": "repeat" for n in (1, 2, 3, 4)}
TRAIL = {"/feedback/amount": 0.9, "/feedback/zoom": 1.04, "/feedback/rotate": 2.5}
LINEAR = {"/multiverse/light": "linear", "/multiverse/tone": "clip", "/multiverse/blend": 1.0}
LOOKS: dict[str, dict[str, Any]] = {
    "default": {},
    "screen": {"/multiverse/blend": 1.0},
    "difference": {"/multiverse/blend": 2.0},
    "dodge": {"/multiverse/blend": 3.0},
    "add to screen": {"/multiverse/blend": 0.5},
    "screen to difference": {"/multiverse/blend": 1.5},
    "difference to dodge": {"/multiverse/blend": 2.3},
    "curve": {f"/layer/{n}/curve": 0.25 * n for n in (1, 2, 3, 4)},
    "phase": {f"/layer/{n}/phase": 0.23 * n for n in (1, 2, 3, 4)},
    "ratio": ROTATED_RATIOS,
    "ratio, repeating": ROTATED_RATIOS | REPEAT,
    "angles": {f"/layer/{n}/angle": 33.0 * n - 100 for n in (1, 2, 3, 4)},
    "intensities": {"/layer/1/intensity": 0.02, "/layer/2/intensity": 1.4, "/multiverse/blend": 3.0},
    "mute and solo": {"/layer/2/solo": True, "/layer/3/solo": True, "/layer/3/mute": True},
    "scheme": {"/colour/mode": "fixed", "/colour/scheme": 0.7, "/colour/base_hue": 0.1},
    "palette": {"/colour/mode": "palette", "/colour/palette": "plasma", "/colour/shift": 0.3},
    "rings": {"/layer/1/shape": "rings", "/layer/2/shape": "rings", "/layer/2/phase": 0.3, "/layer/3/ratio": 0.4},
    "rays": {f"/layer/{n}/shape": "rays" for n in (1, 2, 3, 4)} | {"/layer/2/ratio": 5.0, "/layer/3/wrap": "repeat"},
    "spiral": {f"/layer/{n}/shape": "spiral" for n in (1, 3)} | {"/layer/3/wrap": "repeat", "/layer/1/curve": 0.4},
    "linear light": LINEAR,
    "linear light, soft": LINEAR | {"/multiverse/tone": "soft", "/layer/5/intensity": 0.5},
    "filmic": {"/multiverse/tone": "filmic"},
    "filmic, linear, mapped": LINEAR
    | {"/multiverse/tone": "filmic", "/multiverse/blend": 1.0, "/multiverse/brightness": 4.0, "/colour/map": 0.6}
    | {"/colour/mode": "palette", "/colour/palette": "fire_and_ice"},
    "mapped, simple": {"/mode": "simple", "/colour/map": 1.0, "/colour/palette": "orchid"},
    "simple": {"/mode": "simple", "/layer/5/mirror": True},
    "layer 5": {"/layer/5/intensity": 0.6},
    "layer 5 sharp": {"/mode": "simple", "/layer/5/filter": "sharp", "/layer/5/mirror": True},
    "layer 5 dodged": {"/layer/5/intensity": 0.6, "/layer/5/mirror": True, "/multiverse/blend": 3.0},
    "regions": {"/region/enable": True},
    "regions spread, dodged": {"/region/enable": True, "/region/spread": 0.3, "/multiverse/blend": 3.0},
    "mirror x": {"/mirror/mode": "x"},
    "mirror y": {"/mirror/mode": "y"},
    "mirror xy": {"/mirror/mode": "xy", "/layer/5/intensity": 0.5},
    "kaleidoscope": {"/mirror/mode": "kaleidoscope"},
    "seven sectors": {"/mirror/mode": "kaleidoscope", "/mirror/segments": 7, "/layer/5/intensity": 0.4},
    "luma": {"/multiverse/alpha": "luma"},
    "bright clip": {"/multiverse/tone": "clip", "/multiverse/brightness": 4.0},
    "feedback": TRAIL,
    "feedback shrinking": TRAIL | {"/feedback/zoom": 0.93, "/feedback/amount": 0.98},
    "feedback of hues": TRAIL | {"/feedback/hue": 0.03},
    "everything": TRAIL
    | {"/feedback/hue": -0.02, "/mirror/mode": "kaleidoscope", "/multiverse/blend": 2.5, "/layer/5/intensity": 0.3}
    | {"/region/enable": True, "/region/spread": 0.5, "/layer/2/curve": 0.4, "/layer/5/mirror": True}
    | {"/layer/1/shape": "spiral", "/layer/3/shape": "rings", "/colour/map": 0.4}
    | LINEAR
    | {"/multiverse/tone": "filmic"},
}

OTHER_AREAS = {"fx", "text", "logo", "mod", "lfo"}
"""Areas of looks whose parameters act through others, or need OpenGL."""
IN_BOTH = ("default", "angles", "regions", "kaleidoscope", "feedback", "everything")
"""Looks whose arithmetic depends on the size most; the others are drawn in one size."""

EVERYTHING_BUT_EDGES = LOOKS["everything"] | {"/post/bloom": 0.3, "/mirror/mode": "off", "/layer/1/shape": "stripes"}


@pytest.fixture
def compare(gl: Renderer, cpu: Renderer, picture: Callable, values: Callable, tones: Callable) -> Callable[..., None]:
    """Draw one look with OpenGL, Numba and the formula over frames of changing sound, and compare the last pictures."""
    random = np.random.default_rng(3)
    camera = random.integers(0, 256, (12, 17, 3), dtype=np.uint8).repeat(7, 0).repeat(7, 1)
    regions = random.integers(0, 4, (9, 16), dtype=np.uint8).repeat(5, 0).repeat(5, 1)

    def all_three(changes: dict[str, Any], size: tuple[int, int]) -> Iterator[list[np.ndarray]]:
        last = None
        for frame in range(FRAMES_OF_FEEDBACK if "/feedback/amount" in changes else 1):
            pitches_hz = (110.0 * 1.06**frame, 164.8, 220.0, 277.2 / 1.03**frame)
            request = picture(changes, pitches_hz=pitches_hz, layer5=camera, region=regions, time_s=frame / 30)
            for renderer in (gl, cpu):
                renderer.draw(request)
                renderer.wait()
            last = draw_deep_reference(
                values(changes), request.waves, pitches_hz, *size, layer5=camera, region=regions, last=last
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
            assert (fraction >= MIN_EQUAL_FRACTION).all(), f"{look}: {name} agree at only {fraction} of the pixels"

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
        assert np.abs(seen[how] - cv2.resize(small, size, interpolation=interpolation)).max() <= TOLERANCE, how
    assert np.abs(seen["sharp"] - seen["soft"]).max() > 20


def extremes(param: Param) -> list[Value]:
    """Values to test: every other item or state, or both ends of a number."""
    if param.type is ParamType.MENU:
        return [item for item in param.menu if item != param.default]
    return [not param.default] if param.type is ParamType.BOOL else [param.low, param.high]


def test_no_parameter_of_a_look_is_drawn_by_one_renderer_alone(gl: Renderer, cpu: Renderer, picture: Callable) -> None:
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
                    EVERYTHING_BUT_EDGES | {param.address: value}, layer5=camera, region=regions, time_s=0.4
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
