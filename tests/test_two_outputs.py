"""One engine with two outputs: crops of one picture, or another look beside it, dark together."""

from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from engine import Config, open_engine
from engine.control.commands.show import EngineStatus
from engine.ipc import FrameRing
from engine.outputs import COPY_S_A_PX, MAX_EXPECTED_S
from tests.support.drum_loop import write_drum_loop
from tests.support.needed import needs

pytestmark = needs("OpenGL")

LOOK = {"/output/2/source": "look", "/output/2/look": "Cathedral"}
Pictures = tuple[np.ndarray, np.ndarray]


@pytest.fixture
def show(tmp_path: Path) -> Callable[..., tuple[Pictures, EngineStatus]]:
    """`show({address: value}, preset=...)`: the pictures of both outputs after a second, and the
    status."""
    write_drum_loop(tmp_path / "drums.wav", 2.0)

    def play(
        params: dict[str, Any], preset: str = "Eclipse", *more: str
    ) -> tuple[Pictures, EngineStatus]:
        sound, sinks = str(tmp_path / "drums.wav"), ("shared=one", "2:shared=two", *more)
        fixed = {
            "width": 128,
            "height": 72,
            "fps": 10.0,
            "audio": sound,
            "offline": True,
            "sinks": sinks,
        }
        config = Config(renderer="gl", preset=preset, params=params, **fixed)
        with open_engine(config) as engine:
            engine.run(10)
            with closing(FrameRing.open("one")) as one, closing(FrameRing.open("two")) as two:
                return (one.latest().pixels.copy(), two.latest().pixels.copy()), engine.status()

    return play


def test_both_outputs_show_their_part_of_one_picture(show: Callable) -> None:
    (whole, same), _ = show({})
    assert np.array_equal(whole, same)
    halves = {"/output/1/crop/width": 0.5, "/output/2/crop/x": 0.5, "/output/2/crop/width": 0.5}
    (left, right), status = show(halves)
    assert np.array_equal(np.hstack((left, right)), whole)
    assert (
        status.second is not None
        and status.second[:2] == (64, 72)
        and status.second.shows == "program"
    )


def test_the_second_output_shows_another_preset_as_it_would_be_alone(show: Callable) -> None:
    (alone, _), _ = show({}, preset="Cathedral")
    (plain, _), _ = show({})
    (first, second), status = show(LOOK)
    assert np.array_equal(first, plain), "the first is as without it"
    like, unlike = (
        np.corrcoef(second[..., :3].ravel(), each[..., :3].ravel())[0, 1] for each in (alone, first)
    )
    assert like > 0.9 > 0.7 > unlike
    (_, small), _ = show({**LOOK, "/output/2/width": 64, "/output/2/height": 64})
    assert small.shape == (64, 64, 4) and status.second.shows == "Cathedral"
    assert dict(status.osc_lines())["/engine/status/output/2"][-1] == "Cathedral"


def test_a_blackout_is_dark_on_both(show: Callable) -> None:
    for params in ({}, LOOK, {**LOOK, "/output/2/pin/1/x": 0.2, "/output/1/blend/left": 0.2}):
        pictures, _ = show({**params, "/master/blackout": True})
        assert all(picture[..., :3].max() == 0 for picture in pictures), params


def test_a_preset_that_is_missing_and_corners_that_cross_are_one_line_each(show: Callable) -> None:
    (first, second), status = show({**LOOK, "/output/2/look": "Nope", "/output/1/pin/1/x": 1.2})
    assert np.array_equal(first, second)
    lines = [line for line in status.warnings if "/output/" in line]
    assert len(lines) == 2 and any(
        "'Nope': not found" in line and "shows the program" in line for line in lines
    )
    assert any(line.startswith("/output/1/pin: the four corners cross") for line in lines)
    _, status = show({**LOOK, "/output/2/look": "Riso"})
    assert [line for line in status.warnings if "Riso: plays only live" in line]


def test_a_second_look_that_is_too_large_is_one_line_and_the_program_is_shown(
    show: Callable,
) -> None:
    (_, second), status = show({**LOOK, "/output/2/width": 4096, "/output/2/crop/width": 0.1})
    assert (
        second.shape[1] == 4096 and status.second is not None and status.second.shows == "program"
    )
    (line,) = [line for line in status.warnings if "no second look here" in line]
    assert "draws 1x1 to" in line


