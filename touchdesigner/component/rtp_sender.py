"""Sends sound to the engine, which receives it with `--audio rtp:PORT/48000/CHANNELS`. RTP (RFC
3550), 16-bit samples.

A packet is lost rather than waited for: the engine reports it, and plays silence instead.
"""

import os
import socket
import struct
from typing import Any

RATE_HZ = 48_000
PAYLOAD_TYPE = 96  # the first that RFC 3551 leaves to an agreement
MAX_PAYLOAD = 1400  # bytes that cross an Ethernet in one piece
FULL_SCALE = 32_767
_HEADER = struct.Struct(">BBHII")


class Packets:
    """Builds the RTP packets of one sound stream and numbers their samples. Pure."""

    def __init__(self, stream: int) -> None:
        """`stream`: 32 bits, another for each component."""
        self._stream = stream
        self._sequence = 0
        self._sample = 0

    def of(self, samples: bytes, channels: int) -> list[bytes]:
        """The packets of interleaved 16-bit samples, high byte first."""
        frame = 2 * channels
        step = MAX_PAYLOAD // frame * frame
        packets = []
        for at in range(0, len(samples), step):
            payload = samples[at : at + step]
            header = _HEADER.pack(0x80, PAYLOAD_TYPE, self._sequence, self._sample, self._stream)
            packets.append(header + payload)
            self._sequence = (self._sequence + 1) % 2**16
            self._sample = (self._sample + len(payload) // frame) % 2**32
        return packets


class RtpSender:
    def __init__(self) -> None:
        self._packets = Packets(int.from_bytes(os.urandom(4), "big"))
        self._target: tuple[str, int] | None = None
        self._socket: socket.socket | None = None

    def send(self, samples: Any, channels: int, host: str, port: int) -> None:
        """Send a NumPy array (source channels, frames) of floats, -1 to 1. The last source channel
        is repeated if there are fewer than `channels`; more are left out. Raises OSError for a host
        that does not exist."""
        if self._target != (host, port):
            self.close()
            family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_DGRAM)[0]
            self._socket = socket.socket(family, socket.SOCK_DGRAM)
            self._socket.setblocking(False)
            self._socket.connect(address)  # so that the name is looked up once
            self._target = (host, port)
        chosen = samples[[min(channel, len(samples) - 1) for channel in range(channels)]]
        whole = (chosen.clip(-1, 1) * FULL_SCALE).round().astype(">i2").T.tobytes()
        assert self._socket is not None
        for packet in self._packets.of(whole, channels):
            try:
                self._socket.send(packet)
            except OSError:  # nobody listens there, or the buffer is full
                continue

    def close(self) -> None:
        if self._socket is not None:
            self._socket.close()
        self._socket = None
        self._target = None
