"""Art-Net: reads levels, timecode and polls; writes levels, synchronisation, polls and their
replies. Pure.

ArtDmx carries levels, ArtTimeCode the time, ArtPoll asks who is there, and without an ArtPollReply
a lighting console does not list us. All others are ignored. Senders in the wild differ from the
standard, so two of its rules are relaxed: an odd number of levels is accepted, and so is a packet
with bytes after its levels. All else is refused with a reason.

Source: Art-Net 4 Protocol Release V1.4 (Artistic Licence), "ArtDmx", "ArtSync", "ArtPoll",
"ArtPollReply".
"""

import ipaddress
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import groupby
from struct import Struct
from typing import Final

from engine.dmx.packets import CHANNELS, LevelsPacket
from engine.errors import DmxDecodeError
from engine.values import TimecodeReading

ARTNET_PORT: Final = 6454
MAX_ARTNET_UNIVERSE: Final = 32_767
PRIORITY: Final = 100  # of sACN's range, since Art-Net has no priorities
MAX_REPLY_PORTS: Final = 4  # in one ArtPollReply; a node with more sends several

_ID: Final = b"Art-Net\0"
_OP_POLL: Final = 0x2000
_OP_POLL_REPLY: Final = 0x2100
_OP_DMX: Final = 0x5000
_OP_SYNC: Final = 0x5200
_OP_TIMECODE: Final = 0x9700
_VERSION: Final = 14
_HEAD: Final = Struct("<8sH")
_VERSION_FIELD: Final = Struct(">H")
_DMX: Final = Struct("<BBH")  # sequence, physical port, port address
_DMX_LENGTH: Final = Struct(">H")
_DMX_HEAD_BYTES: Final = 18
_POLL_BYTES: Final = 14
_TIMECODE: Final = Struct("<BBBBB")  # frames, seconds, minutes, hours, type
_STREAM_AT: Final = 13  # the StreamId; 0 is the master stream
# name and labels per second, by type
_RATES: Final = (("24", 24), ("25", 25), ("29.97df", 30), ("30", 30))
_TARGETS: Final = Struct(">HH")  # highest and lowest requested port address
_IS_TARGETED: Final = 0x20  # bit 5 of an ArtPoll's flags

ART_SYNC: Final = _HEAD.pack(_ID, _OP_SYNC) + _VERSION_FIELD.pack(_VERSION) + b"\0\0"
ART_POLL: Final = _HEAD.pack(_ID, _OP_POLL) + _VERSION_FIELD.pack(_VERSION) + b"\x02\0"
"""Nodes also reply when they change; no diagnostics."""

_OEM_UNKNOWN: Final = 0x00FF
_ESTA_PROTOTYPE: Final = 0x7FF0  # ESTA's first number for devices without one of their own
_STATUS1_NORMAL: Final = 0xC0  # indicators in normal mode
_STATUS2_15_BIT: Final = 0x08  # port addresses of 15 bits, as Art-Net 3 and 4 have
_PORT_OUTPUT_DMX: Final = 0x80  # takes DMX512 from the network
_PORT_KIND: Final = (
    0xBF  # of a port's type: bit 7, and the protocol of bits 5 to 0, which is 0 for DMX512
)
_OUTPUT_ACTIVE: Final = 0x80
_REPLY: Final = Struct("<8sH4sHHBB2sBBH18s64s64s2s4s4s4s4s4s13s4sBB4sB21s")
_MIN_REPLY_BYTES: Final = 207  # of the first Art-Net versions; newer fields follow


@dataclass(frozen=True, slots=True, kw_only=True)
class Poll:
    """A received ArtPoll, by which a console looks for nodes."""

    low: int = 0
    high: int = MAX_ARTNET_UNIVERSE
    """The universes that it looks for, both ends included."""


def read_artnet(data: bytes, host: str, port: int) -> LevelsPacket | TimecodeReading | Poll | None:
    """Parse an Art-Net packet; None for one of another kind; timecode has `at_s` 0. Raises
    DmxDecodeError.

    `host` and `port` are the sender's."""
    if len(data) < _HEAD.size + _VERSION_FIELD.size:
        raise DmxDecodeError(f"{len(data)} bytes are too short for Art-Net")
    known, code = _HEAD.unpack_from(data)
    if known != _ID:
        raise DmxDecodeError("does not begin with Art-Net")
    if code not in (_OP_DMX, _OP_POLL, _OP_TIMECODE):
        return None
    (version,) = _VERSION_FIELD.unpack_from(data, _HEAD.size)
    if version < _VERSION:
        raise DmxDecodeError(f"Art-Net protocol version {version} (expected {_VERSION})")
    if code == _OP_TIMECODE:
        return _read_timecode(data, host)
    return _read_dmx(data, host, port) if code == _OP_DMX else _read_poll(data)


def _read_timecode(data: bytes, host: str) -> TimecodeReading:
    if len(data) < 14 + _TIMECODE.size:
        raise DmxDecodeError(f"ArtTimeCode of {len(data)} bytes (expected {14 + _TIMECODE.size})")
    frames, seconds, minutes, hours, kind = _TIMECODE.unpack_from(data, 14)
    rate, labels = _RATES[kind] if kind < len(_RATES) else ("", 0)
    if hours > 23 or max(minutes, seconds) > 59 or frames >= labels:
        raise DmxDecodeError(
            f"ArtTimeCode {hours}:{minutes}:{seconds}:{frames} of type {kind} is no time"
        )
    return TimecodeReading(
        hours=hours,
        minutes=minutes,
        seconds=seconds,
        frames=frames,
        at_s=0.0,
        rate=rate,
        source=f"{host}, stream {data[_STREAM_AT]}",
    )


