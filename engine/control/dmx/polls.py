"""ArtPolls that wait for their reply. Pure: time is an argument.

The reply goes to the host that asked, and nowhere else (art-net.org.uk, "Discovery Packets": every device answers by
unicast), at Art-Net's port, which is the only one of the protocol, whichever port the poll came from.

Art-Net 4 lets nodes spread their replies at random over a second, so that a desk is not buried by a hundred at once.
The sender's address may be forged, and a reply is seventeen times as large as a poll: one reply a second goes to a
host, and at most 16 hosts wait.
"""

from collections.abc import Callable
from typing import Final

from engine.control.dmx.artnet import Poll
from engine.system.token_bucket import TokenBuckets

MAX_WAITING: Final = 16
MAX_DELAY_S: Final = 1.0


class WaitingPolls:
    """One thread at a time."""

    def __init__(self, delay_s: Callable[[], float]) -> None:
        """`delay_s()`: the delay of one reply, 0..`MAX_DELAY_S`."""
        self._delay_s = delay_s
        self._waiting: dict[str, tuple[float, Poll]] = {}
        self._limit = TokenBuckets(1, 1.0)

    def add(self, poll: Poll, host: str, now_s: float) -> None:
        """Answer this poll later, unless its host asks too often."""
        if host in self._waiting or len(self._waiting) >= MAX_WAITING or not self._limit[host].take(now_s):
            return
        self._waiting[host] = now_s + self._delay_s(), poll

    def take_due(self, now_s: float) -> list[tuple[str, Poll]]:
        """Hosts with their polls."""
        due = [(host, poll) for host, (due_s, poll) in self._waiting.items() if due_s <= now_s]
        for host, _ in due:
            del self._waiting[host]
        return due

    def next_due_s(self) -> float:
        """When the next reply is due; infinity if none waits."""
        return min((due_s for due_s, _ in self._waiting.values()), default=float("inf"))
