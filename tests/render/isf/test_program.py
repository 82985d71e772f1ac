"""A shader's picture: the right way up, its inputs, passes, sound and mix."""

from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from engine import open_engine
from engine.config import build_config
from engine.control.commands.control_hub import OWN_SHADERS
from engine.params.looks import PLAIN
from engine.render.isf.clocks import date_live, date_offline, isf_date
from engine.render.isf.gl_images import spectrum_image
from engine.render.isf.isf_file import IsfFile
from engine.render.isf.parse import parse_isf
from engine.render.isf.program import ShaderTime
from tests.support.needed import needs

Isf = Callable[..., IsfFile]
Show = Callable[..., np.ndarray]

IMAGE = [{"NAME": "inputImage", "TYPE": "image"}]
RED, BLUE = [255, 0, 0, 255], [0, 0, 255, 255]
CLOCK = """/*{"INPUTS": []}*/
void main() { gl_FragColor = vec4(DATE.x == 2000.0 && DATE.yz == vec2(1.0) ? 1.0 : 0.0, DATE.w / 2.0, 0.0, 1.0); }"""
"""The edges in their pictures may fall on columns of either kind."""


def test_what_a_shader_draws_high_is_seen_at_the_top_and_slopes_point_up(
    isf: Isf, show: Show
) -> None:
    for height in [
        "isf_FragNormCoord.y", "vv_FragNormCoord.y", "gl_FragCoord.y / RENDERSIZE.y",
        "gl_FragCoord.y / 48.0",
    ]:  # fmt: skip
        picture = show(
            isf(f"gl_FragColor = {height} > 0.75 ? vec4(1, 0, 0, 1) : vec4(0, 0, 1, 1);")
        )
        assert picture[0, 0].tolist() == RED and picture[-1, 0].tolist() == BLUE, height
        assert (picture[..., 0] == 255).mean() == 0.25, height
    body = (
        "float y = gl_FragCoord.y; gl_FragColor = vec4(dFdy(y), -dFdy(y), "
        "dFdx(gl_FragCoord.x), 1.0);"
    )
    assert show(isf(body))[20, 20].tolist() == [255, 0, 255, 255]


def test_an_input_of_each_type_reaches_the_shader_or_has_its_default(isf: Isf, show: Show) -> None:
    for entry, glsl, value, seen in [
        ({"TYPE": "float", "MAX": 2.0}, "vec4(a / 2.0)", 1.2, [153] * 3),
        ({"TYPE": "bool"}, "vec4(a ? 1.0 : 0.2)", False, [51] * 3),
        ({"TYPE": "event"}, "vec4(a ? 1.0 : 0.2)", True, [255] * 3),
        ({"TYPE": "long", "VALUES": [0, 3]}, "vec4(float(a) / 5.0)", 3, [153] * 3),
        ({"TYPE": "point2D"}, "vec4(a, 0.0, 1.0)", (0.2, 0.6), [51, 153, 0]),
        ({"TYPE": "color"}, "a", (0.2, 0.4, 0.6, 1.0), [51, 102, 153]),
    ]:
        file = isf(f"gl_FragColor = vec4(({glsl}).rgb, 1.0);", [{"NAME": "a", **entry}])
        assert show(file, inputs={"a": value})[5, 5, :3].tolist() == seen, value
    file = isf(
        "gl_FragColor = vec4(vec3(a), 1.0);", [{"NAME": "a", "TYPE": "float", "DEFAULT": 0.2}]
    )
    assert show(file)[0, 0, 0] == 51
    body = "gl_FragColor = vec4(a / RENDERSIZE, a.x / 128.0, 1.0);"
    picture = show(isf(body, [{"NAME": "a", "TYPE": "point2D"}]), inputs={"a": (0.6, 0.2)})
    assert picture[0, 0, :3].tolist() == [153, 51, round(0.6 * 64 / 128 * 255)]


def test_time_frame_and_date_reach_the_shader(isf: Isf, show: Show) -> None:
    moment = ShaderTime(time_s=1.0, delta_s=0.4, frame=3, date=(2024.0, 2.0, 4.0, 6.0))
    times = isf("gl_FragColor = vec4(TIME / 5.0, TIMEDELTA, float(FRAMEINDEX) / 5.0, 1.0);")
    assert show(times, moment=moment)[0, 0].tolist() == [51, 102, 153, 255]
    date = isf("gl_FragColor = vec4(DATE.yzw / 10.0, DATE.x - 2023.0);")
    assert show(date, moment=moment)[0, 0].tolist() == [51, 102, 153, 255]