def _read_dmx(data: bytes, host: str, port: int) -> LevelsPacket:
    if len(data) < _DMX_HEAD_BYTES:
        raise DmxDecodeError(f"ArtDmx of {len(data)} bytes (its head has {_DMX_HEAD_BYTES})")
    sequence, _, universe = _DMX.unpack_from(data, 12)
    (length,) = _DMX_LENGTH.unpack_from(data, 16)
    if not 1 <= length <= CHANNELS or length > len(data) - _DMX_HEAD_BYTES:
        raise DmxDecodeError(
            f"ArtDmx of {length} levels in {len(data)} bytes (1..{CHANNELS} are allowed)"
        )
    if universe > MAX_ARTNET_UNIVERSE:
        raise DmxDecodeError(
            f"ArtDmx for universe {universe} (0..{MAX_ARTNET_UNIVERSE} are allowed)"
        )
    return LevelsPacket(
        protocol="artnet",
        universe=universe,
        source=f"{host}:{port}",
        name=host,
        priority=PRIORITY,
        sequence=sequence or None,
        levels=data[_DMX_HEAD_BYTES : _DMX_HEAD_BYTES + length],
    )


def _read_poll(data: bytes) -> Poll:
    if len(data) < _POLL_BYTES:
        raise DmxDecodeError(f"ArtPoll of {len(data)} bytes (expected {_POLL_BYTES})")
    if data[12] & _IS_TARGETED and len(data) >= _POLL_BYTES + _TARGETS.size:
        high, low = _TARGETS.unpack_from(data, _POLL_BYTES)
        return Poll(low=low, high=high)
    return Poll()


def poll_replies(
    poll: Poll, universes: Iterable[int], live: Iterable[int], *, address: str, name: str
) -> tuple[bytes, ...]:
    """Build the ArtPollReply packets, 239 bytes each, one for each group of four universes that the
    poll asks for.

    `live`: universes that carry data now. `address`: our IPv4 address. `name`: shown by the
    console, 17 bytes of it as the short name."""
    found = [number for number in sorted(set(universes)) if number <= MAX_ARTNET_UNIVERSE]
    live = frozenset(live)
    pages = []
    # one reply has one net and sub-net
    for _, near in groupby(found, key=lambda number: number >> 4):
        numbers = list(near)
        pages += [
            numbers[at : at + MAX_REPLY_PORTS] for at in range(0, len(numbers), MAX_REPLY_PORTS)
        ]
    return tuple(
        _reply(page, live, index, address, name)
        for index, page in enumerate(pages, start=1)
        if any(poll.low <= number <= poll.high for number in page)
    )


def _reply(page: list[int], live: frozenset[int], index: int, address: str, name: str) -> bytes:
    ip = ipaddress.IPv4Address(address).packed
    ports = bytes(_PORT_OUTPUT_DMX for _ in page)
    outputs = bytes(_OUTPUT_ACTIVE * (number in live) for number in page)
    report = f"#0001 [{index:04}] {len(page)} universes"
    return _REPLY.pack(
        _ID,
        _OP_POLL_REPLY,
        ip,
        ARTNET_PORT,
        1 << 8,  # firmware version 1, high byte first
        page[0] >> 8,
        page[0] >> 4 & 0x0F,
        _OEM_UNKNOWN.to_bytes(2, "big"),
        0,
        _STATUS1_NORMAL,
        _ESTA_PROTOTYPE,
        _text(name, 18),
        _text(f"{name} (audio-visual engine)", 64),
        _text(report, 64),
        len(page).to_bytes(2, "big"),
        ports,
        b"",  # good input: none
        outputs,
        b"",  # inputs' universes: none
        bytes(number & 0x0F for number in page),
        b"",  # sACN priority, macros, remotes, spare, style 0 (node), MAC address: unknown
        ip,  # of the root device: the same
        index,
        _STATUS2_15_BIT,
        b"",  # good output B: RDM off and so on
        0,
        b"",  # responder, user, refresh rate, queue policy, filler
    )


def _text(text: str, size: int) -> bytes:
    """ASCII with at least one zero byte at the end."""
    return text.encode("ascii", "replace")[: size - 1]


def art_dmx(universe: int, levels: bytes, sequence: int) -> bytes:
    """Build an ArtDmx packet: levels of one universe. `sequence`: 1..255. An odd number of levels
    gets a zero more, as the standard allows only even ones."""
    levels += bytes(len(levels) % 2)
    head = (
        _HEAD.pack(_ID, _OP_DMX) + _VERSION_FIELD.pack(_VERSION) + _DMX.pack(sequence, 0, universe)
    )
    return head + _DMX_LENGTH.pack(len(levels)) + levels


def read_poll_reply(data: bytes) -> frozenset[int]:
    """The universes that the node with this ArtPollReply receives; empty for any other packet."""
    if len(data) < _MIN_REPLY_BYTES or data[:10] != _HEAD.pack(_ID, _OP_POLL_REPLY):
        return frozenset()
    base = (data[18] & 0x7F) << 8 | (data[19] & 0x0F) << 4
    ports = range(min(4, data[173]))
    return frozenset(
        base | data[190 + port] & 0x0F
        for port in ports
        if data[174 + port] & _PORT_KIND == _PORT_OUTPUT_DMX
    )
