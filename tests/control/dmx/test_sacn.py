"""sACN packets, byte by byte."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.dmx.sacn import group_of, read_sacn
from engine.errors import DmxDecodeError
from tests.support.dmx import DESK_CID, sacn
from tests.support.long_form import IS_SOAK

HEAD_OF_A_PROGRAM = bytes.fromhex(
    "00100000 4153432d45312e3137000000 726e 00000004 6ba7b8109dad11d180b400c04fd430c8"
    f"7258 00000002 4465736b {'00' * 60} 78 0000 09 00 0007"
    "720b 02 a1 0000 0001 0201 00 0102ff"
)
"""Universe 7, priority 120, sequence 9, levels 1, 2, 255, then 509 zeros, as sacn 1.11.0 sends
it."""


def damaged(at: int, value: int) -> bytes:
    data = bytearray(sacn(1, bytes(8)))
    data[at] = value
    return bytes(data)


def test_the_bytes_of_another_program_are_read_and_written() -> None:
    data = HEAD_OF_A_PROGRAM + bytes(509)
    packet = read_sacn(data, "10.0.0.5")
    assert packet is not None
    assert (packet.universe, packet.priority, packet.sequence) == (7, 120, 9)
    assert packet.levels == bytes((1, 2, 255)) + bytes(509)
    assert packet.source == DESK_CID.hex and packet.name == "Desk 10.0.0.5"
    assert sacn(7, packet.levels, priority=120, sequence=9) == data
    assert read_sacn(sacn(1, b"\xff" * 512, options=0x80), "h") is None
    assert read_sacn(sacn(1, b"\x64" * 512, start_code=0x17), "h") is None
    packet = read_sacn(sacn(1, b"\xff" * 512, options=0x40), "h")
    assert packet is not None and packet.is_end
    packet = read_sacn(sacn(1, b"\x01", name="Eos\n\x1b[31m"), "h")
    assert packet is not None and packet.name == "Eos [31m h"
    assert group_of(1) == "239.255.0.1"
    assert group_of(63_999) == "239.255.249.255"


def test_a_damaged_packet_is_refused_with_its_reason() -> None:
    for data, reason in [
        (b"", "too short"),
        (damaged(4, 0), "does not begin"),
        (damaged(17, 0xFF), "root layer says 255 bytes, 118 are there"),
        (damaged(108, 201), "priority 201"),
        (damaged(118, 0xA2), "not addressed"),
        (damaged(124, 0xFF), "254 levels"),
        (sacn(64_000, bytes(8)), "universe 64000"),
        (sacn(1, bytes(513)), "513 levels"),
    ]:
        with pytest.raises(DmxDecodeError, match=reason):
            read_sacn(data, "h")


@settings(max_examples=300 if IS_SOAK else 30)
@given(st.binary(max_size=60), st.integers(0, 133), st.integers(0, 140))
def test_no_bytes_do_more_than_be_refused(data: bytes, at: int, length: int) -> None:
    whole = sacn(1, bytes(8))
    changed = (whole[:at] + data + whole[at + len(data) :])[:length]
    try:
        packet = read_sacn(changed, "h")
    except DmxDecodeError:
        return
    assert packet is None or len(packet.levels) <= 512