def test_passes_run_in_order_upright_and_the_last_is_stretched(
    isf: Isf, show: Show, f_card: Callable
) -> None:
    body = """
    if (PASSINDEX == 0) gl_FragColor = vec4(RENDERSIZE.x / 255.0, 0.0, 0.0, 1.0);
    else if (PASSINDEX == 1) gl_FragColor = IMG_THIS_PIXEL(first) + vec4(0.0, IMG_SIZE(first).y / 255.0, 0.0, 0.0);
    else gl_FragColor = IMG_THIS_PIXEL(second);"""
    passes = [{"TARGET": "first", "WIDTH": "$WIDTH/4", "HEIGHT": 10}, {"TARGET": "second"}, {}]
    assert show(isf(body, PASSES=passes))[7, 7].tolist() == [16, 10, 0, 255]
    body = "gl_FragColor = PASSINDEX == 0 ? IMG_THIS_PIXEL(inputImage) : IMG_THIS_PIXEL(copy);"
    card = f_card()
    assert np.array_equal(show(isf(body, IMAGE, PASSES=[{"TARGET": "copy"}, {}]), card), card)
    assert np.array_equal(show(isf(body, IMAGE, PASSES=[{"TARGET": "copy"}]), card), card)
    body = "gl_FragColor = isf_FragNormCoord.x < 0.5 ? vec4(1, 0, 0, 1) : vec4(0, 0, 1, 1);"
    picture = show(isf(body, PASSES=[{"WIDTH": "2", "HEIGHT": "1"}]))
    assert (
        picture[9, 0].tolist() == RED
        and picture[9, -1].tolist() == BLUE
        and 0 < picture[9, 32, 0] < 255
    )


def test_a_smaller_form_of_the_last_pass_is_stretched_and_the_full_one_drawn_as_it_is(
    isf: Isf, show: Show, f_card: Callable
) -> None:
    inputs = [*IMAGE, {"NAME": "quality", "TYPE": "float", "MIN": 0.25, "MAX": 1.0, "DEFAULT": 1.0}]
    passes = [{"WIDTH": "$WIDTH * $quality", "HEIGHT": "$HEIGHT * $quality"}]
    assert np.array_equal(
        show(isf("gl_FragColor = IMG_THIS_PIXEL(inputImage);", inputs, PASSES=passes), f_card()),
        f_card(),
    )
    sides = isf("gl_FragColor = vec4(RENDERSIZE / 255.0, 0.0, 1.0);", inputs, PASSES=passes)
    for quality, expected in ((1.0, [64, 48, 0, 255]), (0.5, [32, 24, 0, 255])):
        assert show(sides, inputs={"quality": quality})[9, 9].tolist() == expected


@pytest.mark.parametrize(("is_float", "seen"), [(True, 240), (False, 32)])
def test_a_persistent_target_remembers_and_floats_go_past_one(
    isf: Isf, show: Show, is_float: bool, seen: int
) -> None:
    body = """
    if (PASSINDEX == 0) gl_FragColor = IMG_THIS_PIXEL(sum) + vec4(0.5, 0.0, 0.0, 1.0);
    else gl_FragColor = vec4(IMG_THIS_PIXEL(sum).r * (32.0 / 255.0), 0.0, 0.0, 1.0);"""
    file = isf(body, PASSES=[{"TARGET": "sum", "PERSISTENT": True, "FLOAT": is_float}, {}])
    assert show(file, frames=15)[0, 0, 0] == seen


def test_an_imported_image_is_upright(show: Show, f_card: Callable, tmp_path: Path) -> None:
    from PIL import Image

    card = f_card()
    Image.fromarray(card).save(tmp_path / "card.png")
    text = (
        '/*{"IMPORTED": {"card": {"PATH": "card.png"}}}*/ void main() { gl_FragColor = '
        "IMG_THIS_PIXEL(card); }"
    )
    assert np.array_equal(show(parse_isf(text, path=tmp_path / "a.fs")), card)


def test_a_vertex_shader_moves_the_picture_and_hands_values_on(show: Show) -> None:
    vertex = (
        "varying vec2 place; void main() { isf_vertShaderInit(); place = isf_FragNormCoord; "
        "gl_Position.y += 1.0; }"
    )
    text = "/*{}*/ varying vec2 place; void main() { gl_FragColor = vec4(place, 1.0, 1.0); }"
    picture = show(parse_isf(text, path=None, vertex=vertex))
    assert picture[-1, 0].tolist() == [0, 0, 0, 255]  # moved up by half the picture
    assert picture[0, 0, 2] == 255 and picture[0, 0, 1] < 140 and picture[23, 0, 1] < 5


