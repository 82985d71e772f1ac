"""Selecting layer 5's source over OSC while the engine draws."""

import threading
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from engine.control import CommandTable, Reply
from engine.control.commands.camera import CameraControl, first_entry
from engine.errors import SourceError
from engine.osc.decode import decode_packet
from engine.osc.encode import encode_message
from engine.sources.current import NOTHING, CurrentSource
from engine.sources.opening import open_source
from engine.sources.senders import SenderLists
from engine.sources.source import Source
from engine.sources.test_card import MovingCard
from engine.system.clock import SteppedClock
from osc_schema import Rejected
from tests.control.commands.show_rig import make_context, run_command
from tests.sources.test_shared_ring import Publisher
from tests.support.engine_client import EngineClient, open_client


def offered(session: EngineClient) -> dict[str, tuple[str, int]]:
    """Word -> (title, 1 if it is in use)."""
    entries = [
        answer.args for answer in session.ask("/camera/list") if answer.address == "/camera/entry"
    ]
    return {entry: (title, is_on) for entry, title, is_on in entries}


def test_a_sender_that_appears_in_the_show_can_be_chosen_until_it_is_gone(
    tmp_path: Path, wait_for: Any
) -> None:
    name = f"camera control {tmp_path.name}"
    chosen = f"shared:{name[:-1]}"  # a part of its name will do
    with open_client(tmp_path) as session:
        assert {(entry, is_on) for entry, (_, is_on) in offered(session).items()} >= {
            ("none", 1),
            ("test", 0),
        }
        with pytest.raises(Rejected, match="no camera is open"):
            session.engine.params.set("/sam3/source", "camera", by="test")
        publisher = Publisher(name, level=200)
        try:
            wait_for(lambda: f"shared:{name}" in offered(session), "the new sender in the list")
            assert offered(session)[f"shared:{name}"] == (f"{name} (shared memory)", 0)
            session.client.send(encode_message("/camera/open", chosen))
            publisher.command()
            assert session.answers_up_to("/done", "/fail")[-1].args == ("/camera/open", chosen)
            assert offered(session)[f"shared:{name}"][1] == 1, "chosen by a part of its name"
            assert session.engine.status().camera.state == "playing"
            session.engine.params.set("/sam3/source", "camera", by="test")
            reason = session.failed("/camera/open", "rtsp://user:secret@10.0.0.9/stage")
            assert "can only be given at the start (--camera)" in reason and "secret" not in reason
            assert "not found (available: " in session.failed("/camera/open", 77)
            assert "lacks a name" in session.failed("/camera/open", "spout:")
            assert "takes word:s" in session.failed("/camera/open")
            assert "takes 1" in session.failed("/camera/ndi", "on")
            assert session.engine.status().camera.description.startswith("shared ")
            assert session.done("/camera/open", chosen)[1] == chosen, "it shows already"
        finally:
            publisher.end()
        wait_for(lambda: f"shared:{name}" not in offered(session), "the sender to go")
        assert offered(session)[chosen] == (f"{chosen} (not available)", 1)
        assert session.done("/camera/open", "start") == ("/camera/open", "none"), (
            "what it was started with"
        )
        assert session.engine.status().camera is None


def test_a_video_of_the_video_folders_is_chosen_in_the_show_and_no_other_file(
    tmp_path: Path, wait_for: Any
) -> None:
    videos = tmp_path / "films"
    pictures = [
        *(videos / name for name in ("set/sea.png", ".private/sea.png", ".sea.png")),
        tmp_path / "secret.png",
    ]
    for path in (*pictures, videos / "notes.png"):
        path.parent.mkdir(parents=True, exist_ok=True)
        cv2.imwrite(str(path), np.full((90, 160, 3), 200, np.uint8))
    (videos / "notes.png").rename(videos / "notes.txt")
    (videos / "torn.mp4").write_bytes(b"no film")
    deep = Path(*["a film festival's own folder of the year"] * 8, "sea.png")  # 326 characters
    (videos / deep.parent).mkdir(parents=True)
    (videos / deep).write_bytes((videos / "set" / "sea.png").read_bytes())
    with open_client(tmp_path, films=(str(videos),)) as session:
        first = offered(session)
        assert first["set/sea.png"] == ("set/sea.png", 0) and "notes.txt" not in first
        assert session.done("/camera/open", deep.as_posix())[1] == deep.as_posix()
        assert session.done("/camera/open", "set/sea.png") == ("/camera/open", "set/sea.png")
        assert offered(session)["set/sea.png"][1] == 1
        wait_for(lambda: session.engine.status().camera is not None, "its picture")
        assert session.engine.status().camera.description == "sea.png, picture 160x90"
        outside = (
            "/etc/passwd",
            "../secret.png",
            str(tmp_path / "secret.png"),
            "set/../../secret.png",
        )
        for entry in (
            *outside,
            "none.mp4",
            "notes.txt",
            ".sea.png",
            ".private/sea.png",
            "set/../.private",
        ):
            reason = session.failed("/camera/open", entry)
            visible, _, rest = reason.partition("' ")  # a long entry is shown in part
            assert repr(entry).startswith(visible)
            assert rest.startswith("is not offered in the video folders; ") and rest.endswith(
                "/camera/list shows what is"
            )
            assert str(videos) not in rest and "/." not in rest
        assert "nearest: set/sea.png" in session.failed("/camera/open", "set/see.png")
        torn = session.failed("/camera/open", "torn.mp4")
        assert torn.startswith("torn.mp4: ") and str(videos) not in torn
        assert session.engine.status().camera.description.startswith("sea.png"), "it plays on"


