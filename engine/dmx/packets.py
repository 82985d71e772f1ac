"""Reads packets of levels, Art-Net's and sACN's, and writes the reply to an Art-Net poll. Pure.

By hand, because no library on PyPI receives robustly (looked at in 2026). stupidArtnet 1.6.0 reads the sequence number
of the first byte only, and its receiving thread ends with the first packet shorter than its header. python-artnet 1.2.0
sleeps up to a second on the receiving thread before each reply, and prints errors. Neither limits what it keeps. sacn
1.11.0 keeps one sequence number for all sources of a universe, so that two consoles shut each other out; it lets
preview data through; and a packet with priority 201 raises an error that nothing catches, which ends its thread.

Levels count when they arrive: a frame lasts longer than the spread of one console's packets. So synchronisation is
ignored in both protocols (ArtSync, E1.31's synchronisation packets).

Art-Net: ArtDmx carries levels, ArtTimeCode the time, ArtPoll asks who is there, and without an ArtPollReply a lighting
console does not list us. All others are ignored. Senders in the wild differ from the standard, so two of its rules are
relaxed: an odd number of levels is accepted, and so is a packet with bytes after its levels. Everything else is refused
with a reason.

sACN: not used are universe discovery (the universes are configured), and start codes other than 0 and 0xDD, ETC's
priority for each channel.

Sources: Art-Net 4 Protocol Release V1.4 (Artistic Licence), "ArtDmx", "ArtPoll", "ArtPollReply"; ANSI E1.31-2018,
chapters 4 to 6 (layers, framing), 9.3.1 (multicast addresses); E1.17 (root layer).
"""

import ipaddress
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import groupby
from struct import Struct
from typing import Final, Literal

from engine.errors import DmxDecodeError
from engine.values import TimecodeReading

CHANNELS = 512  # of one universe (ANSI E1.11)

Protocol = Literal["artnet", "sacn"]


@dataclass(frozen=True, slots=True, kw_only=True)
class LevelsPacket:
    """Levels of the first channels of one universe, 0..255 each."""

    protocol: Protocol
    universe: int
    """The number in the packet: Art-Net's port address 0..32767, sACN's universe 1..63999."""
    source: str
    """Identifies the sender within its protocol: host and port (Art-Net), component identifier (sACN)."""
    name: str
    """The sender's name for people: host (Art-Net), source name and host (sACN)."""
    priority: int
    """0..200; Art-Net has none and counts as 100, sACN's default."""
    sequence: int | None
    """0..255; None if the sender does not number its packets."""
    levels: bytes
    """One byte for each channel from channel 1 on, at most 512."""
    is_priorities: bool = False
    """True if `levels` are a priority for each channel, 0..200 (sACN's start code 0xDD, by ETC); 0: not sent."""
    is_end: bool = False
    """True if the sender says that it ends this universe; then `levels` do not count."""


ARTNET_PORT: Final = 6454
MAX_ARTNET_UNIVERSE: Final = 32_767
PRIORITY: Final = 100  # of sACN's range, in which Art-Net has no place of its own
MAX_REPLY_PORTS: Final = 4  # in one ArtPollReply; a node with more sends several

_ID: Final = b"Art-Net\0"
_OP_POLL: Final = 0x2000
_OP_POLL_REPLY: Final = 0x2100
_OP_DMX: Final = 0x5000
_OP_TIMECODE: Final = 0x9700
_VERSION: Final = 14
_HEAD: Final = Struct("<8sH")
_VERSION_FIELD: Final = Struct(">H")
_DMX: Final = Struct("<BBH")  # sequence, physical port, port address
_DMX_LENGTH: Final = Struct(">H")
_DMX_HEAD_BYTES: Final = 18
_POLL_BYTES: Final = 14
_TIMECODE: Final = Struct("<BBBBB")  # frames, seconds, minutes, hours, type
_RATES: Final = (("24", 24), ("25", 25), ("29.97df", 30), ("30", 30))  # and labels in a second, by type
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
    """An ArtPoll: a console looks for nodes."""

    low: int = 0
    high: int = MAX_ARTNET_UNIVERSE
    """The universes that it looks for, both ends included."""


def read_artnet(data: bytes, host: str, port: int) -> LevelsPacket | TimecodeReading | Poll | None:
    """The packet, or None if it is of a kind that does not matter here; timecode at 0 s. Raises DmxDecodeError.

    `host` and `port` are the sender's.
    """
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
        return _read_timecode(data)
    return _read_dmx(data, host, port) if code == _OP_DMX else _read_poll(data)


def _read_timecode(data: bytes) -> TimecodeReading:
    if len(data) < 14 + _TIMECODE.size:
        raise DmxDecodeError(f"ArtTimeCode of {len(data)} bytes (expected {14 + _TIMECODE.size})")
    frames, seconds, minutes, hours, kind = _TIMECODE.unpack_from(data, 14)
    rate, labels = _RATES[kind] if kind < len(_RATES) else ("", 0)
    if hours > 23 or max(minutes, seconds) > 59 or frames >= labels:
        raise DmxDecodeError(f"ArtTimeCode {hours}:{minutes}:{seconds}:{frames} of type {kind} is no time")
    return TimecodeReading(hours=hours, minutes=minutes, seconds=seconds, frames=frames, at_s=0.0, rate=rate)


