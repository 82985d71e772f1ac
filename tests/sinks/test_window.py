"""The window on a real X screen: the pixels that an audience sees, while its process and the engine
live and die."""

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest

from engine.control.commands.window import WindowControl
from engine.errors import SinkError, SinkUnavailableError
from engine.params import ParamStore
from engine.render.output_shape import is_convex
from engine.sinks.displays import Display, find_again
from engine.sinks.sink import SinkSpec
from engine.sinks.sink_set import SinkSet
from engine.sinks.window import WindowSink
from engine.sinks.window_shape import Shape, fit_rectangle
from engine.system.clock import SystemClock
from engine.values import PublishedFrame
from osc_schema import Value
from tests.support.engine_client import open_client
from tests.support.x_screen import ESCAPE, SCREEN, Screen, has_screen

REPOSITORY = Path(__file__).parents[2]
QUARTERS = {"red": (255, 0, 0), "green": (0, 255, 0), "blue": (0, 0, 255), "white": (255, 255, 255)}
FULL: dict[str, Value] = {"/window/fullscreen": True}


@pytest.fixture
def screen(require, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Screen]:
    require(has_screen(), "X in memory")
    screen = Screen()
    screen.paint_desktop(128)
    monkeypatch.setenv("DISPLAY", screen.display)
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
    monkeypatch.setenv("MULTIVERSE_HOME", str(tmp_path))
    before = set(window_processes())
    yield screen
    for process in set(window_processes()) - before:
        with suppress(psutil.Error):
            process.kill()
    screen.close()


def window_processes() -> list[psutil.Process]:
    """The processes of windows that this test process started, also those that outlived their
    engine."""
    found = []
    for process in psutil.process_iter(["cmdline", "environ"]):
        if "main()" in " ".join(process.info["cmdline"] or ()):
            environment = process.info["environ"] or {}
            if environment.get("MULTIVERSE_HOME") == os.environ.get("MULTIVERSE_HOME"):
                found.append(process)
    return found


@pytest.fixture
def window(screen: Screen, make_format) -> Iterator[Callable[..., WindowSink]]:
    """`window({address: value})`: a window sink, open, with these parameters."""
    opened: list[WindowSink] = []

    def open_window(values: dict[str, Value] = FULL, argument: str = "") -> WindowSink:
        sink = WindowSink(argument)
        opened.append(sink)
        sink.adjust(values)
        sink.start(make_format(), may_wait=True)
        sink.adjust(dict(sink.window_state.values) | values)
        return sink

    yield open_window
    for sink in opened:
        sink.close()


@pytest.fixture
def play(screen: Screen) -> Callable[[WindowSink, PublishedFrame], None]:
    """`play(sink, frame)` publishes this frame repeatedly, until the sink is closed."""

    def publish(sink: WindowSink, frame: PublishedFrame) -> None:
        is_over = threading.Event()

        def run() -> None:
            with suppress(SinkError):
                while not is_over.wait(0.02):
                    sink.publish(frame)

        def close() -> None:  # never during a publication
            is_over.set()
            thread.join()
            WindowSink.close(sink)

        sink.close = close
        thread = threading.Thread(target=run)
        thread.start()

    return publish


@pytest.fixture
def card(make_frame) -> PublishedFrame:
    """A 4:3 picture of four quarters: red, green; blue, white."""
    pixels = np.full((48, 64, 4), 255, np.uint8)
    for (name, colour), (row, column) in zip(
        QUARTERS.items(), ((0, 0), (0, 1), (1, 0), (1, 1)), strict=True
    ):
        assert name
        pixels[row * 24 : row * 24 + 24, column * 32 : column * 32 + 32, :3] = colour
    return make_frame(0, pixels)


