"""Receives sound from another program as RTP (RFC 3550) with 16-bit samples (L16, RFC 3551):
`rtp:PORT`.

The TouchDesigner component sends it; so do ffmpeg (`-c:a pcm_s16be -f rtp rtp://127.0.0.1:9014`)
and GStreamer. An RTP packet contains neither its rate nor its channels, so the option does:
`rtp:9014/48000/2`. It numbers its samples: lost packets become silence of the same length and are
counted.
"""

import logging
import re
import socket
import struct
import threading
from dataclasses import dataclass

import numpy as np

from engine.audio.ring import SampleRing
from engine.errors import AudioError, UsageError
from engine.system.clock import Clock
from engine.system.guarded_thread import Guard, GuardedThread
from engine.system.reporting import Report
from engine.system.translate_errors import translate_errors

RTP_PREFIX = "rtp:"
_FORM = re.compile(
    r"(?:(?P<host>.*):)?(?P<port>\d{1,5})(?:/(?P<rate_hz>\d{4,6})(?:/(?P<channels>\d\d?))?)?"
)
_RATES_HZ = range(8_000, 192_001)
_CHANNELS = range(1, 65)

POLL_S = 0.02
LOST_AFTER_S = (
    0.5  # TouchDesigner sends with every frame; a project that loads a file pauses it for less
)
MAX_GAP_S = 1.0  # a greater jump of the sample number is another stream
_HEADER = struct.Struct(">BBHII")
_VERSION = 2
_MAX_PACKET = 65_536
_FULL_SCALE = np.float32(32_768.0)

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class RtpAddress:
    host: str
    port: int
    rate_hz: int
    channels: int