def _read_dmx(data: bytes, host: str, port: int) -> LevelsPacket:
    if len(data) < _DMX_HEAD_BYTES:
        raise DmxDecodeError(f"ArtDmx of {len(data)} bytes (its head has {_DMX_HEAD_BYTES})")
    sequence, _, universe = _DMX.unpack_from(data, 12)
    (length,) = _DMX_LENGTH.unpack_from(data, 16)
    if not 1 <= length <= CHANNELS or length > len(data) - _DMX_HEAD_BYTES:
        raise DmxDecodeError(f"ArtDmx of {length} levels in {len(data)} bytes (1..{CHANNELS} are allowed)")
    if universe > MAX_ARTNET_UNIVERSE:
        raise DmxDecodeError(f"ArtDmx for universe {universe} (0..{MAX_ARTNET_UNIVERSE} are allowed)")
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

    `live`: universes that carry data now. `address`: our IPv4 address. `name`: shown by the console, 17 bytes of it as
    the short name.
    """
    found = [number for number in sorted(set(universes)) if number <= MAX_ARTNET_UNIVERSE]
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


SACN_PORT: Final = 5568
MIN_SACN_UNIVERSE, MAX_SACN_UNIVERSE = 1, 63_999
MAX_PRIORITY: Final = 200

_ROOT: Final = Struct(">HH12sHI16s")
_FRAMING: Final = Struct(">HI64sBHBBH")
_DMP: Final = Struct(">HBBHHHB")
_HEAD_BYTES: Final = _ROOT.size + _FRAMING.size + _DMP.size  # 126: the levels follow
_ACN: Final = b"ASC-E1.17\0\0\0"
_PREAMBLE_BYTES: Final = 16  # before the flags and length of the root layer
_ROOT_DATA: Final = 0x04
_FRAMING_DATA: Final = 0x02
_DMP_SET: Final = 0x02
_ADDRESSING: Final = 0xA1  # two-byte addresses of single values, relative to nothing
_PRIORITIES: Final = 0xDD  # start code
_PREVIEW: Final = 0x80
_END: Final = 0x40
_LENGTH: Final = 0x0FFF
_FLAGS: Final = 0x7


def read_sacn(data: bytes, host: str) -> LevelsPacket | None:
    """The packet, or None if it carries no levels to show: other vectors, start codes, preview data. `host` sent it.

    Raises DmxDecodeError.
    """
    if len(data) < _ROOT.size:
        raise DmxDecodeError(f"{len(data)} bytes are too short for sACN")
    preamble, postamble, known, length, vector, component = _ROOT.unpack_from(data)
    if (preamble, postamble, known) != (_PREAMBLE_BYTES, 0, _ACN):
        raise DmxDecodeError("does not begin as an ACN packet does")
    _require_length(length, len(data) - _PREAMBLE_BYTES, "root")
    if vector != _ROOT_DATA:
        return None
    if len(data) < _ROOT.size + _FRAMING.size:
        raise DmxDecodeError(f"sACN packet of {len(data)} bytes (its head has {_HEAD_BYTES})")
    length, vector, name, priority, _, sequence, options, universe = _FRAMING.unpack_from(data, _ROOT.size)
    _require_length(length, len(data) - _ROOT.size, "framing")
    if vector != _FRAMING_DATA or options & _PREVIEW:
        return None
    if not MIN_SACN_UNIVERSE <= universe <= MAX_SACN_UNIVERSE:
        raise DmxDecodeError(f"sACN for universe {universe} ({MIN_SACN_UNIVERSE}..{MAX_SACN_UNIVERSE} are allowed)")
    if priority > MAX_PRIORITY:
        raise DmxDecodeError(f"sACN with priority {priority} (0..{MAX_PRIORITY} are allowed)")
    levels, start_code = _read_levels(data)
    is_end = bool(options & _END)
    if start_code not in (0, _PRIORITIES) and not is_end:
        return None
    return LevelsPacket(
        protocol="sacn",
        universe=universe,
        source=component.hex(),
        name=_name(name, host),
        priority=priority,
        sequence=sequence,
        levels=levels,
        is_priorities=start_code == _PRIORITIES,
        is_end=is_end,
    )


def _read_levels(data: bytes) -> tuple[bytes, int]:
    """The levels and their start code."""
    if len(data) < _HEAD_BYTES:
        raise DmxDecodeError(f"sACN packet of {len(data)} bytes (its head has {_HEAD_BYTES})")
    length, vector, addressing, first, step, count, start_code = _DMP.unpack_from(data, _ROOT.size + _FRAMING.size)
    _require_length(length, len(data) - _ROOT.size - _FRAMING.size, "DMP")
    if (vector, addressing, first, step) != (_DMP_SET, _ADDRESSING, 0, 1):
        raise DmxDecodeError("sACN data are not addressed as E1.31 demands")
    if not 1 <= count <= CHANNELS + 1 or count - 1 > len(data) - _HEAD_BYTES:
        raise DmxDecodeError(f"sACN with {count - 1} levels in {len(data)} bytes (at most {CHANNELS} are allowed)")
    return data[_HEAD_BYTES : _HEAD_BYTES + count - 1], start_code


def _require_length(field: int, present: int, layer: str) -> None:
    if field >> 12 != _FLAGS or field & _LENGTH > present:
        raise DmxDecodeError(f"the sACN {layer} layer says {field & _LENGTH} bytes, {present} are there")


def _name(raw: bytes, host: str) -> str:
    """The source's name and host on one line, without control characters."""
    text = raw.partition(b"\0")[0].decode("utf-8", "replace")
    shown = "".join(letter if letter.isprintable() else " " for letter in text)
    return f"{' '.join(shown.split())} {host}".strip()


def group_of(universe: int) -> str:
    """The multicast address of a universe: 239.255.0.1 for universe 1."""
    return f"239.255.{universe >> 8}.{universe & 0xFF}"
