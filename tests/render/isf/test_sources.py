"""What a shader reads of layer 5's source: its picture, mask, objects, flow and history; and passes
of points."""

import json
import re
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from engine import open_engine
from engine.config import build_config
from engine.errors import IsfError
from engine.params.looks import PLAIN
from engine.render.isf.gl_sources import CELLS_PER_S, COLUMNS, ROWS
from engine.render.isf.isf_file import IsfFile, ShaderSlot
from engine.render.isf.parse import parse_isf
from engine.render.masks import SourceMaps
from engine.render.opening import open_renderer
from engine.render.picture import PictureInput, Renderer
from tests.support.long_form import in_long_form
from tests.support.needed import needs
from tests.support.pictures import draw_once

pytestmark = needs("OpenGL")

Isf = Callable[..., IsfFile]
Play = Callable[..., np.ndarray]

ROOT = Path(__file__).parents[3]
BUILD_FRAMES = 8
FPS = 30


GREEN = "void main() { gl_FragColor = vec4(0.0, 1.0, at.x, 1.0); }"


def reads(name: str, body: str) -> IsfFile:
    header = {"INPUTS": [{"NAME": name, "TYPE": "image"}]}
    return parse_isf(
        f"/*{json.dumps(header)}*/\nvoid main() {{ gl_FragColor = vec4(({body}).rgb, 1.0); }}",
        path=None,
    )


def maps(level: int = 0, time_s: float = 0.0) -> SourceMaps:
    """Maps of a picture of this red, whose top half is green, with the mask on its left half."""
    picture = np.full((45, 61, 4), (level, 0, 0, 255), np.uint8)
    picture[:22, :, 1] = 255
    mask = np.zeros((45, 61, 4), np.uint8)
    mask[:, :30] = 255, 3, 255, 255
    objects = np.zeros((3, 17, 4), np.float32)
    objects[2, 1], objects[1, 1] = (0.2, 0.4, 0.6, 0.8), (3.0, 0.5, 1.0, 1.0)
    flow = np.full((45, 61, 2), (0.25, -0.5), np.float32)
    echo = np.full((11, 15, 4), (level, 0, 0, 128), np.uint8)
    return SourceMaps(
        picture=picture, previous=picture[::-1], mask=mask, flow=flow, objects=objects, echo=echo,
        time_s=time_s, interval_s=0.5,
    )  # fmt: skip


@pytest.fixture
def play(gl: Renderer, picture: Callable[..., PictureInput]) -> Play:
    """`play(file, source, frames=8, start_s=0.0)`: the last picture of a generator, 64 x 48."""
    gl.resize(64, 48)

    def run(
        file: IsfFile,
        source: SourceMaps | None,
        *,
        frames: int = BUILD_FRAMES,
        start_s: float = 0.0,
    ) -> np.ndarray:
        playing = (ShaderSlot(slot="generator", file=file, inputs={}, mix=1.0),)
        for frame in range(frames):
            look = picture({"/post/grain": 0.0}, time_s=start_s + frame / FPS)
            draw_once(gl, replace(look, shaders=playing, source=source))
        return gl.read_rgba()[..., :3]

    return run


def test_a_shader_reads_the_picture_the_mask_and_the_objects_the_right_way_up(play: Play) -> None:
    picture = play(reads("sourceImage", "IMG_THIS_PIXEL(sourceImage)"), maps(102))
    assert picture[2, 5].tolist() == [102, 255, 0] and picture[-2, 5].tolist() == [102, 0, 0]
    assert play(reads("previousImage", "IMG_THIS_PIXEL(previousImage)"), maps(102))[
        -2, 5
    ].tolist() == [102, 255, 0]
    mask = play(reads("maskImage", "IMG_THIS_PIXEL(maskImage) * vec4(1.0, 20.0, 1.0, 1.0)"), maps())
    assert mask[20, 5].tolist() == [255, 60, 255] and mask[20, -5].tolist() == [0, 0, 0]
    boxes = play(reads("objectImage", "IMG_PIXEL(objectImage, vec2(1.5, 0.5))"), maps())
    assert boxes[9, 9].tolist() == [51, 102, 153]
    ids = play(
        reads("objectImage", "IMG_PIXEL(objectImage, vec2(1.5, 1.5)) * vec4(0.2, 1.0, 1.0, 1.0)"),
        maps(),
    )
    assert ids[9, 9].tolist() == pytest.approx([153, 128, 255], abs=1)


