"""Art-Net and sACN over real sockets on this machine."""

import contextlib
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from engine.control.dmx.receiver import DmxReceiver
from engine.dmx.sacn import group_of
from engine.errors import MultiverseError
from engine.osc.decode import Message
from engine.osc.encode import encode_message
from engine.system.clock import Clock, SystemClock
from engine.system.refused_port import bind_alone
from engine.values import TimecodeReading
from tests.support.dmx import art_dmx, art_poll, art_timecode, sacn
from tests.support.engine_client import EngineClient, open_client

HOST = "127.0.0.1"
CEILING_S = 120.0


class ReceiverRig:
    """A receiver on free ports of 127.0.0.1, and a desk that sends to it."""

    def __init__(
        self, listen: str, universes: tuple[int, ...], mapped: frozenset[str], report: Any
    ) -> None:
        self.values: dict[str, float] = {}
        self.sources: list[str] = []
        self.notices: list[str] = []
        self.readings: list[TimecodeReading] = []
        self._came = threading.Condition()
        self.receiver = DmxReceiver(
            listen,
            universes,
            deliver=self._on_messages,
            mapped=lambda: mapped,
            clock=SystemClock(),
            report=report,
            notice=self._on_line,
            name="Multiverse test",
            interface=HOST,
            artnet_port=0,
            sacn_port=0,
            reply_delay_s=lambda: 0.0,
            on_timecode=self._on_timecode,
        )
        self.receiver.start()
        self.console = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.console.bind((HOST, 0))
        self.console.settimeout(CEILING_S)

    def artnet(self, data: bytes) -> None:
        self.console.sendto(data, (HOST, self.receiver.artnet_port))

    def sacn(self, data: bytes) -> None:
        self.console.sendto(data, (HOST, self.receiver.sacn_port))

    def wait(self, is_so: Callable[[], object]) -> None:
        with self._came:
            assert self._came.wait_for(is_so, CEILING_S), (
                self.values,
                self.notices,
                self.receiver.status(),
            )

    def _on_messages(self, messages: list[Message], source: str) -> None:
        with self._came:
            self.values |= {message.address: message.args[0] for message in messages}  # type: ignore[misc]
            self.sources.append(source)
            self._came.notify_all()

    def _on_timecode(self, reading: TimecodeReading) -> None:
        with self._came:
            self.readings.append(reading)
            self._came.notify_all()

    def _on_line(self, line: str) -> None:
        with self._came:
            self.notices.append(line)
            self._came.notify_all()

    def close(self) -> None:
        self.receiver.close()
        self.console.close()


@contextlib.contextmanager
def rig(
    report: Any, listen: str = "both", universes: tuple[int, ...] = (1, 2), *mapped: str
) -> Iterator[ReceiverRig]:
    opened = ReceiverRig(listen, universes, frozenset(mapped), report)
    try:
        yield opened
    finally:
        opened.close()


def test_a_fader_of_either_network_arrives_as_a_value_of_its_channel(reports: Any) -> None:
    with rig(reports, "both", (1, 2), "/dmx/1/3", "/dmx/2/512") as on:
        on.artnet(art_dmx(1, bytes((0, 0, 51, 0))))
        on.wait(lambda: on.values.get("/dmx/1/3") == 0.2)
        on.sacn(sacn(2, bytes(511) + b"\xff"))
        on.wait(lambda: on.values.get("/dmx/2/512") == 1.0)
        assert on.sources[0] == "artnet 127.0.0.1" and on.sources[-1] == "sacn Desk 127.0.0.1"
        status = on.receiver.status()
        assert [(each.number, each.state, each.source) for each in status.universes] == [
            (1, "live", "artnet 127.0.0.1"),
            (2, "live", "sacn Desk 127.0.0.1"),
        ]
    assert reports.lines == []


