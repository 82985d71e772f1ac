"""OSC counters since the start; readable from any thread.

Each field is written by one thread, the receiving or the sending one, or through `add`.
"""

import threading
from dataclasses import dataclass
from typing import ClassVar


@dataclass(slots=True)
class OscCounters:
    _adding: ClassVar[threading.Lock] = threading.Lock()  # a class variable, so that a copy holds only the counters

    packets: int = 0
    """Datagrams and stream packets from allowed senders that were executed."""
    bytes: int = 0
    messages: int = 0
    """Well-formed messages, including those in bundles."""
    changes: int = 0
    """Accepted values; a pattern counts once for each parameter that it matches."""
    commands: int = 0
    rejected: int = 0
    """Messages with unusable values, and bundles refused because they are too far ahead or the queue is full."""
    unknown: int = 0
    """Unknown addresses that resemble ours or come from a subscriber: treated as typing errors."""
    unmapped: int = 0
    """Unmapped messages of other programs, listed by `/map/heard`."""
    malformed: int = 0
    refused: int = 0
    """Packets and connections from senders outside `--osc-allow`."""
    scheduled: int = 0
    """Bundles queued until their time tag."""
    late_bundles: int = 0
    """Bundles that arrived after their time tag; applied at once."""
    lost: int = 0
    """Datagrams that the system dropped because the receive buffer was full (counted on Linux only)."""
    replaced: int = 0
    """Messages left out in a flood, undecoded, because newer ones set the same values. Not in `messages`."""
    discarded: int = 0
    """Messages left out in a flood without a newer value: repeated triggers, unmapped messages of other programs, and
    the oldest commands beyond 16 MiB."""
    sent: int = 0
    """Packets sent: answers, feedback, heartbeats, features."""
    feedback_sent: int = 0
    """Values sent to subscribers; part of `sent`."""
    dropped: int = 0
    """Packets that could not be sent: queue full, receiver gone, too large for a datagram."""
    receive_buffer_bytes: int = 0
    """Size of the receive buffer that the system granted (32 MiB are requested). Not a count."""
    errors: int = 0
    """Errors in the engine's own code while it handled a packet; the log has the tracebacks."""

    def add(self, field: str, count: int = 1) -> int:
        """Add to a field that several threads write: `rejected`, `dropped`, `errors`, `commands`. Returns the new
        total."""
        with self._adding:
            total: int = getattr(self, field) + count
            setattr(self, field, total)
            return total
