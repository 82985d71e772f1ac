"""Art-Net packets, byte by byte."""

import struct

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.dmx.artnet import Poll, poll_replies, read_artnet
from engine.dmx.packets import LevelsPacket
from engine.errors import DmxDecodeError
from tests.support.dmx import art_dmx, art_poll
from tests.support.long_form import IS_SOAK

AS_A_PROGRAM_SENDS_IT = bytes.fromhex("4172742d4e6574000050000e0500020100040102feff")
"""Universe 258 with the levels 1, 2, 254, 255, as stupidArtnet 1.6.0 sends it."""


def read(data: bytes) -> LevelsPacket | Poll | None:
    return read_artnet(data, "2.0.0.5", 6454)


def test_the_bytes_of_another_program_are_read_and_written() -> None:
    packet = read(AS_A_PROGRAM_SENDS_IT)
    assert isinstance(packet, LevelsPacket)
    assert (packet.universe, packet.sequence, packet.levels) == (258, 5, bytes((1, 2, 254, 255)))
    assert packet.name == "2.0.0.5" and packet.priority == 100
    assert art_dmx(258, bytes((1, 2, 254, 255)), sequence=5) == AS_A_PROGRAM_SENDS_IT
    packet = read(art_dmx(0, bytes(512)))
    assert (
        isinstance(packet, LevelsPacket) and packet.sequence is None and len(packet.levels) == 512
    )
    packet = read(art_dmx(1, b"\x07\x08\x09\x00", length=3))
    assert isinstance(packet, LevelsPacket) and packet.levels == b"\x07\x08\x09"
    assert read(b"Art-Net\0" + struct.pack("<H", 0x5200) + bytes((0, 14, 0, 0))) is None  # ArtSync


def test_a_damaged_packet_is_refused_with_its_reason() -> None:
    for data, reason in [
        (b"", "too short"),
        (b"Bad-Net\0\0\x50\0\x0e", "does not begin"),
        (art_dmx(1, b"\1\2", version=13), "version 13"),
        (art_dmx(1, b"\1\2", length=3), "3 levels in 20 bytes"),
        (art_dmx(1, bytes(514)), "514 levels"),
        (art_dmx(32_768, b"\1\2"), "universe 32768"),
        (art_poll()[:13], "ArtPoll of 13 bytes"),
    ]:
        with pytest.raises(DmxDecodeError, match=reason):
            read(data)


@settings(max_examples=300 if IS_SOAK else 30)
@given(st.binary(max_size=600), st.booleans())
def test_no_bytes_do_more_than_be_refused(data: bytes, has_head: bool) -> None:
    head = art_dmx(1, b"")[:10] if has_head else b""
    try:
        packet = read(head + data)
    except DmxDecodeError:
        return
    assert packet is None or isinstance(packet, Poll) or 1 <= len(packet.levels) <= 512


def test_a_desk_lists_us_with_the_universes_that_we_take() -> None:
    (reply,) = poll_replies(
        Poll(), [0x113, 0x110], [0x113], address="10.0.0.7", name="Multiverse stage"
    )
    assert len(reply) == 239
    assert reply[:10] == b"Art-Net\0\x00\x21"
    assert reply[10:16] == bytes((10, 0, 0, 7)) + struct.pack("<H", 6454)
    assert reply[18:20] == bytes((1, 1))  # net 1, sub-net 1
    assert reply[26:44] == b"Multiverse stage\0\0"
    assert reply[44:108].rstrip(b"\0") == b"Multiverse stage (audio-visual engine)"
    assert reply[108:172].startswith(b"#0001 [0001]")
    assert reply[172:174] == bytes((0, 2))  # two ports
    assert reply[174:178] == bytes((0x80, 0x80, 0, 0))  # which take DMX512 from the network
    assert reply[182:186] == bytes((0, 0x80, 0, 0))  # the second one is active
    assert reply[190:194] == bytes((0, 3, 0, 0))  # low four bits of their universes
    assert reply[200] == 0  # a node
    # bind address and index, 15 bit port addresses
    assert reply[207:213] == bytes((10, 0, 0, 7, 1, 0x08))


def test_more_than_four_universes_take_several_replies_and_a_targeted_poll_only_its_own() -> None:
    replies = poll_replies(Poll(), [*range(6), 16, 40_000], [], address="10.0.0.7", name="x")
    assert [(reply[173], reply[190 : 190 + reply[173]], reply[19],
        reply[211]) for reply in replies] == [
        (4, bytes((0, 1, 2, 3)), 0, 1), (2, bytes((4, 5)), 0, 2), (1, bytes((0,)), 1, 3),
    ]  # fmt: skip
    assert read(art_poll()) == Poll()
    assert read(art_poll(flags=0x20, targets=(0x0103, 0x0100))) == Poll(low=0x0100, high=0x0103)
    replies = poll_replies(Poll(low=5, high=9), range(6), [], address="10.0.0.7", name="x")
    assert [reply[211] for reply in replies] == [2]
    assert poll_replies(Poll(low=8, high=9), range(6), [], address="10.0.0.7", name="x") == ()