def colour_at(picture: np.ndarray, x: float, y: float) -> str:
    """The name of the colour at this place, 0..1 from the top left."""
    found = picture[round(y * (SCREEN[1] - 1)), round(x * (SCREEN[0] - 1))].astype(int)
    names = {**QUARTERS, "black": (0, 0, 0), "desktop": (128, 128, 128)}
    return next(
        (name for name, colour in names.items() if np.abs(found - colour).max() < 8), str(found)
    )


def corners_of(picture: np.ndarray) -> list[str]:
    return [
        colour_at(picture, x, y)
        for x, y in ((0.05, 0.05), (0.95, 0.05), (0.95, 0.95), (0.05, 0.95))
    ]


def test_the_picture_fills_the_display_and_turns_and_is_pinned(
    screen: Screen, window, card, play, wait_for
) -> None:
    sink = window()
    play(sink, card)
    wait_for(lambda: corners_of(screen.look()) == ["red", "green", "white", "blue"], "the picture")
    turned = dict(sink.window_state.values) | {"/window/rotate": 90, "/window/fit": "stretch"}
    sink.adjust(turned)
    wait_for(
        lambda: corners_of(screen.look()) == ["blue", "red", "green", "white"],
        "a quarter turn clockwise",
    )
    sink.adjust(turned | {"/window/fit": "fit"})
    wait_for(lambda: corners_of(screen.look()) == ["black"] * 4, "bars at both sides")
    assert colour_at(screen.look(), 0.4, 0.02) in ("blue", "red")
    pinned = dict(sink.window_state.values) | {
        "/window/pin/1/x": 0.5,
        "/window/pin/1/y": 0.25,
        "/window/pin/3/y": 0.75,
    }
    sink.adjust(pinned)
    wait_for(lambda: colour_at(screen.look(), 0.3, 0.15) == "black", "the upper left corner, moved")
    seen = screen.look()
    assert colour_at(seen, 0.5, 0.28) == "red" and colour_at(seen, 0.48, 0.23) == "black"
    assert colour_at(seen, 0.95, 0.9) == "black" and colour_at(seen, 0.03, 0.97) == "blue"
    sink.adjust(pinned | {"/window/pin/1/x": 1.2, "/window/pin/1/y": 1.2})
    wait_for(lambda: "cross" in sink.window_state.problem, "the problem in one line")
    assert colour_at(screen.look(), 0.5, 0.28) == "red", "the last shape stays"


def test_the_shape_is_saved_with_the_display(screen: Screen, window, card, play, wait_for) -> None:
    first = window()
    play(first, card)
    first.adjust(
        dict(first.window_state.values) | {"/window/rotate": 180, "/window/test_card": True}
    )
    (file,) = (Path(os.environ["MULTIVERSE_HOME"]) / "displays").iterdir()
    wait_for(lambda: json.loads(file.read_text())["values"]["/window/rotate"] == 180, "the file")
    first.close()
    second = window({"/window/fullscreen": True})
    values = second.window_state.values
    assert values["/window/rotate"] == 180 and values["/window/test_card"] is False
    play(second, card)
    wait_for(
        lambda: corners_of(screen.look()) == ["white", "blue", "red", "green"],
        "the picture upside down",
    )
    file.write_text('{"values": {"/window/rotate": 7, "/engine/width": 3}}')
    second.close()
    assert window().window_state.values["/window/rotate"] == 0


def test_the_test_card_names_the_corners_and_the_display(
    screen: Screen, window, card, play, wait_for
) -> None:
    sink = window(FULL | {"/window/test_card": True})
    play(sink, card)
    colours = [(255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 0)]

    def marks() -> list[tuple[int, ...]]:
        seen = screen.look()
        return [tuple(seen[y, x].tolist()) for x, y in ((8, 8), (631, 8), (631, 471), (8, 471))]

    wait_for(lambda: np.abs(np.array(marks()) - colours).max() < 8, "four coloured corners")
    assert screen.look()[300, 0].min() > 200, "the frame is on the last pixel"
    sink.adjust(dict(sink.window_state.values) | {"/window/test_card": False})
    wait_for(
        lambda: corners_of(screen.look()) == ["red", "green", "white", "blue"], "the picture again"
    )


