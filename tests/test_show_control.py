"""The commands that act on the engine, sent over a real UDP socket to an engine that draws."""

import re
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from engine import Engine, open_engine
from engine.config import build_config
from engine.control import OscClient
from engine.osc import Message, encode_bundle, encode_message


class Desk:
    """A client and the engine it plays; the engine draws on a thread of its own."""

    def __init__(self, engine: Engine, client: OscClient) -> None:
        self.engine = engine
        self.client = client

    def ask(self, address: str, *args: object) -> list[Message]:
        """Send a command; everything that is answered up to its /done or /fail."""
        self.client.send(encode_message(address, *args))
        answers = []
        while True:
            message = self.client.receive(timeout_s=30.0)
            assert message is not None, f"no answer to {address}"
            answers.append(message)
            if message.address in ("/done", "/fail"):
                return answers

    def answer(self) -> Message:
        message = self.client.receive(timeout_s=30.0)
        assert message is not None
        return message

    def done(self, address: str, *args: object) -> tuple:
        answer = self.ask(address, *args)[-1]
        assert answer.address == "/done", answer
        return answer.args

    def failed(self, address: str, *args: object) -> str:
        answer = self.ask(address, *args)[-1]
        assert answer.address == "/fail", answer
        assert answer.args[0] == address
        return str(answer.args[1])


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    config = build_config(
        {
            "width": 64, "height": 64, "fps": 60.0, "audio": "demo", "osc": {"listen": "127.0.0.1:0"},
            "presets": str(tmp_path / "presets"), "recordings": str(tmp_path / "recordings"), "renderer": "numba",
        }
    )  # fmt: skip
    opened = threading.Event()
    engines: list[Engine] = []

    def play() -> None:
        with open_engine(config) as engine:
            engines.append(engine)
            opened.set()
            engine.run()

    thread = threading.Thread(target=play)
    thread.start()
    assert opened.wait(30.0)
    client = OscClient(*engines[0].osc_address)
    yield Desk(engines[0], client)
    engines[0].stop()
    thread.join(30.0)
    client.close()
    assert not thread.is_alive()


def test_status_tells_the_rate_the_renderer_and_the_sound(desk: Desk) -> None:
    *facts, end = desk.ask("/engine/status")
    known = {message.address.removeprefix("/engine/status/"): message.args for message in facts}
    assert {"fps", "frame_ms_p50", "frame_ms_p99", "late", "dropped", "size", "renderer", "audio"} <= set(known)
    assert known["size"] == (64, 64)
    assert known["audio"][0] == "playing"
    assert end.args == ("/engine/status",)


def test_size_is_changed_in_one_go(desk: Desk, wait_for: Callable) -> None:
    assert desk.done("/engine/size", 128, 96) == ("/engine/size", 128, 96)
    wait_for(lambda: (desk.engine.status().width, desk.engine.status().height) == (128, 96), "the new size")
    assert "width and height" in desk.failed("/engine/size", 128)
    assert "100000 is outside 64..8192" in desk.failed("/engine/size", 100000, 96)
    assert "/engine/width" in desk.failed("/engine/size", "wide", 96)
    assert "/engine/width" in desk.failed("/engine/size", float("nan"), 96)


def test_sinks_start_and_stop_while_it_runs(desk: Desk, wait_for: Callable, tmp_path: Path) -> None:
    desk.done("/sink/start", "record", "show.mp4")
    assert desk.engine.params.get("/sink/record/enable") is True
    wait_for(lambda: [sink for sink in desk.engine.status().sinks if sink.frames > 5], "frames in the recording")
    desk.done("/sink/stop", "record")
    assert desk.engine.params.get("/sink/record/enable") is False
    wait_for(lambda: not desk.engine.status().sinks, "the end of the recording")
    assert (tmp_path / "recordings" / "show.mp4").stat().st_size > 0
    assert "no such sink" in desk.failed("/sink/stop", "record")
    desk.done("/sink/start", "record", "second.mp4")
    assert "no such sink" in desk.failed("/sink/stop", "record", "third.mp4")
    desk.done("/sink/stop", "record", "second.mp4")