def test_the_first_source_is_offered_without_its_password_or_path_and_stays_offline() -> None:
    assert first_entry("rtsp://user:secret@10.0.0.9/stage") == "start"
    assert first_entry("/home/somebody/clip.mp4") == "start"
    assert all(first_entry(entry) == entry for entry in ("none", "test", "0", "spout:Arena"))
    rig = Rig(lambda spec: None, is_offline=True)
    for address, entry in (("/camera/open", "test"), ("/camera/ndi", 1)):
        with pytest.raises(SourceError, match=r"^the source cannot be changed in an offline run"):
            rig.send(address, entry)
    rig.send("/camera/list")
    assert rig.answers[-1].address == "/done"


def test_an_error_of_the_first_source_does_not_reveal_its_folder(
    tmp_path: Path, wait_for: Any
) -> None:
    open_camera = partial(open_source, offline=False, clock=SteppedClock(), report=print)
    rig = Rig(open_camera, first=f"{tmp_path}/./clip.mp4")
    rig.control.start()
    rig.send("/camera/open", "start")
    wait_for(lambda: rig.messages == [("/fail", "clip.mp4: no such file")], "the reason")
    rig.control.close()


class Rig:
    """A CameraControl that records its answers; the test opens its sources."""

    def __init__(
        self,
        open_source: Callable[[str], Source | None],
        *,
        first: str = "none",
        is_offline: bool = False,
    ) -> None:
        self.clock, self.table, self.answers = SteppedClock(), CommandTable(), []
        self.current = CurrentSource(NOTHING, self.clock)
        self.control = CameraControl(
            make_context(print, clock=self.clock),
            self.current,
            SenderLists(self.clock),
            first=first,
            open_source=open_source,
            is_offline=is_offline,
            notice=print,
        )
        self.control.add_commands(self.table)

    def send(self, address: str, *args: object) -> None:
        reply = Reply(address, lambda data: self.answers.append(decode_packet(data)))
        run_command(self.table, address, args, reply)

    @property
    def messages(self) -> list[tuple]:
        return [(answer.address, *answer.args[1:]) for answer in self.answers]


class Card(MovingCard):
    """A source that delivers no picture until the test lets it."""

    is_closed = False

    def close(self) -> None:
        super().close()
        self.is_closed = True


class Drivers:
    """Opens a source as soon as `answering` is set."""

    def __init__(self, report: Any) -> None:
        self.requested: list[str] = []
        self.answering = threading.Event()
        self.opened: list[Card] = []
        self._report = report

    def open(self, spec: str) -> Source:
        self.requested.append(spec)
        self.answering.wait(120.0)
        self.opened.append(Card(offline=True, clock=SteppedClock(), report=self._report))
        return self.opened[-1]


SUPERSEDED = ("/fail", "superseded by another choice")


@pytest.fixture
def drivers(reports) -> Iterator[Drivers]:
    created = Drivers(reports)
    yield created
    created.answering.set()


@pytest.fixture
def rig(drivers: Drivers) -> Iterator[Rig]:
    created = Rig(drivers.open)
    created.control.start()
    yield created
    drivers.answering.set()
    created.control.close()
    created.current.close()


def test_of_several_requests_the_last_one_is_opened(
    rig: Rig, drivers: Drivers, wait_for: Any
) -> None:
    rig.send("/camera/open", "0")
    wait_for(lambda: drivers.requested == ["0"], "the first to be opened")
    for entry in ("0", "1", "2", "test"):
        rig.send("/camera/open", entry)
    assert rig.messages == [("/fail", "is being opened already"), SUPERSEDED, SUPERSEDED]
    drivers.answering.set()
    wait_for(lambda: drivers.requested == ["0", "test"], "the last to be opened")
    wait_for(
        lambda: (rig.current.poll(), rig.messages[-1] == SUPERSEDED)[1], "the first to be given up"
    )
    rig.clock.advance(11.0)
    wait_for(
        lambda: (rig.current.poll(), "gave up after" in rig.messages[-1][-1])[1],
        "the last to be let go",
    )


def test_a_search_for_ndi_supersedes_one_that_waits(
    rig: Rig, drivers: Drivers, wait_for: Any
) -> None:
    rig.send("/camera/open", "0")
    wait_for(lambda: drivers.requested == ["0"], "the source to be opened")
    for _ in range(2):
        rig.send("/camera/ndi", 0)
    drivers.answering.set()
    wait_for(lambda: rig.messages[:2] == [SUPERSEDED, ("/done", 0)], "the last")


def test_a_driver_that_never_answers_does_not_block_the_next_choice(
    rig: Rig, drivers: Drivers, wait_for: Any
) -> None:
    rig.send("/camera/open", "0")
    wait_for(lambda: drivers.requested == ["0"], "the first to be opened")
    rig.send("/camera/open", "none")
    rig.control.poll(rig.clock.now_s())
    assert rig.messages == [], "a driver may take its time"
    rig.clock.advance(6.0)
    rig.control.poll(rig.clock.now_s())
    assert rig.messages == [("/fail", "has not answered for 5 s; the next source is opened")]
    wait_for(
        lambda: (rig.current.poll(), rig.messages[-1] == ("/done", "none"))[1], "the next choice"
    )
    drivers.answering.set()
    wait_for(
        lambda: drivers.opened and drivers.opened[0].is_closed, "what came too late to be closed"
    )
    rig.current.poll()
    assert not rig.current.has_source and len(rig.messages) == 2