@pytest.mark.only_on(
    "linux", reason="macOS has no 127.0.0.2, and Wine takes a UDP port on every address"
)
def test_a_desk_that_looks_for_nodes_is_answered_once_at_the_port_of_art_net(reports: Any) -> None:
    with rig(reports, "artnet") as on, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as console:
        console.bind(("127.0.0.2", on.receiver.artnet_port))
        console.settimeout(CEILING_S)
        with socket.socket(
            socket.AF_INET, socket.SOCK_DGRAM
        ) as asking:  # many programs send from a port of their own
            asking.bind(("127.0.0.2", 0))
            asking.sendto(art_poll(), (HOST, on.receiver.artnet_port))
            reply, sender = console.recvfrom(1024)
            assert sender == (HOST, on.receiver.artnet_port) and len(reply) == 239
            assert reply[10:14] == bytes((127, 0, 0, 1)) and reply[26:44].startswith(
                b"Multiverse test\0"
            )
            assert reply[173] == 2 and reply[190:192] == bytes((1, 2))
            on.receiver.close()  # nothing can follow
            for sock in (console, asking):
                sock.setblocking(False)
                with pytest.raises(BlockingIOError):
                    sock.recv(1024)


@pytest.mark.only_on(
    "linux",
    "darwin",
    reason="Wine gives no multicast to a socket bound to one address, Windows does",
)
def test_a_universe_arrives_by_multicast(reports: Any) -> None:
    with rig(reports, "sacn", (1, 300), "/dmx/300/1") as on:
        on.console.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, socket.inet_aton(HOST))
        on.console.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_LOOP, 1)
        on.console.sendto(sacn(300, b"\xff"), (group_of(300), on.receiver.sacn_port))
        on.wait(lambda: on.values == {"/dmx/300/1": 1.0})


def test_sacn_has_no_universe_0(reports: Any) -> None:
    with rig(reports, "sacn", (0, 1, 2, 3), "/dmx/1/1") as on:
        assert on.receiver.status().configured == (1, 2, 3)
    with rig(reports, "both", (0, 1), "/dmx/1/1") as on:
        assert on.receiver.status().configured == (0, 1)


def test_damaged_packets_are_counted_and_an_unconfigured_universe_is_reported_once(
    reports: Any,
) -> None:
    with rig(reports, "artnet", (1, 2), "/dmx/1/1") as on:
        for level in range(3):
            on.artnet(art_dmx(7, bytes((level,))))
        on.artnet(art_dmx(1, b"\xff"))
        on.wait(lambda: on.values)
        assert on.notices[0].startswith(
            "dmx: universe 7 from artnet 127.0.0.1 is not used (--dmx-universes: 1, 2)"
        )
        assert len(on.notices) == 2 and on.receiver.status().ignored == 3
    with rig(reports, "both", (1,), "/dmx/1/1") as on:
        for length in range(0, 40):
            on.artnet(art_dmx(1, b"\x07" * 30)[:length])
            on.sacn(sacn(1, b"\x07" * 30)[:length])
        on.artnet(b"\xff" * 2000)
        on.artnet(art_dmx(1, b"\xff"))
        on.wait(lambda: on.values.get("/dmx/1/1") == 1.0)
        assert on.receiver.status().malformed > 40
    assert all(key == "dmx.malformed" for key in reports.keys)


def test_timecode_of_art_net_arrives_with_its_rate_and_its_time(reports: Any) -> None:
    with rig(reports, "artnet", (1,), "/dmx/1/1") as on:
        on.artnet(art_timecode(1, 2, 3, 4, kind=2))
        on.artnet(art_timecode(25, 0, 0, 0))
        on.artnet(art_timecode(1, 2, 3, 4)[:18])
        on.artnet(art_timecode(23, 59, 59, 24))
        for kind, frames in enumerate((24, 25, 30, 30)):
            on.artnet(art_timecode(1, 0, 0, frames, kind=kind))
        on.artnet(art_timecode(1, 0, 0, 29, kind=3))
        on.wait(lambda: on.readings and on.readings[-1].rate == "30")
        assert on.receiver.status().malformed == 6
    labels = [
        (each.hours, each.minutes, each.seconds, each.frames, each.rate) for each in on.readings
    ]
    assert (
        labels == [(1, 2, 3, 4, "29.97df"), (23, 59, 59, 24, "25"), (1, 0, 0, 29, "30")]
        and on.readings[0].at_s > 0
    )
    assert reports.lines[0][1].endswith("left out: ArtTimeCode 25:0:0:0 of type 1 is no time")