def test_a_strobe_flashes_on_both(show: Callable) -> None:
    strobe = {
        "/master/strobe/enable": True,
        "/master/strobe/tempo_sync": "free",
        "/master/strobe/rate_hz": 10.0,
    }
    pictures, _ = show({**LOOK, **strobe, "/safety/flash_guard": False})
    assert [int(picture[..., :3].min()) for picture in pictures] == [255, 255]


@pytest.mark.only_on("linux", reason="elsewhere a window needs no DISPLAY")
def test_a_second_window_without_a_display_is_one_line(
    show: Callable, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("DISPLAY", "WAYLAND_DISPLAY"):
        monkeypatch.delenv(name, raising=False)
    _, status = show({}, "Eclipse", "2:window")
    assert [line for line in status.warnings if "no screen" in line and "output 1 goes on" in line]


def test_live_a_second_look_waits_for_the_test_of_its_shader_and_the_program_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MULTIVERSE_HOME", str(tmp_path))  # where nothing has been tested
    fixed: dict[str, Any] = {
        "width": 128,
        "height": 72,
        "fps": 30.0,
        "audio": "demo",
        "sinks": ("2:shared=two",),
    }
    with open_engine(
        Config(preset="Eclipse", params={**LOOK, "/output/2/look": "Riso"}, **fixed)
    ) as engine:
        engine.run(5)
        status = engine.status()
    assert status.second is not None and status.second.shows == "program"
    line = (
        "output 2: Riso: waits for the first test of its shader Riso on this machine; what it "
        "shows goes on"
    )
    assert line in status.warnings


def test_live_a_second_look_that_would_stop_the_first_is_one_line_and_the_program_is_shown() -> (
    None
):
    size = {"/output/2/width": 4096, "/output/2/height": 2304}
    fixed = {"width": 128, "height": 72, "fps": 30.0, "audio": "demo", "sinks": ("2:shared=large",)}
    with open_engine(
        Config(renderer="gl", preset="Eclipse", params={**LOOK, **size}, **fixed)
    ) as engine:  # type: ignore[arg-type]
        engine.run(25)
        status = engine.status()
        with closing(FrameRing.open("large")) as large:
            height, width, _ = large.latest().pixels.shape
            assert abs(width / height - 16 / 9) < 0.01, "reduced, if this machine would stop for it"
    assert status.second is not None and status.second.shows == "program"
    (line,) = [
        line for line in status.warnings if "output 2: " in line and "stop the first" in line
    ]
    assert "it shows the program; choose a smaller /output/2/width" in line or "it has" in line


def test_live_a_program_that_would_stop_the_first_is_one_line_and_comes_as_large_as_it_may() -> (
    None
):
    size = {"/output/2/width": 8192, "/output/2/height": 8192}
    fixed = {"width": 128, "height": 72, "fps": 30.0, "audio": "demo", "sinks": ("2:shared=huge",)}
    with open_engine(Config(renderer="gl", preset="Eclipse", params=size, **fixed)) as engine:  # type: ignore[arg-type]
        engine.run(8)
        with closing(FrameRing.open("huge")) as huge:
            while huge.latest() is None:  # it is drawn when a busy machine has the time
                engine.run(1)
            height, width, _ = huge.latest().pixels.shape
        status = engine.status()
    assert width == height and width * height <= MAX_EXPECTED_S / COPY_S_A_PX
    assert status.second is not None and status.second[:2] == (width, height)
    (line,) = [
        line for line in status.warnings if "output 2: 8192x8192 of the program would take" in line
    ]
    assert (
        f"stop the first: it has {width}x{height}; choose a smaller /output/2/width and height"
        in line
    )


def test_a_second_look_that_numba_cannot_crop_has_the_size_of_its_output(tmp_path: Path) -> None:
    write_drum_loop(tmp_path / "drums.wav", 2.0)
    params = {**LOOK, "/output/2/width": 64, "/output/2/height": 36, "/output/2/crop/width": 0.01}
    fixed = {
        "width": 128,
        "height": 72,
        "fps": 10.0,
        "audio": str(tmp_path / "drums.wav"),
        "offline": True,
    }
    config = Config(
        renderer="numba", preset="Eclipse", params=params, sinks=("2:shared=cut",), **fixed
    )  # type: ignore[arg-type]
    with open_engine(config) as engine:
        engine.run(2)
        status = engine.status()
        with closing(FrameRing.open("cut")) as cut:
            assert cut.latest().pixels.shape == (36, 64, 4)
    assert status.second is not None and status.second.shows == "Cathedral"
    assert [
        line for line in status.warnings if "output 2: crop, size" in line and "need OpenGL" in line
    ]
