"""Counters of OSC since the start; read from any thread.

Each field is written by one thread, the receiving or the sending one, or through `add`.
"""

import threading
from dataclasses import dataclass
from typing import ClassVar


@dataclass(slots=True)
class OscCounters:
    _adding: ClassVar[threading.Lock] = threading.Lock()  # shared by all, so that copies have the fields only

    packets: int = 0
    """Datagrams and stream packets from senders that are allowed."""
    bytes: int = 0
    messages: int = 0
    """Well-formed messages, including those in bundles."""
    changes: int = 0
    """Accepted values; a pattern counts once for each parameter that it matches."""
    commands: int = 0
    rejected: int = 0
    """Messages with unusable values, and bundles that are too far ahead or too many."""
    unknown: int = 0
    """Unknown addresses that resemble ours or come from a subscriber. Explained as typing errors."""
    unmapped: int = 0
    """Unmapped messages of other programs, listed by `/map/heard`."""
    malformed: int = 0
    refused: int = 0
    """Packets and connections from senders outside `--osc-allow`."""
    scheduled: int = 0
    """Bundles that waited for their time tag."""
    late_bundles: int = 0
    """Bundles whose time tag had passed when they came; applied at once."""
    lost: int = 0
    """Datagrams that the system dropped because its receive buffer was full (counted on Linux only)."""
    sent: int = 0
    """Packets sent: answers, feedback, heartbeats, features."""
    feedback_sent: int = 0
    """Values sent to subscribers; part of `sent`."""
    dropped: int = 0
    """Packets that could not be sent: queue full, receiver gone, too large for a datagram."""
    receive_buffer_bytes: int = 0
    """Size of the receive buffer that the system granted, 8 MiB if it allows that. Not a count."""
    errors: int = 0
    """Errors in the engine's own code while it served a packet; the log has the tracebacks."""

    def add(self, field: str, count: int = 1) -> int:
        """Add to a field that several threads write: `rejected`, `dropped`, `errors`, `commands`. The new total."""
        with self._adding:
            total: int = getattr(self, field) + count
            setattr(self, field, total)
            return total