def parse_rtp(spec: str) -> RtpAddress:
    """Parse `rtp:[HOST:]PORT[/RATE[/CHANNELS]]`; by default 127.0.0.1, 48000 Hz and 2 channels.
    Raises UsageError."""
    found = _FORM.fullmatch(spec.removeprefix(RTP_PREFIX))
    if found is not None:
        host, port, rate_hz, channels = found.groups()
        address = RtpAddress(
            host=host or "127.0.0.1",
            port=int(port),
            rate_hz=int(rate_hz or 48_000),
            channels=int(channels or 2),
        )
        if (
            0 < address.port < 65_536
            and address.rate_hz in _RATES_HZ
            and address.channels in _CHANNELS
        ):
            return address
    raise UsageError(
        f"--audio {spec}: not rtp:[HOST:]PORT[/RATE[/CHANNELS]], such as rtp:9014/48000/2"
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class RtpPacket:
    sequence: int
    """16 bits, one more with each packet."""
    sample: int
    """32 bits: number of the first frame in it."""
    stream: int
    """The sender's own number, 32 bits."""
    payload: bytes


def parse_packet(data: bytes) -> RtpPacket | None:
    """Parse a datagram as an RTP packet; None if it is not RTP."""
    if len(data) < _HEADER.size or data[0] >> 6 != _VERSION:
        return None
    first, _, sequence, sample, stream = _HEADER.unpack_from(data)
    begin, end = _HEADER.size + 4 * (first & 0x0F), len(data)
    if first & 0x10:  # an extension: two bytes of its own, then its length in words
        begin += 4 + 4 * int.from_bytes(data[begin + 2 : begin + 4])
    if first & 0x20:  # padding: its last byte is its length
        end -= data[-1]
    return RtpPacket(sequence=sequence, sample=sample, stream=stream, payload=data[begin:end])


class RtpCapture:
    """Receives RTP into a ring, on a thread of its own from `start` to `close`. AudioError if the
    port cannot be opened, UsageError for a wrong `spec`. While nobody sends, the ring fills with
    silence at its rate. Of two senders the first one is received until it is silent for
    LOST_AFTER_S."""

    def __init__(
        self,
        spec: str,
        clock: Clock,
        report: Report,
        ring: SampleRing | None = None,
        *,
        min_channels: int = 1,
    ) -> None:
        """ring: Buffer of the previous capture, to which this one appends; else a new one of
        `min_channels` or more."""
        address = parse_rtp(spec)
        if ring is not None and (
            ring.sample_rate_hz != address.rate_hz or ring.channels < address.channels
        ):
            raise AudioError(
                f"{spec}: this run has {ring.sample_rate_hz} Hz and up to {ring.channels} channels"
            )
        self.ring = ring or SampleRing(address.rate_hz, max(address.channels, min_channels))
        if ring is None:
            self.ring.used_channels = address.channels
        self.lost_blocks = 0
        self.state = "lost"
        self.description = (
            f"RTP at {address.host}:{address.port} ({address.channels} channels, "
            f"{address.rate_hz} Hz)"
        )
        self._address = address
        self._clock = clock
        self._report = report
        self._closing = threading.Event()
        self._last: RtpPacket | None = None
        self._last_frames = 0
        self._received_s = float("-inf")
        self._filled_s = 0.0
        """The ring is filled up to here, with sound or silence."""
        family = socket.AF_INET6 if ":" in address.host else socket.AF_INET
        self._socket = socket.socket(family, socket.SOCK_DGRAM)
        try:
            with translate_errors(
                {OSError: f"--audio {spec}: the port cannot be opened"}, as_=AudioError
            ):
                self._socket.bind((address.host.strip("[]"), address.port))
        except AudioError:
            self._socket.close()
            raise
        self._socket.settimeout(POLL_S)
        guard = Guard(logger, report, "audio.lost", f"audio: {self.description} stopped")
        self._thread = GuardedThread(
            "audio rtp", self._receive, guard, on_failure=lambda error: self._mark_lost()
        )

    def start(self) -> None:
        self._filled_s = self._clock.now_s()
        self._thread.start()

    def close(self) -> None:
        self._closing.set()
        self._thread.join()
        self._socket.close()

    def _receive(self) -> None:
        while not self._closing.is_set():
            try:
                data = self._socket.recv(_MAX_PACKET)
            except TimeoutError:
                data = b""
            now_s = self._clock.now_s()
            if data:
                self._take_packet(parse_packet(data), now_s)
            if now_s - self._received_s > LOST_AFTER_S:
                self._mark_lost()
                silent = min(
                    int((now_s - self._filled_s) * self.ring.sample_rate_hz), self.ring.capacity
                )
                self._write(np.zeros((silent, self._address.channels), np.float32), now_s)

    def _mark_lost(self) -> None:
        self.state = "lost"
        self._last = None

    def _take_packet(self, packet: RtpPacket | None, now_s: float) -> None:
        if packet is None:
            self._warn("what arrives is not RTP")
            return
        last = self._last
        if last is not None and packet.stream != last.stream:
            self._warn("a second program sends to it, and is ignored while the first one does")
            return
        samples = np.frombuffer(packet.payload[: len(packet.payload) // 2 * 2], ">i2")
        frames, rest = divmod(len(samples), self._address.channels)
        gap = 0
        max_gap = round(self.ring.sample_rate_hz * MAX_GAP_S)
        if last is not None:
            gap = _signed(packet.sample - last.sample - self._last_frames)
            sent = _signed(packet.sample - last.sample)
            is_next = (packet.sequence - last.sequence) & 0xFFFF == 1
            if rest or (is_next and gap and 0 < sent <= len(last.payload) // 2):
                channels = len(last.payload) // 2 // max(1, sent)
                spec = f"rtp:{self._address.port}/{self._address.rate_hz}/{channels}"
                self._warn(f"the sound that arrives has {channels} channels: give --audio {spec}")
                self._last = packet
                return
            if -max_gap <= gap < 0:
                return  # it was overtaken, and its time is filled already
        if 0 < gap <= max_gap:
            self.lost_blocks += 1
            self._warn("packets were lost on the way")
            self._write(np.zeros((gap, self._address.channels), np.float32), now_s)
        block = (
            samples[: frames * self._address.channels].reshape(frames, self._address.channels)
            / _FULL_SCALE
        )
        self._last = packet
        self._last_frames = frames
        self._received_s = now_s
        self.state = "playing"
        self._write(block, now_s)

    def _write(self, block: np.ndarray, now_s: float) -> None:
        """Append frames whose last one sounded now."""
        self.ring.set_mark(self.ring.newest + len(block), now_s)
        self.ring.write(block)
        self._filled_s = now_s

    def _warn(self, what: str) -> None:
        self._report("audio.rtp", f"audio: {self.description}: {what}")


def _signed(difference: int) -> int:
    """A difference of two 32-bit numbers that wrap."""
    return (difference + 0x8000_0000) % 0x1_0000_0000 - 0x8000_0000
