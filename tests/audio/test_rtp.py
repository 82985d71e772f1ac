"""Sound over RTP, from the component's own packets and by hand, through a real socket."""

import socket
import struct
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

from engine.audio.open import open_audio
from engine.audio.rtp import LOST_AFTER_S, RtpCapture, parse_packet, parse_rtp
from engine.errors import AudioError, UsageError
from engine.system.clock import SteppedClock, SystemClock

Until = Callable[..., Any]


class Sender:
    def __init__(self, port: int, stream: int = 7) -> None:
        self.sequence, self.sample, self._stream = 65_535, 2**32 - 3, stream  # both wrap at once
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._to = ("127.0.0.1", port)

    def send(self, block: np.ndarray, *, is_lost: bool = False) -> None:
        """Send (frames, channels) int16."""
        header = struct.pack(">BBHII", 0x80, 96, self.sequence, self.sample, self._stream)
        if not is_lost:
            self._socket.sendto(header + block.astype(">i2").tobytes(), self._to)
        self.sequence = (self.sequence + 1) % 2**16
        self.sample = (self.sample + len(block)) % 2**32

    def close(self) -> None:
        self._socket.close()


@pytest.fixture
def capture(
    clock: SteppedClock, free_port: Callable[[], int], reports: Any
) -> Iterator[RtpCapture]:
    opened = RtpCapture(f"rtp:{free_port()}", clock, reports)
    opened.start()
    yield opened
    opened.close()


@pytest.fixture
def sender(capture: RtpCapture) -> Iterator[Sender]:
    opened = Sender(parse_rtp(f"rtp:{capture.description.split(':')[1].split()[0]}").port)
    yield opened
    opened.close()


def read_samples(capture: RtpCapture) -> list[list[int]]:
    """All but the silence before the first sound, as int16."""
    rows = np.round(capture.ring.read(0)[1] * 32_768).astype(int)
    first = np.flatnonzero(rows.any(axis=1))
    return rows[first[0] :].tolist() if len(first) else []


def test_every_sample_arrives_and_a_lost_packet_is_silence_of_its_length(
    capture: RtpCapture, sender: Sender, wait_for: Until, reports: Any
) -> None:
    sender.send(np.array([[1, -1], [2, -2]]))
    sender.send(np.array([[3, -3], [4, -4], [5, -5]]))
    sender.send(np.array([[6, -6]]), is_lost=True)
    sender.send(np.array([[32_767, -32_768]]))
    wait_for(lambda: len(read_samples(capture)) >= 7, "the last sample")
    assert read_samples(capture)[:7] == [
        [1, -1],
        [2, -2],
        [3, -3],
        [4, -4],
        [5, -5],
        [0, 0],
        [32_767, -32_768],
    ]
    assert (capture.state, capture.lost_blocks) == ("playing", 1)
    assert [line.rpartition(": ")[2] for _, line in reports.lines] == [
        "packets were lost on the way"
    ]


def test_a_second_sender_is_refused_until_the_first_is_silent(
    clock: SteppedClock, capture: RtpCapture, sender: Sender, wait_for: Until, reports: Any
) -> None:
    sender.send(np.full((2, 2), 5))
    wait_for(lambda: capture.state == "playing", "the first sender")
    other = Sender(sender._to[1], stream=8)
    other.send(np.full((2, 2), 9))
    wait_for(lambda: reports.lines, "the refusal")
    assert "a second program sends to it" in reports.lines[0][1] and [9, 9] not in read_samples(
        capture
    )
    before = capture.ring.newest
    clock.advance(LOST_AFTER_S + 0.1)
    wait_for(lambda: capture.state == "lost", "the silence of the first")
    wait_for(
        lambda: capture.ring.newest >= before + round((LOST_AFTER_S + 0.1) * 48_000),
        "silence of that length",
    )
    other.send(np.full((2, 2), 9))
    wait_for(lambda: [9, 9] in read_samples(capture), "the second sender")
    other.close()


def test_it_is_opened_by_name_and_a_mistake_is_reported_in_one_line(
    free_port: Callable[[], int], reports: Any
) -> None:
    clock, port = SystemClock(), free_port()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other:
        other.bind(("127.0.0.1", port))
        with pytest.raises(AudioError, match=f"--audio rtp:{port}: the port cannot be opened: "):
            open_audio(f"rtp:{port}", offline=False, clock=clock, report=reports)
    audio = open_audio(f"rtp:{port}/44100/4", offline=False, clock=clock, report=reports)
    assert (
        audio.choice == f"RTP at 127.0.0.1:{port} (4 channels, 44100 Hz)"
        and audio.source_channels == 4
    )
    audio.start()
    audio.close()
    with pytest.raises(UsageError, match="live sound cannot be received offline"):
        open_audio(f"rtp:{port}", offline=True, clock=clock, report=reports)
    for wrong in (
        "rtp:",
        "rtp:0",
        "rtp:70000",
        "rtp:9014/5",
        "rtp:9014/48000/0",
        "rtp:9014/48000/2/1",
    ):
        with pytest.raises(UsageError, match="not rtp:"):
            parse_rtp(wrong)
    assert parse_rtp("rtp:0.0.0.0:9014/96000").host == "0.0.0.0"


def test_what_is_no_rtp_is_refused_and_headers_of_any_length_are_read() -> None:
    header = struct.pack(">BBHII", 0x80 | 0x20 | 0x10 | 1, 96, 1, 2, 3)
    packet = parse_packet(header + bytes(4) + bytes([0, 0, 0, 1]) + bytes(4) + b"\1\2\0\2")
    assert packet is not None and (
        packet.sequence,
        packet.sample,
        packet.stream,
        packet.payload,
    ) == (1, 2, 3, b"\1\2")
    assert parse_packet(b"") is None and parse_packet(b"/layer/1/angle\0\0") is None


def test_sound_with_other_channels_is_reported_with_the_option_to_use(
    capture: RtpCapture, sender: Sender, wait_for: Until, reports: Any
) -> None:
    for _ in range(3):
        sender.send(np.full((6, 4), 5))
    wait_for(lambda: reports.lines, "the reason")
    port = sender._to[1]
    assert reports.lines[0][1].endswith(
        f"the sound that arrives has 4 channels: give --audio rtp:{port}/48000/4"
    )
