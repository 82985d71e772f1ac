"""End to end through real UDP and TCP sockets on 127.0.0.1."""

import contextlib
import errno
import selectors
import socket
import threading
from collections.abc import Callable
from typing import Any

import pytest

from engine.control import CommandTable, Dispatcher, server
from engine.control.allow import AllowList
from engine.control.udp import UdpTransport
from engine.errors import MultiverseError
from engine.osc.decode import Message, decode_packet
from engine.osc.encode import encode_message, encode_reply
from engine.params import ParamStore
from engine.system.clock import SteppedClock

ANGLE = "/layer/1/angle"


# -- UDP ---------------------------------------------------------------------------------------


def test_a_part_that_fails_in_each_turn_of_the_sending_thread_holds_up_no_answer(
    rig: Any, reports: Any
) -> None:
    def fail(now_s: float) -> bool:
        raise ValueError("broken")

    rig.sending.poll(fail)
    client = rig.client()
    client.say("/get", ANGLE)
    answer = client.receive(timeout_s=5.0)
    assert answer is not None and answer.address == ANGLE
    assert any("ValueError: broken" in line for _, line in reports.lines)


def test_a_client_that_reads_late_gets_everything(reports: Any) -> None:
    """It reads after every third turn; the test is the sending thread. Of 600 packets at once, 256
    fit its buffer."""
    dispatcher = Dispatcher(ParamStore(), CommandTable(), SteppedClock(), reports)
    with (
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as own,
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as late,
    ):
        # the Linux default; the system doubles it
        late.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 106_496)
        late.bind(("127.0.0.1", 0))
        late.setblocking(False)
        sender = UdpTransport(own, dispatcher, AllowList(()), reports).sender_at(
            *late.getsockname()
        )
        for number in range(600):
            sender.post(encode_reply("/cue/entry", number, "a preset", 0.0, 0.0))
        values = []
        for sending in range(12):
            dispatcher.outbox.send(sending / 50)
            if sending % 3 == 2:
                with contextlib.suppress(BlockingIOError):
                    while True:
                        values.append(decode_packet(late.recv(1024)).args[0])
        assert values == list(range(600))