@pytest.mark.parametrize(
    ("name", "kind", "value"),
    [("maskImage", "color", (1.0, 0.5, 0.0, 1.0)), ("textImage", "point2D", (1.0, 0.5))],
)
def test_an_input_may_have_the_name_of_a_map(
    gl: Renderer,
    picture: Callable[..., PictureInput],
    name: str,
    kind: str,
    value: tuple[float, ...],
) -> None:
    text = f"void main() {{ gl_FragColor = vec4({name}.xy, 0.0, 1.0); }}"
    file = parse_isf(
        f'/*{{"INPUTS": [{{"NAME": "{name}", "TYPE": "{kind}"}}]}}*/ {text}', path=None
    )
    for inputs in ({}, {name: value}):
        playing = (ShaderSlot(slot="generator", file=file, inputs=inputs, mix=1.0),)
        for _ in range(BUILD_FRAMES):
            draw_once(gl, replace(picture({"/post/grain": 0.0}), shaders=playing, source=maps()))
    assert gl.read_rgba()[9, 9, :3].tolist() == pytest.approx([255, 128, 0], abs=1)


def test_what_one_shader_raises_is_its_own_failure(
    gl: Renderer, picture: Callable[..., PictureInput]
) -> None:
    file = parse_isf(
        f"/*{json.dumps({'INPUTS': [{'NAME': 'at', 'TYPE': 'point2D'}]})}*/ {GREEN}", path=None
    )
    good = ShaderSlot(
        slot="1", file=reads("maskImage", "vec4(0.0, 1.0, 0.0, 1.0)"), inputs={}, mix=1.0
    )
    # the second one is no point: moderngl raises
    for inputs in ({"at": (0.5, 0.5)}, {"at": (0.5, 0.5, 0.5)}):
        bad = ShaderSlot(slot="generator", file=file, inputs=inputs, mix=1.0)
        for _ in range(BUILD_FRAMES):
            draw_once(gl, replace(picture({"/post/grain": 0.0}), shaders=(bad, good)))
    assert gl.shader_state.failures.keys() == {"generator"} == gl.shader_state.missing
    assert "\n" not in gl.shader_state.failures["generator"]
    assert gl.read_rgba()[9, 9].tolist() == [0, 255, 0, 255], "the other one is drawn"


def test_a_pass_is_as_large_as_the_presence_of_a_map_wants_it(play: Play) -> None:
    header = {
        "INPUTS": [{"NAME": "maskImage", "TYPE": "image"}],
        "PASSES": [{"TARGET": "alone", "WIDTH": "max(3, 20 * (1 - $maskImage))", "HEIGHT": 5}, {}],
    }
    body = "gl_FragColor = vec4(IMG_SIZE(alone) / 255.0, IMG_THIS_PIXEL(alone).b, 1.0);"
    file = parse_isf(f"/*{json.dumps(header)}*/ void main() {{ {body} }}", path=None)
    assert [play(file, source)[9, 9, 0] for source in (None, maps(), None)] == [20, 3, 20]


def test_the_flow_carries_the_seconds_between_the_pictures_and_the_progress_to_the_next(
    play: Play,
) -> None:
    flow = reads(
        "flowImage",
        "vec4(IMG_THIS_PIXEL(flowImage).rg * vec2(1.0, -1.0), IMG_THIS_PIXEL(flowImage).b, 1.0)",
    )
    assert play(flow, maps())[9, 9].tolist() == pytest.approx([64, 128, 128], abs=1)
    progress = reads("flowImage", "vec4(IMG_THIS_PIXEL(flowImage).a)")
    play(progress, maps(time_s=0.0))
    seen = [
        play(progress, maps(time_s=1.0), frames=1, start_s=at_s)[9, 9, 0]
        for at_s in (1.1, 1.4, 9.0)
    ]
    assert seen == [51, 204, 255], "it waits for a picture that is late"


