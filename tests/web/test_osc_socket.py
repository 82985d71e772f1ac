"""OSC and OSCQuery over a WebSocket at any path without another endpoint: a transport like UDP and
TCP."""

import sys
import time

from engine.osc.decode import decode_packet
from engine.osc.encode import encode_message
from engine.web.serving.sockets import BURST, MAX_BYTES_PER_MESSAGE

ANGLE = "/layer/1/angle"


def hear(client, address):
    """The next message at this address."""
    while (message := decode_packet(client.read())).address != address:
        pass
    return message


def test_too_many_websocket_messages_leave_time_for_the_picture(serve, wait_for, monkeypatch):
    monkeypatch.setattr("engine.web.serving.sockets.PAUSE_S", 0.05)
    web = serve()
    client = web.connect("/")
    started_s = time.perf_counter()
    for number in range(10 * BURST + 1):
        client.send(encode_message(ANGLE, float(number)))
    wait_for(lambda: web.store.get(ANGLE) == float(10 * BURST), "the last of them")
    pauses = 9 if sys.platform == "win32" else 10  # Windows' loop ends a pause up to 16 ms early
    assert time.perf_counter() - started_s >= pauses * 0.05


def test_a_client_that_reads_nothing_uses_little_memory_and_does_not_affect_others(
    serve, monkeypatch, wait_for
):
    monkeypatch.setattr("engine.web.serving.sockets.STUCK_S", 0.3)
    web = serve()
    stuck, other = web.connect("/", receive_bytes=4096), web.connect("/")
    for client in (stuck, other):
        client.send(encode_message("/engine/notify", 1))
        hear(client, "/engine/heartbeat")
    wide = "x" * 4000
    for number in range(3000):
        if web.hub.count == 1:
            break
        web.dispatcher.feedback.notify("/wide", wide, number)
        if number % 20 == 0:
            while hear(other, "/wide").args[1] != number:
                pass
    wait_for(lambda: web.hub.count == 1, "the client to be dropped")
    web.dispatcher.feedback.notify("/last", 1)
    hear(other, "/last")


def test_a_message_of_the_maximum_size_is_executed(serve, wait_for):
    web = serve()
    packet = encode_message(ANGLE, 5.0)
    element = len(packet).to_bytes(4, "big") + packet
    bundle = (
        b"#bundle\0"
        + (1).to_bytes(8, "big")
        + element * ((MAX_BYTES_PER_MESSAGE - 16) // len(element))
    )
    web.connect("/").send(bundle)
    wait_for(lambda: web.store.get(ANGLE) == 5.0, "the value")
    assert web.dispatcher.counters.malformed == 0
