"""Parses the bytes of a MIDI port into whole messages (MIDI 1.0 detailed specification). Pure.

Drivers hand over whole messages, halves, or a system exclusive message in pieces; broken devices
send anything. So:

- Real-time bytes (0xF8 and above) may come within any message, and come out before it.
- Running status: data without a status byte has that of the last channel message; a system message
  ends it.
- A message that another one interrupts is left out, and so is data that belongs to none.
- A system exclusive message longer than `MAX_SYSEX_BYTES` is skipped without being stored: nothing
  here reads one.
"""

import re
from collections.abc import Iterator
from typing import Final

MAX_SYSEX_BYTES: Final = 256  # MTC's full frame has 10
_STATUS = re.compile(rb"[\x80-\xff]")
_DATA_BYTES: Final = {
    0x80: 2,
    0x90: 2,
    0xA0: 2,
    0xB0: 2,
    0xC0: 1,
    0xD0: 1,
    0xE0: 2,
    0xF1: 1,
    0xF2: 2,
    0xF3: 1,
}
_REAL_TIME: Final = frozenset((0xF8, 0xFA, 0xFB, 0xFC, 0xFE, 0xFF))
SYSEX = 0xF0
SYSEX_END = 0xF7


class MidiParser:
    """The parser of one input port. One thread."""

    def __init__(self) -> None:
        self._status = 0
        """Status byte of the message that data belongs to; 0 for none, `SYSEX` within one."""
        self._data = bytearray()

    def feed(self, data: bytes) -> Iterator[bytes]:
        """The messages that these bytes complete: a status byte and its data, without running
        status."""
        at = 0
        while at < len(data):
            if data[at] >= 0x80:
                yield from self._on_status(data[at])
                at += 1
                continue
            found = _STATUS.search(data, at)
            end = found.start() if found else len(data)
            yield from self._on_data(data[at:end])
            at = end

    def _on_status(self, status: int) -> Iterator[bytes]:
        if status >= 0xF8:
            if status in _REAL_TIME:
                yield bytes((status,))
            return
        if status == SYSEX_END and self._status == SYSEX and len(self._data) <= MAX_SYSEX_BYTES:
            yield bytes((SYSEX, *self._data, SYSEX_END))
        self._data.clear()
        is_known = status == SYSEX or self._needs(status) > 0
        self._status = status if is_known else 0

    def _on_data(self, data: bytes) -> Iterator[bytes]:
        if self._status == SYSEX:
            self._data += data[: MAX_SYSEX_BYTES + 1 - len(self._data)]
            return
        at = 0
        needs = self._needs(self._status)
        while needs and at < len(data):
            piece = data[at : at + needs - len(self._data)]
            at += len(piece)
            self._data += piece
            if len(self._data) == needs:
                yield bytes((self._status, *self._data))
                self._data.clear()
                if self._status >= SYSEX:
                    self._status = needs = 0

    @staticmethod
    def _needs(status: int) -> int:
        return _DATA_BYTES.get(status if status >= SYSEX else status & 0xF0, 0)
