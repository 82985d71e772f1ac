"""The commands that act on the engine, sent over a real UDP socket to an engine that draws."""

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from engine.osc.encode import encode_message
from osc_schema.sinks import KINDS
from tests.support.engine_client import EngineClient, open_client

ONLY_THERE = "over OSC, files are written to the recordings folder only"


@pytest.fixture(scope="module")
def session(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EngineClient]:
    with open_client(tmp_path_factory.mktemp("show")) as session:
        yield session


@pytest.fixture
def recordings(session: EngineClient) -> Path:
    return Path(session.engine.config.recordings)


def test_status_has_the_rate_the_renderer_and_the_sound(session: EngineClient) -> None:
    session.client.send(encode_message("/sync", 1))  # a packet whose frame is published
    session.answers_up_to("/synced")
    *facts, end = session.ask("/engine/status")
    known = {message.address.removeprefix("/engine/status/"): message.args for message in facts}
    assert {
        "fps",
        "frame_ms_p50",
        "frame_ms_p99",
        "late",
        "dropped",
        "size",
        "renderer",
        "audio",
    } <= set(known)
    assert known["size"] == (64, 64)
    assert (
        0.0
        < known["latency_ms_p50"][0]
        <= known["latency_ms_p99"][0]
        <= known["latency_ms_worst"][0]
    )
    assert known["osc/messages"][0] > 0
    assert known["osc/replaced"] == known["osc/discarded"] == known["osc/lost"] == (0,)
    assert known["audio"][0] == "playing"
    assert known["flash_guard"][0] in ("watching", "limiting") and len(known["flash_guard"]) == 3
    assert end.args == ("/engine/status",)


def test_width_and_height_change_together(session: EngineClient, wait_for: Any) -> None:
    assert session.done("/engine/size", 128, 96) == ("/engine/size", 128, 96)
    wait_for(
        lambda: (session.engine.status().width, session.engine.status().height) == (128, 96),
        "the new size",
    )
    assert "takes width:i, height:i" in session.failed("/engine/size", 128)
    for wrong in (100000, "wide", float("nan")):
        reason = session.failed("/engine/size", wrong, 96)
        assert reason == f"width: takes a whole number 64..8192, not {wrong!r}", "not clipped"
    session.done("/engine/size", 64, 64)


def test_sinks_start_and_stop_while_it_runs_and_their_files_stay_in_the_recordings_folder(
    session: EngineClient, wait_for: Any, recordings: Path
) -> None:
    session.done("/sink/start", "record", "show.mp4")
    assert session.engine.params.get("/sink/record/enable") is True
    wait_for(
        lambda: [sink for sink in session.engine.status().sinks if sink.frames > 5],
        "frames in the recording",
    )
    session.done("/sink/stop", "record")
    assert session.engine.params.get("/sink/record/enable") is False
    wait_for(lambda: not session.engine.status().sinks, "the end of the recording")
    assert (recordings / "show.mp4").stat().st_size > 0
    assert "no such sink" in session.failed("/sink/stop", "record")
    session.done("/sink/start", "record", "second.mp4")
    assert "no such sink" in session.failed("/sink/stop", "record", "third.mp4")
    session.done("/sink/stop", "record", "second.mp4")
    file_kinds = [kind for kind, each in KINDS.items() if each.writes_files]
    assert file_kinds == [kind for kind, each in KINDS.items() if "file" in each.argument]
    for kind in file_kinds:
        for escape in (
            "../out.mp4",
            "/tmp/out.mp4",
            "a/b.mp4",
            "C:out.mp4",
            ".hidden.mp4",
            "NUL.mp4",
            "a\nb.mp4",
        ):
            assert ONLY_THERE in session.failed("/sink/start", kind, escape)
    assert not (recordings.parent / "out.mp4").exists()


def test_sinks_for_an_extra_picture_follow_the_same_rules(
    session: EngineClient, tmp_path: Path
) -> None:
    assert "no Stable Diffusion" in session.failed("/sink/start", "sd:record", "sd.mp4")
    session.engine.post(lambda: session.engine._parts.outputs.sinks.add_picture("sd", 64, 64))
    for escape in ("../a.mp4", str(tmp_path / "a.mp4")):
        assert ONLY_THERE in session.failed("/sink/start", "sd:record", escape)
    session.done("/sink/start", "sd:record", "sd.mp4")
    assert [(sink.kind, sink.picture) for sink in session.engine.status().sinks] == [
        ("record", "sd")
    ]
    assert session.engine.params.get("/sink/record/enable") is False
    assert "no such sink" in session.failed("/sink/stop", "record")
    session.done("/sink/stop", "sd:record", "sd.mp4")


def test_an_unavailable_sink_fails_with_its_reason_and_subscribers_are_sent_the_log(
    session: EngineClient,
) -> None:
    kind, system = ("syphon", "macOS") if sys.platform == "win32" else ("spout", "Windows")
    assert "needs" in session.failed("/sink/start", kind)
    assert "unknown kind" in session.failed("/sink/start", "hologram")
    assert "takes kind:s" in session.failed("/sink/start")
    session.done("/engine/notify", 1)
    refused, answers = (
        f"{kind}: unavailable (needs {system})",
        session.ask(f"/sink/{kind}/enable", 1),
    )
    assert answers[-1].args == (f"/sink/{kind}/enable", refused)
    assert session.engine.params.get(f"/sink/{kind}/enable") is False
    while not any(
        each.address == "/engine/warning" and refused in each.args[0] for each in answers
    ):
        # a busy machine warns of its late picture too
        answers = session.answers_up_to("/engine/warning")
    session.done("/engine/notify", 0)


def test_a_snapshot_is_taken_on_a_trigger(
    session: EngineClient, wait_for: Any, recordings: Path
) -> None:
    for name in ("still.png", "second.png"):
        session.engine.params.set("/sink/snapshot/file", name)
        session.client.send(encode_message("/sink/snapshot/take", 1))
        wait_for((recordings / name).exists, name)
    wait_for(lambda: not session.engine.status().sinks, "the end of the snapshots")
    assert sorted(path.name for path in recordings.glob("*.png")) == ["second.png", "still.png"]


def test_sync_waits_for_earlier_work_of_the_frame_loop(session: EngineClient) -> None:
    for turn in range(20):
        session.client.send(encode_message("/sink/start", "null", f"turn {turn}"))
        session.client.send(encode_message("/sink/stop", "null", f"turn {turn}"))
        session.client.send(encode_message("/sync", turn))
        assert [session.answer().address for _ in range(3)] == ["/done", "/done", "/synced"]


def test_smoothing_is_changed_while_it_runs(session: EngineClient) -> None:
    assert session.done("/smooth", "/layer/1/angle", 500.0) == ("/smooth", "/layer/1/angle", 500.0)
    assert "smoothing time" in session.failed("/smooth", "/mirror/mode", 500.0)
    assert "smoothing time" in session.failed("/smooth", "/engine/fps", 500.0)
    assert "0..60000" in session.failed("/smooth", "/layer/1/angle", -1.0)
    assert "takes" in session.failed("/smooth", "/layer/1/angle")


def test_quit_ends_the_engine(tmp_path: Path, wait_for: Any) -> None:
    with open_client(tmp_path) as session:
        session.done("/engine/quit")
        wait_for(lambda: session.engine.is_stopping, "the end")