def test_files_asked_for_over_osc_stay_in_their_folder(desk: Desk, tmp_path: Path) -> None:
    for escape in ("../out.mp4", "/tmp/out.mp4", "a/b.mp4", "C:out.mp4", ".hidden.mp4", "NUL.mp4", "a\nb.mp4"):
        assert "over OSC, files go to the recordings folder" in desk.failed("/sink/start", "record", escape)
    assert not (tmp_path / "out.mp4").exists()


def test_sinks_for_the_picture_of_stable_diffusion_obey_the_same_rules(desk: Desk, tmp_path: Path) -> None:
    assert "no Stable Diffusion" in desk.failed("/sink/start", "sd:record", "sd.mp4")
    desk.engine.post(lambda: desk.engine._parts.sinks.add_sd(64, 64))
    for escape in ("../a.mp4", str(tmp_path / "a.mp4")):
        assert "over OSC, files go to the recordings folder" in desk.failed("/sink/start", "sd:record", escape)
    desk.done("/sink/start", "sd:record", "sd.mp4")
    assert [(sink.kind, sink.picture) for sink in desk.engine.status().sinks] == [("record", "sd")]
    assert desk.engine.params.get("/sink/record/enable") is False
    assert "no such sink" in desk.failed("/sink/stop", "record")
    desk.done("/sink/stop", "sd:record", "sd.mp4")


def test_a_sink_that_cannot_run_here_says_why(desk: Desk) -> None:
    assert "needs" in desk.failed("/sink/start", "spout")
    assert "no such kind" in desk.failed("/sink/start", "hologram")
    assert "takes a kind" in desk.failed("/sink/start")
    desk.engine.params.set("/sink/spout/enable", True)
    desk.done("/engine/status")
    desk.done("/sink/start", "null")
    assert desk.engine.params.get("/sink/spout/enable") is False


def test_a_snapshot_is_taken_on_a_trigger(desk: Desk, wait_for: Callable, tmp_path: Path) -> None:
    desk.engine.params.set("/sink/snapshot/file", "still.png")
    desk.client.send(encode_message("/sink/snapshot/take", 1))
    folder = tmp_path / "recordings"
    wait_for(lambda: (folder / "still.png").exists(), "the snapshot")
    desk.engine.params.set("/sink/snapshot/file", "second.png")
    desk.client.send(encode_message("/sink/snapshot/take", 1))
    wait_for(lambda: (folder / "second.png").exists(), "the second snapshot")
    wait_for(lambda: not desk.engine.status().sinks, "the end of the snapshots")
    assert sorted(path.name for path in folder.iterdir()) == ["second.png", "still.png"]


def test_presets_are_saved_listed_loaded_and_deleted(desk: Desk) -> None:
    desk.engine.params.set("/layer/1/curve", 0.5)
    desk.done("/preset/save", "evening")
    desk.engine.params.set("/layer/1/curve", 0.0)
    desk.done("/preset/load", "evening")
    assert desk.engine.params.get("/layer/1/curve") == 0.5
    names = [message.args[0] for message in desk.ask("/preset/list") if message.address == "/preset/name"]
    assert {"evening", "default", "VAV original"} <= set(names)
    desk.done("/preset/delete", "evening")
    assert "evening" in desk.failed("/preset/load", "evening")
    assert "preset" in desk.failed("/preset/save", "../evil")
    assert "name" in desk.failed("/preset/save")


def test_what_a_preset_asks_for_in_vain_is_said(desk: Desk) -> None:
    folder = Path(desk.engine.config.presets)
    desk.done("/preset/save", "needs sd")
    (file,) = folder.glob("*.toml")
    file.write_text(re.sub(r'("/layer/5/source" = )".*"', r'\1"sd"', file.read_text()))
    desk.done("/preset/load", "needs sd")
    assert desk.engine.params.get("/layer/5/source") == "auto"
    assert any("needs sd" in line and "--sd MODEL" in line for line in desk.engine.status().warnings)


