"""Shader slots in the renderer: what a viewer sees when shaders are put in, changed, broken and
taken out."""

import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from engine.render.isf.clocks import DrawClock, OverrunError, date_offline
from engine.render.isf.isf_file import Input, IsfFile, ShaderSlot
from engine.render.isf.parse import parse_isf
from engine.render.isf.program import LinkedProgram
from engine.render.opening import open_renderer
from engine.render.picture import PictureInput, Renderer
from tests.support.pictures import dissolving, draw_once, on_air

Draw = Callable[..., np.ndarray]

SIZE_PX = (64, 48)
BUILD_FRAMES = 6  # of a shader with one pass: compile, one pixel, a copy; with room
RED = '/*{"INPUTS": []}*/ void main() { gl_FragColor = vec4(1.0, 0.0, 0.0, 1.0); }'
LEFT = (
    "/*{}*/ void main() { gl_FragColor = vec4(1.0, 1.0, 1.0, isf_FragNormCoord.x < 0.5 ? 1.0 : "
    "0.0); }"
)
BLUE = RED.replace("1.0, 0.0, 0.0", "0.0, 0.0, 1.0")
NEGATIVE = """/*{"INPUTS": [{"NAME": "inputImage", "TYPE": "image"}]}*/
void main() { gl_FragColor = vec4(1.0 - IMG_THIS_PIXEL(inputImage).rgb, 1.0); }"""
LEVEL = """/*{"INPUTS": [{"NAME": "inputImage", "TYPE": "image"}, {"NAME": "level", "TYPE": "float", "DEFAULT": 0.2}]}*/
void main() { gl_FragColor = vec4(vec3(level), 1.0); }"""
CLOCK = (
    "/*{}*/ void main() { gl_FragColor = vec4(TIME / 10.0, float(FRAMEINDEX) / 255.0, "
    "TIMEDELTA, 1.0); }"
)
BROKEN = "/*{}*/ void main() { gl_FragColor = nothing; }"


def file_of(text: str, path: str | None = None, vertex: str | None = None) -> IsfFile:
    return parse_isf(text, path=Path(path) if path else None, vertex=vertex)


def slot(
    name: str, file: IsfFile, mix: float = 1.0, inputs: Mapping[str, Input] | None = None
) -> ShaderSlot:
    return ShaderSlot(slot=name, file=file, inputs=inputs or {}, mix=mix)


@pytest.fixture
def play(gl: Renderer, picture: Callable[..., PictureInput]) -> Draw:
    """`play(*slots, frames=1, changes={...}, start_s=0.0)`: the last picture; the size is 64 x
    48."""
    gl.resize(*SIZE_PX)

    def run(
        *slots: ShaderSlot,
        frames: int = BUILD_FRAMES,
        changes: dict[str, Any] | None = None,
        start_s: float = 0.0,
        layer5: np.ndarray | None = None,
        shows_generator: bool = False,
    ) -> np.ndarray:
        for frame in range(frames):
            look = picture(changes, layer5=layer5, time_s=start_s + frame / 30)
            gl.draw(replace(on_air(look, shows_generator=shows_generator), shaders=slots))
            gl.wait()
        return gl.read_rgba()

    return run


def test_four_effects_are_applied_in_their_order(play: Draw, f_card: Callable) -> None:
    card = np.ascontiguousarray(f_card()[..., :3])
    negative = file_of(NEGATIVE)
    rgba = play(slot("1", negative), frames=9, changes={"/mode": "simple"}, layer5=card)
    assert np.array_equal(rgba[..., :3], 255 - card)
    both = play(
        slot("1", file_of(LEVEL)),
        slot("2", negative),
        frames=9,
        changes={"/mode": "simple"},
        layer5=card,
    )
    assert both[0, 0].tolist() == [204, 204, 204, 255]
    turned = play(
        slot("2", file_of(LEVEL)),
        slot("1", negative),
        frames=9,
        changes={"/mode": "simple"},
        layer5=card,
    )
    assert turned[0, 0].tolist() == [51, 51, 51, 255]


def test_a_generator_lies_under_the_effects_and_over_the_picture_or_is_layer_5(play: Draw) -> None:
    plain = play()
    half = play(slot("generator", file_of(LEFT)))
    assert (half[:, :32] == 255).all() and np.array_equal(half[:, 32:], plain[:, 32:])
    negative = play(slot("1", file_of(NEGATIVE)), slot("generator", file_of(LEFT)), frames=12)
    assert (negative[:, :32, :3] == 0).all()
    generator = slot("generator", file_of(RED), mix=0.0)
    assert play(generator, changes={"/mode": "simple"}, shows_generator=True)[9, 9].tolist() == [
        255,
        0,
        0,
        255,
    ]


