"""OSC and OSCQuery over a WebSocket at any path without another endpoint: a transport like UDP and TCP."""

import json
import time

import numpy as np

from engine.osc.decode import decode_packet
from engine.osc.encode import encode_message
from engine.web.serving.sockets import BURST, MAX_BYTES_PER_MESSAGE

ANGLE = "/layer/1/angle"


def hear(client, address):
    """The next message at this address."""
    while (message := decode_packet(client.read())).address != address:
        pass
    return message


def test_a_value_set_by_websocket_is_sent_to_the_others_only(serve, wait_for):
    stand = serve()
    first, second = stand.connect("/"), stand.connect("/any/path")
    for client in (first, second):
        client.send(encode_message("/engine/notify", 1))
        hear(client, "/engine/heartbeat")
    first.send(encode_message(ANGLE, 42.0))
    while hear(second, ANGLE).args != (42.0,):
        pass
    assert stand.store.get(ANGLE) == 42.0
    first.send(encode_message("/get", "/layer/2/angle"))
    told = set()
    while (message := decode_packet(first.read())).address != "/layer/2/angle" or len(told) == 0:
        told.add(message.address)
    assert ANGLE not in told


def test_a_websocket_flood_leaves_time_for_the_picture(serve, wait_for, monkeypatch):
    monkeypatch.setattr("engine.web.serving.sockets.PAUSE_S", 0.05)
    stand = serve()
    client = stand.connect("/")
    started_s = time.perf_counter()
    for number in range(10 * BURST + 1):
        client.send(encode_message(ANGLE, float(number)))
    wait_for(lambda: stand.store.get(ANGLE) == float(10 * BURST), "the last of them")
    assert time.perf_counter() - started_s >= 10 * 0.05


def test_listening_to_one_address_sends_its_value_and_then_its_changes(serve):
    stand = serve()
    client = stand.connect("/")
    client.send(json.dumps({"COMMAND": "LISTEN", "DATA": ANGLE}))
    assert hear(client, ANGLE).args == (stand.store.get(ANGLE),)
    stand.store.set("/layer/2/angle", 1.0)
    stand.store.set(ANGLE, 33.0)
    while (message := decode_packet(client.read())).args != (33.0,):
        assert message.address == ANGLE
    client.send(json.dumps({"COMMAND": "IGNORE", "DATA": ANGLE}))
    client.send(encode_message("/get", "/layer/3/angle"))
    hear(client, "/layer/3/angle")
    stand.store.set(ANGLE, 34.0)
    client.send(encode_message("/get", "/layer/4/angle"))
    assert decode_packet(client.read()).address == "/layer/4/angle"


def test_a_client_that_leaves_is_forgotten(serve, wait_for):
    stand = serve()
    client = stand.connect("/")
    client.send(encode_message("/engine/notify", 1))
    client.read()
    assert stand.hub.count == 1
    client.close()
    wait_for(lambda: stand.hub.count == 0, "the server to see that it left")


def test_a_client_that_reads_nothing_uses_little_memory_and_does_not_affect_others(serve, monkeypatch, wait_for):
    monkeypatch.setattr("engine.web.serving.sockets.STUCK_S", 0.3)
    stand = serve()
    stuck, other = stand.connect("/", receive_bytes=4096), stand.connect("/")
    for client in (stuck, other):
        client.send(encode_message("/engine/notify", 1))
        hear(client, "/engine/heartbeat")
    wide = "x" * 4000
    for number in range(3000):
        if stand.hub.count == 1:
            break
        stand.dispatcher.feedback.tell("/wide", wide, number)
        if number % 20 == 0:
            while hear(other, "/wide").args[1] != number:
                pass
    wait_for(lambda: stand.hub.count == 1, "the client to be dropped")
    stand.dispatcher.feedback.tell("/last", 1)
    hear(other, "/last")


def test_garbage_in_a_socket_is_counted_and_the_connection_stays_open(serve, caplog, reports, wait_for):
    stand = serve()
    client = stand.connect("/")
    rng = np.random.default_rng(3)
    packets = [b"", b"\0", b"/x", b"#bundle\0" + b"\xff" * 12, *(rng.bytes(64) for _ in range(50))]
    for packet in packets:
        client.send(packet)
    for text in ("", "{}", "[" * 50_000, '{"COMMAND": "LISTEN"}', '{"COMMAND": "X", "DATA": "/"}', "\0"):
        client.send(text)
    client.send(encode_message("/get", ANGLE))
    assert hear(client, ANGLE)
    assert stand.dispatcher.counters.malformed >= 4
    assert not caplog.records
    assert "osc.error" not in reports.keys


def test_a_message_of_the_maximum_size_is_executed(serve, wait_for):
    stand = serve()
    packet = encode_message(ANGLE, 5.0)
    element = len(packet).to_bytes(4, "big") + packet
    bundle = b"#bundle\0" + (1).to_bytes(8, "big") + element * ((MAX_BYTES_PER_MESSAGE - 16) // len(element))
    stand.connect("/").send(bundle)
    wait_for(lambda: stand.store.get(ANGLE) == 5.0, "the value")
    assert stand.dispatcher.counters.malformed == 0
