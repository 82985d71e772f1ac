"""The NDI sink, received by another process through NDI's own library."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator

import numpy as np
import pytest

from engine import Config, open_engine
from engine.sinks.ndi import NdiSink, to_straight_alpha
from engine.sinks.sink import OutputFormat
from tests.support.ndi_network import NDI_CLOSES

pytestmark = NDI_CLOSES
TOLERANCE = 24  # of 255: NDI's codec turns pure blue into 240; another card would differ by 95
MIDDLE = slice(8, -8)


@pytest.fixture
def opened(make_format) -> Iterator[Callable[..., NdiSink]]:
    sinks: list[NdiSink] = []

    def start(name: str, output_format: OutputFormat | None = None) -> NdiSink:
        sink = NdiSink(name)
        sink.start(output_format or make_format(width=128, height=96), may_wait=True)
        sinks.append(sink)
        return sink

    yield start
    for sink in sinks:
        sink.close()


def unique(name: str) -> str:
    return f"{name} {os.getpid()}"


def surfaces(card: np.ndarray) -> dict[str, np.ndarray]:
    """Mean colour of the card's corners and of the F's stem, away from edges."""
    height, width = card.shape[:2]
    rows, columns = height // 12, width // 12
    stem = card[height // 3 : height // 2, width // 3 + width // 32 : width // 3 + 3 * width // 32]
    corners = {
        "top left": card[:rows, :columns],
        "top right": card[:rows, -columns:],
        "bottom left": card[-rows:, :columns],
        "bottom right": card[-rows:, -columns:],
        "stem of the F": stem,
        "right of the stem": card[
            height * 2 // 3 : height * 3 // 4, width * 2 // 3 : width * 3 // 4
        ],
    }
    return {name: part.reshape(-1, 4).mean(axis=0) for name, part in corners.items()}


def assert_same_surfaces(seen: np.ndarray, sent: np.ndarray) -> None:
    expected = surfaces(sent)
    for name, colour in surfaces(seen).items():
        assert np.abs(colour - expected[name]).max() <= TOLERANCE, (
            f"{name}: {colour} instead of {expected[name]}"
        )


def test_another_program_sees_the_picture_upright_in_its_colours_and_follows_a_new_size_and_rate(
    receive, opened, make_format, make_frame, f_card, wait_for
) -> None:
    name = unique("sizes")
    sink, receiver = opened(name), receive(name)

    def is_seen(card: np.ndarray, expected: str) -> bool:
        sink.publish(make_frame(0, card))
        return receiver.look() == expected

    wait_for(lambda: is_seen(f_card(128, 96), "RGBX 128x96 30.000"), "the first size")
    assert_same_surfaces(receiver.seen(), f_card(128, 96))
    assert sink.status().detail.endswith(f"({name}), 1 receiver")
    sink.set_format(make_format(width=192, height=64, fps=59.94))
    wait_for(lambda: is_seen(f_card(192, 64), "RGBX 192x64 59.940"), "the second size")
    assert_same_surfaces(receiver.seen(), f_card(192, 64))


def test_transparency_arrives_as_straight_alpha(receive, opened, make_frame, wait_for) -> None:
    name = unique("alpha")
    sink, receiver = opened(name), receive(name)
    half = np.zeros((96, 128, 4), np.uint8)
    half[:] = (100, 50, 25, 128)  # premultiplied

    def is_seen() -> bool:
        sink.publish(make_frame(0, half))
        return receiver.look().startswith("RGBA")

    wait_for(is_seen, "the picture with alpha")
    middle = receiver.seen()[MIDDLE, MIDDLE].reshape(-1, 4).mean(axis=0)
    assert np.abs(middle - (199, 100, 50, 128)).max() <= TOLERANCE


def test_nothing_is_read_back_without_a_receiver(opened, make_frame) -> None:
    sink = opened(unique("alone"))
    reads: list[int] = []
    for index in range(20):
        sink.publish(make_frame(index, reads=reads))
    assert (reads, sink.status().frames, sink.status().dropped) == ([], 20, 0)
    assert sink.status().detail.endswith("0 receivers")


def test_live_only_the_newest_picture_is_sent_and_offline_none_is_lost(
    receive, opened, make_format, make_frame, f_card, wait_for
) -> None:
    for is_offline in (False, True):
        name = unique(f"offline {is_offline}")
        sink = opened(name, make_format(width=128, height=96, is_offline=is_offline))
        assert receive(name).look()
        wait_for(lambda sink=sink: "1 receiver" in sink.status().detail, "the receiver")
        for index in range(200):
            sink.publish(make_frame(index, f_card(128, 96)))
        status = sink.status()
        assert status.frames + status.dropped == 200
        assert (status.dropped == 0) == is_offline


def test_a_name_in_use_is_rejected_and_free_again_after_that_program_exits(
    opened, make_format
) -> None:
    name = unique("taken")
    first = opened(name)
    code = (
        "import sys; from pathlib import Path; from engine.sinks.ndi import NdiSink, OutputFormat\n"
        "output_format = OutputFormat(width=64, height=48, fps=30, sample_rate_hz=0, "
        "audio_channels=0,"
        " is_offline=False, record_folder=Path())\n"
        "NdiSink(sys.argv[1]).start(output_format, may_wait=True)"
    )
    done = subprocess.run([sys.executable, "-c", code, name], capture_output=True, text=True)
    refusal = (
        f"SinkError: ndi: this machine already has a source called {name}; give this one "
        "another name"
    )
    assert done.stderr.strip().endswith(refusal)
    assert done.returncode == 1, "not the library's segmentation fault"
    first.close()
    assert name in opened(name).status().detail


def test_ndi_is_opened_only_on_request() -> None:
    with open_engine(
        Config(width=64, height=64, audio="demo", sinks=None, renderer="numba")
    ) as engine:
        assert "ndi" not in {sink.kind for sink in engine.status().sinks}


def test_straight_alpha_divides_colours_and_keeps_opaque_and_empty_pixels() -> None:
    rgba = np.array(
        [[(10, 20, 30, 255), (0, 0, 0, 0), (64, 32, 0, 64), (1, 2, 3, 6), (9, 9, 9, 0)]], np.uint8
    )
    expected = [(10, 20, 30, 255), (0, 0, 0, 0), (255, 128, 0, 64), (42, 85, 128, 6), (0, 0, 0, 0)]
    assert to_straight_alpha(rgba).tolist() == [[list(pixel) for pixel in expected]]
