"""The conversion between values and positions: known answers, round trips, and the page's own copy
in JavaScript."""

import json
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

import osc_schema
from osc_schema import ParamType
from osc_schema.scale import Scale, scale_of

NUMBERS_JS = Path(__file__).parents[2] / "engine/web/page/numbers.js"
POSITIONS = [step / 16 for step in range(17)]
FADERS = [
    param
    for param in osc_schema.PARAMS
    if param.type in (ParamType.FLOAT, ParamType.STOPS, ParamType.INT)
]
OCTAVES = Scale(1.0, 16.0, is_exponential=True)
ANGLE = Scale(-180.0, 180.0, wraps=True)


@pytest.mark.parametrize(
    ("scale", "position", "value"),
    [
        (Scale(0.0, 4.0), 0.25, 1.0),
        (Scale(-60.0, 24.0), 0.5, -18.0),
        (Scale(10.0, 2.0), 0.25, 8.0),  # a mapped fader that goes down
        (OCTAVES, 0.5, 4.0),
        (Scale(16.0, 1.0, is_exponential=True), 0.25, 8.0),
        (Scale(0.1, 0.7), 1.0, 0.7),  # 0.1 + (0.7 - 0.1) is 0.7000000000000001
    ],
)
def test_a_position_and_its_value(scale: Scale, position: float, value: float) -> None:
    assert scale.value_at(position) == value
    assert scale.position_of(value) == pytest.approx(position, abs=1e-15)


def test_an_angle_wraps_and_takes_the_short_way() -> None:
    assert [ANGLE.wrapped(angle) for angle in (190.0, -190.0, 540.0, 90.0)] == [
        -170.0,
        170.0,
        -180.0,
        90.0,
    ]
    assert [ANGLE.shortest(way) for way in (350.0, -350.0, 170.0)] == [-10.0, 10.0, 170.0]
    assert Scale(0.0, 4.0).wrapped(9.0) == 9.0
    assert Scale(0.0, 4.0).shortest(3.0) == 3.0


def test_every_fader_comes_back_to_its_position() -> None:
    for param in FADERS:
        scale = scale_of(param)
        assert not (scale.is_exponential and scale.wraps), param.address
        back = [scale.position_of(scale.value_at(at)) for at in POSITIONS]
        assert back == pytest.approx(POSITIONS, abs=1e-12), param.address


def test_the_page_converts_as_the_engine_does(
    tmp_path: Path, require: Callable[[object, str], None]
) -> None:
    node = shutil.which("node")
    require(node, "Node")
    # as a module, whatever node's version guesses
    shutil.copy(NUMBERS_JS, tmp_path / "numbers.mjs")
    (tmp_path / "ask.mjs").write_text(
        'import {positionOf, valueAt} from "./numbers.mjs"\n'
        'import {readFileSync} from "node:fs"\n'
        "const asked = JSON.parse(readFileSync(0))\n"
        "const answer = ({param, positions, values}) =>\n"
        "  [positions.map((at) => valueAt(param, at)), values.map((value) => positionOf(param, "
        "value))]\n"
        "console.log(JSON.stringify(asked.map(answer)))\n",
        encoding="utf-8",
    )
    questions, expected = [], []
    for param in FADERS:
        scale = scale_of(param)
        values = [scale.value_at(at) for at in POSITIONS]
        if param.type is ParamType.INT:
            values = [osc_schema.accept(param, value).value for value in values]
        data = {
            "low": param.low,
            "high": param.high,
            "step": param.step,
            "type": param.type.value,
            "isExponential": scale.is_exponential,
            "wraps": scale.wraps,
        }
        questions.append({"param": data, "positions": POSITIONS, "values": values})
        expected.append([values, [scale.position_of(value) for value in values]])
    ran = subprocess.run(
        [node, str(tmp_path / "ask.mjs")],
        input=json.dumps(questions),
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    for param, answers, targets in zip(FADERS, json.loads(ran.stdout), expected, strict=True):
        for answer, want in zip(answers, targets, strict=True):
            assert answer == pytest.approx(want, rel=1e-12, abs=1e-12), param.address
