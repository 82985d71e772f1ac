"""Packets from a TCP stream, cut at any place."""

import random
import struct

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.errors import OscDecodeError
from engine.osc.decode import MAX_PACKET_BYTES
from engine.osc.framing import Framing, StreamReader, frame
from tests.support.long_form import IS_SOAK

packet = st.binary(min_size=4, max_size=40).map(lambda data: b"/" + data)


def cut(stream: bytes, chance: random.Random) -> list[bytes]:
    pieces = []
    while stream:
        size = chance.randint(1, 9)
        pieces.append(stream[:size])
        stream = stream[size:]
    return pieces


@given(
    st.lists(packet, min_size=1, max_size=8),
    st.sampled_from(Framing),
    st.randoms(use_true_random=False),
)
@settings(max_examples=200 if IS_SOAK else 30)
def test_packets_are_read_as_they_were_framed(
    packets: list[bytes], framing: Framing, chance: random.Random
) -> None:
    stream = b"".join(frame(one, framing) for one in packets)
    reader = StreamReader()
    assert [out for piece in cut(stream, chance) for out in reader.feed(piece)] == packets
    assert reader.framing is framing


@pytest.mark.parametrize(
    ("stream", "reason"),
    [
        (b"GET / HTTP/1.1\r\n\r\n", "neither SLIP nor a length"),
        (b"\xff\xff\xff\xfc", "neither SLIP nor a length"),
        (struct.pack(">i", MAX_PACKET_BYTES + 1), "is outside"),
        (frame(b"/a\0\0", Framing.LENGTH) + struct.pack(">i", -4), "-4 is outside"),
        (
            b"/layer/1/angle 45\r\n/cue/go\r\n",
            "'/layer/1/angle 45' is text, not an OSC packet; Companion",
        ),
        (b"/cue/go\n", "text"),
        (b"\xc0/a\xdb\x00\xc0", "SLIP escape"),
        (b"\xc0/a\xdb\xc0", "SLIP escape"),
    ],
)
def test_an_invalid_stream_is_refused(stream: bytes, reason: str) -> None:
    with pytest.raises(OscDecodeError, match=reason):
        list(StreamReader().feed(stream))


def test_a_packet_without_an_end_is_refused_at_the_limit() -> None:
    reader = StreamReader()
    list(reader.feed(b"\xc0"))
    with pytest.raises(OscDecodeError, match="without an end"):
        for _ in range(2 * MAX_PACKET_BYTES // 65_536 + 1):
            list(reader.feed(b"/" * 65_536))