def test_keys_leave_full_screen_and_never_end_the_show(
    screen: Screen, window, card, play, wait_for
) -> None:
    sink = window()
    play(sink, card)
    wait_for(lambda: corners_of(screen.look())[0] == "red", "the picture")
    screen.press(ord("q"))
    screen.press(ord("f"))
    wait_for(lambda: sink.window_state.values["/window/fullscreen"] is False, "the key F")
    wait_for(
        lambda: corners_of(screen.look()) == ["desktop"] * 4, "a window smaller than the screen"
    )
    screen.press(ord("f"))
    wait_for(lambda: sink.window_state.values["/window/fullscreen"] is True, "the key F again")
    screen.press(ESCAPE)
    wait_for(lambda: sink.window_state.values["/window/fullscreen"] is False, "Escape")
    assert not sink.window_state.is_closed and sink.status().detail.startswith("screen, 640x480")


def test_a_full_screen_is_black_after_the_engine_and_gives_way_to_the_next(
    screen: Screen, window, card, play, wait_for
) -> None:
    """An engine that hangs, dies or ends leaves black, not the desktop."""
    code = (
        "import sys, time, numpy as np; from pathlib import Path; from engine.sinks.window import "
        "WindowSink;"
        "from engine.sinks.sink import OutputFormat; from engine.ipc import FrameRing;"
        "output_format = OutputFormat(width=64, height=48, fps=30, sample_rate_hz=0, "
        "audio_channels=0,"
        " is_offline=False, record_folder=Path('.')); sink = WindowSink(''); "
        "sink.adjust({'/window/fullscreen': True});"
        "sink.start(output_format, may_wait=True)\n"
        "while True: sink._ring.write(np.full((48, 64, 4), 200, np.uint8), index=0, time_s=0.0); "
        "time.sleep(0.02)"
    )
    engine = subprocess.Popen([sys.executable, "-c", code], cwd=REPOSITORY)
    wait_for(lambda: (screen.look() > 190).all(), "the first engine's picture")
    engine.send_signal(signal.SIGSTOP)
    wait_for(lambda: not screen.look().any(), "black while it hangs")
    engine.send_signal(signal.SIGCONT)
    wait_for(lambda: (screen.look() > 190).all(), "the picture again")
    (process,) = window_processes()
    engine.kill()
    engine.wait()
    wait_for(lambda: not screen.look().any(), "black after its death")
    assert process.is_running()
    play(window(), card)
    wait_for(lambda: not process.is_running(), "the old window to give way")
    wait_for(lambda: corners_of(screen.look())[0] == "red", "the second engine's picture")


def test_a_full_screen_is_black_after_the_run_until_somebody_closes_it(
    screen: Screen, window, card, play, wait_for
) -> None:
    sink = window()
    play(sink, card)
    wait_for(lambda: corners_of(screen.look())[0] == "red", "the picture")
    sink.leave()
    (process,) = window_processes()
    sink.close()
    wait_for(lambda: not screen.look().any(), "black after the run")
    assert process.is_running()
    screen.press(ESCAPE)
    wait_for(lambda: corners_of(screen.look()) == ["desktop"] * 4, "Escape to close it")
    wait_for(lambda: not window_processes(), "the end of its process")


