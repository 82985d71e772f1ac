"""`multiverse view` on a real X screen: the visible pixels, read from the screen, and real key
presses."""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest

from engine.ipc import FrameRing, RingOwner
from tests.support.x_screen import ESCAPE, SCREEN, Screen, has_screen

REPOSITORY = Path(__file__).parents[2]
TOLERANCE = 3


@pytest.fixture
def screen(require) -> Iterator[Screen]:
    require(has_screen(), "X in memory")
    screen = Screen()
    yield screen
    screen.close()


def run_view(*arguments: str, display: str | None) -> "subprocess.Popen[str]":
    environment = {
        key: value for key, value in os.environ.items() if key not in ("DISPLAY", "WAYLAND_DISPLAY")
    }
    return subprocess.Popen(
        [sys.executable, "-m", "engine.cli.main", "view", *arguments],
        cwd=REPOSITORY,
        env=environment | ({"DISPLAY": display} if display else {}),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


@pytest.fixture
def view(screen: Screen) -> Iterator[Callable[..., "subprocess.Popen[str]"]]:
    """`view("name", "--fullscreen")` starts `multiverse view` on that screen."""
    started: list[subprocess.Popen[str]] = []

    def start(*arguments: str) -> "subprocess.Popen[str]":
        started.append(run_view(*arguments, display=screen.display))
        return started[-1]

    yield start
    for process in started:
        process.kill()
        process.communicate()


@pytest.fixture
def ring() -> Iterator[Callable[..., RingOwner]]:
    """`ring(name, card)`: an engine's ring that holds this picture."""
    rings: list[RingOwner] = []

    def make(name: str, card: np.ndarray) -> RingOwner:
        ring = FrameRing.create(name, card.shape[1], card.shape[0], fps=30)
        ring.write(card, index=0, time_s=0.0)
        rings.append(ring)
        return ring

    yield make
    for each in rings:
        each.close()


def shows(seen: np.ndarray, card: np.ndarray, area: tuple[int, int, int, int]) -> bool:
    """True if `card` fills (left, top, width, height) of the screen, upright, on black."""
    left, top, width, height = area
    rows = top + (np.arange(card.shape[0]) * height + height // 2) // card.shape[0]
    columns = left + (np.arange(card.shape[1]) * width + width // 2) // card.shape[1]
    inside = seen[np.ix_(rows, columns)].astype(int)
    outside = seen.copy()
    outside[top : top + height, left : left + width] = 0
    return np.abs(inside - card[..., :3]).mean() < TOLERANCE and not outside.any()


def test_a_full_screen_shows_the_picture_upright_at_its_aspect(
    screen: Screen, view, ring, f_card, wait_for
) -> None:
    wide, tall = f_card(80, 45), f_card(40, 60)
    engine = ring("wall", wide)
    process = view("WAL", "--fullscreen")
    wait_for(lambda: shows(screen.look(), wide, (0, 60, 640, 360)), "the wide picture")
    engine.resize(40, 60)
    engine.write(tall, index=1, time_s=0.1)
    wait_for(lambda: shows(screen.look(), tall, (160, 0, 320, 480)), "the tall picture")
    screen.press(ord("q"))
    assert process.wait(timeout=120) == 0
    assert process.communicate() == ("", "")


def test_waiting_is_reported_once_then_the_newest_picture_is_shown_and_black_without_an_engine(
    screen: Screen, view, ring, f_card, wait_for
) -> None:
    first, second, third = f_card(64, 48), 255 - f_card(64, 48), f_card(64, 48)[::-1].copy()
    whole = (0, 0, *SCREEN)
    ring("Stage left", first)
    process = view("restart", "--fullscreen")
    line = process.stderr.readline()
    assert (
        line.startswith("multiverse: waiting for 'restart' (available: ") and "Stage left" in line
    )
    engine = ring("restart", first)
    wait_for(lambda: shows(screen.look(), first, whole), "the picture")
    engine.write(second, index=1, time_s=0.1)
    wait_for(lambda: shows(screen.look(), second, whole), "the newest picture")
    engine.close()
    wait_for(lambda: not screen.look().any(), "black after the engine's end")
    ring("restart", third)
    wait_for(lambda: shows(screen.look(), third, whole), "the next engine's picture")
    screen.press(ESCAPE)
    assert process.wait(timeout=120) == 0
    assert process.stderr.read() == ""


def test_f_fills_the_display_and_gives_the_window_back(
    screen: Screen, view, ring, f_card, wait_for
) -> None:
    card = f_card(64, 36)
    ring("toggled", card)
    view("toggled", "--display", "0")
    window = (32, 78, 576, 324)  # 16:9 in nine tenths of the display, in its middle
    wait_for(lambda: shows(screen.look(), card, window), "the window")
    screen.press(ord("f"))
    wait_for(lambda: shows(screen.look(), card, (0, 60, 640, 360)), "the full screen")
    screen.press(ord("f"))
    wait_for(lambda: shows(screen.look(), card, window), "the window again")


def test_the_list_names_displays_and_pictures(screen: Screen, view, ring, f_card) -> None:
    ring("listed", f_card(64, 48))
    output, errors = view("--list", "--json").communicate(timeout=120)
    found = json.loads(output)
    assert errors == ""
    assert len(found["displays"]) == 1 and "640x480 at 0,0" in found["displays"][0]
    mine = [picture for picture in found["pictures"] if picture["name"] == "listed"]
    assert [(p["width"], p["height"], p["fps"], p["pid"]) for p in mine] == [
        (64, 48, 30.0, os.getpid())
    ]


def test_a_missing_display_is_an_error_of_one_line(screen: Screen, view) -> None:
    process = view("--display", "4")
    assert process.communicate(timeout=120)[1] == (
        "multiverse: no display '4'; there are: 0 screen, 640x480 at 0,0\n"
    )
    assert process.returncode == 1


@pytest.mark.only_on("linux", reason="Windows has a screen always")
def test_a_missing_screen_is_an_error_of_one_line(require) -> None:
    require(find_spec("glfw"), "glfw")
    process = run_view(display=None)
    errors = process.communicate(timeout=120)[1]
    assert errors.startswith("multiverse: no screen") and errors.count("\n") == 1
    assert process.returncode == 1


def test_without_glfw_a_line_says_how_to_install_it() -> None:
    code = (
        "import sys; sys.modules['glfw'] = None; sys.argv[1:] = ['view']; from engine.cli.main "
        "import main; main()"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=REPOSITORY, capture_output=True, text=True
    )
    assert done.returncode == 1
    assert done.stderr.startswith("multiverse: view: needs glfw")
    assert done.stderr.endswith(" glfw\n")
