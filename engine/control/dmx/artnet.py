"""Reads Art-Net 4 packets and writes the reply to a poll. Pure.

Only two packets matter here: ArtDmx carries levels, ArtPoll asks who is there, and without an ArtPollReply a lighting
desk does not list us. All others are ignored, ArtSync too: levels count when they arrive, a frame lasts longer than the
spread of one desk's packets.

By hand, because no library on PyPI receives robustly (looked at in 2026). stupidArtnet 1.6.0 reads the sequence number
of the first byte only, and its receiving thread ends with the first packet shorter than its header. python-artnet 1.2.0
sleeps up to a second on the receiving thread before each reply, and prints errors. Neither limits what it keeps.

Senders in the wild differ from the standard, so two of its rules are relaxed: an odd number of levels is accepted, and
so is a packet with bytes after its levels. Everything else is refused with a reason.

Source: Art-Net 4 Protocol Release V1.4 (Artistic Licence), "ArtDmx", "ArtPoll", "ArtPollReply".
"""

import ipaddress
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import groupby
from struct import Struct
from typing import Final

from engine.control.dmx.packet import CHANNELS, LevelsPacket
from engine.errors import DmxDecodeError

PORT: Final = 6454
MAX_UNIVERSE: Final = 32_767
PRIORITY: Final = 100  # of sACN's range, in which Art-Net has no place of its own
MAX_REPLY_PORTS: Final = 4  # in one ArtPollReply; a node with more sends several

_ID: Final = b"Art-Net\0"
_OP_POLL: Final = 0x2000
_OP_POLL_REPLY: Final = 0x2100
_OP_DMX: Final = 0x5000
_VERSION: Final = 14
_HEAD: Final = Struct("<8sH")
_VERSION_FIELD: Final = Struct(">H")
_DMX: Final = Struct("<BBH")  # sequence, physical port, port address
_LENGTH: Final = Struct(">H")
_DMX_HEAD_BYTES: Final = 18
_POLL_BYTES: Final = 14
_TARGETS: Final = Struct(">HH")  # highest and lowest port address that is asked for
_IS_TARGETED: Final = 0x20  # bit 5 of an ArtPoll's flags

_OEM_UNKNOWN: Final = 0x00FF
_ESTA_PROTOTYPE: Final = 0x7FF0  # ESTA's first number for devices without one of their own
_STATUS1_NORMAL: Final = 0xC0  # indicators in normal mode
_STATUS2_15_BIT: Final = 0x08  # port addresses of 15 bits, as Art-Net 3 and 4 have
_PORT_OUTPUT_DMX: Final = 0x80  # takes DMX512 from the network
_OUTPUT_ACTIVE: Final = 0x80
_REPLY: Final = Struct("<8sH4sHHBB2sBBH18s64s64s2s4s4s4s4s4s13s4sBB4sB21s")


@dataclass(frozen=True, slots=True, kw_only=True)
class Poll:
    """An ArtPoll: a desk looks for nodes."""

    low: int = 0
    high: int = MAX_UNIVERSE
    """The universes that it looks for, both ends included."""


def read_artnet(data: bytes, host: str, port: int) -> LevelsPacket | Poll | None:
    """The packet, or None if it is of a kind that does not matter here. Raises DmxDecodeError.

    `host` and `port` are the sender's.
    """
    if len(data) < _HEAD.size + _VERSION_FIELD.size:
        raise DmxDecodeError(f"{len(data)} bytes are too short for Art-Net")
    known, code = _HEAD.unpack_from(data)
    if known != _ID:
        raise DmxDecodeError("does not begin with Art-Net")
    if code not in (_OP_DMX, _OP_POLL):
        return None
    (version,) = _VERSION_FIELD.unpack_from(data, _HEAD.size)
    if version < _VERSION:
        raise DmxDecodeError(f"Art-Net protocol version {version} (expected {_VERSION})")
    return _read_dmx(data, host, port) if code == _OP_DMX else _read_poll(data)


def _read_dmx(data: bytes, host: str, port: int) -> LevelsPacket:
    if len(data) < _DMX_HEAD_BYTES:
        raise DmxDecodeError(f"ArtDmx of {len(data)} bytes (its head has {_DMX_HEAD_BYTES})")
    sequence, _, universe = _DMX.unpack_from(data, 12)
    (length,) = _LENGTH.unpack_from(data, 16)
    if not 1 <= length <= CHANNELS or length > len(data) - _DMX_HEAD_BYTES:
        raise DmxDecodeError(f"ArtDmx of {length} levels in {len(data)} bytes (1..{CHANNELS} are allowed)")
    if universe > MAX_UNIVERSE:
        raise DmxDecodeError(f"ArtDmx for universe {universe} (0..{MAX_UNIVERSE} are allowed)")
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
    """ArtPollReply packets of 239 bytes, one for each group of four universes that the poll asks for.

    `live`: universes that carry data now. `address`: our IPv4 address. `name`: shown by the desk, 17 bytes of it as
    the short name.
    """
    found = [number for number in sorted(set(universes)) if number <= MAX_UNIVERSE]
    live = frozenset(live)
    pages = []
    for _, near in groupby(found, key=lambda number: number >> 4):  # one reply has one net and sub-net
        numbers = list(near)
        pages += [numbers[at : at + MAX_REPLY_PORTS] for at in range(0, len(numbers), MAX_REPLY_PORTS)]
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
        PORT,
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
