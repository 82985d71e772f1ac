"""Resolume Arena over a real socket: mapped messages move something, others are counted, mistakes
reported."""

import re
import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from engine.control import Announcements
from engine.osc.encode import encode_message
from engine.params.mapping.built_in_maps import built_in
from engine.system.clock import SystemClock
from engine.system.telemetry import Warnings
from tests.control.commands.test_mapping import MapHub
from tests.support import arena
from tests.support.reading_client import ReadingClient

MISTAKE = "/layer/1/intensty"


class ArenaRig:
    """An engine's OSC with its warnings, a fake Arena, and a patch that subscribes to the
    warnings."""

    def __init__(self, path: Path, maps: tuple[str, ...], wait_for: Callable[..., Any]) -> None:
        announcements = Announcements()
        self.warnings = Warnings(SystemClock(), announcements.warn)
        self.hub = MapHub(path, self.warnings.report, maps, announcements)
        self.patch = ReadingClient(*self.hub.server.address)
        self.counters = self.hub.dispatcher.counters
        self._wait_for = wait_for
        self._arena = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._arena.connect(self.hub.server.address)
        self._arena.setblocking(False)
        self._seconds = 0

    @property
    def arena_name(self) -> str:
        return f"udp 127.0.0.1:{self._arena.getsockname()[1]}"

    def arena_sends(self, *packets: bytes) -> None:
        """Send messages, fifty at a time, which fit into any buffer; return when they have been
        executed."""
        for start in range(0, len(packets), 50):
            portion = packets[start : start + 50]
            before = self.counters.packets
            for packet in portion:
                self._arena.send(packet)
            self._wait_for(
                lambda: self.counters.packets >= before + len(portion), "Arena's datagrams"
            )
            # held until the last one, which is counted, has been executed
            with self.hub.dispatcher._receiving:
                pass

    def send_all(self, seconds: int, *, has_clip: bool) -> None:
        for _ in range(seconds):
            self.arena_sends(*arena.second(self._seconds, has_clip=has_clip))
            self._seconds += 1

    def unmapped_of_arena(self) -> int:
        """Number of datagrams sent to Arena."""
        count = 0
        while True:
            try:
                self._arena.recv(65_536)
            except BlockingIOError:
                return count
            count += 1

    def patch_is_answered(self, address: str) -> str:
        """Send a wrong message from the patch; returns the explanation."""
        self.patch.send(encode_message(address, 1.0))
        while (message := self.patch.receive(120.0)) is not None:
            if message.address == "/fail":
                return str(message.args[1])
        raise AssertionError("the patch was not answered")

    def close(self) -> None:
        self.patch.close()
        self._arena.close()
        self.hub.close()


@pytest.fixture
def open_arena(tmp_path: Path, wait_for: Callable[..., Any]) -> Iterator[Callable[..., ArenaRig]]:
    rigs: list[ArenaRig] = []

    def make(*maps: str) -> ArenaRig:
        rigs.append(ArenaRig(tmp_path / "mapping.toml", maps, wait_for))
        return rigs[-1]

    yield make
    for rig in rigs:
        rig.close()


def test_arenas_messages_with_its_map_cause_no_warning_and_hide_no_mistake(
    open_arena: Callable[..., ArenaRig],
) -> None:
    """22 s of captured messages. Failed before with two warnings and one `/fail` to Arena per
    second."""
    rig = open_arena("resolume")
    rig.send_all(11, has_clip=False)
    assert "nearest: /layer/1/intensity" in rig.patch_is_answered(MISTAKE)
    rig.send_all(11, has_clip=True)
    sent = 11 * (arena.IDLE_PER_SECOND + arena.PLAYING_PER_SECOND)
    assert rig.warnings.counts == {"osc.unknown": 1}
    assert [line.split(":")[0] for line in rig.warnings.latest] == [MISTAKE]
    assert rig.unmapped_of_arena() == 0
    assert (rig.counters.malformed, rig.counters.unmapped) == (0, sent)
    listed, total = rig.hub.dispatcher.unmapped.newest(4000)
    assert sum(entry.count for _, _, entry in listed) == sent
    assert total > 1400 and {sender for _, sender, _ in listed} == {rig.arena_name}


def test_any_layer_group_or_the_selected_layer_of_arena_can_be_our_first(
    open_arena: Callable[..., ArenaRig],
) -> None:
    """`/map/load resolume 5` replaces the entries of an earlier load, but none that the user
    made."""
    rig = open_arena("resolume")
    hub, store = rig.hub, rig.hub.store
    hub.done("/map/add", "osc /composition/layers/1/dashboard/link1", "/layer/1/solo")
    number = next(
        entry[0] for entry in hub.entries() if entry[1] == "osc /composition/layers/3/master"
    )
    hub.done("/map/set", number, "high", 0.5)
    rig.arena_sends(arena.message("/composition/layers/1/master", 0.25))
    assert store.get("/layer/1/intensity") == 0.25
    assert hub.done("/map/load", "resolume", 5) == ("resolume:5", len(hub.entries()) - 2)
    rig.arena_sends(
        arena.message("/composition/layers/1/master", 0.75),  # no longer mapped
        arena.message("/composition/layers/3/master", 1.0),  # kept, because it was edited
        arena.message("/composition/layers/6/master", 0.125),
        arena.message("/composition/layers/1/dashboard/link1", 1.0),
    )
    values = [store.get(f"/layer/{n}/intensity") for n in (1, 2, 3)]
    assert (values, store.get("/layer/1/solo")) == ([0.25, 0.125, 0.5], True)
    hub.done("/map/load", "resolume", "group2")
    rig.arena_sends(
        arena.message("/composition/groups/2/master", 0.5),
        arena.message("/composition/groups/3/disconnectlayers", 1),
        arena.message("/composition/groups/4/bypassed", 1),
        arena.message("/composition/layers/6/master", 1.0),
    )
    assert [store.get(f"/layer/{n}/intensity") for n in (1, 2)] == [0.5, 0.125]
    assert [store.get(f"/layer/{n}/mute") for n in (1, 2, 3, 4)] == [False, True, True, False]
    hub.done("/map/load", "resolume", "selected")
    rig.arena_sends(arena.message("/composition/selectedlayer/video/opacity", 0.75))
    assert store.get("/layer/1/intensity") == 0.75
    for wrong in ("0", "group", "group0", "1000", "last", ""):
        assert "is not one of 1..999, group1..group999, selected" in hub.failed(
            "/map/load", "resolume", wrong
        )
    assert "only resolume takes a first layer" in hub.failed("/map/load", "my desk", 5)


def test_the_page_about_resolume_names_every_address_that_is_mapped() -> None:
    for name in ["resolume:1", "resolume:group1", "resolume:selected"]:
        page = (Path(__file__).parents[2] / "docs" / "how-to" / "resolume.md").read_text()
        for table in built_in(name):
            address = table["control"].removeprefix("osc ")
            first = re.sub(r"/(layers|groups|columns)/[0-9]+/", r"/\1/1/", address)
            of_layer = first.replace("/selectedlayer/", "/layers/1/")
            assert f"`{of_layer}`" in page, address
            assert f"`{table['target']}`" in page or table["target"].startswith(
                ("/layer/", "/cue/")
            ), table["target"]