@pytest.mark.parametrize("name", ["sourceImage", "maskImage", "objectImage", "flowImage"])
def test_without_a_source_every_map_is_transparent_black(play: Play, name: str) -> None:
    file = reads(name, f"vec4(IMG_THIS_PIXEL({name}).r, IMG_THIS_PIXEL({name}).a, 1.0, 1.0)")
    assert play(file, None)[9, 9].tolist() == [0, 0, 255]
    play(file, maps(200))
    assert play(file, None, frames=1)[9, 9].tolist() == [0, 0, 255], (
        "a camera that is lost in mid-look"
    )


def test_the_history_has_the_picture_of_a_time_ago_with_the_mask_as_alpha_within_a_fixed_memory(
    play: Play,
) -> None:
    ago = {
        seconds: reads(
            "historyImage", f"IMG_HISTORY(historyImage, isf_FragNormCoord, {seconds:.4f}).raa"
        )
        for seconds in (0.0, 0.5, 3.9, 60.0)
    }
    now = ago[0.0]
    assert play(now, None)[9, 9].tolist() == [0, 0, 0]
    for frame in range(150):  # more than the history holds
        level = frame
        play(now, maps(level), frames=1, start_s=10 + frame / CELLS_PER_S)
    seen = play(now, maps(level), frames=1, start_s=10 + frame / CELLS_PER_S)
    assert seen[9, 9].tolist() == [149, 128, 128]
    oldest = level - (COLUMNS * ROWS - 1)
    combined = (
        "vec3("
        + ", ".join(f"IMG_HISTORY(historyImage, vec2(0.5), {s:.4f}).r" for s in (0.5, 3.9, 60.0))
        + ")"
    )
    file = reads("historyImage", f"vec4({combined}, 1.0)")
    # built while the other plays, so the history goes on
    for frame in range(150, 150 + BUILD_FRAMES):
        last = play(file, maps(frame), frames=1, start_s=10 + frame / CELLS_PER_S)
    assert last[9, 9].tolist() == [frame - 15, frame - 117, oldest + BUILD_FRAMES]


def test_a_pass_of_points_adds_up_what_the_vertex_shader_places(
    gl: Renderer, picture: Callable[..., PictureInput]
) -> None:
    gl.resize(64, 48)
    passes = [{"TARGET": "dots", "FLOAT": True, "POINTS": "2 + 2"}, {}]
    text = f"""/*{json.dumps({"PASSES": passes})}*/
    void main() {{ gl_FragColor = PASSINDEX == 0 ? vec4(0.2, 0.0, 0.0, 1.0) : vec4(IMG_THIS_PIXEL(dots).rgb, 1.0); }}"""
    vertex = """void main() { isf_vertShaderInit(); if (PASSINDEX == 0) {
        gl_Position = vec4(gl_VertexID < 3 ? vec2(-0.5, 0.5) : vec2(0.5, -0.5), 0.0, 1.0); gl_PointSize = 6.0; } }"""
    slots = (
        ShaderSlot(
            slot="generator", file=parse_isf(text, path=None, vertex=vertex), inputs={}, mix=1.0
        ),
    )
    for frame in range(12):
        draw_once(gl, replace(picture({}, time_s=frame / FPS), shaders=slots))
    rgba = gl.read_rgba()
    assert rgba[12, 16, 0] == 153 and rgba[36, 48, 0] == 51, (
        "three at the upper left, one at the lower right"
    )
    assert (rgba[..., 0] > 0).sum() == 2 * 6 * 6


def test_points_without_a_target_or_a_vertex_shader_are_refused() -> None:
    with pytest.raises(IsfError, match="POINTS need a vertex shader"):
        parse_isf(
            '/*{"PASSES": [{"TARGET": "a", "POINTS": 9}, {}]}*/ void main() {}', path=Path("a.fs")
        )
    with pytest.raises(IsfError, match="POINTS need a TARGET"):
        parse_isf(
            '/*{"PASSES": [{"POINTS": 9}]}*/ void main() { gl_FragColor = vec4(1.0); }',
            path=Path("a.fs"),
        )


