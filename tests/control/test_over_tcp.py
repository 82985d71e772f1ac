"""End to end over TCP on 127.0.0.1: streams cut anywhere, clients that misbehave, and too many of
them."""

import os
import socket
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from pythonosc.osc_tcp_server import MODE_1_0, MODE_1_1
from pythonosc.tcp_client import SimpleTCPClient

from engine.control.tcp import ACCEPT_PAUSE_S, MAX_CLIENTS
from engine.errors import MultiverseError
from engine.osc.decode import Message
from engine.osc.encode import encode_message, encode_reply
from engine.osc.framing import Framing, frame
from engine.system.clock import SteppedClock
from tests.support.engine_client import open_client

ANGLE = "/layer/1/angle"


@pytest.mark.parametrize("mode", [MODE_1_0, MODE_1_1])
def test_python_osc_is_understood_over_tcp(
    rig: Any, wait_for: Callable[..., Any], mode: str
) -> None:
    client = SimpleTCPClient(*rig.server.address, mode=mode)
    client.send_message(ANGLE, 33.0)
    wait_for(lambda: rig.store.get(ANGLE) == 33.0, "the value")
    client.send_message("/get", ANGLE)
    answer = next(client.get_messages(timeout=120.0))
    assert (answer.address, answer.params) == (ANGLE, [33.0])
    client.close()


def test_a_stream_may_come_in_single_bytes_and_many_packets_at_once(rig: Any) -> None:
    client = rig.client(tcp=True, framing=Framing.LENGTH)
    for byte in frame(encode_message(ANGLE, 7.0), Framing.LENGTH):
        client.socket.sendall(bytes([byte]))
    many = b"".join(
        frame(encode_message("/get", "/layer/*/angle"), Framing.LENGTH) for _ in range(100)
    )
    client.socket.sendall(many)
    assert [client.hear().args[0] for _ in range(400)] == [7.0, 45.0, -20.0, 135.0] * 100


def test_what_a_client_holds_and_hears_ends_with_its_connection(
    wait_for: Callable[..., Any], tmp_path: Path
) -> None:
    with open_client(tmp_path) as session:
        parts = session.engine._parts.control_hub
        session.done("/preset/load", "Mandala")
        session.done("/bank/put", 1, 1, "Cathedral")
        for address, look in (("/preset/flash", "Poster"), ("/pad/1", "Cathedral")):
            client = SimpleTCPClient(*session.engine.osc_address)
            client.send_message("/map/feedback", 1)
            client.send_message(address, [look, 1] if address == "/preset/flash" else 1)
            wait_for(lambda look=look: parts.preset_control.current.name == look, "the held look")
            assert len(parts.map_feedback._subscribers) == 1
            client.close()
            wait_for(lambda: parts.preset_control.current.name == "Mandala", "the look before")
            wait_for(lambda: not parts.map_feedback._subscribers, "the end of the subscription")


@pytest.mark.parametrize(
    "garbage",
    [
        b"GET / HTTP/1.1\r\n\r\n",
        b"\0\x7f\xff\xff",
        b"\0\0\0\4junk\0\x7f\xff\xff",
        b"\xc0\xdb\x01\xc0",
        b"\xc0junk\xc0",
        b"/cue/go\r\n",
    ],
)
def test_garbage_ends_its_own_connection_and_no_other(
    rig: Any, wait_for: Callable[..., Any], garbage: bytes
) -> None:
    fine = rig.client(tcp=True)
    with socket.create_connection(rig.server.address) as noisy:
        noisy.settimeout(120.0)
        noisy.sendall(garbage)
        noisy.shutdown(socket.SHUT_WR)
        assert noisy.recv(100) == b""
    wait_for(lambda: rig.dispatcher.counters.malformed > 0, "the count")
    fine.say("/get", ANGLE)
    assert fine.hear() == Message(ANGLE, (0.0,), "f")


def test_a_connection_left_half_way_is_forgotten(rig: Any, wait_for: Callable[..., Any]) -> None:
    half = socket.create_connection(rig.server.address)
    half.sendall(
        frame(encode_message("/engine/notify", 1), Framing.LENGTH)
        + struct.pack(">i", 400)
        + b"/half"
    )
    wait_for(lambda: rig.dispatcher.feedback.next_due_s() is not None, "the subscription")
    # the connection ends with a reset
    half.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    half.close()
    wait_for(lambda: rig.dispatcher.feedback.next_due_s() is None, "the end of the subscription")
    assert rig.dispatcher.counters.errors == 0


def test_a_tcp_client_that_does_not_read_is_hung_up_and_others_continue(
    rig: Any, wait_for: Any, reports: Any
) -> None:
    rig.client(tcp=True).say("/engine/notify", 1)
    wait_for(lambda: rig.dispatcher.feedback.next_due_s() is not None, "the subscription")
    (connection,) = rig.server._transports[0][1]._clients.values()
    answer = encode_reply("/engine/status/warning", "x" * 1000)

    def answer_on() -> bool:
        for _ in range(100):
            connection.sender.post(answer)
        return "osc.slow" in reports.keys

    wait_for(answer_on, "the slow client to be hung up")
    wait_for(lambda: rig.dispatcher.feedback.next_due_s() is None, "the end of its subscription")
    fine = rig.client(tcp=True)
    fine.say("/get", "/mode")
    assert fine.hear("/mode").args == ("multiverse",)


def test_the_number_of_tcp_clients_is_bounded(rig: Any, wait_for: Callable[..., Any]) -> None:
    crowd = [rig.client(tcp=True) for _ in range(MAX_CLIENTS)]
    for client in crowd:
        client.say("/get", ANGLE)
        client.hear()
    with socket.create_connection(rig.server.address) as one_too_many:
        one_too_many.settimeout(120.0)
        assert one_too_many.recv(1) == b""
    assert rig.dispatcher.counters.refused == 1
    crowd[0].close()
    assert wait_for(lambda: try_again(rig), "room for another") == Message(ANGLE, (0.0,), "f")


@pytest.mark.only_on("linux", "darwin", reason="no limit of open files to set")
def test_without_file_descriptors_tcp_waits_and_udp_continues(
    open_rig: Any, wait_for: Any, reports: Any
) -> None:
    import resource

    clock = SteppedClock()
    rig = open_rig(clock=clock)
    client = rig.client()
    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    with socket.socket() as late:
        late.settimeout(120.0)
        unused = os.dup(late.fileno())
        os.close(unused)
        resource.setrlimit(resource.RLIMIT_NOFILE, (unused, limits[1]))
        try:
            late.connect(rig.server.address)
            wait_for(lambda: "osc.clients" in reports.keys, "the report")
            for _ in range(20):
                client.say("/get", ANGLE)
                client.hear(ANGLE)
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, limits)
        assert reports.keys == ["osc.clients"]  # accept was called once, not in a busy loop
        clock.advance(ACCEPT_PAUSE_S)
        client.say("/get", ANGLE)
        late.sendall(frame(encode_message("/get", ANGLE), Framing.LENGTH))
        assert late.recv(100) == frame(encode_reply(ANGLE, 0.0), Framing.LENGTH)
    assert rig.dispatcher.counters.errors == 0


def try_again(rig: Any) -> Message | None:
    client = rig.client(tcp=True)
    try:
        client.say("/get", ANGLE)
        return client.receive(0.5)
    except MultiverseError:
        return None
