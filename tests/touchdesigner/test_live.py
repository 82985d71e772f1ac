"""The whole component in the fake TouchDesigner, with a live engine over UDP, in both
directions."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from engine.control import OscClient
from engine.osc.encode import encode_message
from osc_schema.generate import TOUCHDESIGNER_FOLDER
from tests.touchdesigner.conftest import ComponentRig, RunningEngine

Until = Callable[..., Any]


@pytest.fixture
def fader_box(engine: RunningEngine) -> Iterator[OscClient]:
    """Another OSC client of the same engine."""
    client = OscClient("127.0.0.1", engine.osc_port)
    yield client
    client.close()


def synced(rig: ComponentRig, until: Until, client: OscClient) -> None:
    """Wait until everything `client` sent has been drawn and is shown here."""
    client.send(encode_message("/sync", 1))
    while (message := client.receive(timeout_s=120.0)) is not None and message.address != "/synced":
        pass
    assert message is not None
    frames = rig.value("Connected") and rig.program.frames
    until(lambda: rig.program.frames > frames + 3, "frames")


def test_a_moved_parameter_and_a_pulse_reach_the_engine(
    connected: ComponentRig, engine: RunningEngine, until: Until
) -> None:
    params = engine.engine.params
    moves = {
        ("L1angle", "/layer/1/angle"): 33.0,
        ("L1curve", "/layer/1/curve"): 0.75,
        ("L2mute", "/layer/2/mute"): True,
        ("Mirrormode", "/mirror/mode"): "kaleidoscope",
        ("Mirrorsegs", "/mirror/segments"): 9,
        ("Sdprompt", "/sd/prompt"): "a forest of glass",
        ("Mvblend", "/multiverse/blend"): 1.5,
    }
    for (name, _), value in moves.items():
        connected.set(name, value)
    for (name, address), value in moves.items():
        until(
            lambda address=address, value=value: params.get(address) == value,
            f"{name} at {address}",
        )
    assert [message[0] for message in connected.sent_to("/layer")].count("/layer/1/angle") == 1
    connected.set("L4angle", 190.0)
    until(lambda: params.get("/layer/4/angle") == pytest.approx(-170.0), "the wrapped value")
    connected.skipped_s += 1.0  # the control has stopped moving
    until(lambda: connected.value("L4angle") == pytest.approx(-170.0), "the wrapped value here")
    connected.pulse("Mpanic")
    until(lambda: params.get("/layer/1/curve") == 1.0, "the default")
    connected.skipped_s += 1.0
    until(lambda: connected.value("L1curve") == 1.0, "the default here")


def test_a_change_by_another_client_is_shown_and_not_sent_back(
    connected: ComponentRig, engine: RunningEngine, until: Until, fader_box: OscClient
) -> None:
    connected.program.sent.clear()
    changes = (("/layer/1/angle", -77.25), ("/layer/3/mute", 1), ("/mirror/mode", "xy"),
        ("/mirror/segments", 5),
               ("/sd/prompt", "wölfe"), ("/multiverse/blend", 0.3))  # fmt: skip
    for address, value in changes:
        fader_box.send(encode_message(address, value))
    until(
        lambda: connected.value("L1angle") == -77.25 and connected.value("Sdprompt") == "wölfe",
        "both values",
    )
    until(lambda: connected.value("Mvblend") == pytest.approx(0.3, rel=1e-6), "the last of them")
    assert connected.value("L3mute") is True
    assert (connected.value("Mirrormode"), connected.value("Mirrorsegs")) == ("xy", 5)
    synced(connected, until, fader_box)
    assert [message for message in connected.program.sent if message[0] != "/engine/status"] == []


def test_an_older_echo_does_not_pull_the_fader_from_the_hand(
    connected: ComponentRig, engine: RunningEngine, until: Until
) -> None:
    hear = connected.comp.ext.MultiverseExt.on_message
    connected.set("L2angle", 10.0)
    until(lambda: engine.engine.params.get("/layer/2/angle") == 10.0, "the first move")
    connected.set("L2angle", 20.0)
    connected.program.frame()
    hear("/layer/2/angle", [10.0])  # sent before this movement
    assert connected.value("L2angle") == 20.0
    connected.skipped_s += 1.0
    until(
        lambda: ("/get", "/layer/2/angle") in connected.program.sent, "the question what it is now"
    )
    until(lambda: engine.engine.params.get("/layer/2/angle") == 20.0, "the second move")
    assert connected.value("L2angle") == 20.0


def test_presets_are_listed_saved_and_loaded(
    connected: ComponentRig, engine: RunningEngine, until: Until
) -> None:
    menu = lambda: connected.comp.par.Preset.menuNames  # noqa: E731
    until(lambda: "VAV original" in menu(), "the built-in presets")
    connected.set("L1ratio", 4.0)
    connected.set("Presetname", "wide open")
    connected.program.frame()
    connected.pulse("Presetsave")
    until(lambda: "wide open" in menu(), "the new preset in the menu")
    connected.set("L1ratio", 1.0)
    until(lambda: engine.engine.params.get("/layer/1/ratio") == 1.0, "another look")
    connected.set("Preset", "wide open")
    connected.set("Presetfade", 0.2)
    connected.skipped_s += 1.0
    connected.program.frame()
    connected.pulse("Presetload")
    until(lambda: engine.engine.params.get("/layer/1/ratio") == 4.0, "the preset's look")
    until(lambda: connected.value("L1ratio") == 4.0, "the preset's look here")
    assert connected.sent_to("/preset/load") == [("/preset/load", "wide open", pytest.approx(0.2))]


def test_the_pulses_of_a_show_send_their_commands_without_a_value(
    connected: ComponentRig, until: Until
) -> None:
    pressed = {
        "Take": "/preset/take",
        "Cut": "/preset/cut",
        "Undo": "/undo",
        "Still": "/still/take",
        "Pad16": "/pad/16",
    }
    for name, address in pressed.items():
        connected.pulse(name)
        until(lambda address=address: connected.sent_to(address) == [(address,)], address)


def test_cue_go_and_cue_back(connected: ComponentRig, until: Until) -> None:
    connected.comp.Send("/cue/set", 1, "default")
    connected.comp.Send("/cue/set", 2, "VAV original")
    connected.comp.Send("/cue/go_pause_s", 0.0)  # no double press here
    connected.pulse("Cuego")
    until(lambda: connected.value("Cuenow") == "1 default", "the first cue")
    connected.pulse("Cuego")
    until(lambda: connected.value("Cuenow") == "2 VAV original", "the second")
    connected.pulse("Cueback")
    until(lambda: connected.value("Cuenow") == "1 default", "the first again")


def test_the_status_page_shows_the_status_of_the_engine_and_a_refused_command(
    connected: ComponentRig, engine: RunningEngine, until: Until
) -> None:
    until(lambda: connected.value("Fps") > 0.0, "the frame rate")
    assert connected.value("State") == f"connected to 127.0.0.1:{engine.osc_port}"
    assert connected.value("Size") == "64 x 64"
    assert connected.value("Sound").startswith("playing")
    assert connected.value("Children") == "none in this run"
    until(
        lambda: 0.0 < connected.value("Latencyp50") <= connected.value("Latencyp99"), "the latency"
    )
    assert connected.value("Latencyworst") >= connected.value("Latencyp99")
    assert connected.comp.op("status")["frames", 1] is not None
    ext = connected.comp.ext.MultiverseExt
    ext.on_message("/engine/status/child/sd/state", ["loading"])
    ext.on_message("/engine/status/child/sam3/state", ["ready"])
    ext.on_message("/done", ["/engine/status"])
    assert connected.value("Children") == "sd loading, sam3 ready"
    connected.comp.Send("/preset/load", "no such preset")
    until(lambda: "no such preset" in connected.value("Fault"), "the reason")


def test_a_late_value_does_not_undo_the_rate_that_was_requested(rig: ComponentRig) -> None:
    hear = rig.comp.ext.MultiverseExt.on_message
    for _ in range(2):
        hear("/audio/features/rate_hz", [0.0])
        assert rig.value("Afeatratehz") == 60.0
    assert rig.sent_to("/audio") == [("/audio/features/rate_hz", 60.0)]
    rig.skipped_s += 0.3
    rig.program.frame()
    assert rig.sent_to("/get") == [("/get", "/audio/features/rate_hz")]


def test_audio_channels_run_by_default(
    rig: ComponentRig, engine: RunningEngine, until: Until, wait_for: Until
) -> None:
    params = engine.engine.params
    params.set("/audio/features/rate_hz", 0.0)
    rig.set("Afeatratehz", 60.0)  # like a saved project whose engine was restarted
    rig.program.frame()
    rig.program.sent.clear()
    audio = rig.comp.op("out4_audio")
    assert (
        list(audio.channels()) == list(rig.comp.op("features").module.NAMES)
        and audio["rms1"] == 0.0
    )
    rig.set("Port", engine.osc_port)
    until(lambda: audio["rms1"] > 0.0 and audio["pitch2"] > 0.0, "levels of the demo loop")
    assert params.get("/audio/features/rate_hz") == rig.value("Afeatratehz") == 60.0
    until(lambda: audio["onset1"] == 1.0, "the kick")
    until(lambda: audio["onset1"] == 0.0, "its end")
    calls = rig.comp.op("osc_in").calls
    before = audio["beat"]
    until(lambda: audio["beat"] != before, "the next features")
    assert rig.comp.op("osc_in").calls - calls < 33, "no callback for each feature"
    assert rig.sent_to("/audio") == [("/audio/features/rate_hz", 60.0)]
    params.set("/audio/features/rate_hz", 0.0)
    until(lambda: rig.value("Afeatratehz") == 0.0, "the rate that somebody else has set")
    assert rig.sent_to("/audio") == [("/audio/features/rate_hz", 60.0)], (
        "requested only when connecting"
    )


def test_sam3_objects_arrive_as_a_table_and_channels(
    connected: ComponentRig, engine: RunningEngine, until: Until, free_port: Callable[[], int]
) -> None:
    notify = engine.engine._parts.control_hub.dispatcher.feedback.notify
    table, channels = connected.comp.op("objects"), connected.comp.op("out7_objects")
    assert (table.numRows, channels.numChans) == (1, 25)
    notify("/sam3/objects", 5)
    for k in range(1, 6):
        notify(f"/sam3/object/{k}", 10 + k, 1, 1 - k / 8, k / 8, 0.25, 0.125, 0.5)
    until(lambda: table.numRows == 6, "five objects")
    assert [table[0, column] for column in range(8)] == [
        "k",
        "id",
        "prompt",
        "score",
        "cx",
        "cy",
        "w",
        "h",
    ]
    assert [table[5, column] for column in range(8)] == [
        "5",
        "15",
        "1",
        "0.375",
        "0.625",
        "0.25",
        "0.125",
        "0.5",
    ]
    assert (table[1, "id"], table[2, "cx"]) == ("11", "0.25")
    assert channels["objects"] == 5.0
    last = {name: channels[f"o4_{name}"] for name in ("id", "cx", "cy", "w", "h", "score")}
    assert last == {"id": 14.0, "cx": 0.5, "cy": 0.25, "w": 0.125, "h": 0.5, "score": 0.5}
    notify("/sam3/objects", 1)
    notify("/sam3/object/1", 12, 1, 0.75, 0.625, 0.25, 0.125, 0.5)
    until(lambda: channels["o1_id"] == 12.0, "the one that is left")
    assert table.numRows == 2 and channels["objects"] == 1.0
    assert channels["o1_cx"] == 0.625 and channels["o2_id"] == channels["o4_score"] == 0.0
    connected.set("Port", free_port())
    until(lambda: not connected.value("Connected"), "the move to where no engine is")
    connected.program.frame()
    assert table.numRows == 1 and channels["objects"] == channels["o1_cx"] == 0.0


def test_the_pages_fit_the_running_engine(
    connected: ComponentRig, engine: RunningEngine, until: Until
) -> None:
    engine.engine.params.set("/layer/1/curve", 0.5)
    until(lambda: connected.value("L1curve") == 0.5, "the engine's value")
    connected.comp.par.L1curve.destroy()
    connected.pulse("Fit")
    until(lambda: "pages updated" in connected.value("Message"), "the new pages")
    assert connected.value("Message").endswith(" 1 of them new or changed"), connected.value(
        "Message"
    )
    until(lambda: connected.value("L1curve") == 0.5, "the engine's value on the new page")
    connected.set("L1curve", 0.25)
    until(lambda: engine.engine.params.get("/layer/1/curve") == 0.25, "a move after it")


def test_the_example_runs(connected: ComponentRig, engine: RunningEngine, until: Until) -> None:
    connected.program.run_text((TOUCHDESIGNER_FOLDER / "example.py").read_text(encoding="utf-8"))
    project = connected.program.project
    assert project.op("picture").inputs == [connected.comp.op("out1_main")]
    connected.set("Audiochop", 1)
    until(lambda: project.op("levels")["rms1"] > 0.0, "levels of the demo loop")
    assert project.op("picture").par.brightness1.eval() == 1.0 + project.op("levels")["rms1"]
    angle = engine.engine.params.get("/layer/1/angle")
    until(lambda: engine.engine.params.get("/layer/1/angle") not in (angle, 0.0), "a turn")
    until(
        lambda: -180.0 < engine.engine.params.get("/layer/1/angle") < -170.0,
        "the expression's angle",
    )
    connected.set("L1angle", 0.0)
    connected.set("Afeatratehz", 0.0)