def test_a_killed_window_comes_back_with_its_settings_while_frames_continue(
    screen: Screen, make_format, card, wait_for
) -> None:
    lines: list[str] = []
    sinks = SinkSet(make_format(), SystemClock(), lambda key, line: lines.append(line))
    sinks.values = FULL
    sinks.start(SinkSpec(kind="window"), may_wait=True)
    frames = 0

    def shows_picture() -> bool:
        nonlocal frames
        frames += 1
        sinks.publish(card)
        sinks.pump()
        return corners_of(screen.look()) == ["white", "blue", "red", "green"]

    ((_, sink),) = sinks.adjustable
    sink.adjust(dict(sink.window_state.values) | {"/window/rotate": 180})
    wait_for(shows_picture, "the picture upside down")
    (process,) = window_processes()
    folder = Path(os.environ["MULTIVERSE_HOME"]) / "displays"

    def saved_turns() -> list[int]:
        return [
            json.loads(file.read_text())["values"]["/window/rotate"]
            for file in folder.glob("*.json")
        ]

    wait_for(lambda: saved_turns() == [180], "the file")
    process.kill()
    wait_for(lambda: (shows_picture(), lines)[1], "its end")
    before = frames
    wait_for(
        lambda: shows_picture() and window_processes() not in ([], [process]),
        "the next window, on all of it",
    )
    assert frames > before and lines == ["window: its process ended (killed by SIGKILL)"]
    sinks.close()


def test_the_parameters_show_what_is_saved_and_follow_the_keys(
    screen: Screen, make_format, card, wait_for
) -> None:
    """What a run is started with counts more than what is saved; then faders move the window, and
    keys the switch."""
    folder = Path(os.environ["MULTIVERSE_HOME"]) / "displays"
    folder.mkdir()
    (folder / "screen.json").write_text(
        '{"values": {"/window/rotate": 180, "/window/pin/1/x": 0.25}}'
    )
    store, lines = ParamStore(), list[str]()
    store.set_many([("/window/pin/1/x", 0.5), ("/window/fullscreen", True)], by="configuration")
    sinks = SinkSet(make_format(), SystemClock(), lambda key, line: lines.append(line))
    control = WindowControl(store, sinks, lambda key, line: lines.append(line))
    sinks.values = store.snapshot()
    sinks.start(SinkSpec(kind="window", argument="0"), may_wait=True)

    def frame(condition: Callable[[], bool]) -> bool:
        assert not control.follow(store.snapshot())
        sinks.publish(card)
        return condition()

    wait_for(
        lambda: frame(lambda: store.get("/window/rotate") == 180), "the saved value on the page"
    )
    assert store.get("/window/pin/1/x") == 0.5
    wait_for(
        lambda: frame(lambda: colour_at(screen.look(), 0.2, 0.05) == "black"),
        "the corner of this run",
    )
    store.set("/window/pin/1/x", 0.0, by="somebody")
    wait_for(lambda: frame(lambda: corners_of(screen.look())[0] == "white"), "the fader")
    store.set("/window/display", "another", by="somebody")
    store.set("/window/rotate", 0, by="somebody")
    for _ in range(3):
        frame(bool)
    store.set("/window/display", "scr", by="somebody")
    wait_for(
        lambda: frame(lambda: store.get("/window/rotate") == 180), "the values of the chosen window"
    )
    screen.press(ord("f"))
    wait_for(
        lambda: frame(lambda: store.get("/window/fullscreen") is False),
        "the switch that the key F moved",
    )
    store.set_many([("/window/pin/1/x", 1.4), ("/window/pin/1/y", 1.4)], by="somebody")
    wait_for(lambda: frame(lambda: bool(lines)), "the line about crossed corners")
    assert len(lines) == 1 and lines[0].startswith("window: the four corners of /window/pin cross")
    sinks.close()


def test_a_display_that_returns_gets_its_window_back(
    screen: Screen, card, play, make_format, wait_for, tmp_path, monkeypatch
) -> None:
    away = tmp_path / "away"
    monkeypatch.setenv("TEST_DISPLAY_AWAY", str(away))
    monkeypatch.setattr("engine.sinks.window.WindowSink.program", "tests.support.pulled_display")
    sink = WindowSink("screen")
    sink.adjust(FULL)
    sink.start(make_format(), may_wait=True)
    try:
        play(sink, card)
        wait_for(lambda: corners_of(screen.look())[0] == "red", "the picture")
        away.touch()
        wait_for(lambda: "not connected" in sink.status().detail, "one line about it")
        wait_for(lambda: corners_of(screen.look())[0] == "desktop", "nothing on the other displays")
        away.unlink()
        wait_for(
            lambda: corners_of(screen.look())[0] == "red",
            "the picture on the display that returned",
        )
        wait_for(lambda: "not connected" not in sink.status().detail, "the end of the line")
    finally:
        sink.close()


