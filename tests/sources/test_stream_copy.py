"""Decoding times of packets that are copied into another file."""

import io
import os
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import av
import pytest
from av.packet import Packet
from av.stream import Stream

from engine.sources.stream_copy import StreamCopy, with_decoding_times


@pytest.fixture
def stream() -> Iterator[Stream]:
    with av.open(io.BytesIO(), "w", format="matroska") as container:
        yield container.add_stream("mpeg4", rate=25)


def packet(stream: Stream, pts: int, dts: int | None) -> Packet:
    packet = Packet(b"a picture")
    packet.stream, packet.time_base, packet.pts, packet.dts = stream, Fraction(1, 25), pts, dts
    return packet


def test_the_first_pictures_get_the_ticks_before_the_first_known_decoding_time(
    stream: Stream,
) -> None:
    packets = [(0, None), (3, None), (1, 0), (2, 1)]
    timed = with_decoding_times(packet(stream, *times) for times in packets)
    assert [(each.pts, each.dts) for each in timed] == [(0, -2), (3, -1), (1, 0), (2, 1)]


def test_the_subtitles_of_a_long_video_are_not_all_read_at_its_first_picture(
    tmp_path: Path,
) -> None:
    path, count, times = (
        tmp_path / "words.mkv",
        600,
        "00:{0:02}:{1:02},000 --> 00:{0:02}:{1:02},900",
    )
    texts = [
        f"{n + 1}\n{times.format(n // 12, n % 12 * 5)}\n{'word ' * 100}\n" for n in range(count)
    ]
    (tmp_path / "words.srt").write_text("\n".join(texts))
    with av.open(str(tmp_path / "words.srt")) as read, av.open(str(path), "w") as written:
        track = written.add_stream_from_template(read.streams[0])
        for each in read.demux():
            if each.size:
                each.stream = track
                written.mux(each)
    with av.open(str(tmp_path / "out.mkv"), "w") as out:
        copy = StreamCopy(path, out, has_early=True)
        assert copy.add(copy.source.streams[0])
        copy.copy_until(Fraction(0))
        os.truncate(path, path.stat().st_size // 2)  # only what was read by now can still be copied
        copy.copy_until(None)
        copy.source.close()
    with av.open(str(tmp_path / "out.mkv")) as container:
        copied = [packet.pts for packet in container.demux() if packet.size]
    assert (
        copied == [5000 * n for n in range(len(copied))] and count * 0.4 < len(copied) < count * 0.6
    )
