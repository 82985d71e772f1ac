"""Packets of a source of light, byte by byte against the tables of E1.31-2018 and Art-Net 4."""

from engine.dmx.artnet import (
    ART_POLL,
    ART_SYNC,
    Poll,
    art_dmx,
    poll_replies,
    read_artnet,
    read_poll_reply,
)
from engine.dmx.sacn import read_sacn, sacn_data, sacn_discovery, sacn_sync
from tests.support.dmx import DESK_CID, art_poll, sacn
from tests.support.dmx import art_dmx as table_art_dmx

CID = DESK_CID.bytes
ROOT = bytes.fromhex("0010 0000 4153432d45312e3137000000")


def test_a_data_packet_has_the_fields_of_table_4_1() -> None:
    levels = bytes(range(256)) * 2
    packet = sacn_data(
        0x1234, levels, cid=CID, name="Multiverse", priority=120, sequence=7, sync=9, options=0x20
    )
    assert len(packet) == 638 and packet[:16] == ROOT
    assert (
        packet[16:18] == bytes.fromhex("726e")
        and packet[18:22] == bytes((0, 0, 0, 4))
        and packet[22:38] == CID
    )
    assert packet[38:40] == bytes.fromhex("7258") and packet[40:44] == bytes((0, 0, 0, 2))
    assert packet[44:108] == b"Multiverse".ljust(64, b"\0")
    assert packet[108:115] == bytes((120, 0, 9, 7, 0x20, 0x12, 0x34))
    assert packet[115:117] == bytes.fromhex("720b") and packet[117:126] == bytes.fromhex(
        "02a1 0000 0001 0201 00"
    )
    assert packet[126:] == levels


def test_what_is_written_is_what_the_tables_of_a_desk_say_and_what_the_receiver_reads() -> None:
    written = sacn_data(3, b"\x01\x02\xff", cid=CID, name="Desk", priority=100, sequence=200)
    assert written == sacn(3, b"\x01\x02\xff", sequence=200)
    read = read_sacn(written, "10.0.0.5")
    assert read is not None and (read.universe, read.levels, read.source) == (
        3,
        b"\x01\x02\xff",
        CID.hex(),
    )
    assert art_dmx(0x123, b"\x01\x02", 5) == table_art_dmx(0x123, b"\x01\x02", sequence=5)
    assert art_dmx(1, b"\x01\x02\x03", 5)[16:] == bytes((0, 4, 1, 2, 3, 0)), (
        "an even number of levels"
    )
    assert art_poll(flags=2) == ART_POLL
    assert read_artnet(ART_POLL, "h", 1) == Poll()
    assert b"Art-Net\0" + bytes((0x00, 0x52, 0, 14, 0, 0)) == ART_SYNC


def test_a_node_says_which_universes_it_takes() -> None:
    replies = poll_replies(Poll(), (0x120, 0x121, 0x345), (), address="10.0.0.9", name="Node")
    assert [read_poll_reply(reply) for reply in replies] == [{0x120, 0x121}, {0x345}]
    giving = bytearray(replies[0])
    giving[174] = 0x40  # an input to the network only
    assert read_poll_reply(bytes(giving)) == {0x121}
    assert read_poll_reply(replies[0][:206]) == frozenset() == read_poll_reply(ART_POLL)


def test_synchronisation_and_discovery_have_the_fields_of_tables_4_2_and_4_3() -> None:
    packet = sacn_sync(0x0708, cid=CID, sequence=5)
    assert packet == ROOT + bytes.fromhex("7021 00000008") + CID + bytes.fromhex(
        "700b 00000001 05 0708 0000"
    )
    assert len(packet) == 49
    packet = sacn_discovery((7, 2, 500), cid=CID, name="Multiverse")
    assert packet[16:22] == bytes.fromhex("706e 00000008")
    assert packet[38:44] == bytes.fromhex("7058 00000002") and packet[44:54] == b"Multiverse"
    assert packet[108:] == bytes.fromhex("00000000 700e 00000001 00 00 0002 0007 01f4")
    assert read_sacn(packet, "h") is None
