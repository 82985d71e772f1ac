"""OSC and OSCQuery's commands over real WebSockets, and clients that do not behave."""

import json
from collections.abc import Callable
from typing import Any

import pytest

import osc_schema
from engine.control import CommandTable, Dispatcher
from engine.control.query import PathEvent, QueryClient, QueryClients
from engine.control.query.websocket_clients import MAX_WAITING_BYTES, MAX_WAITING_PACKETS
from engine.osc.decode import Message, decode_packet
from engine.osc.encode import encode_message, encode_reply
from engine.params import Cue, ParamStore
from engine.system.clock import SteppedClock
from tests.support.time_tags import encode_bundle

ANGLE = "/layer/1/angle"


def test_listen_sends_the_current_value_then_changes_until_ignore(site: Any) -> None:
    client = site.client()
    site.store.set(ANGLE, 12.0)
    client.command("LISTEN", ANGLE)
    assert client.hear() == Message(ANGLE, (12.0,), "f")
    site.store.set(ANGLE, 13.0)
    site.store.set("/layer/2/angle", 13.0)
    assert client.hear() == Message(ANGLE, (13.0,), "f")
    client.command("IGNORE", ANGLE)
    client.command("LISTEN", "/mode")
    assert client.hear() == Message("/mode", ("multiverse",), "s")
    site.store.set(ANGLE, 14.0)
    site.store.set("/mode", "simple")
    assert client.hear() == Message("/mode", ("simple",), "s")


def test_osc_goes_both_ways_over_the_websocket_as_over_udp(site: Any) -> None:
    one, other = site.client(), site.client()
    for client in (one, other):
        client.say("/engine/notify", 1)
        unheard = {"/done", *(param.address for param in osc_schema.PARAMS)}
        while unheard:
            unheard.discard(client.hear().address)
    one.send(encode_bundle(1, [encode_message(ANGLE, 190.0), encode_message("/mode", 1)]))
    assert other.hear(ANGLE).args == (-170.0,) and other.hear("/mode").args == ("simple",)
    assert one.hear(ANGLE).args == (-170.0,)  # differs from the sent value, so it is sent back
    one.say("/get", "/mode")
    assert one.hear("/mode").args == ("simple",)
    one.say("/engine/notify", 1, 9001)
    assert one.hear("/fail").args[0] == "/engine/notify"
    site.commands.add("/preset/save", lambda reply, *args: reply.done(*args))
    one.say("/preset/save", 7)
    assert one.hear("/done").args == ("/preset/save", "7")


def test_an_invalid_command_is_reported_and_never_answered(site: Any, reports: Any) -> None:
    """libossia and Chataigne take any binary message for a value (oscquery_mirror.cpp,
    on_BinaryWSMessage; GenericOSCQueryModule.cpp, dataReceived)."""
    client = site.client()
    wrong = {
        "": "not an OSCQuery command",
        "{": "not an OSCQuery command",
        "[" * 50_000: "not an OSCQuery command",
        '{"COMMAND": "LISTEN"}': "DATA is not a path",
        '{"COMMAND": "LISTEN", "DATA": 5}': "DATA is not a path",
        '{"COMMAND": "LISTEN", "DATA": "/layer/9/angle"}': "/layer/9/angle has no value",
        '{"COMMAND": "DANCE", "DATA": ""}': "unknown command (known: LISTEN, IGNORE)",
        '{"COMMAND": "LISTEN", "DATA": "", "MORE": '
        + "[" * 30_000
        + "]" * 30_000
        + "}": "recursion",
    }
    for text in wrong:
        client.send(text)
    client.send(b"no OSC packet at all")
    client.command("LISTEN", ANGLE)
    assert client.hear() == Message(ANGLE, (0.0,), "f")
    assert reports.keys == ["query.command"] * len(wrong) + ["osc.malformed"]
    for reason, (_, line) in zip(wrong.values(), reports.lines, strict=False):
        assert reason in line and line.isprintable() and len(line) < 300
    assert site.dispatcher.counters.rejected == len(wrong)
    assert "ws 127.0.0.1:" in reports.lines[-1][1]


