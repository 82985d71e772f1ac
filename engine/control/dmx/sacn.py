"""Reads sACN data packets (ANSI E1.31). Pure.

By hand, because the one maintained library, sacn 1.11.0 (looked at in 2026), does not receive robustly: it keeps one
sequence number for all sources of a universe, so that two desks shut each other out; it lets preview data through; and
a packet with priority 201 raises an error that nothing catches, which ends its receiving thread.

Not used: synchronisation (levels count when they arrive, as for senders that do not synchronise), universe discovery
(the universes are configured), and start codes other than 0, among them ETC's priority for each channel (0xDD).

Source: ANSI E1.31-2018, chapters 4 to 6 (layers, framing), 9.3.1 (multicast addresses); E1.17 (root layer).
"""

from struct import Struct
from typing import Final

from engine.control.dmx.packet import CHANNELS, LevelsPacket
from engine.errors import DmxDecodeError

PORT: Final = 5568
MIN_UNIVERSE, MAX_UNIVERSE = 1, 63_999
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
    if not MIN_UNIVERSE <= universe <= MAX_UNIVERSE:
        raise DmxDecodeError(f"sACN for universe {universe} ({MIN_UNIVERSE}..{MAX_UNIVERSE} are allowed)")
    if priority > MAX_PRIORITY:
        raise DmxDecodeError(f"sACN with priority {priority} (0..{MAX_PRIORITY} are allowed)")
    levels, start_code = _read_levels(data)
    is_end = bool(options & _END)
    if start_code and not is_end:
        return None
    return LevelsPacket(
        protocol="sacn",
        universe=universe,
        source=component.hex(),
        name=_name(name, host),
        priority=priority,
        sequence=sequence,
        levels=levels,
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