@pytest.mark.only_on("linux", reason="only Linux tells how many datagrams it threw away")
def test_a_full_receive_buffer_is_counted_as_lost(
    open_rig: Any, wait_for: Callable[..., Any], reports: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A handler blocks the receiving thread while far more arrives than the receive buffer
    holds."""
    monkeypatch.setattr("engine.control.sending.LOST_INTERVAL_S", 0.01)
    rig = open_rig()
    is_over = threading.Event()
    rig.commands.add("/preset/list", lambda reply, *args: (is_over.wait(120.0), reply.done()))
    rig.server._udp.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    client = rig.client()
    client.say("/preset/list")
    wait_for(lambda: rig.dispatcher.counters.commands == 1, "the handler")
    for number in range(200):
        client.send(encode_reply(ANGLE, number))
    is_over.set()
    client.hear("/done")
    wait_for(lambda: rig.dispatcher.counters.lost > 0, "the loss to be noticed")
    counters = rig.dispatcher.counters
    wait_for(lambda: counters.messages + counters.lost == 201, "the account of every packet")
    assert "osc.lost" in reports.keys


def test_neither_a_draw_that_takes_for_ever_nor_a_small_receive_buffer_shuts_osc_out(
    rig: Any, monkeypatch: Any
) -> None:
    client = rig.client()
    linux_default_bytes = 212_992
    for buffer_bytes, hold_s in (
        (server.PAUSED_BUFFER_BYTES, server.MAX_PAUSE_S),
        (linux_default_bytes, 240.0),
    ):
        monkeypatch.setattr(server, "MAX_PAUSE_S", hold_s)
        rig.server.granted_receive_buffer_bytes = buffer_bytes
        rig.server.pause_reading()
        client.say("/get", "/layer/1/curve")
        client.hear("/layer/1/curve")
        rig.server.resume_reading()


def test_answers_to_programs_that_have_ended_end_nothing(rig: Any) -> None:
    """Windows tells the socket of each such answer, when it reads next."""
    for _ in range(20):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as ended:
            ended.sendto(encode_message("/get", ANGLE), rig.server.address)
    client = rig.client()
    for _ in range(20):
        client.say("/get", ANGLE)
        assert client.hear() == Message(ANGLE, (0.0,), "f")
    assert rig.dispatcher.counters.errors == 0


def test_the_page_knows_which_hosts_osc_accepts_at_which_address(open_rig: Callable) -> None:
    rig = open_rig(allow=("192.0.2.0/24",))
    assert rig.server.accepts("192.0.2.7", "127.0.0.1") and rig.server.accepts(
        "::ffff:192.0.2.7", "127.0.0.1"
    )
    assert not rig.server.accepts("203.0.113.9", "127.0.0.1"), "not allowed"
    assert not rig.server.accepts("192.0.2.7", "192.0.2.1"), "OSC is not received at that address"
    rig.server.close()
    assert not rig.server.accepts("192.0.2.7", "127.0.0.1")


@pytest.mark.only_on(
    "linux", reason="macOS has no other loopback address, and Wine sends from none"
)
def test_senders_outside_the_allow_list_are_ignored(
    open_rig: Any, wait_for: Any, reports: Any
) -> None:
    rig = open_rig(allow=("127.0.0.0/29", "192.0.2.0/24"))
    counters = rig.dispatcher.counters
    stranger = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    stranger.bind(("127.0.0.9", 0))
    with stranger:
        for _ in range(3):
            stranger.sendto(encode_reply(ANGLE, 5.0), rig.server.address)
        wait_for(lambda: counters.refused == 3, "the refusals")
    with socket.create_connection(rig.server.address, source_address=("127.0.0.9", 0)) as refused:
        refused.settimeout(120.0)
        assert refused.recv(1) == b""
    assert (rig.store.get(ANGLE), counters.messages, counters.refused) == (0.0, 0, 4)
    assert set(reports.keys) == {"osc.refused"}
    rig.client().say(ANGLE, 5.0)
    wait_for(lambda: rig.store.get(ANGLE) == 5.0, "the friend's value")


def test_a_port_in_use_is_named_with_the_option(rig: Any, open_rig: Callable[..., Any]) -> None:
    port = rig.server.address[1]
    with pytest.raises(
        MultiverseError, match=f"--osc 127.0.0.1:{port} is in use; .*choose another"
    ):
        open_rig(port=port)
    with pytest.raises(MultiverseError, match=r"--osc 192\.0\.2\.77:9000"):
        open_rig(host="192.0.2.77", port=9000)


def test_the_server_answers_over_ipv6(
    require: Callable[..., None], open_rig: Callable[..., Any]
) -> None:
    try:
        rig = open_rig(host="::1", allow=("::1/128",))
    except MultiverseError:
        require(False, "IPv6")
    client = rig.client()
    client.say("/get", ANGLE)
    assert client.hear() == Message(ANGLE, (0.0,), "f")


@pytest.mark.parametrize("is_tcp", [False, True], ids=["udp", "tcp"])
def test_a_program_that_takes_localhost_for_ipv6_is_heard_and_answered(
    require: Callable[..., None], rig: Any, is_tcp: bool
) -> None:
    require(socket.has_ipv6, "IPv6")
    client = rig.client(host="::1", tcp=is_tcp)
    client.say("/get", ANGLE)
    assert client.hear() == Message(ANGLE, (0.0,), "f")


def test_a_port_that_only_ipv6_localhost_lacks_is_told_and_the_engine_runs(
    require: Callable[..., None], open_rig: Callable[..., Any], reports: Any, free_port: Any
) -> None:
    port = free_port()
    with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as other:
        other.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        try:
            other.bind(("::1", port))
        except OSError:
            require(False, "IPv6")
        client = open_rig(port=port).client()
        client.say("/get", ANGLE)
        assert client.hear() == Message(ANGLE, (0.0,), "f")
    ((key, line),) = reports.lines
    assert (
        key == "osc.localhost"
        and line.startswith(f"OSC at [::1]:{port}: ")
        and "send to 127.0.0.1" in line
    )


class Hiccup(selectors.DefaultSelector):
    """Fails once on request, like a system that is short of memory."""

    refusals = 0

    def select(self, timeout: float | None = None) -> list:
        ready = super().select(timeout)
        if ready and self.refusals:
            self.refusals -= 1
            raise OSError(errno.ENOMEM, "Cannot allocate memory")
        return ready


def test_an_error_while_waiting_is_not_the_end(
    monkeypatch: Any, open_rig: Any, wait_for: Any, reports: Any
) -> None:
    monkeypatch.setattr(selectors, "DefaultSelector", Hiccup)
    rig = open_rig()
    rig.server._selector.refusals = 2
    rig.client().say(ANGLE, 5.0)
    wait_for(lambda: rig.store.get(ANGLE) == 5.0, "the value")
    assert reports.keys == ["osc.error"] * 2
    assert rig.dispatcher.counters.errors == 2


# -- subscriptions through sockets -------------------------------------------------------------


def test_a_program_named_in_the_configuration_is_subscribed_from_the_start(rig: Any) -> None:
    client = rig.client()
    rig.server.subscribe("localhost", client.port)
    client.hear("/engine/heartbeat")
    rig.store.set(ANGLE, 3.0, by="web")
    while client.hear(ANGLE).args != (3.0,):
        pass


def test_queued_answers_are_sent_before_the_end(rig: Any, wait_for: Callable[..., Any]) -> None:
    client = rig.client()
    client.say("/engine/notify", 1)
    client.hear("/engine/heartbeat")
    sender = rig.server._udp.sender_at("127.0.0.1", client.port)
    for _ in range(50):
        rig.dispatcher.receive(encode_message("/get", ANGLE), sender)
    rig.sending.close()
    rig.server.close()
    assert len([message for message in client.pending() if message.address == ANGLE]) >= 50
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("osc ")]
