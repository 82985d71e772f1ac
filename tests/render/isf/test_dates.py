"""DATE in a shader: the computer's clock live, the picture's time offline."""

from datetime import datetime, timedelta
from pathlib import Path

import pytest

from engine import open_engine
from engine.config import build_config
from engine.errors import NoGLError
from engine.params.looks import PLAIN
from engine.render.isf.clocks import date_live, date_offline, isf_date

CLOCK = """/*{"INPUTS": []}*/
void main() { gl_FragColor = vec4(DATE.x == 2000.0 && DATE.yz == vec2(1.0) ? 1.0 : 0.0, DATE.w / 2.0, 0.0, 1.0); }"""


def test_offline_the_date_is_the_time_of_the_picture_in_the_year_2000() -> None:
    assert isf_date(date_offline(1.5)) == (2000.0, 1.0, 1.0, 1.5)
    assert isf_date(date_offline(31 * 86_400 + 3661.25)) == (2000.0, 2.0, 1.0, 3661.25)


def test_live_the_date_is_the_clock_on_the_wall() -> None:
    assert abs(date_live(1.5) - datetime.now()) < timedelta(minutes=1)


def test_a_film_with_a_clock_is_the_same_each_time(tmp_path: Path) -> None:
    (tmp_path / "Clock.fs").write_text(CLOCK, encoding="utf-8")
    config = build_config(
        {
            "width": 64, "height": 64, "fps": 30.0, "audio": "demo", "renderer": "gl", "sinks": ("null",),
            "offline": True, "shaders": (str(tmp_path),), "params": {**PLAIN, "/fx/generator/file": "Clock"},
        }
    )  # fmt: skip
    try:
        with open_engine(config) as engine:
            *_, last = engine.frames(count=31)
            red, green = last.read_rgba()[5, 5, :2].tolist()
    except NoGLError as error:
        pytest.skip(str(error))
    assert red == 255
    assert green == pytest.approx(127.5, abs=1), "a second after the start"
