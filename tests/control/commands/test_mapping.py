"""The map over real sockets: learned from messages that liblo's `oscsend` sends like a MIDI bridge,
edited, saved."""

import shutil
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import osc_schema
from engine.control import (
    Announcements,
    CommandTable,
    Dispatcher,
    Feedback,
    OscServer,
    Reply,
    SendingThread,
)
from engine.control.commands.mapping import MapControl
from engine.control.commands.mapping_feedback import MapFeedback
from engine.errors import MappingError
from engine.osc.decode import Impulse, Message, Midi, TimeTag, decode_packet
from engine.osc.encode import encode_message
from engine.params import ParamStore
from engine.params.mapping.controls import control_of
from engine.system.clock import SystemClock
from tests.control.commands.show_rig import make_context
from tests.support import engine_client
from tests.support.hung_file import hung
from tests.support.reading_client import ReadingClient
from tests.support.time_tags import encode_bundle

LINES = "/composition/layers/6/clips/1/video/source/blocktextgenerator/text/params/lines"
"""The lines of a Text Block in Resolume, as many public programs send them (search for
`blocktextgenerator`)."""


class MapHub(engine_client.EngineClient):
    """The map behind a real OSC server, without a picture, and one client."""

    def __init__(
        self,
        path: Path,
        report: Any,
        names: tuple[str, ...] = (),
        announcements: Announcements | None = None,
    ) -> None:
        self.path = path
        self.timers: list[Callable[[], None]] = []
        """The timeout callbacks of `/map/learn`; the test calls them."""
        self.clock_ticks: list[tuple[str, float]] = []
        self.loaded: list[str] = []
        self.store, table, clock = ParamStore(), CommandTable(), SystemClock()
        outgoing = Feedback(self.store, report, announcements)
        self.feedback = MapFeedback(
            self.store,
            listener_of=outgoing.listener_of,
            is_behind=outgoing.outbox.is_behind,
            report=report,
        )
        self.map = MapControl(
            make_context(report, self.store, clock, outgoing.notify),
            path,
            names=names,
            feedback=self.feedback,
            clock={
                kind: lambda now_s, kind=kind: self.clock_ticks.append((kind, now_s))
                for kind in ("clock", "stop")
            },
            start_timer=self._start_timer,
        )
        self.dispatcher = Dispatcher(
            self.store,
            table,
            clock,
            report,
            self.map,
            feedback=outgoing,
            on_disconnect=self.feedback.unsubscribe,
        )
        self.dispatcher.add_query("/map/feedback", self.feedback.on_feedback)
        self.map.add_commands(table)
        table.add("/map/heard", self.dispatcher.unmapped.on_list, is_listing=True)
        table.add("/preset/load", lambda reply, *args: self.loaded.append(args[0]))
        self.sending = SendingThread(self.dispatcher)
        self.sending.poll(self.feedback.poll)
        self.server = OscServer(self.dispatcher, self.sending, "127.0.0.1", 0, (), report)
        self.sending.start()
        self.server.start()
        super().__init__(None, ReadingClient(*self.server.address))

    def _start_timer(self, seconds: float, ended: Callable[[], None]) -> Callable[[], None]:
        assert seconds == 60.0
        self.timers.append(ended)
        return lambda: self.timers.remove(ended)

    def say(self, address: str, *args: object) -> None:
        self.client.send(encode_message(address, *args))

    def done(self, address: str, *args: object) -> tuple:
        return super().done(address, *args)[1:]

    def entries(self) -> list[tuple]:
        return [
            message.args for message in self.ask("/map/list") if message.address == "/map/entry"
        ]

    def close(self) -> None:
        self.client.close()
        self.sending.close()
        self.server.close()
        self.map.close()


@pytest.fixture
def open_mapping(reports: Any, tmp_path: Path) -> Iterator[Callable[..., MapHub]]:
    hubs: list[MapHub] = []

    def make(names: tuple[str, ...] = ()) -> MapHub:
        hubs.append(MapHub(tmp_path / "mapping.toml", reports, names))
        return hubs[-1]

    yield make
    for hub in hubs:
        hub.close()


