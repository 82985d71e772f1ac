"""Decoding times of packets that are copied into another file."""

import io
from collections.abc import Iterator
from fractions import Fraction

import av
import pytest
from av.packet import Packet
from av.stream import Stream

from engine.sources.stream_copy import MAX_UNTIMED, with_decoding_times


@pytest.fixture
def stream() -> Iterator[Stream]:
    with av.open(io.BytesIO(), "w", format="matroska") as container:
        yield container.add_stream("mpeg4", rate=25)


def packet(stream: Stream, pts: int, dts: int | None) -> Packet:
    packet = Packet(b"a picture")
    packet.stream, packet.time_base, packet.pts, packet.dts = stream, Fraction(1, 25), pts, dts
    return packet


def test_the_first_pictures_get_the_ticks_before_the_first_known_decoding_time(stream: Stream) -> None:
    shown = [(0, None), (3, None), (1, 0), (2, 1)]
    timed = with_decoding_times(packet(stream, *times) for times in shown)
    assert [(each.pts, each.dts) for each in timed] == [(0, -2), (3, -1), (1, 0), (2, 1)]


def test_a_track_without_decoding_times_is_not_buffered_completely(stream: Stream) -> None:
    read = []

    def packets() -> Iterator[Packet]:
        for number in range(10 * MAX_UNTIMED):
            read.append(number)
            yield packet(stream, number, None)

    for number, each in enumerate(with_decoding_times(packets())):
        assert (each.pts, each.dts) == (number, number)
        assert len(read) <= number + MAX_UNTIMED
    assert number + 1 == len(read) == 10 * MAX_UNTIMED