def test_harmless_requests_of_clients_are_ignored(site: Any, reports: Any) -> None:
    """Chataigne's "Listen to all" sends LISTEN for every control of a container, including commands
    (GenericOSCQueryModule.cpp, updateListenToContainer). libossia's START_OSC_STREAMING has ports
    where others have a path (json_writer_detail.cpp, start_osc_streaming)."""
    client = site.client()
    site.show_cues(Cue(number=3, preset="finale"))
    assert [json.loads(client.read())["COMMAND"] for _ in range(2)] == [
        "PATH_ADDED",
        "PATH_CHANGED",
    ]
    commands = [each.address for command in osc_schema.COMMANDS for each in command.fixed()]
    for path in (*commands, "/cue/3", "/cue", "/layer/1", "/"):
        client.command("LISTEN", path)
        client.command("IGNORE", path)
    client.command("START_OSC_STREAMING", {"LOCAL_SERVER_PORT": 9998, "LOCAL_SENDER_PORT": 12345})
    client.command("LISTEN", ANGLE)
    assert client.hear() == Message(ANGLE, (0.0,), "f")
    assert reports.lines == [] and site.dispatcher.counters.rejected == 0


def test_a_disconnected_client_is_sent_nothing_more(
    site: Any, wait_for: Callable[..., Any]
) -> None:
    client = site.client()
    client.command("LISTEN", ANGLE)
    client.hear()
    assert site.dispatcher.feedback.next_due_s() is not None
    client.close()
    wait_for(lambda: site.dispatcher.feedback.next_due_s() is None, "the client to be forgotten")
    assert site.hub.count == 0


class ClientRig:
    def __init__(self, reports: Any) -> None:
        self.clock = SteppedClock()
        self.store = ParamStore()
        self.ended: list[str] = []
        self.dispatcher = Dispatcher(
            self.store, CommandTable(), self.clock, reports, on_disconnect=self.ended.append
        )
        self.hub = QueryClients(self.dispatcher)
        self.woken = 0

    def connect(self) -> QueryClient:
        return self.hub.connect("ws 192.0.2.1:5000", self._wake)

    def _wake(self) -> None:
        self.woken += 1

    def send_out(self) -> None:
        """One turn of the sending thread."""
        self.clock.advance(0.05)
        self.dispatcher.feedback.tick(self.clock.now_s())
        self.dispatcher.outbox.send(0.0, 1_000_000)


@pytest.fixture
def rig(reports: Any) -> ClientRig:
    return ClientRig(reports)


def test_a_client_that_does_not_read_loses_the_oldest_and_gets_the_current_values(
    rig: ClientRig, reports: Any
) -> None:
    peer = rig.connect()
    for address in (ANGLE, "/mode"):
        peer.receive_text(json.dumps({"COMMAND": "LISTEN", "DATA": address}))
    rig.send_out()
    assert len(peer.take()) == 2 and rig.woken == 1
    rig.store.set("/mode", "simple")
    rig.send_out()
    for number in range(MAX_WAITING_PACKETS + 9):
        peer.sender.post(encode_reply(ANGLE, number / 64))
        rig.dispatcher.outbox.send(0.0, 1)
    assert peer.dropped == rig.dispatcher.counters.dropped == 10
    assert set(reports.keys) == {"query.slow"} and rig.woken == 2
    waiting = [decode_packet(packet) for packet in peer.take()]
    assert [message.args[0] for message in waiting] == [
        number / 64 for number in range(9, MAX_WAITING_PACKETS + 9)
    ]
    rig.send_out()
    again = {decode_packet(packet) for packet in peer.take()}
    assert again == {Message(ANGLE, (0.0,), "f"), Message("/mode", ("simple",), "s")}
    rig.send_out()
    assert peer.take() == [] and peer.dropped == 10


def test_the_queue_of_a_client_is_bounded_in_bytes_and_a_lost_change_of_the_tree_is_announced(
    rig: ClientRig,
) -> None:
    peer = rig.connect()
    for number in range(MAX_WAITING_PACKETS + 1):
        peer.queue_path(PathEvent("PATH_ADDED", f"/cue/{number}"))
    *rest, last = peer.take()
    assert (
        json.loads(last) == {"COMMAND": "PATH_CHANGED", "DATA": "/"}
        and len(rest) == MAX_WAITING_PACKETS
    )
    assert peer.take() == []
    peer = rig.connect()
    packet = b"/" + b"x" * 99_999
    for _ in range(100):
        peer.sender.post(packet)
    rig.send_out()
    waiting = peer.take()
    assert len(waiting) == MAX_WAITING_BYTES // len(packet) and peer.dropped == 100 - len(waiting)
    peer.close()
    assert rig.ended == ["ws 192.0.2.1:5000"], "the pads that it holds are released"
