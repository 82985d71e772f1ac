"""Light over real sockets of this machine."""

import socket
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from engine.control.dmx.receiver import DmxReceiver
from engine.dmx import own
from engine.dmx.artnet import ART_POLL, ART_SYNC, Poll, poll_replies
from engine.dmx.own import CID_FILE, Nodes, component_id
from engine.dmx.sending import DmxSender, Route, Streams, hosts_of
from engine.errors import SinkError
from engine.osc.decode import Message
from engine.system.clock import SystemClock
from tests.support.dmx import DESK_CID, received

HOST = "127.0.0.1"
CID = uuid.UUID("11111111-2222-3333-4444-555555555555").bytes
CEILING_S = 60.0


@pytest.fixture
def node() -> Iterator[socket.socket]:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as opened:
        opened.bind((HOST, 0))
        opened.settimeout(CEILING_S)
        yield opened


def at(node: socket.socket) -> str:
    return f"{HOST}:{node.getsockname()[1]}"


def test_unchanged_levels_are_sent_three_times_and_then_kept_alive() -> None:
    streams = Streams(range(256))
    sent = []
    for step in range(40):  # ten frames per second
        streams.set({1: b"a"})
        sent += [step] * len(streams.due(step / 10, is_frame=True))
    assert sent == [0, 1, 2, 11, 20, 29, 38]
    assert streams.due(3.85, is_frame=False) == []
    assert streams.next_s() == pytest.approx(4.7)
    assert streams.due(4.7, is_frame=False) == [(1, b"a", 7)], "also when no frame comes any more"
    streams.set({1: b"b"})
    assert streams.due(4.71, is_frame=True) == [(1, b"b", 8)]


def test_the_end_of_a_sacn_universe_is_sent_three_times(node: socket.socket) -> None:
    sender = DmxSender(
        Route(protocol="sacn", to=at(node), name="Us", priority=150),
        CID,
        lambda: 0.0,
        ports=(HOST, 0),
    )
    sender.send({1: b"\x01", 2: b"\x02"})
    first, second = received(node), received(node)
    assert (first.universe, second.universe, first.levels, first.priority) == (1, 2, b"\x01", 150)
    assert first.source == CID.hex() and first.name == f"Us {HOST}" and first.sequence == 0
    sender.send({1: b"\x01"})
    ends = [received(node) for _ in range(3)]
    assert [(each.universe, each.is_end, each.sequence) for each in ends] == [
        (2, True, 1),
        (2, True, 2),
        (2, True, 3),
    ]
    assert received(node).universe == 1
    sender.close()
    assert [received(node).is_end for _ in range(3)] == [True] * 3
    assert not own.own_sources
    sender.close()


