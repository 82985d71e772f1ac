"""Layer 5's source chosen over OSC while the engine draws, from what there is."""

from pathlib import Path
from typing import Any

import pytest

from engine.camera_control import CameraControl, first_word
from engine.clock import SteppedClock
from engine.control import CommandTable, Reply
from engine.errors import SourceError
from engine.osc import decode_packet, encode_message
from engine.sources.current import NOTHING, CurrentSource
from engine.sources.senders import SenderLists
from osc_schema import Rejected
from tests.desk import Desk, open_desk
from tests.sources.test_shared_ring import Publisher


def offered(desk: Desk) -> dict[str, tuple[str, int]]:
    """Title and whether it shows now, by word."""
    entries = [answer.args for answer in desk.ask("/camera/list") if answer.address == "/camera/entry"]
    return {word: (title, is_on) for word, title, is_on in entries}


def test_a_sender_that_comes_during_the_show_is_offered_chosen_and_missed_when_it_goes(
    tmp_path: Path, wait_for: Any
) -> None:
    name = f"camera control {tmp_path.name}"
    with open_desk(tmp_path) as desk:
        assert {word: is_on for word, (_, is_on) in offered(desk).items()}.items() >= {"none": 1, "test": 0}.items()
        with pytest.raises(Rejected, match="no camera is open"):
            desk.engine.params.set("/sam3/source", "camera", by="test")
        publisher = Publisher(name, level=200)
        try:
            wait_for(lambda: f"shared:{name}" in offered(desk), "the new sender in the list")
            assert offered(desk)[f"shared:{name}"] == (f"{name} (shared memory)", 0)
            desk.client.send(encode_message("/camera/open", name_of(name)))
            publisher.tell()
            assert desk.answers_up_to("/done", "/fail")[-1].args == ("/camera/open", name_of(name))
            assert offered(desk)[f"shared:{name}"][1] == 1, "meant by a part of its name"
            assert desk.engine.status().camera.state == "playing"
            desk.engine.params.set("/sam3/source", "camera", by="test")
            refused_words(desk)
            assert desk.engine.status().camera.description.startswith("shared ")
        finally:
            publisher.end()
        wait_for(lambda: f"shared:{name}" not in offered(desk), "the sender to go")
        assert offered(desk)[name_of(name)] == (f"{name_of(name)} (not there now)", 1)
        assert desk.done("/camera/open", "none") == ("/camera/open", "none")
        assert desk.engine.status().camera is None


def name_of(name: str) -> str:
    return f"shared:{name[:-1]}"


def refused_words(desk: Desk) -> None:
    for word in ("/etc/passwd", "clip.mp4", "rtsp://user:secret@10.0.0.9/stage"):
        reason = desk.failed("/camera/open", word)
        assert "is chosen as the engine starts (--camera)" in reason and "secret" not in reason
    assert "not found (cameras here: " in desk.failed("/camera/open", 77)
    assert "names nobody" in desk.failed("/camera/open", "spout:")
    assert "takes a word" in desk.failed("/camera/open")
    assert "takes 1" in desk.failed("/camera/ndi", "on")


def test_what_the_engine_was_started_with_is_offered_without_its_password_or_path() -> None:
    assert first_word("rtsp://user:secret@10.0.0.9/stage") == "start"
    assert first_word("/home/somebody/clip.mp4") == "start"
    assert [first_word(word) for word in ("none", "test", "0", "spout:Arena")] == ["none", "test", "0", "spout:Arena"]


def test_offline_the_source_does_not_change() -> None:
    table, answers = CommandTable(), []
    clock = SteppedClock()
    CameraControl(
        CurrentSource(NOTHING, clock),
        SenderLists(clock),
        first="none",
        open_source=lambda spec: None,
        is_offline=True,
        tell=lambda *told: None,
        say=print,
    ).add_commands(table)
    handler = table.find("/camera/open")
    assert handler is not None
    with pytest.raises(SourceError, match=r"^offline the source does not change"):
        handler(("test",), Reply("/camera/open", answers.append))
    handler = table.find("/camera/list")
    assert handler is not None
    handler((), Reply("/camera/list", answers.append))
    assert [decode_packet(answer).address for answer in answers][-1] == "/done"
