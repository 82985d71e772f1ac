"""What OSC has done since the start; read from any thread.

A field is written by one thread, the receiving one or the sending one, or else through `add`.
"""

import threading
from dataclasses import dataclass
from typing import ClassVar


@dataclass(slots=True)
class OscCounters:
    _adding: ClassVar[threading.Lock] = threading.Lock()  # of the class: the fields are all there is to copy

    packets: int = 0
    """Datagrams and stream packets from senders that are allowed."""
    bytes: int = 0
    messages: int = 0
    """Well-formed messages, those in bundles too."""
    changes: int = 0
    """Usable values; a pattern gives one for each parameter it matches."""
    commands: int = 0
    rejected: int = 0
    """Messages with a value that cannot be used, and bundles whose time cannot be kept."""
    unknown: int = 0
    """Messages that are nearly ours: typing errors, and what a subscriber sends. Each is explained."""
    unmapped: int = 0
    """Messages of other programs that nothing is mapped to: listed by `/map/heard`."""
    malformed: int = 0
    refused: int = 0
    """Packets and connections from senders outside `--osc-allow`."""
    scheduled: int = 0
    """Bundles that waited for their time tag."""
    late_bundles: int = 0
    """Bundles whose time tag had passed when they came; applied at once."""
    lost: int = 0
    """Datagrams the system threw away because its receive buffer was full (Linux tells)."""
    sent: int = 0
    """Packets sent: answers, feedback, heartbeats, features."""
    feedback_sent: int = 0
    """Of these, values sent to subscribers."""
    dropped: int = 0
    """Packets that could not be sent: queue full, subscriber gone, too large for a datagram."""
    receive_buffer_bytes: int = 0
    """Granted by the system, in the unit it was asked in: 8 MiB where it may be so large. Not a count."""
    errors: int = 0
    """Failures of the engine's own code while it served a packet; the first traceback is in the log."""

    def add(self, field: str, count: int = 1) -> int:
        """Count what several threads count: `rejected`, `dropped`, `errors`, `commands`. What it is now."""
        with self._adding:
            total: int = getattr(self, field) + count
            setattr(self, field, total)
            return total