def test_art_net_goes_to_the_nodes_that_reply_to_a_poll_for_their_universes_only(
    node: socket.socket, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = [0.0]
    monkeypatch.setattr(own, "nodes", Nodes())
    route = Route(protocol="artnet", sync=1)
    sender = DmxSender(route, CID, lambda: now[0], ports=(HOST, 0), poll_to=at(node))
    monkeypatch.setattr(sender, "_port", node.getsockname()[1])  # nodes listen at Art-Net's port
    # tests send no broadcast
    monkeypatch.setattr(sender, "_broadcast_addresses", lambda is_enabled: [])
    sender.send({4: b"\x01\x02"})
    data, address = node.recvfrom(2048)
    assert data == ART_POLL and sender.detail() == "no node replies"
    # Windows refuses to read a datagram that is longer than the buffer
    node.sendto(bytes(2000), address)
    sender.step()
    for reply in poll_replies(Poll(), (4, 5), (), address=HOST, name="Node"):
        node.sendto(reply, address)
    sender.send({4: b"\x01\x02", 6: b"\x07\x08"})
    packet = received(node)
    assert (packet.universe, packet.levels, packet.sequence) == (4, b"\x01\x02", 2)
    assert sender.detail() == "1 node"
    now[0] = 2.5
    sender.step()
    assert node.recv(2048) == ART_POLL, "nobody takes universe 6"
    assert received(node).universe == 4, "kept alive"
    now[0] = 13.0
    assert sender.detail() == "no node replies"
    sender.close()


def test_synchronisation_follows_the_levels(node: socket.socket) -> None:
    sender = DmxSender(
        Route(protocol="artnet", to=at(node), sync=1), CID, lambda: 0.0, ports=(HOST, 0)
    )
    sender.send({0: b"\1\2", 1: b"\3\4"})
    assert [received(node).universe for _ in range(2)] == [0, 1]
    assert node.recv(2048) == ART_SYNC
    sender.close()
    sender = DmxSender(
        Route(protocol="sacn", to=at(node), sync=77), CID, lambda: 0.0, ports=(HOST, 0)
    )
    sender.send({1: b"\1"})
    levels, sync = node.recv(2048), node.recv(2048)
    assert levels[109:111] == bytes((0, 77)) and levels[112] == 0x20
    assert len(sync) == 49 and sync[44:47] == bytes((1, 0, 77))
    sender.close()


def test_the_receiver_of_the_same_process_takes_other_sources_and_leaves_out_our_own(
    node: socket.socket, reports, wait_for
) -> None:
    received: dict[str, float] = {}

    def deliver(messages: list[Message], source: str) -> None:
        received.update(
            {f"{source.split()[0]} {message.address}": message.args[0] for message in messages}
        )  # type: ignore[misc]

    receiver = DmxReceiver(
        "both",
        (1, 2),
        deliver=deliver,
        mapped=lambda: frozenset({"/dmx/*/1", "/dmx/*/2"}),
        clock=SystemClock(),
        report=reports,
        notice=lambda line: None,
        name="Test",
        interface=HOST,
        artnet_port=0,
        sacn_port=0,
    )
    receiver.start()
    try:
        for universe, protocol, port in (
            (1, "sacn", receiver.sacn_port),
            (2, "artnet", receiver.artnet_port),
        ):
            to = f"{HOST}:{port},{at(node)}"
            sender = DmxSender(Route(protocol=protocol, to=to), CID, lambda: 0.0, ports=(HOST, 0))  # type: ignore[arg-type]
            sender.send({universe: b"\xff\x33"})
            other = node.recv(2048).replace(CID, DESK_CID.bytes).replace(b"\xff\x33", b"\x33\xff")
            node.sendto(other, (HOST, port))  # another desk, with another CID and port
            wait_for(lambda at=f"{protocol} /dmx/{universe}/2": received.get(at), "the other desk")
            assert received[f"{protocol} /dmx/{universe}/1"] == 0.2
            sender.close()
            for _ in range(3 if protocol == "sacn" else 0):
                node.recv(2048)  # its end
        assert [each.sources for each in receiver.status().universes] == [1, 1]
        assert own.receiving_ports == {receiver.artnet_port}
    finally:
        receiver.close()
    assert own.receiving_ports == set() and reports.lines == []


def test_the_component_identifier_stays_and_a_broken_file_is_replaced(tmp_path: Path) -> None:
    identifier = component_id(tmp_path / "new")
    assert component_id(tmp_path / "new") == identifier and uuid.UUID(bytes=identifier).version == 4
    (tmp_path / "new" / CID_FILE).write_text("nonsense")
    other = component_id(tmp_path / "new")
    assert other != identifier and component_id(tmp_path / "new") == other


@pytest.mark.parametrize(
    "text", ["desk.local", "10.0.0.300", "10.0.0.5:0", "10.0.0.5:70000", "10.0.0.5:x", "::1", "²"]
)
def test_an_invalid_destination_is_reported_in_one_line(text: str) -> None:
    with pytest.raises(
        SinkError, match=r"^'.*': '.*' is not a port, 1..65535$|^'.*' is not an IPv4 address"
    ) as caught:
        hosts_of(text, 5568)
    assert "\n" not in str(caught.value)
    assert hosts_of(" 10.0.0.5, 10.0.0.6:99,", 5568) == (("10.0.0.5", 5568), ("10.0.0.6", 99))


def test_packets_are_numbered_as_each_protocol_wants_it_also_of_a_universe_that_comes_back() -> (
    None
):
    for numbers, expected in ((range(256), [254, 255, 0, 1]), (range(1, 256), [255, 1, 2, 3])):
        streams, found = Streams(numbers), []
        for level in range(258):
            streams.set({1: bytes((level % 256,))})
            found += [number for _, _, number in streams.due(0.0, is_frame=True)]
        assert found[254:] == expected
        assert streams.set({}) == (1,) and streams.number(1) == expected[3] + 1
        streams.set({1: b""})
        assert streams.due(0.0, is_frame=True)[0][2] == expected[3] + 2
