"""AwaitedPictures with real frames, in orders that occur in damaged files."""

from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import av
import pytest

from engine.sources.decoding import MAX_EARLY, AwaitedPictures

TICKS = 512  # per picture, in the MP4 from `write_video`

Await = Callable[..., AwaitedPictures]


@pytest.fixture
def lost() -> list[float]:
    return []


@pytest.fixture
def awaited(write_video: Callable[..., Path], lost: list[float]) -> Await:
    """`awaited(*stamps)`: after packets with these stamps, 30 per second, were sent."""

    def send(*stamps: int, **options: str) -> AwaitedPictures:
        with av.open(str(write_video(1, **{"codec": "libx264"} | options))) as container:
            stream = container.streams.video[0]
            pictures = AwaitedPictures(stream, Fraction(0), lost.append)
            assert stream.time_base == Fraction(1, 30 * TICKS)
        for decoding, stamp in enumerate(stamps):
            packet = av.Packet(b"picture")
            packet.pts, packet.dts = stamp * TICKS, decoding * TICKS
            pictures.send(packet)
        return pictures

    return send


def ready_stamps(pictures: AwaitedPictures, *stamps: int) -> list[int]:
    """Time stamps of the pictures shown after these arrived."""
    ready = []
    for stamp in stamps:
        frame = av.VideoFrame(16, 16)
        frame.pts = stamp * TICKS
        ready += pictures.take(frame)
    return [frame.pts // TICKS for frame in ready]


def test_pictures_of_a_clean_video_are_shown_at_once(awaited: Await, lost: list[float]) -> None:
    pictures = awaited(0, 3, 1, 2, 4)
    for stamp in range(5):
        assert ready_stamps(pictures, stamp) == [stamp]
    assert (pictures.flush(), lost) == ([], [])


def test_a_picture_too_late_counts_as_lost_and_is_dropped_on_arrival(
    awaited: Await, lost: list[float]
) -> None:
    pictures = awaited(*range(10))
    early = list(range(2, 3 + MAX_EARLY))
    assert ready_stamps(pictures, 0, *early) == [0, *early]
    assert lost == [pytest.approx(1 / 30)]
    assert ready_stamps(pictures, 1, 7) == [7]
    assert [len(pictures.stamps), len(pictures.flush()), len(lost)] == [2, 0, 3]


@pytest.mark.parametrize("stamps", [(0, 1, 2, 50), (0, 1, 2, 2)])
def test_with_unreliable_time_stamps_every_picture_is_shown_on_arrival(
    stamps: tuple[int, ...], awaited: Await, lost: list[float]
) -> None:
    pictures = awaited(*range(5))
    assert ready_stamps(pictures, *stamps, 1) == [*stamps, 1]
    assert not pictures.is_exact and lost == []


def test_hidden_pictures_of_a_codec_do_not_count_as_lost(awaited: Await, lost: list[float]) -> None:
    pictures = awaited(*range(5), codec="mpeg4")
    assert ready_stamps(pictures, 0, 4) == [0, 4]
    assert (pictures.flush(), lost) == ([], [])