def test_the_sounds_waves_and_spectra_are_images(isf: Isf, show: Show) -> None:
    time_s = np.arange(1024) / 1024 * 0.05
    waves = np.zeros((4, 1024), np.float32)
    waves[0] = np.sin(2 * np.pi * 2000 * time_s)
    waves[3] = 0.6
    body = """
    gl_FragColor = vec4(IMG_NORM_PIXEL(wave, vec2(0.5, 0.875)).r, IMG_NORM_PIXEL(fft, vec2(100.5 / 512.0, 0.125)).r,
                        IMG_NORM_PIXEL(fft, vec2(0.9, 0.125)).r, 1.0);"""
    file = isf(body, [{"NAME": "wave", "TYPE": "audio"}, {"NAME": "fft", "TYPE": "audioFFT"}])
    assert show(file, waves=waves)[0, 0].tolist() == [204, 255, 0, 255]
    assert spectrum_image(waves, 64)[0, 12] == pytest.approx(1.0, abs=0.01), (
        "the strongest of eight bins"
    )


def test_mix_goes_from_the_picture_to_the_effect(isf: Isf, show: Show, f_card: Callable) -> None:
    card = f_card()
    negative = isf("gl_FragColor = vec4(1.0 - IMG_THIS_PIXEL(inputImage).rgb, 1.0);", IMAGE)
    assert np.array_equal(show(negative, card, mix=0.0), card)
    assert np.array_equal(show(negative, card, mix=1.0)[..., :3], 255 - card[..., :3])
    assert np.abs(show(negative, card, mix=0.5)[..., :3].astype(int) - 127).max() <= 1


def test_a_generator_covers_the_picture_by_its_alpha_and_luma_is_brightest(
    isf: Isf, show: Show, f_card: Any
) -> None:
    card = f_card()
    picture = show(
        isf("gl_FragColor = vec4(1.0, 1.0, 1.0, isf_FragNormCoord.x < 0.5 ? 1.0 : 0.0);"), card
    )
    assert (picture[:, :32] == 255).all() and np.array_equal(picture[:, 32:], card[:, 32:])
    file = isf("gl_FragColor = vec4(0.2, 0.4, 0.1, 0.5);", IMAGE)
    assert show(file, is_luma=False)[0, 0].tolist() == [26, 51, 13, 255]
    assert show(file, is_luma=True)[0, 0, 3] == 51


def test_numbers_that_are_none_and_pixels_thrown_away_are_black(isf: Isf, show: Show) -> None:
    file = isf("gl_FragColor = vec4(0.0 / TIMEDELTA, sqrt(-1.0 - TIME), 1.0, 1.0);")
    assert show(file)[0, 0].tolist() == [0, 0, 255, 255]
    body = "if (FRAMEINDEX == 2) discard; gl_FragColor = vec4(1.0);"
    assert show(isf(body), frames=3)[0, 0, :3].tolist() == [0, 0, 0]


def test_the_date_is_the_clock_on_the_wall_or_offline_the_time_of_the_picture() -> None:
    assert isf_date(date_offline(1.5)) == (2000.0, 1.0, 1.0, 1.5)
    assert isf_date(date_offline(31 * 86_400 + 3661.25)) == (2000.0, 2.0, 1.0, 3661.25)
    assert abs(date_live(1.5) - datetime.now()) < timedelta(minutes=1)


@needs("OpenGL")
def test_a_video_with_a_clock_is_the_same_each_time(tmp_path: Path) -> None:
    (tmp_path / "Clock.fs").write_text(CLOCK, encoding="utf-8")
    config = build_config(
        {
            "width": 64, "height": 64, "fps": 30.0, "audio": "demo", "renderer": "gl",
            "sinks": ("null",),
            "offline": True, "shaders": (str(tmp_path),), "params": {**PLAIN,
                "/fx/generator/file": "Clock"},
        }
    )  # fmt: skip
    with open_engine(config) as engine:
        *_, last = engine.frames(count=31)
        red, green = last.read_rgba()[5, 5, :2].tolist()
    assert red == 255
    assert green == pytest.approx(127.5, abs=1), "a second after the start"


@pytest.mark.parametrize(("name", "times"), [("Crystal", 1.42), ("Ravine", 2.0)])
def test_a_drop_is_brighter_than_a_tone_that_is_as_loud(
    name: str, times: float, show: Show, f_card: Any
) -> None:
    file = parse_isf((OWN_SHADERS / f"{name}.fs").read_text(encoding="utf-8"), path=None)
    source = None if file.is_generator else f_card(64, 48)
    sound = {"level": 0.8, "quality": 0.25}
    tone, drop = (
        show(file, source, {**sound, "kick": kick}, frames=12)[..., :3].mean()
        for kick in (0.0, 0.6)
    )
    assert drop > times * tone