@pytest.fixture
def hub(open_mapping: Any) -> MapHub:
    return open_mapping()


@pytest.fixture
def oscsend(require: Any) -> Callable[..., None]:
    """`oscsend(port, "/control", "iii", 1, 7, 64)`."""
    program = shutil.which("oscsend")
    require(program, "liblo")

    def send(port: int, address: str, tags: str = "", *args: object) -> None:
        subprocess.run(
            [program, "127.0.0.1", str(port), address, tags, *map(str, args)],
            check=True,
            timeout=120,
        )

    return send


def test_a_learned_control_of_a_bridge_moves_a_layer(
    tmp_path: Path, oscsend: Any, wait_for: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In a whole engine; after a restart the control is still mapped. Feedback moves its fader
    through osmid's o2m."""
    monkeypatch.setenv("MULTIVERSE_HOME", str(tmp_path))
    o2m, text = (socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(2))
    for listening in (o2m, text):  # `text` is a Text Block of Resolume, at its OSC input
        listening.bind(("127.0.0.1", 0))
        listening.settimeout(120.0)
    target = {"port": text.getsockname()[1], "address": LINES}
    changes = {
        "maps": ["resolume"],
        "osc": {
            "listen": "127.0.0.1:0",
            "feedback": [{"port": o2m.getsockname()[1], "send": "o2m"}],
            "text": [target, {**target, "shows": "cue"}],
        },
        "mapping": str(tmp_path / "controllers.toml"),
    }

    with engine_client.open_client(tmp_path, **changes) as rig:
        send = partial(oscsend, rig.engine.osc_address[1])
        turn = partial(send, "/midi:nanokontrol2:0:1/control_change", "ii", 5)
        params = rig.engine.params
        rig.client.send(encode_message("/map/learn", "/layer/2/intensity"))
        send("/midi:nanokontrol2:0:1/clock")
        for value in (20, 24):
            turn(value)
        assert rig.hear("/done") == (
            "/map/learn",
            "/layer/2/intensity",
            "midi 1 cc 5 nanokontrol2:0",
            "fader",
        )
        assert params.get("/layer/2/intensity") == 0.8
        for value in (100, 127):
            turn(value)
        wait_for(lambda: params.get("/layer/2/intensity") == 1.5, "the layer at its full strength")
        send("/composition/layers/3/video/opacity", "f", 0.25)
        wait_for(lambda: params.get("/layer/3/intensity") == 0.25, "Resolume's layer on ours")
        assert decode_packet(text.recv(4096)) == Message(LINES, ("Eclipse",), "s"), (
            "the look of the start"
        )
        send("/preset/save", "s", "night")
        assert decode_packet(text.recv(4096)) == Message(LINES, ("night",), "s")
        send("/layer/1/curve", "f", 0.75)  # edited: announced to the page, under the same name
        send("/cue/set", "is", 7, "night")
        send("/cue/7")
        assert decode_packet(text.recv(4096)) == Message(LINES, ("7 night",), "s")
    assert 'target = "/layer/2/intensity"' in (tmp_path / "controllers.toml").read_text()
    with engine_client.open_client(tmp_path, **changes) as rig:
        send = partial(oscsend, rig.engine.osc_address[1])
        for value in (127, 0):
            send("/midi:nanokontrol2:0:1/control_change", "ii", 5, value)
        wait_for(lambda: rig.engine.params.get("/layer/2/intensity") == 0.0, "the layer at nothing")
        assert decode_packet(o2m.recv(512)).address == "/nanokontrol2/control_change"
        send("/layer/2/intensity", "f", 0.75)
        while decode_packet(o2m.recv(512)).args != (1, 5, 64):
            pass
    o2m.close()
    text.close()


ARGUMENTS = st.one_of(
    st.integers(-(2**63), 2**63 - 1),
    st.floats(width=32),
    st.text(max_size=5),
    st.binary(max_size=5),
    st.booleans(),
    st.none(),
    st.builds(Midi, *[st.integers(0, 255)] * 4),
    st.builds(TimeTag, st.integers(0, 2**64 - 1)),
    st.just(Impulse.BANG),
    st.just((1, (2.0,))),
)
ADDRESSES = st.one_of(
    st.sampled_from(
        [
            "/control",
            "/note",
            "/pitch",
            "/midi:a:0:1/control_change",
            "/midi/a/0/clock",
            "/x",
            "/a b",
        ]
    ),
    st.text(min_size=1, max_size=300).map(lambda text: f"/{text}"),
)


@given(st.lists(st.tuples(ADDRESSES, st.lists(ARGUMENTS, max_size=4)), max_size=8), st.booleans())
def test_any_message_is_handled_without_an_error(
    hub: MapHub, sent: list[tuple[str, list]], is_learning: bool
) -> None:
    """Any input gives valid messages of our own, and the names of learned controls can be
    parsed."""
    reply = Reply("/map/learn", lambda packet: None)
    if is_learning:
        hub.map._on_learn(reply, "/layer/1/angle", "")
    for number, (address, args) in enumerate(sent):
        for message in (
            hub.map.translate(Message(address, tuple(args), ""), "udp x", number * 0.1) or ()
        ):
            assert osc_schema.accept(message.address, message.args[0]).note == ""
    for entry in hub.map._map.entries:
        assert control_of(entry.control.name) == entry.control


@pytest.mark.only_on("linux", reason="elsewhere the system does not tell when a packet arrived")
def test_a_clock_of_a_bridge_counts_from_its_arrival_while_the_engine_is_busy(
    hub: MapHub, wait_for: Any
) -> None:
    with hub.dispatcher._receiving:  # as while another packet is executed
        for _ in range(3):
            hub.say("/midi/drums/0/clock")
        arrived_s = time.perf_counter()
    wait_for(lambda: len(hub.clock_ticks) == 3, "three ticks")
    assert all(at_s <= arrived_s for _, at_s in hub.clock_ticks)


def test_learning_is_superseded_cancelled_or_times_out_if_nothing_moves(
    hub: MapHub, reports: Any
) -> None:
    hub.say("/map/learn", "/layer/1/curve")
    hub.say("/map/learn", "/layer/2/curve")
    assert hub.answer().args == ("/map/learn", "superseded")
    hub.say("/map/cancel")
    assert [hub.answer().args, hub.answer().args] == [("/map/learn", "cancelled"), ("/map/cancel",)]
    assert reports.lines == [], "nobody's mistake"
    assert hub.done("/map/cancel") == ()
    assert "needs one" in hub.failed("/map/learn", "/preset/load")
    assert "nearest: /layer/1/curve" in hub.failed("/map/learn", "/layer/1/curv")
    assert "takes" in hub.failed("/map/learn")
    hub.say("/map/learn", "/layer/1/curve")
    hub.entries()
    reports.lines.clear()
    (over,) = hub.timers
    over()
    assert hub.answer().args == ("/map/learn", "nothing moved for 60 s")
    over()  # too late: no second answer
    for value in (0.1, 0.9):
        hub.say("/fader", value)
    assert hub.answer().args[0] == "/fader"
    assert hub.entries() == [] and reports.keys == ["osc.unmapped"]


def test_ten_ticks_of_an_encoder_in_a_bundle_are_ten(hub: MapHub, wait_for: Any) -> None:
    hub.done("/map/add", "midi 1 cc 7", "/layer/1/angle")
    hub.done("/map/set", 1, "mode", "twos")
    hub.done("/map/set", 1, "ticks", 360)
    ticks = [encode_message("/control", 1, 7, 1)] * 10 + [encode_message("/control", 1, 7, 127)] * 3
    hub.client.send(encode_bundle(1, ticks))
    wait_for(lambda: hub.store.get("/layer/1/angle") == pytest.approx(7.0), "seven ticks in all")


def test_mapped_controls_keep_working_while_learning(hub: MapHub) -> None:
    hub.done("/map/add", "osc /fader", "/layer/1/intensity")
    hub.done("/map/set", 1, "takeover", 0)
    hub.say("/map/learn", "/layer/1/curve")
    for value in (0.5, 0.75):
        hub.say("/fader", value)
    assert hub.answer().args == ("/map/learn", "/layer/1/curve", "osc /fader", "fader")
    assert (hub.store.get("/layer/1/intensity"), hub.store.get("/layer/1/curve")) == (
        0.75 * 1.5,
        1.0,
    )


def test_a_map_file_that_hangs_delays_nothing(hub: MapHub, wait_for: Any) -> None:
    hub.done("/map/add", "osc /fader", "/layer/1/mute")
    hub.done("/map/save", "desk")
    with hung(hub.path.parent / "maps" / "desk.toml"):
        hub.say("/map/load", "desk")
        hub.say("/master/blackout", 1)
        wait_for(lambda: hub.store.get("/master/blackout"), "blackout")
        assert len(hub.ask("/map/list")) == 5
    assert hub.answer().args == ("/map/load", "desk", 1)


def test_entries_are_edited_and_the_change_is_announced(hub: MapHub) -> None:
    # by UDP a busy machine loses some of the 400 values
    other = ReadingClient(*hub.server.address, tcp=True)
    other.send(encode_message("/engine/notify", 1))
    assert other.receive(120.0) is not None, "subscribed"
    assert hub.done("/map/add", "midi 1 cc 7", "/layer/1/ratio") == (1,)
    assert hub.done("/map/set", 1, "high", 4.0) == (1, "high")
    assert hub.done("/map/set", 1, "mode", "twos") == (1, "mode")
    assert hub.entries() == [
        (
            1,
            "midi 1 cc 7",
            "/layer/1/ratio",
            "",
            0.0625,
            4.0,
            1.0,
            0,
            0,
            "twos",
            0.0,
            127.0,
            1,
            127.0,
        )
    ]
    assert "no such key" in hub.failed("/map/set", 1, "colour", 1)
    assert "outside 0.0625..16" in hub.failed("/map/set", 1, "low", 0.0)
    assert "entry 2: no such entry (1..1)" in hub.failed("/map/set", 2, "low", 1.0)
    assert "takes" in hub.failed("/map/set", 1, "low")
    assert "whole number" in hub.failed("/map/delete", "one")
    assert hub.done("/map/delete", 1) == (1,)
    assert "the map is empty" in hub.failed("/map/delete", 1)
    hub.done("/map/add", "midi 1 cc 8", "/layer/1/curve")
    assert hub.done("/map/clear") == ()
    counts = []
    while len(counts) < 6:
        message = other.receive(120.0)
        assert message is not None
        if message.address == "/map/changed":
            counts.append(message.args[0])
    other.close()
    assert counts == [1, 1, 1, 0, 1, 0]


def test_maps_are_loaded_by_name_and_saved_under_one(hub: MapHub) -> None:
    name, added = hub.done("/map/load", "resolume")
    assert (name, added) == ("resolume", len(hub.entries()))
    hub.done("/map/add", "midi 1 cc 7", "/layer/1/curve")
    before = hub.entries()
    hub.done("/map/load", "resolume")
    assert hub.entries() == before, "in the same order"
    hub.done("/map/clear")
    hub.done("/map/add", "midi 1 cc 7", "/layer/1/curve")
    assert hub.done("/map/save", "my desk") == ("my desk",)
    hub.done("/map/clear")
    assert hub.done("/map/load", "my desk") == ("my desk", 1)
    names = [message.args[0] for message in hub.ask("/map/list") if message.address == "/map/name"]
    assert names == ["resolume", "fixture", "my desk"]
    assert "not found (known: resolume, fixture, my desk)" in hub.failed("/map/load", "nobody's")
    assert "built in" in hub.failed("/map/save", "Resolume")
    for escape in ("../evil", "/etc/passwd", "a\\b", ".hidden", ""):
        assert "name" in hub.failed("/map/save", escape)
        assert "name" in hub.failed("/map/load", escape)


def test_a_map_that_does_not_fit_is_not_loaded_partially(hub: MapHub, tmp_path: Path) -> None:
    entries = "".join(
        f'[[entry]]\ncontrol = "osc /x/{number}"\ntarget = "/mode"\n' for number in range(990)
    )
    (tmp_path / "maps").mkdir()
    (tmp_path / "maps" / "large.toml").write_text(entries)
    hub.done("/map/load", "large")
    assert "which is the limit" in hub.failed("/map/load", "resolume")
    assert "(1..990)" in hub.failed("/map/delete", 991)


def test_a_closed_connection_is_sent_no_more_feedback(hub: MapHub, wait_for: Any) -> None:
    hub.done("/map/add", "midi 1 cc 7", "/layer/1/curve")
    bridge = ReadingClient(*hub.server.address, tcp=True)
    bridge.send(encode_message("/map/feedback", 1))
    assert [bridge.receive(120.0).address for _ in range(2)] == ["/done", "/control"]
    assert hub.feedback.poll(hub.dispatcher.clock.now_s())
    bridge.close()
    assert wait_for(lambda: not hub.feedback.poll(hub.dispatcher.clock.now_s()))


def test_the_last_change_is_saved_beside_an_invalid_entry(
    open_mapping: Any, tmp_path: Path, reports: Any
) -> None:
    file = tmp_path / "mapping.toml"
    file.write_text('[[entry]]\ncontrol = "midi 99 cc 1"\ntarget = "/mode"\n')
    first = open_mapping()
    assert [line for _, line in reports.lines] == [
        f"{file}: entry 1 (midi 99 cc 1): control 'midi 99 cc 1': '99' is not a whole number 1..16"
    ]
    for number in range(1, 20):
        first.done("/map/add", f"midi 1 cc {number}", "/layer/1/curve")
    first.map.close()
    entries = open_mapping(("resolume",)).entries()
    assert [entry[1] for entry in entries[:19]] == [
        f"midi 1 cc {number}" for number in range(1, 20)
    ]
    assert entries[19][1].startswith("osc /composition/")
    assert 'control = "midi 99 cc 1"' in file.read_text()


def test_a_full_map_with_an_invalid_entry_can_be_read_again(
    open_mapping: Any, tmp_path: Path
) -> None:
    """Otherwise the engine would not start after a show in which the map became full."""
    wrong = '[[entry]]\ncontrol = "midi 99 cc 1"\ntarget = "/mode"\n'
    entries = "".join(
        f'[[entry]]\ncontrol = "osc /x/{number}"\ntarget = "/mode"\n' for number in range(999)
    )
    (tmp_path / "mapping.toml").write_text(wrong + entries)
    first = open_mapping()
    first.done("/map/add", "osc /y", "/mode")
    first.map.close()
    assert len(open_mapping().map._map) == 1000


def test_an_invalid_map_file_and_an_unknown_map_name_are_fatal_at_the_start(
    open_mapping: Any, tmp_path: Path
) -> None:
    with pytest.raises(MappingError, match="not found"):
        open_mapping(("resolum",))
    (tmp_path / "mapping.toml").write_text("[[entry")
    with pytest.raises(MappingError, match=r"mapping\.toml: is not valid TOML"):
        open_mapping()


def test_a_map_file_that_cannot_be_written_is_reported_and_the_map_still_works(
    hub: MapHub, reports: Any
) -> None:
    hub.path.mkdir()
    (hub.path / "in the way").touch()
    hub.done("/map/add", "osc /fader", "/layer/1/mute")
    hub.say("/fader", 1)
    hub.entries()
    hub.map.close()
    assert hub.store.get("/layer/1/mute") is True
    assert any(key == "map" and "cannot be written" in line for key, line in reports.lines)
