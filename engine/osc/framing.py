"""OSC packets in a TCP stream: an int32 length before each (OSC 1.0: liblo, SuperCollider), or SLIP
(OSC 1.1, RFC 1055).

The stream does not name its framing, but the first byte shows it: SLIP begins with END (0xC0), or
with the packet itself (`/` or `#`) from a sender that uses END only behind packets; a length below
16 MiB begins with a zero byte.
"""

import re
from collections.abc import Iterator
from enum import Enum
from struct import Struct
from typing import Final

from engine.errors import OscDecodeError
from engine.osc.decode import MAX_PACKET_BYTES, printable

_END = b"\xc0"
_ESC = b"\xdb"
_ESC_END = b"\xdb\xdc"
_ESC_ESC = b"\xdb\xdd"
_LENGTH: Final = Struct(">i")
# a zero byte ends an OSC address
_TEXT: Final = re.compile(rb"/[^\0\xc0]{0,240}[ \r\n][^\0\xc0\r\n]*")
HINT: Final = "Companion sends OSC by its module Generic OSC"


class Framing(Enum):
    LENGTH = "int32 length"
    SLIP = "SLIP"


def frame(packet: bytes, framing: Framing) -> bytes:
    """The packet with its framing; SLIP with END on both sides, as OSC 1.1 requires."""
    if framing is Framing.LENGTH:
        return _LENGTH.pack(len(packet)) + packet
    return _END + packet.replace(_ESC, _ESC_ESC).replace(_END, _ESC_END) + _END


class StreamReader:
    """Splits the stream of one connection into packets. Bounded memory, linear time."""

    def __init__(self) -> None:
        self.framing: Framing | None = None
        """None before the first byte."""
        self._may_be_text = False
        self._pending = bytearray()
        self._searched = 0

    def feed(self, data: bytes) -> Iterator[bytes]:
        """Yield the packets that `data` completes, in order; consume them before the next call.

        Raises OscDecodeError, after the packets before it, if the stream is invalid and cannot be
        resumed."""
        self._pending += data
        if self.framing is None and self._pending:
            first_byte = self._pending[0]
            if first_byte and first_byte not in b"\xc0/#":
                raise OscDecodeError(
                    f"stream begins with 0x{first_byte:02x}: neither SLIP nor a length; {HINT}"
                )
            self.framing = Framing.SLIP if first_byte else Framing.LENGTH
            self._may_be_text = first_byte == ord("/")
        if self._may_be_text and (text := _TEXT.match(self._pending)):
            line = printable(text[0].splitlines()[0].decode(errors="replace").rstrip())
            raise OscDecodeError(f"{line!r} is text, not an OSC packet; {HINT}")
        if self.framing is Framing.LENGTH:
            yield from self._cut_by_length()
        else:
            yield from self._cut_by_end()

    def _cut_by_length(self) -> Iterator[bytes]:
        pending = self._pending
        at = 0
        try:
            while len(pending) - at >= 4:
                (size,) = _LENGTH.unpack_from(pending, at)
                if not 0 <= size <= MAX_PACKET_BYTES:
                    raise OscDecodeError(f"length prefix {size} is outside 0..{MAX_PACKET_BYTES}")
                if len(pending) - at - 4 < size:
                    return
                at += 4 + size
                yield bytes(pending[at - size : at])
        finally:
            del pending[:at]

    def _cut_by_end(self) -> Iterator[bytes]:
        pending = self._pending
        at = 0
        search_from = self._searched
        self._searched = 0
        try:
            while (end := pending.find(_END, search_from)) >= 0:
                packet = bytes(pending[at:end])
                at = search_from = end + 1
                if packet:  # two ENDs in a row close one packet and open the next
                    self._may_be_text = False
                    yield _unescape(packet)
            self._searched = len(pending) - at
            if self._searched > 2 * MAX_PACKET_BYTES:  # every byte may have been escaped
                raise OscDecodeError(f"{self._searched} bytes of SLIP without an end")
        finally:
            del pending[:at]


def _unescape(packet: bytes) -> bytes:
    if _ESC not in packet:
        return packet
    if packet.count(_ESC) != packet.count(_ESC_END) + packet.count(_ESC_ESC):
        raise OscDecodeError("SLIP escape before a byte that needs none")
    return packet.replace(_ESC_END, _END).replace(_ESC_ESC, _ESC)