def test_layer_5_of_each_look_shows_its_own_generator(
    gl: Renderer, play: Draw, picture: Any
) -> None:
    slots = (
        replace(slot("generator", file_of(RED), mix=0.0), is_outgoing=True),
        slot("generator-", file_of(BLUE), mix=0.0),
    )
    play(*slots, changes={"/mode": "simple"}, frames=2 * BUILD_FRAMES)
    look = on_air(picture({"/mode": "simple"}, time_s=2.0), shows_generator=True)
    new_look = replace(on_air(look, deck=2), shaders=slots)
    for mix, red in ((0.0, 255), (0.4, 153), (1.0, 0)):
        draw_once(gl, dissolving(look, new_look, mix))
        assert gl.read_rgba()[5, 5].tolist() == pytest.approx([red, 0, 255 - red, 255], abs=1)


def test_the_old_shader_plays_until_the_new_one_is_built_and_on_if_it_is_refused(
    play: Draw, gl: Renderer
) -> None:
    red, level = file_of(RED), file_of(LEVEL)
    play(slot("1", red))
    assert play(slot("1", level), frames=1)[0, 0].tolist() == [255, 0, 0, 255]
    assert play(slot("1", level))[0, 0].tolist() == [51, 51, 51, 255]
    play(slot("1", file_of(RED)))
    assert play(slot("1", file_of(BROKEN)))[0, 0].tolist() == [255, 0, 0, 255]
    assert "nothing" in gl.shader_state.failures["1"] and "line 1" in gl.shader_state.failures["1"]
    play(slot("1", file_of(LEVEL)))
    assert gl.shader_state.failures == {}
    play(slot("1", red))
    play(frames=1)
    assert play(slot("1", level), frames=1)[0, 0].tolist() != [255, 0, 0, 255], (
        "that was an earlier look's"
    )


def test_targets_that_grow_are_allocated_over_some_pictures_and_too_large_ones_refused(
    gl: Renderer, play: Draw
) -> None:
    header = '"INPUTS": [{"NAME": "n", "TYPE": "float", "DEFAULT": 1, "MAX": 99999}]'
    passes = '"PASSES": [{"TARGET": "a", "WIDTH": "$n", "HEIGHT": "$n"}, {}]'
    text = f"""/*{{{header}, {passes}}}*/
    void main() {{ vec4 seen = IMG_NORM_PIXEL(a, vec2(0.5));
    gl_FragColor = PASSINDEX == 0 ? vec4(1.0) : vec4(n / 9999.0, seen.gb, 1.0); }}"""
    plain, file = play(), file_of(text)
    assert play(slot("1", file))[0, 0].tolist() == [0, 255, 255, 255]
    growing = [play(slot("1", file, inputs={"n": 3500.0}), frames=1)[0, 0, 0] for _ in range(3)]
    assert growing == [0, 89, 89] and not gl.shader_state.failures, (
        "93 MB: the last picture stays for one"
    )
    assert np.array_equal(play(slot("1", file, inputs={"n": 9999.0})), plain)
    assert "9999x9999" in gl.shader_state.failures["1"]


@pytest.mark.parametrize("bad", ["log(-TIME)", "exp(200.0 * TIME)", "-exp(200.0 * TIME)"])
def test_what_is_not_finite_does_not_stay_in_a_target_of_floats(play: Draw, bad: str) -> None:
    passes = (
        '"PASSES": [{"TARGET": "kept", "FLOAT": true, "PERSISTENT": true, "WIDTH": 1, '
        '"HEIGHT": 1}, {}]'
    )
    file = file_of(f"""/*{{{passes}}}*/ void main() {{
        float before = IMG_NORM_PIXEL(kept, vec2(0.5)).r, bad = TIME > 0.8 && TIME < 1.1 ? {bad} : 0.0;
        gl_FragColor = vec4(vec3(PASSINDEX == 0 ? 0.5 * before + 0.4 + bad : before), 1.0); }}""")
    play(slot("1", file))
    assert play(slot("1", file), frames=9, start_s=0.5)[0, 0, 0] == 204
    assert play(slot("1", file), frames=1, start_s=1.1)[0, 0, 0] == 0
    assert play(slot("1", file), frames=20, start_s=1.3)[0, 0, 0] == 204


def test_the_time_in_which_a_shader_is_not_drawn_is_no_timedelta(play: Draw) -> None:
    file = file_of(CLOCK)
    play(slot("1", file))
    assert play(slot("1", file), frames=3, start_s=1.0)[0, 0, 2] in (8, 9)
    play(frames=2, start_s=2.0)
    assert play(slot("1", file), frames=1, start_s=5.0)[0, 0, 2] == 0
    assert play(slot("1", file), frames=2, start_s=5.1)[0, 0, 2] in (8, 9)
    play(slot("1", file, mix=0.0), frames=2, start_s=6.0)
    assert play(slot("1", file), frames=1, start_s=7.0)[0, 0, 2] == 0