GENERIC = "Generic PnP Monitor"
PROJECTOR = Display(number=1, name=f"{GENERIC} (2)", model=GENERIC, position=(1920, 0), path="P2")
BESIDE = Display(number=0, name=GENERIC, model=GENERIC, path="P1")


@pytest.mark.parametrize(
    ("now", "found"),
    [
        ((BESIDE, PROJECTOR), PROJECTOR),
        ((BESIDE,), None),
        (
            (replace(PROJECTOR, number=0, name=BESIDE.name), replace(BESIDE, name=PROJECTOR.name)),
            "P2",
        ),
        ((replace(PROJECTOR, position=(0, 0)), BESIDE), "P2"),
        ((BESIDE, replace(PROJECTOR, path="P3")), "P3"),
        ((replace(PROJECTOR, path="P4", position=(0, 0)), replace(PROJECTOR, path="P3")), "P3"),
        ((BESIDE, replace(PROJECTOR, path="P3", model="EPSON PJ")), None),
    ],
    ids=["there", "pulled", "renamed", "moved", "other socket", "its place", "another one"],
)
def test_a_pulled_projector_never_takes_the_display_of_another_output(
    now: tuple[Display, ...], found: Any
) -> None:
    again = find_again(PROJECTOR, now, {"P1"})
    assert again == found or (again is not None and again.path == found)


def test_two_displays_of_one_name_have_shapes_of_their_own() -> None:
    assert PROJECTOR.identity != BESIDE.identity
    assert Display(number=0, name="HDMI-1").identity == "HDMI-1"


def test_a_projector_that_changes_its_mode_is_followed(
    screen: Screen, card, play, make_format, wait_for, tmp_path, monkeypatch
) -> None:
    mode = tmp_path / "mode"
    monkeypatch.setenv("TEST_DISPLAY_MODE", str(mode))
    monkeypatch.setattr("engine.sinks.window.WindowSink.program", "tests.support.pulled_display")
    sink = WindowSink("screen")
    sink.adjust({"/window/fullscreen": False})
    sink.start(make_format(), may_wait=True)
    try:
        play(sink, card)
        wait_for(lambda: f"{SCREEN[0]}x{SCREEN[1]}" in sink.status().detail, "its first mode")
        mode.touch()
        wait_for(lambda: "320x240 at 24 Hz" in sink.status().detail, "its new mode")
    finally:
        sink.close()


def test_a_wrong_display_and_no_screen_are_errors_of_one_line(
    screen: Screen, make_format, monkeypatch
) -> None:
    sink = WindowSink("HDMI")
    with pytest.raises(
        SinkError, match=r"^window: no display 'HDMI'; there are: 0 screen, 640x480 at 0,0$"
    ):
        sink.start(make_format(), may_wait=True)
    sink.close()
    monkeypatch.setenv("DISPLAY", ":99999")
    sink = WindowSink("")
    with pytest.raises(
        SinkError, match=r"^window: no screen to open a window on \(.*\): start it in a desktop"
    ):
        sink.start(make_format(), may_wait=True)
    sink.close()
    monkeypatch.delenv("DISPLAY")
    sink = WindowSink("")
    with pytest.raises(SinkUnavailableError, match=r"^window: no screen: neither DISPLAY"):
        sink.start(make_format())
    sink.close()


