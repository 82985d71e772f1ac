"""The patch's own callbacks, and the status CHOP."""

from collections.abc import Callable
from itertools import pairwise
from typing import Any

import pytest

from tests.touchdesigner.conftest import ComponentRig, RunningEngine

Until = Callable[..., Any]

RECORDING = """
import builtins
def note(info):
    builtins.heard.append((info.pop('callbackName'), info.pop('ownerComp').name, info))
onConnect = onLook = onCue = onBeat = onSection = onLost = note
"""


@pytest.fixture
def calls(
    rig: ComponentRig, monkeypatch: pytest.MonkeyPatch
) -> list[tuple[str, str, dict[str, Any]]]:
    """The calls of the callbacks: name, component, info."""
    calls_received: list[tuple[str, str, dict[str, Any]]] = []
    monkeypatch.setattr("builtins.heard", calls_received, raising=False)
    dat = rig.program.project.op("multiverse_callbacks")
    assert dat.dock is rig.comp and rig.comp.par.Callbackdat.eval() is dat
    dat.text += RECORDING
    return calls_received


def infos(calls: list[tuple[str, str, dict[str, Any]]], name: str) -> list[dict[str, Any]]:
    return [info for called, comp, info in calls if called == name and comp == "multiverse"]


def test_a_patch_hears_of_the_connection_looks_cues_beats_and_the_loss(
    calls: list[Any],
    connected: ComponentRig,
    engine: RunningEngine,
    until: Until,
    free_port: Callable[[], int],
) -> None:
    assert infos(calls, "onConnect") == [{"host": "127.0.0.1", "port": engine.osc_port}]
    until(lambda: infos(calls, "onSection"), "the section")
    assert {info["section"] for info in infos(calls, "onSection")} <= {
        "quiet",
        "build",
        "drop",
        "break",
    }
    connected.comp.Send("/preset/load", "Aurora")
    until(lambda: {"name": "Aurora", "isEdited": False} in infos(calls, "onLook"), "the look")
    connected.comp.Send("/cue/set", 7, "Aurora")
    connected.comp.Send("/cue/7")
    until(lambda: infos(calls, "onCue"), "the cue")
    assert infos(calls, "onCue") == [{"number": 7, "name": "Aurora"}]
    engine.engine.params.set("/tempo/source", "manual")
    until(
        lambda: engine.engine.params.get("/tempo/state") == "manual",
        "the end of the beat in the sound",
    )
    engine.engine.params.set("/tempo/bpm", 240.0)
    connected.set("Audiochop", 1)
    until(
        lambda: {info["beat"] for info in infos(calls, "onBeat")} == {1, 2, 3, 4},
        "each beat of the bar",
    )
    numbers = [info["beat"] for info in infos(calls, "onBeat")]
    assert all(before != after for before, after in pairwise(numbers)), (
        "a slow machine may miss one, not repeat it"
    )
    until(lambda: not infos(calls, "onBeat")[-1]["isFree"], "a beat of the new tempo")
    connected.skipped_s += 4.0
    until(lambda: infos(calls, "onLost") == [{}], "the loss")
    until(lambda: len(infos(calls, "onConnect")) == 2, "the next connection")
    playing = connected.comp.ext.MultiverseExt._playing
    until(lambda: not playing.is_listing_cues, "the list of cues")
    assert len(infos(calls, "onCue")) == 1, "the cue that runs already is no new one"
    engine.engine.params.set("/tempo/source", "beat")


