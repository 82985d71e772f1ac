"""Floods over real UDP sockets: what is in the store after them, and what was carried out."""

import socket
import threading
from collections.abc import Callable
from typing import Any

import pytest

import osc_schema
from engine.control import datagrams, server
from engine.osc.decode import Message
from engine.osc.encode import encode_message
from osc_schema import ParamType
from tests.support.time_tags import encode_bundle

FADERS = [
    param
    for param in osc_schema.PARAMS
    if param.type is ParamType.FLOAT and param.area not in ("engine", "tempo")
]


class Blocked:
    """Blocks the receiving thread of a rig with a command while packets are sent."""

    def __init__(self, rig: Any) -> None:
        self.rig, self.client = rig, rig.client()
        self._is_over = threading.Event()
        self.saved: list[str] = []
        has_begun = threading.Event()
        rig.commands.add(
            "/test/wait",
            lambda reply, *args: (has_begun.set(), self._is_over.wait(120.0), reply.done()),
        )
        rig.commands.add("/preset/save", lambda reply, *args: self.saved.append(*args))
        self.client.say("/test/wait")
        assert has_begun.wait(120.0)

    def release(self) -> None:
        self._is_over.set()
        self.client.hear("/done")


@pytest.mark.parametrize("is_batched", [True, False], ids=["as this system reads", "one by one"])
def test_after_backpressure_the_last_value_of_every_fader_is_there_and_every_command_ran(
    open_rig: Callable[..., Any],
    wait_for: Callable[..., Any],
    monkeypatch: pytest.MonkeyPatch,
    is_batched: bool,
) -> None:
    monkeypatch.setattr(datagrams, "_IS_BATCHED", is_batched and datagrams._IS_BATCHED)
    rig = open_rig()
    blocked = Blocked(rig)
    client, counters = blocked.client, rig.dispatcher.counters
    sent = 1
    for number in range(12):
        for param in FADERS:
            client.say(param.address, param.low + (param.high - param.low) * number / 16)
        client.send(
            encode_bundle(1, [encode_message(param.address, param.low) for param in FADERS[:2]])
        )
        client.say("/tempo/tap", 1)
        client.say("/preset/save", number)
        sent += len(FADERS) + 4
    client.say("/sync", 5)
    blocked.release()
    wait_for(
        lambda: rig.draw() and client.receive(0.02) == Message("/synced", (5,), "i"), "/synced"
    )
    for param in FADERS:
        expected = (
            param.low if param in FADERS[:2] else param.low + (param.high - param.low) * 11 / 16
        )
        assert rig.store.get(param.address) == pytest.approx(expected, rel=1e-5, abs=1e-6), (
            param.address
        )
    assert blocked.saved == list(map(str, range(12))) and rig.store.get("/tempo/tap") == 12
    assert counters.replaced > 500
    assert counters.messages + counters.replaced == sent + 1
    assert (counters.discarded, counters.lost, counters.rejected, counters.malformed) == (0,) * 4


def test_the_receive_buffer_is_emptied_while_a_picture_is_drawn(
    rig: Any, wait_for: Any, monkeypatch: Any
) -> None:
    """During one draw, more arrives than the buffer holds. Nothing is executed until the draw ends,
    nothing is lost."""
    monkeypatch.setattr(server, "MAX_PAUSE_S", 30.0)
    rig.server.granted_receive_buffer_bytes = server.PAUSED_BUFFER_BYTES
    udp, counters = rig.server._udp, rig.dispatcher.counters
    udp.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 32_768)
    client = rig.client()
    rig.server.pause_reading()
    for portion in range(10):
        for number in range(25):
            client.say(FADERS[number].address, FADERS[number].high)
        wait_for(lambda: len(udp._backlog) == 25 * (portion + 1), "the packets to be read")
    assert counters.messages == 0
    rig.server.resume_reading()
    wait_for(lambda: counters.messages == 250, "the packets to be executed")
    rig.server._udp.count_lost()
    assert counters.lost == 0


@pytest.mark.only_on("linux", "darwin", reason="Wine hands datagrams over later than they are sent")
def test_a_sender_is_sent_another_ones_value_that_has_replaced_its_own(rig: Any) -> None:
    """Its value was never in the store, so there is no change to tell; its display would be
    wrong."""
    other = rig.client()
    other.say("/engine/notify", 1)
    other.pending()  # every value once
    blocked = Blocked(rig)
    param = next(param for param in FADERS if param.default == param.low)
    other.say(param.address, param.high)
    for number in range(600):
        blocked.client.say(FADERS[1].address, number / 600)
    blocked.client.say(param.address, param.low)
    blocked.release()
    assert other.hear(param.address).args == pytest.approx((param.low,))
    assert rig.store.get(param.address) == param.low and rig.dispatcher.counters.replaced > 500
