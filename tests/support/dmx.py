"""Builds Art-Net and sACN packets field by field, from the layouts in their standards, and receives
levels."""

import socket
import struct
import uuid

from engine.dmx.artnet import read_artnet
from engine.dmx.packets import LevelsPacket
from engine.dmx.sacn import read_sacn

DESK_CID = uuid.UUID("6ba7b810-9dad-11d1-80b4-00c04fd430c8")
SPARE_CID = uuid.UUID("6ba7b811-9dad-11d1-80b4-00c04fd430c8")


def art_dmx(
    universe: int, levels: bytes, *, sequence: int = 0, version: int = 14, length: int | None = None
) -> bytes:
    """ArtDmx (Art-Net 4, "ArtDmx"): the OpCode and the port address have their low byte first, the
    rest not."""
    return b"".join(
        (
            b"Art-Net\0",
            struct.pack("<H", 0x5000),
            struct.pack(">H", version),
            bytes((sequence, 0, universe & 0xFF, universe >> 8)),
            struct.pack(">H", len(levels) if length is None else length),
            levels,
        )
    )


def art_timecode(
    hours: int, minutes: int, seconds: int, frames: int, kind: int = 1, stream: int = 0
) -> bytes:
    """ArtTimeCode; `kind`: 0 film (24), 1 EBU (25), 2 drop frame (29.97), 3 SMPTE (30)."""
    head = b"Art-Net\0" + struct.pack("<H", 0x9700) + struct.pack(">H", 14)
    return head + bytes((0, stream, frames, seconds, minutes, hours, kind))


def art_poll(*, flags: int = 0, targets: tuple[int, int] | None = None) -> bytes:
    """ArtPoll; `targets`: the highest and the lowest port address of a targeted one."""
    tail = b"" if targets is None else struct.pack(">HH", *targets)
    return (
        b"Art-Net\0" + struct.pack("<H", 0x2000) + struct.pack(">H", 14) + bytes((flags, 0)) + tail
    )


def sacn(
    universe: int,
    levels: bytes,
    *,
    sequence: int = 0,
    priority: int = 100,
    component: uuid.UUID = DESK_CID,
    name: str = "Desk",
    options: int = 0,
    start_code: int = 0,
) -> bytes:
    """An E1.31 data packet (ANSI E1.31-2018, table 4-1). Options: 0x80 preview, 0x40 stream
    terminated."""
    properties = bytes((start_code,)) + levels
    dmp = bytes((0x02, 0xA1)) + struct.pack(">HHH", 0, 1, len(properties)) + properties
    framing = (
        struct.pack(">I", 0x02)
        + name.encode().ljust(64, b"\0")
        + struct.pack(">BHBBH", priority, 0, sequence, options, universe)
        + _with_length(dmp)
    )
    root = struct.pack(">I", 0x04) + component.bytes + _with_length(framing)
    return struct.pack(">HH", 0x10, 0) + b"ASC-E1.17\0\0\0" + _with_length(root)


def _with_length(layer: bytes) -> bytes:
    """The layer with its flags (7) and its length, which counts these two bytes."""
    return struct.pack(">H", 0x7000 | len(layer) + 2) + layer


def received(node: socket.socket) -> LevelsPacket:
    """The next packet at this socket, which must be levels of Art-Net or sACN."""
    data, (host, port) = node.recvfrom(2048)
    packet = read_artnet(data, host, port) if data[:7] == b"Art-Net" else read_sacn(data, host)
    assert isinstance(packet, LevelsPacket)
    return packet
