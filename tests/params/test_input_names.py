"""A preset names the inputs of its shaders: it survives another order of them in the file."""

from pathlib import Path
from typing import Any

import pytest

from engine.params import ParamStore, PresetFolder
from engine.params.input_views import InputViews
from engine.params.shader_inputs import ShaderInput, inputs_of
from engine.params.store import entries_of
from engine.render.isf.parse import parse_isf

SPEED = '{"NAME": "speed", "TYPE": "float", "DEFAULT": 0.3}'
CENTRE = (
    '{"NAME": "centre", "TYPE": "point2D", "MIN": [0, 0], "MAX": [1, 1], "DEFAULT": [0.5, 0.5]}'
)
NEW = '{"NAME": "new", "TYPE": "float", "DEFAULT": 0.7}'
SAVED = {"/fx/1/file": "Glow", "/fx/1/1": 0.1, "/fx/1/2": 0.2, "/fx/1/3": 0.9, "/fx/1/4": 0.0}
ENTRIES = entries_of(SAVED.items())
NAMES = {"/fx/1/1": "speed", "/fx/1/2": "centre x", "/fx/1/3": "centre y"}


def inputs(*headers: str) -> tuple[ShaderInput, ...]:
    file = parse_isf(
        f'/*{{"INPUTS": [{", ".join(headers)}]}}*/ void main() {{ gl_FragColor = vec4(1.0); }}',
        path=None,
    )
    return inputs_of("1", file.inputs)[0]


@pytest.fixture
def views() -> InputViews:
    return InputViews(ParamStore())


def test_the_names_of_the_playing_shader_are_saved_and_read_back(
    views: InputViews, tmp_path: Path
) -> None:
    views.show("1", inputs(SPEED, CENTRE), "Glow")
    folder = PresetFolder(tmp_path)
    values: dict[str, Any] = {
        **dict.fromkeys(("/fx/2/file", "/fx/3/file", "/fx/4/file", "/fx/generator/file"), "")
    }
    values |= SAVED
    path = folder.save("Night", values, views.names_in(values))
    assert '"/fx/1/2" = "centre x"' in path.read_text(encoding="utf-8")
    assert folder.load("Night").inputs == NAMES
    assert views.names_in({**values, "/fx/1/file": "Wave"}) == {}  # that one is still tested
    folder.import_file(path, "Copy")
    assert folder.load("Copy").inputs == NAMES and "centre y" in folder.export_text("Copy")


def test_the_names_count_when_the_file_has_another_order_now(views: InputViews) -> None:
    for headers, positions in [
        ((SPEED, CENTRE), (0.1, 0.2, 0.9, 0.0)),
        ((CENTRE, SPEED), (0.2, 0.9, 0.1, 0.0)),
        ((NEW, SPEED, CENTRE), (0.7, 0.1, 0.2, 0.9)),
        ((SPEED,), (0.1, 0.2, 0.9, 0.0)),
    ]:
        views.show("1", inputs(*headers), "glow")
        arranged = {param.address: value for param, value in views.arrange(ENTRIES, NAMES)}
        assert tuple(arranged[f"/fx/1/{number}"] for number in (1, 2, 3, 4)) == pytest.approx(
            positions
        ), headers


def test_names_of_a_shader_that_has_not_played_are_kept_for_it_once(views: InputViews) -> None:
    assert views.arrange(ENTRIES, NAMES) == ENTRIES
    assert views.expected("1", "GLOW") == NAMES
    assert views.expected("1", "Glow") == {}
    views.arrange(ENTRIES, NAMES)
    assert views.expected("1", "Wave") == {}