def test_what_is_adjusted_while_its_process_begins_reaches_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    lines: list[bytes] = []

    class Process:
        reason = "killed"

        def __init__(self, module: str, call: str) -> None:
            pass

        def send(self, line: bytes) -> None:
            lines.append(line)
            if len(lines) == 1:
                sink.adjust({"/window/test_card": True})

        def receive(self, timeout_s: float) -> bytes:
            raise EOFError

        def end(self, patience_s: float) -> None:
            pass

    monkeypatch.setattr("engine.sinks.program_sink.WorkerProcess", Process)
    sink = WindowSink("")
    sink._segment = "ring"
    sink.adjust({"/window/test_card": False})
    with pytest.raises(SinkError, match="its process ended"):
        sink._run()
    assert [json.loads(line)["values"].get("/window/test_card") for line in lines[:-1]] == [
        False,
        True,
    ]


def test_a_shape_maps_each_corner_of_the_display_into_the_picture() -> None:
    def at(shape: Shape, x: float, y: float) -> tuple[float, ...]:
        position = shape.to_picture((1600, 900), (160, 90)) @ (x, y, 1.0)
        return tuple(np.round(position[:2] / position[2], 6).tolist())

    assert at(Shape(rotate=270, fit="stretch"), 0, 90) == (0.0, 0.0)
    pin = ((0.1, 0.2), (0.8, 0.0), (1.0, 1.0), (0.0, 0.9))
    for corner, position in zip(pin, ((0, 0), (1, 0), (1, 1), (0, 1)), strict=True):
        assert at(Shape(pin=pin), corner[0] * 160, corner[1] * 90) == pytest.approx(
            position, abs=1e-5
        )
    assert (
        is_convex(pin)
        and not is_convex((pin[1], pin[0], *pin[2:]))
        and not is_convex((*pin[:2], (0.3, 0.3), pin[3]))
    )


def test_a_picture_is_fitted_into_the_middle_of_a_window() -> None:
    assert fit_rectangle((1280, 720), (1280, 720)) == (0, 0, 1280, 720)
    assert fit_rectangle((1280, 720), (640, 480)) == (0, 60, 640, 360)
    assert fit_rectangle((720, 1280), (640, 480)) == (185, 0, 270, 480)
    assert fit_rectangle((8192, 64), (100, 100)) == (0, 49, 100, 1)
    assert fit_rectangle((1280, 720), (640, 480), "fill") == (-107, 0, 853, 480)
    assert fit_rectangle((1280, 720), (640, 480), "stretch") == (0, 0, 640, 480)


def test_a_display_is_chosen_from_the_list_during_the_show(
    screen: Screen, tmp_path, monkeypatch, wait_for
) -> None:
    def entries() -> list[tuple]:
        return [
            message.args
            for message in session.ask("/window/list")
            if message.address == "/window/entry"
        ]

    with open_client(tmp_path, fps=30.0) as session:
        assert entries() == [("none", "no window", 1), ("screen", "0 screen, 640x480 at 0,0", 0)]
        session.engine.params.set("/window/fullscreen", True, by="test")
        assert "there are: 0 screen" in session.failed("/window/open", "HDMI")
        assert "takes word:s" in session.failed("/window/open")
        assert session.done("/window/open", "scr") == ("/window/open", "screen"), (
            "by a part of its name"
        )
        wait_for(lambda: corners_of(screen.look())[0] != "desktop", "the window on it")
        wait_for(
            lambda: session.engine.params.get("/window/display") == "screen",
            "the parameter to know",
        )
        assert entries()[1][2] == 1
        assert session.done("/window/open", 0)[1] == "screen", "again: it stays"
        assert session.done("/window/open", "none")[1] == "none"
        wait_for(lambda: corners_of(screen.look())[0] == "desktop", "no window")
        assert not session.engine.params.get("/sink/window/enable")
        monkeypatch.delenv("DISPLAY")
        (only,) = entries()
        assert "no screen: neither DISPLAY" in only[1]
