"""Recordings with more than 8 bits, decoded again."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import av
import numpy as np
import pytest

from engine.sinks.record import RecordSink

SIZE = (1920, 16)


@pytest.fixture
def gradient() -> np.ndarray:
    """A slow grey gradient from black to white, (16, 1920, 4) uint16."""
    levels = np.round(np.linspace(0, 65535, SIZE[0])).astype(np.uint16)
    rgba = np.empty((SIZE[1], SIZE[0], 4), np.uint16)
    rgba[..., :3], rgba[..., 3] = levels[None, :, None], 65535
    return rgba


def luma_levels(path: Path) -> np.ndarray:
    """The decoded luma of the first picture's middle row, as the file has it."""
    with av.open(str(path)) as movie:
        frame = next(movie.decode(video=0))
        depth = np.uint16 if "10" in frame.format.name else np.uint8
        plane = frame.planes[0]
        luma = np.frombuffer(plane, depth).reshape(plane.height, -1)
        return luma[plane.height // 2, : plane.width].astype(int)


def record(
    path: Path, make_format: Callable, make_frame: Callable, gradient: np.ndarray
) -> list[str]:
    """Record one picture that can be read in both depths; returns the depths that were read."""
    read: list[str] = []
    eight = np.round(gradient / 257).astype(np.uint8)

    def read_as(depth: str, pixels: np.ndarray) -> np.ndarray:
        read.append(depth)
        return pixels

    frame = replace(
        make_frame(0, eight),
        read_rgba=lambda: read_as("8", eight),
        read_rgba16=lambda: read_as("16", gradient),
    )
    sink = RecordSink(str(path))
    sink.start(make_format(width=SIZE[0], height=SIZE[1], is_offline=True))
    sink.publish(frame)
    sink.close()
    return read


@pytest.mark.parametrize(("name", "pixels"), [("a.mov", "yuv422p10le"), ("a.mkv", "yuv420p10le")])
def test_a_slow_gradient_keeps_more_than_256_levels(
    make_format: Callable,
    make_frame: Callable,
    gradient: np.ndarray,
    tmp_path: Path,
    name: str,
    pixels: str,
) -> None:
    path = tmp_path / name
    assert record(path, make_format, make_frame, gradient) == ["16"]
    with av.open(str(path)) as movie:
        assert movie.streams.video[0].codec_context.pix_fmt == pixels
        picture = next(movie.decode(video=0))
        assert (picture.color_primaries, picture.color_trc, picture.colorspace) == (1, 1, 1), (
            "BT.709, as players ask"
        )
    levels = luma_levels(path)
    assert len(np.unique(levels)) > 400
    expected = 64 + gradient[0, :, 0] / 65535 * 876  # BT.709 in video range, 10 bits
    assert np.abs(levels - expected).max() < 12 and np.abs(levels - expected).mean() < 3


def test_a_recording_of_8_bits_requests_no_more(
    make_format: Callable, make_frame: Callable, gradient: np.ndarray, tmp_path: Path
) -> None:
    assert record(tmp_path / "a.mp4", make_format, make_frame, gradient) == ["8"]
    assert len(np.unique(luma_levels(tmp_path / "a.mp4"))) <= 220