@pytest.mark.only_on("linux", reason="elsewhere the system does not tell when a packet arrived")
def test_timecode_counts_from_its_arrival_while_the_receiver_is_busy(reports: Any) -> None:
    with rig(reports, "artnet", (1,)) as on:
        with on._came:  # the first one is not taken until all have arrived
            for frames in range(3):
                on.artnet(art_timecode(1, 0, 0, frames, stream=5))
            arrived_s = time.perf_counter()
        on.wait(lambda: len(on.readings) == 3)
    assert all(each.at_s <= arrived_s for each in on.readings)
    assert {each.source for each in on.readings} == {f"{HOST}, stream 5"}


def test_a_port_that_another_program_keeps_for_itself_is_named(reports: Any) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other:
        bind_alone(other, (HOST, 0))
        port = other.getsockname()[1]
        receiver = receiver_on(port, reports, print)
        with pytest.raises(
            MultiverseError, match=f"--dmx artnet: UDP port {port} .* by another program"
        ):
            receiver.start()
        receiver.close()


SHARED = "another program has UDP port {port}, too: broadcast reaches both, unicast only one"


def test_a_program_on_the_same_port_is_reported_at_the_start_and_in_the_status(
    reports: Any,
) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other:
        other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if sys.platform == "darwin":
            other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        other.bind(("", 0))
        port = other.getsockname()[1]
        receiver = receiver_on(port, reports, print)
        receiver.start()
        assert receiver.status().shared_ports == (port,)
        receiver.close()
    assert (
        reports.keys == [f"dmx.shared.{port}"] and SHARED.format(port=port) in reports.lines[0][1]
    )


def receiver_on(
    port: int, report: Any, say: Callable[[str], None], clock: Clock | None = None
) -> DmxReceiver:
    return DmxReceiver(
        "artnet", (1,), deliver=lambda messages, source: None, mapped=frozenset,
        clock=clock or SystemClock(),
        report=report, notice=say, name="x", interface=HOST, artnet_port=port,
    )  # fmt: skip


def intensity(session: EngineClient) -> object:
    session.client.send(encode_message("/get", "/layer/1/intensity"))
    return session.hear("/layer/1/intensity")[0]


def test_a_fader_of_a_lighting_desk_is_learned_and_moves_the_picture(
    tmp_path: Path, free_port: Any
) -> None:
    port = free_port()
    dmx = {"listen": "artnet", "universes": [1], "interface": HOST, "artnet_port": port}
    changes = {"dmx": dmx, "mapping": str(tmp_path / "map.toml")}
    with (
        open_client(tmp_path, **changes) as session,
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as lights,
    ):

        def send(*levels: int) -> None:
            lights.sendto(art_dmx(1, bytes(levels)), (HOST, port))

        send(0, 30, 0)
        seen: list[Message] = []
        while not any(message.address == "/engine/status/dmx/1" for message in seen):
            seen = session.ask("/engine/status")
        (status,) = [message for message in seen if message.address == "/engine/status/dmx/1"]
        assert status.args[:2] == ("live", "artnet 127.0.0.1")

        done: list[tuple[object, ...]] = []
        learning = threading.Thread(
            target=lambda: done.append(session.done("/map/learn", "/layer/1/intensity"))
        )
        learning.start()
        level = 100
        while learning.is_alive():
            send(0, 30, level)
            level = 100 + (level + 10) % 100
            learning.join(0.03)
        assert done == [("/map/learn", "/layer/1/intensity", "osc /dmx/1/3", "fader")]

        while intensity(session) != 1.5:  # sent again, because UDP may lose it
            send(0, 30, 255)

        send(0, 99, 255)
        unmapped: list[Message] = []
        while not any(
            message.args[0] == "/dmx/1/2"
            for message in unmapped
            if message.address == "/map/unmapped"
        ):
            unmapped = session.ask("/map/heard")
        (entry,) = [message for message in unmapped if message.address == "/map/unmapped"]
        assert entry.args[1] == "artnet 127.0.0.1" and entry.args[4] == f"{99 / 255:.6g}"