def test_an_error_in_a_callback_is_a_line_on_the_component_and_stops_nothing(
    connected: ComponentRig, until: Until, capsys: pytest.CaptureFixture[str]
) -> None:
    dat = connected.program.project.op("multiverse_callbacks")
    dat.text = "def onLook(info):\n    op('nothing').par.x = 1\n"
    extension = connected.comp.ext.MultiverseExt
    for name in ("a", "b"):
        extension.on_message("/preset/current", [name, 0])
    line = (
        "/project1/multiverse_callbacks: onLook: AttributeError: 'NoneType' object has no "
        "attribute 'par' (1 times"
    )
    assert connected.comp.errors().startswith(line) and connected.value("Message").startswith(line)
    assert capsys.readouterr().out.count("Traceback") == 1
    connected.skipped_s += 2.0
    until(lambda: connected.comp.op("out8_status")["err_callbacks"] == 1.0, "its flag")
    dat.text = "def onLook(info:\n"
    extension.on_message("/preset/current", ["c", 0])
    dat.text = "def onLook(info):\n    pass\n"
    extension.on_message("/preset/current", ["d", 0])
    assert connected.comp.errors() == ""
    connected.skipped_s += 2.0
    until(lambda: connected.comp.op("out8_status")["err_callbacks"] == 0.0, "the end of the error")
    dat.destroy()
    extension.on_message("/preset/current", ["e", 0])
    assert connected.comp.errors() == ""


def test_the_status_chop_has_the_engines_state_and_a_flag_for_each_kind_of_error(
    connected: ComponentRig, engine: RunningEngine, until: Until, free_port: Callable[[], int]
) -> None:
    chop = connected.comp.op("out8_status")
    assert list(chop.channels()) == list(connected.comp.op("status_channels").module.NAMES)
    until(lambda: chop["connected"] == 1.0 and chop["fps"] > 0.0, "the state")
    assert (chop["err_link"], chop["err_sound"], chop["err_sinks"]) == (0.0, 0.0, 0.0)
    flags = {
        "err_sound": ("/engine/status/audio", ["lost", "device 'Desk'"]),
        "err_camera": ("/engine/status/camera", ["lost", "ndi Arena"]),
        "err_children": ("/engine/status/child/sd/state", ["restarting"]),
        "err_shaders": (
            "/engine/status/shader/generator",
            ["plasma.fs", "bypassed", "too slow", 30.0],
        ),
        "err_sinks": ("/engine/status/sink/record", ["show.mp4", "failed", "the disk is full"]),
        "guard": ("/engine/status/flash_guard", ["limiting", 0.5, 0.1]),
        "tempo_free": ("/engine/status/beat", ["link", "free", 121.5, 0.0]),
    }
    hear = connected.comp.ext.MultiverseExt.on_message
    for address, args in flags.values():
        hear(address, args)
    hear("/done", ["/engine/status"])
    assert {name: chop[name] for name in flags} == dict.fromkeys(flags, 1.0)
    assert (
        chop["bypassed"],
        chop["children"],
        chop["children_lost"],
        chop["bpm"],
        chop["err"],
    ) == (1, 1, 1, 121.5, 1)
    assert (
        connected.value("Tempo") == "121.5 bpm, FREE: link is silent or unsure, the tempo runs on"
    )
    connected.set("Port", free_port())
    until(lambda: chop["err_link"] == 1.0, "the loss")
    assert chop["connected"] == chop["fps"] == chop["err_sound"] == 0.0 and chop["err"] == 1.0


def test_a_beat_is_found_once_with_its_position_in_the_bar(module_named: Callable) -> None:
    watch = module_named("callbacks").BeatWatch()
    positions = [0.5, 0.9, 1.02, 1.0, 1.9, 2.1, 2.95, 3.95, 4.99, 6.1]
    beats = [watch.take(at % 1.0, at / 3 % 1.0, 3) for at in positions]
    assert beats == [None, None, 2, None, None, 3, None, None, None, 1]
    # at 180 beats/min; the tempo is corrected back by up to a tenth of a beat
    for beats_a_bar in (1, 4, 7):
        watch = module_named("callbacks").BeatWatch()
        positions = [frame / 20 - 0.1 * (frame % 3 == 0) for frame in range(20 * 17)]
        beats = [watch.take(at % 1.0, at / beats_a_bar % 1.0, beats_a_bar) for at in positions]
        found = [beat for beat in beats if beat is not None]
        assert found == [beat % beats_a_bar + 1 for beat in range(17)], "each once, and in order"