def test_a_preset_keeps_the_order_of_its_bundle(desk: Desk) -> None:
    steps = [("/layer/1/angle", 5.0), ("/preset/save", "five"), ("/layer/1/angle", 90.0)]
    desk.client.send(encode_bundle(1, [encode_message(*step) for step in steps]))
    assert desk.answer().args == ("/preset/save", "five")
    assert desk.engine.params.get("/layer/1/angle") == 90.0
    steps = [("/preset/load", "five"), ("/layer/1/phase", 0.25)]
    desk.client.send(encode_bundle(1, [encode_message(*step) for step in steps]))
    assert desk.answer().args == ("/preset/load", "five")
    desk.done("/engine/status")
    assert desk.engine.params.get("/layer/1/angle") == 5.0
    assert desk.engine.params.get("/layer/1/phase") == 0.25


def test_a_preset_saved_in_a_bundle_can_be_loaded_in_the_same(desk: Desk) -> None:
    steps = [("/layer/1/angle", 77.0), ("/preset/save", "new"), ("/layer/1/angle", 2.0), ("/preset/load", "new")]
    desk.client.send(encode_bundle(1, [encode_message(*step) for step in [*steps, ("/preset/delete", "new")]]))
    assert {desk.answer().args for _ in range(3)} == {(f"/preset/{verb}", "new") for verb in ("save", "load", "delete")}
    assert desk.engine.params.get("/layer/1/angle") == 77.0
    assert "new" in desk.failed("/preset/load", "new")


def test_a_presets_folder_that_is_none_is_told(desk: Desk, tmp_path: Path) -> None:
    (tmp_path / "presets").write_text("a file where the folder should be")
    assert "presets" in desk.failed("/preset/list")
    assert "presets" in desk.failed("/preset/save", "lost")


def test_sync_waits_for_what_the_loop_was_asked_for_before(desk: Desk) -> None:
    for turn in range(20):
        desk.client.send(encode_message("/sink/start", "null", f"turn {turn}"))
        desk.client.send(encode_message("/sink/stop", "null", f"turn {turn}"))
        desk.client.send(encode_message("/sync", turn))
        order = [desk.answer().address for _ in range(3)]
        assert order == ["/done", "/done", "/synced"]


def test_smoothing_is_changed_while_it_runs(desk: Desk) -> None:
    assert desk.done("/smooth", "/layer/1/angle", 500.0) == ("/smooth", "/layer/1/angle", 500.0)
    assert "glide" in desk.failed("/smooth", "/mirror", 500.0)
    assert "glide" in desk.failed("/smooth", "/engine/fps", 500.0)
    assert "outside" in desk.failed("/smooth", "/layer/1/angle", -1.0)
    assert "takes" in desk.failed("/smooth", "/layer/1/angle")


def test_quit_ends_the_engine(desk: Desk, wait_for: Callable) -> None:
    desk.done("/engine/quit")
    wait_for(lambda: desk.engine.is_stopping, "the end")


def test_a_setting_that_has_no_effect_yet_says_so_once(desk: Desk) -> None:
    desk.engine.params.set("/layer/5/matte", "subject")
    for _ in range(3):
        desk.done("/sink/start", "null", "twin")
        desk.done("/sink/stop", "null", "twin")
    said = [line for line in desk.engine.status().warnings if line.startswith("/layer/5/matte subject: needs SAM3")]
    assert len(said) == 1


def test_subscribers_hear_what_the_log_says(desk: Desk) -> None:
    desk.done("/engine/notify", 1)
    desk.engine.params.set("/sink/spout/enable", True)
    heard = []
    while not any(message.address == "/engine/warning" for message in heard):
        heard.append(desk.answer())
    assert "spout: unavailable (needs Windows)" in heard[-1].args[0]
