"""sACN (E1.31): reads levels; writes levels, synchronisation and discovery. Pure.

Not used: universe discovery (universes are configured), start codes except 0 and 0xDD, ETC's
priority per channel.

Sources: ANSI E1.31-2018, chapters 4 to 6 (layers, framing; tables 4-1 data, 4-2 synchronisation,
4-3 discovery), 9.3.1 (multicast addresses); E1.17 (root layer).
"""

from collections.abc import Iterable
from struct import Struct, pack
from typing import Final

from engine.dmx.packets import CHANNELS, LevelsPacket
from engine.errors import DmxDecodeError

SACN_PORT: Final = 5568
MIN_SACN_UNIVERSE, MAX_SACN_UNIVERSE = 1, 63_999
MAX_PRIORITY: Final = 200
DISCOVERY_UNIVERSE: Final = 64_214
MAX_LISTED: Final = 512  # universes in one discovery packet
TERMINATED = 0x40
FORCED = 0x20
"""Options of a data packet: the source ends this universe; a receiver need not wait if
synchronisation is lost."""

_ROOT: Final = Struct(">HH12sHI16s")
_FRAMING: Final = Struct(">HI64sBHBBH")
_DMP: Final = Struct(">HBBHHHB")
_HEAD_BYTES: Final = _ROOT.size + _FRAMING.size + _DMP.size  # 126: the levels follow
_ACN: Final = b"ASC-E1.17\0\0\0"
_PREAMBLE_BYTES: Final = 16  # before the flags and length of the root layer
_PREAMBLE: Final = pack(">HH", _PREAMBLE_BYTES, 0) + _ACN
# vectors of each layer
_ROOT_DATA = 4
_ROOT_EXTENDED = 8
_FRAMING_DATA = 2
_FRAMING_SYNC = 1
_FRAMING_DISCOVERY = 2
_UNIVERSE_LIST: Final = 1
_DMP_SET: Final = 0x02
_ADDRESSING: Final = 0xA1  # two-byte addresses of single values, relative to nothing
_PRIORITIES: Final = 0xDD  # start code
_PREVIEW: Final = 0x80
_LENGTH: Final = 0x0FFF
_FLAGS: Final = 0x7


def read_sacn(data: bytes, host: str) -> LevelsPacket | None:
    """Parse an sACN packet from `host`; None if it carries no levels: other vectors, start codes,
    preview data.

    Raises DmxDecodeError."""
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
    length, vector, name, priority, _, sequence, options, universe = _FRAMING.unpack_from(
        data, _ROOT.size
    )
    _require_length(length, len(data) - _ROOT.size, "framing")
    if vector != _FRAMING_DATA or options & _PREVIEW:
        return None
    if not MIN_SACN_UNIVERSE <= universe <= MAX_SACN_UNIVERSE:
        raise DmxDecodeError(
            f"sACN for universe {universe} ({MIN_SACN_UNIVERSE}..{MAX_SACN_UNIVERSE} are allowed)"
        )
    if priority > MAX_PRIORITY:
        raise DmxDecodeError(f"sACN with priority {priority} (0..{MAX_PRIORITY} are allowed)")
    levels, start_code = _read_levels(data)
    is_end = bool(options & TERMINATED)
    if start_code not in (0, _PRIORITIES) and not is_end:
        return None
    return LevelsPacket(
        protocol="sacn",
        universe=universe,
        source=component.hex(),
        name=_printable_name(name, host),
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
    length, vector, addressing, first, step, count, start_code = _DMP.unpack_from(
        data, _ROOT.size + _FRAMING.size
    )
    _require_length(length, len(data) - _ROOT.size - _FRAMING.size, "DMP")
    if (vector, addressing, first, step) != (_DMP_SET, _ADDRESSING, 0, 1):
        raise DmxDecodeError("sACN data are not addressed as E1.31 demands")
    if not 1 <= count <= CHANNELS + 1 or count - 1 > len(data) - _HEAD_BYTES:
        raise DmxDecodeError(
            f"sACN with {count - 1} levels in {len(data)} bytes (at most {CHANNELS} are allowed)"
        )
    return data[_HEAD_BYTES : _HEAD_BYTES + count - 1], start_code


def _require_length(field: int, present: int, layer: str) -> None:
    if field >> 12 != _FLAGS or field & _LENGTH > present:
        raise DmxDecodeError(
            f"the sACN {layer} layer says {field & _LENGTH} bytes, {present} are there"
        )


def _printable_name(raw: bytes, host: str) -> str:
    """The source's name and host on one line, without control characters."""
    text = raw.partition(b"\0")[0].decode("utf-8", "replace")
    printable = "".join(letter if letter.isprintable() else " " for letter in text)
    return f"{' '.join(printable.split())} {host}".strip()


def group_of(universe: int) -> str:
    """The multicast address of a universe: 239.255.0.1 for universe 1."""
    return f"239.255.{universe >> 8}.{universe & 0xFF}"


def sacn_data(
    universe: int,
    levels: bytes,
    *,
    cid: bytes,
    name: str,
    priority: int,
    sequence: int,
    sync: int = 0,
    options: int = 0,
) -> bytes:
    """Build an E1.31 data packet with start code 0. `cid`: 16 bytes. `sync`: universe of
    synchronisation packets."""
    values = b"\0" + levels
    dmp = pack(">BBHHH", _DMP_SET, _ADDRESSING, 0, 1, len(values)) + values
    frame = pack(
        ">I64sBHBBH", _FRAMING_DATA, _name(name), priority, sync, sequence, options, universe
    )
    return _packet(_ROOT_DATA, cid, frame + _layer(dmp))


def sacn_sync(sync: int, *, cid: bytes, sequence: int) -> bytes:
    """Build an E1.31 synchronisation packet, 49 bytes."""
    return _packet(_ROOT_EXTENDED, cid, pack(">IBHH", _FRAMING_SYNC, sequence, sync, 0))


def sacn_discovery(universes: Iterable[int], *, cid: bytes, name: str) -> bytes:
    """Build an E1.31 universe discovery packet of one page; universes beyond 512 are left out."""
    listed = sorted(universes)[:MAX_LISTED]
    pages = pack(">IBB", _UNIVERSE_LIST, 0, 0) + pack(f">{len(listed)}H", *listed)
    return _packet(
        _ROOT_EXTENDED, cid, pack(">I64sI", _FRAMING_DISCOVERY, _name(name), 0) + _layer(pages)
    )


def _packet(vector: int, cid: bytes, frame: bytes) -> bytes:
    return _PREAMBLE + _layer(pack(">I", vector) + cid + _layer(frame))


def _layer(content: bytes) -> bytes:
    """A layer with its flags (7) and its length, which counts these two bytes."""
    return pack(">H", _FLAGS << 12 | len(content) + 2) + content


def _name(name: str) -> bytes:
    """UTF-8 in 64 bytes with a zero at the end, cut between letters."""
    return name.encode()[:63].decode(errors="ignore").encode()
