"""Start Engine and Stop Engine with the installed program, an engine that restarts, and a project
that is reopened."""

import sysconfig
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.needed import quick_renderer
from tests.touchdesigner.conftest import ComponentRig, RunningEngine
from tests.touchdesigner.fake_td import TouchDesigner
from touchdesigner.component.engine_process import split_options

Until = Callable[..., Any]

PROGRAM = Path(sysconfig.get_path("scripts")) / "multiverse"
QUIET = (
    f"--audio demo --size 64x64 --fps 30 --renderer {quick_renderer()} --sink null --web off "
    "--set /layer/1/angle=21"
)


@pytest.fixture
def home(rig: ComponentRig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A temporary home for logs, presets and autosave; ends every engine with its test."""
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr("tempfile.tempdir", None)
    monkeypatch.setenv("MULTIVERSE_HOME", str(tmp_path / "home"))
    yield
    process = rig.comp.ext.MultiverseExt._process
    while process.terminate() and not process.ended():
        time.sleep(0.01)


def test_the_engine_is_started_without_touchdesigners_python_and_ended(
    rig: ComponentRig, until: Until, home: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    # as TouchDesigner sets it; any other Python crashes with it
    monkeypatch.setenv("PYTHONHOME", "/nowhere")
    rig.set("Command", str(PROGRAM))
    rig.set("Options", QUIET)
    rig.pulse("Startengine")
    until(lambda: rig.value("Connected"), "the started engine")
    until(lambda: rig.value("L1angle") == 21.0, "a value of the started engine")
    rig.pulse("Startengine")
    until(lambda: "already running at" in rig.value("Message"), "the refusal of a second one")
    rig.pulse("Stopengine")
    until(lambda: rig.value("Message") == "the engine has ended", "its end")


def test_an_engine_that_does_not_answer_is_terminated(
    rig: ComponentRig, until: Until, home: None
) -> None:
    rig.set("Command", str(PROGRAM))
    rig.set("Options", f"{QUIET} --osc off")
    rig.pulse("Startengine")
    until(lambda: rig.value("Message").startswith("started "), "its start")
    rig.pulse("Startengine")
    until(lambda: "already running" in rig.value("Message"), "the refusal of a second one")
    rig.pulse("Stopengine")
    until(lambda: "stopping the engine" in rig.value("Message"), "the request")
    rig.skipped_s += 5.0
    until(lambda: "terminated" in rig.value("Message"), "the signal")
    until(
        lambda: "has ended" in rig.value("Message") or "ended with code" in rig.value("Message"),
        "its end",
    )


def test_an_engine_that_cannot_start_says_why(
    rig: ComponentRig, until: Until, home: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONIOENCODING": "cp1252"}.items():
        monkeypatch.setenv(name, value)  # a code page without these characters
    rig.set("Command", f'"{PROGRAM}"')
    rig.set("Options", "--audio 'no マイク.wav'")
    rig.pulse("Startengine")
    until(lambda: "ended with code" in rig.value("Message"), "its end")
    assert "no マイク.wav" in rig.value("Message")


@pytest.mark.parametrize(
    ("options", "arguments"),
    [
        ("C:\\Show\\new", ["C:\\Show\\new"]),
        ('"C:\\My Show\\loop 1.wav"', ["C:\\My Show\\loop 1.wav"]),
        ("'C:\\My Show\\loop 1.wav'", ["C:\\My Show\\loop 1.wav"]),
        ('--record "D:\\out\\" --fps 30', ["--record", "D:\\out\\", "--fps", "30"]),
        (
            "--audio 'device:CABLE Output' # no comment",
            ["--audio", "device:CABLE Output", "#", "no", "comment"],
        ),
        ('--set="/layer/1/text=it\'s"', ["--set=/layer/1/text=it's"]),
        ("", []),
    ],
)
def test_on_windows_options_lose_their_quotes_and_keep_their_backslashes(
    options: str, arguments: list[str]
) -> None:
    assert split_options(options, "win32") == arguments


def test_on_other_systems_a_backslash_escapes_as_in_a_shell() -> None:
    options = "/Users/anna/My\\ Show/loop.wav 'a b' \"c d\""
    assert split_options(options, "darwin") == ["/Users/anna/My Show/loop.wav", "a b", "c d"]


def test_unclosed_quotes_are_rejected() -> None:
    with pytest.raises(ValueError, match="No closing quotation"):
        split_options('--record "D:\\out', "win32")


def test_a_restarted_engine_is_found_again_and_its_values_win(
    rig: ComponentRig, until: Until, free_port: Callable[[], int], tmp_path: Path
) -> None:
    ports = free_port(), free_port()
    rig.set("Port", ports[0])
    first = RunningEngine(*ports, tmp_path)
    try:
        first.engine.params.set("/layer/1/angle", 10.0)
        until(lambda: rig.value("Connected") and rig.value("L1angle") == 10.0, "the first engine")
        notify = first.engine._parts.control_hub.dispatcher.feedback.notify
        found = lambda: notify("/sam3/objects", 3) or rig.comp.op("out7_objects")["objects"] == 3.0  # noqa: E731
        # again and again: on a slow machine the connection may be lost meanwhile
        until(found, "what its SAM3 finds")
    finally:
        first.close()
    rig.skipped_s += 3.5
    until(lambda: not rig.value("Connected"), "the loss")
    assert rig.value("State") == "disconnected: no heartbeat for 3 s"
    assert rig.comp.op("out7_objects")["objects"] == 0.0
    rig.set("L1angle", 99.0)
    rig.program.frame()
    second = RunningEngine(*ports, tmp_path)
    try:
        second.engine.params.set("/layer/1/angle", -30.0)
        rig.skipped_s += 2.0
        until(
            lambda: rig.value("Connected") and rig.value("L1angle") == -30.0,
            "the second engine's values",
        )
        rig.set("L1angle", 5.0)
        until(lambda: second.engine.params.get("/layer/1/angle") == 5.0, "a move")
    finally:
        second.close()


def test_a_saved_project_plays_the_engine_without_this_checkout(
    connected: ComponentRig, engine: RunningEngine, program: TouchDesigner, until: Until
) -> None:
    connected.set("Ndisource", "STUDIO 2")
    file = program.save()
    assert str(Path(__file__).parents[2]) not in file
    for extension in connected.comp.extensions:
        extension.onDestroyTD()
    program.close_sockets()
    program.load(file)
    program.sent.clear()
    connected.comp = program.project.op("multiverse")
    connected.renew_clock()
    assert connected.value("Ndisource") == "STUDIO 2"
    engine.engine.params.set("/layer/2/angle", 61.0)
    until(lambda: connected.value("L2angle") == 61.0, "a value in the reopened project")
    connected.set("L2angle", 62.0)
    until(
        lambda: engine.engine.params.get("/layer/2/angle") == 62.0, "a move in the reopened project"
    )