@pytest.mark.parametrize("renderer", ["gl", "numba"])
def test_a_camera_reaches_the_shaders_of_a_whole_run(tmp_path: Path, renderer: str) -> None:
    (tmp_path / "Seen.fs").write_text(
        '/*{"INPUTS": [{"NAME": "sourceImage", "TYPE": "image"}, {"NAME": "beats", "TYPE": '
        '"float"}]}*/ '
        "void main() { gl_FragColor = vec4(IMG_THIS_PIXEL(sourceImage).a, beats / 4.0, 0.0, 1.0); }"
    )
    config = build_config(
        {
            "width": 64, "height": 64, "fps": 30.0, "audio": "demo", "renderer": renderer,
            "sinks": ("null",),
            "camera": "test", "offline": True, "shaders": (str(tmp_path),),
            "params": {**PLAIN, "/fx/generator/file": "Seen", "/tempo/bpm": 120.0},
        }
    )  # fmt: skip
    with open_engine(config) as engine:
        *_, last = engine.frames(count=16)
        assert last.read_rgba()[5, 5, :2].tolist() == [255, 64], "half a second is one beat"


@pytest.mark.parametrize("renderer", ["gl", *in_long_form("numba")])
def test_words_that_are_all_but_transparent_are_where_the_picture_would_show_them(
    tmp_path: Path, renderer: str
) -> None:
    header = '/*{"INPUTS": [{"NAME": "textImage", "TYPE": "image"}]}*/ '
    for name, level in (("Read", "IMG_THIS_PIXEL(textImage).a"), ("Black", "0.0")):
        (tmp_path / f"{name}.fs").write_text(
            f"{header} void main() {{ gl_FragColor = vec4(vec3({level}), 1.0); }}"
        )
    texts = {"/text/1/text": "NOW", "/text/1/size": 60.0, "/text/1/y": 0.3, "/text/1/angle": 10.0}

    def last(**values: object) -> np.ndarray:
        options = {
            "width": 322, "height": 182, "fps": 30.0, "audio": "demo", "renderer": renderer,
            "sinks": ("null",),
            "offline": True, "shaders": (str(tmp_path),), "params": {**PLAIN, **texts, **values},
        }  # fmt: skip
        with open_engine(build_config(options)) as engine:
            *_, frame = engine.frames(count=4)
            return frame.read_rgba()[..., 1] > 127

    written = last(**{"/fx/generator/file": "Black"})
    read = last(**{"/text/1/opacity": 0.01, "/fx/generator/file": "Read"})
    assert 0.05 < written.mean() < 0.5
    assert (written & read).sum() > 0.93 * (written | read).sum()


def test_a_second_renderer_beside_numba_draws_shaders_of_its_own(
    picture: Callable[..., PictureInput],
) -> None:
    red, blue = (
        reads("maskImage", f"vec4({rgb}, 1.0)") for rgb in ("1.0, 0.0, 0.0", "0.0, 0.0, 1.0")
    )
    with (
        closing(open_renderer("numba", 64, 48)) as first,
        closing(first.open_second(32, 24)) as second,
    ):
        for frame in range(BUILD_FRAMES):
            for renderer, file in ((first, red), (second, blue)):
                slot = ShaderSlot(slot="generator", file=file, inputs={}, mix=1.0)
                look = picture({"/post/grain": 0.0}, time_s=frame / FPS)
                draw_once(renderer, replace(look, shaders=(slot,)))
        seen = [renderer.read_rgba()[5, 5, :3].tolist() for renderer in (first, second)]
    assert seen == [[255, 0, 0], [0, 0, 255]]


@pytest.mark.parametrize("page", ["how-to/shaders.md", "reference/isf.md"])
def test_the_shaders_of_the_documentation_draw(page: str, show: Callable[..., np.ndarray]) -> None:
    blocks = re.findall(
        r"```glsl\n(.*?)```", (ROOT / "docs" / page).read_text(encoding="utf-8"), re.DOTALL
    )
    assert blocks
    for text, following in pairwise([*blocks, ""]):
        if text.startswith("/*{"):
            vertex = following if following and not following.startswith("/*{") else None
            picture = show(
                parse_isf(text, path=None, vertex=vertex), np.full((48, 64, 4), 200, np.uint8)
            )
            assert picture[..., :3].max() > 40, text