def test_no_clock_ends_a_picture_offline(
    gl: Renderer, play: Draw, picture: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its bytes would depend on the machine's speed, and Swarm would be black from some picture
    on."""
    now_s, begin = count(), DrawClock.begin

    def begin_by_ticks(clock: DrawClock) -> None:
        monkeypatch.setattr(clock, "now_s", lambda: float(next(now_s)))
        begin(clock)

    monkeypatch.setattr(DrawClock, "begin", begin_by_ticks)
    dots = file_of(
        '/*{"PASSES": [{"TARGET": "dots", "FLOAT": true, "POINTS": "70000"}, {}]}*/\n'
        "void main() { gl_FragColor = PASSINDEX == 0 ? vec4(1.0) : vec4(IMG_THIS_PIXEL(dots).rgb, "
        "1.0); }",
        "dots.fs",
        "void main() { isf_vertShaderInit(); }",
    )
    play(slot("1", dots))
    assert gl.shader_state.overruns == {"1"}
    offline = open_renderer("gl", *SIZE_PX, date_at=date_offline)
    try:
        draw_once(offline, replace(picture(), shaders=[slot("1", dots)]))
        assert not offline.shader_state.overruns and (offline.read_rgba()[..., 0] == 255).any()
    finally:
        offline.close()


def test_a_shader_that_is_saved_again_continues_in_time(play: Draw) -> None:
    first, second, other = (
        file_of(CLOCK, "/a.fs"),
        file_of(CLOCK + " ", "/a.fs"),
        file_of(CLOCK, "/b.fs"),
    )
    play(slot("1", first))
    late = play(slot("1", first), frames=1, start_s=5.0)[0, 0]
    assert 100 < late[0] <= 128
    saved = play(slot("1", second), start_s=6.0)[0, 0]
    assert saved[0] > late[0] and saved[1] > late[1]
    assert play(slot("1", other), start_s=9.0)[0, 0, 0] < 10


def test_every_shader_s_cost_is_reported(gl: Renderer, play: Draw) -> None:
    play(slot("1", file_of(NEGATIVE)), slot("3", file_of(LEVEL)), frames=12)
    costs_ms = gl.shader_state.costs_ms
    assert costs_ms.keys() == {"1", "3"} and all(cost > 0 for cost in costs_ms.values())


def test_a_new_size_keeps_the_shaders(gl: Renderer, play: Draw) -> None:
    level = slot("1", file_of(LEVEL))
    play(level)
    gl.resize(80, 60)
    rgba = play(level, frames=1)
    assert rgba.shape == (60, 80, 4) and (rgba[..., :3] == 51).all()


def hostile_file() -> IsfFile:
    """An inverting shader that never ends from 1 s on."""
    body = (
        "float c = 0.0; if (TIME > 1.0) { while (c > -1.0) c += IMG_NORM_PIXEL(inputImage, "
        "vec2(fract(c), 0.5)).r; }"
    )
    text = f"""/*{{"INPUTS": [{{"NAME": "inputImage", "TYPE": "image"}}]}}*/
    void main() {{ {body} gl_FragColor = vec4(1.0 - IMG_THIS_PIXEL(inputImage).rgb, 1.0); }}"""
    # as the trial has it for two million operations of each pixel
    return replace(file_of(text), band_px=64)


def test_the_other_shaders_play_on_when_one_holds_up_the_picture(
    gl: Renderer, play: Draw, monkeypatch: pytest.MonkeyPatch
) -> None:
    now_s, band_s, begin = [0.0], 0.0, DrawClock.begin

    def tick() -> float:
        now_s[0] += band_s
        return now_s[0]

    def begin_by_ticks(clock: DrawClock) -> None:
        monkeypatch.setattr(clock, "now_s", tick)
        begin(clock)

    monkeypatch.setattr(DrawClock, "begin", begin_by_ticks)
    slots = slot("1", file_of(LEVEL)), slot("2", hostile_file()), slot("3", file_of(NEGATIVE))
    # the negative of a negative
    assert play(*slots, frames=3 * BUILD_FRAMES)[0, 0].tolist() == [51, 51, 51, 255]
    band_s = 0.01  # only the second one has many bands
    play(*slots, frames=1, start_s=2.0)
    assert gl.shader_state.overruns == {"2"}
    assert play(*slots, frames=2, start_s=2.1)[0, 0].tolist() == [204, 204, 204, 255]
    assert set(gl.shader_state.costs_ms) >= {"1", "3"} and not gl.shader_state.missing


def test_all_shaders_share_the_time_of_a_picture_and_what_adds_up_to_a_band_is_waited_for() -> None:
    now_s = [0.0]
    clock = DrawClock(0.15, lambda: now_s[0])
    assert [clock.is_due(fraction) for fraction in (3.0, 0.5, 0.4, 0.4)] == [
        False,
        True,
        False,
        True,
    ]
    for name, spent_s in (("1", 0.1), ("2", 0.04)):
        with clock.running(name):
            now_s[0] += spent_s
            clock.check()
    with clock.running("3"), pytest.raises(OverrunError):
        now_s[0] += 0.02
        clock.check()
    assert clock.slowest == "1"


@pytest.mark.parametrize(("point_s", "most"), [(1e-7, 8), (1e-3, 200)])
def test_points_are_drawn_in_parts_as_large_as_a_small_number_of_them_allows(
    gl: Renderer, play: Draw, monkeypatch: pytest.MonkeyPatch, point_s: float, most: int
) -> None:
    """The trial saw quick ones; from 8 s on each takes its time."""
    now_s, counts, draw, begin = [0.0], [0], LinkedProgram.draw, DrawClock.begin

    def draw_points(linked: LinkedProgram, points: int = 0, first: int = 0) -> None:
        now_s[0] += points * point_s
        counts.append(points)
        draw(linked, points, first)

    passes = [{"TARGET": "dots", "POINTS": 1 << 18}, {}]
    text = f"/*{json.dumps({'PASSES': passes})}*/ void main() {{ gl_FragColor = vec4(1.0); }}"
    vertex = "void main() { isf_vertShaderInit(); gl_PointSize = 1.0; }"
    file = replace(parse_isf(text, path=None, vertex=vertex), band_px=0)
    play(slot("generator", file), frames=2 * BUILD_FRAMES)
    monkeypatch.setattr(LinkedProgram, "draw", draw_points)

    def begin_by_points(clock: DrawClock) -> None:
        monkeypatch.setattr(clock, "now_s", lambda: now_s[0])
        begin(clock)

    monkeypatch.setattr(DrawClock, "begin", begin_by_points)
    play(slot("generator", file), frames=1, start_s=8.0)
    parts = [points for points in counts if points]
    if point_s < 1e-6:
        assert sum(parts) == 1 << 18 and len(parts) <= most
    else:
        assert sum(parts) <= most and gl.shader_state.overruns == {"generator"}


def test_the_last_pass_is_bounded_and_grows_over_some_pictures(gl: Renderer, play: Draw) -> None:
    inputs = [{"NAME": "side", "TYPE": "float", "MIN": 1, "MAX": 8192, "DEFAULT": 8}]
    header = {"INPUTS": inputs, "PASSES": [{"WIDTH": "$side", "HEIGHT": "$side"}]}
    body = "gl_FragColor = vec4(RENDERSIZE.x / 8192.0, 0.0, 0.0, 1.0);"
    file = file_of(f"/*{json.dumps(header)}*/ void main() {{ {body} }}")
    small, large, huge = (
        slot("generator", file, inputs={"side": side}) for side in (8.0, 3600.0, 8192.0)
    )
    seen_small = play(small, frames=2 * BUILD_FRAMES)[0, 0].tolist()
    assert gl.shader_state.failures == {} and seen_small == [0, 0, 0, 255]
    seen = [int(play(large, frames=1)[0, 0, 0]) for _ in range(4)]
    assert seen[0] == 0 and seen[-1] == 112, "198 MB: the last picture stays for some"
    play(huge, frames=1)
    assert (
        "its last pass of 8192x8192 px takes 512 MB: at most 136 MB"
        in gl.shader_state.failures["generator"]
    )


def test_a_shader_that_holds_up_the_picture_is_given_up_and_tried_again_later(
    gl: Renderer, play: Draw
) -> None:
    """Only after the shader has been switched off. The last picture stays for a frame: it can
    dissolve into another."""
    file = hostile_file()
    plain = play(frames=2)
    turned = play(slot("1", file), frames=9)
    assert not np.array_equal(turned, plain) and not gl.shader_state.overruns
    bypassed = play(slot("1", file), frames=1, start_s=2.0)
    assert np.array_equal(bypassed, turned) and gl.shader_state.overruns == {"1"}
    assert np.array_equal(play(slot("1", file), frames=2, start_s=2.1), plain)
    costs = [gl.shader_state.costs_ms.get("1")]
    play(slot("1", file), frames=2, start_s=3.0)
    assert costs[0] is None and gl.shader_state.overruns == {"1"}  # not drawn again
    play(frames=1, start_s=4.0)
    play(slot("1", file), frames=2, start_s=5.0)
    assert gl.shader_state.overruns == {"1"} and gl.shader_state.costs_ms["1"] > 0  # tried again
