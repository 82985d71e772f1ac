"""The queue of packets to send, from any thread to the sending thread: bounded and fair.

Datagrams are rate limited for each receiver: a receive buffer of Linux holds 256 small packets, and
the system drops the rest silently. At 64 packets per 1/60 s, a receiver that reads only 15 times
per second still gets everything.
"""

import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import ClassVar, Final

from engine.system.reporting import Report
from engine.system.token_bucket import TokenBuckets

MAX_PACKETS = 8192  # holds a full tick of feedback to every subscriber
PACKETS_A_TURN = 32  # to one receiver in a row, then it is the next one's turn
PACKETS_A_PASS = 1024  # about 10 ms of work, then it is the feedback's turn
PACKETS_A_SENDING: Final = 64  # datagrams to one receiver in one burst
SENDING_INTERVAL_S: Final = 1 / 60
MAX_CACHED_RECEIVERS: Final = 1024


@dataclass(slots=True)
class OscCounters:
    """Counts since the start, of both directions; readable from any thread. Each field is written
    by one thread, the receiving or the sending one, or through `add`."""

    # a class variable, so that a copy holds only the counters
    _adding: ClassVar[threading.Lock] = threading.Lock()

    packets: int = 0
    """Datagrams and stream packets from allowed senders that were executed."""
    bytes: int = 0
    messages: int = 0
    """Well-formed messages, including those in bundles."""
    changes: int = 0
    """Accepted values; a pattern counts once for each parameter that it matches."""
    commands: int = 0
    rejected: int = 0
    """Messages with unusable values, and bundles refused because they are too far ahead or the
    queue is full."""
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
    """Datagrams that the system dropped because the receive buffer was full (counted on Linux
    only)."""
    replaced: int = 0
    """Messages dropped by backpressure, undecoded, because newer ones set the same values. Not in
    `messages`."""
    discarded: int = 0
    """Messages dropped by backpressure although no newer value replaces them: repeated triggers,
    unmapped messages of other programs, and the oldest commands beyond 16 MiB."""
    sent: int = 0
    """Packets sent: answers, feedback, heartbeats, features."""
    feedback_sent: int = 0
    """Values sent to subscribers; part of `sent`."""
    dropped: int = 0
    """Packets that could not be sent: queue full, receiver disconnected, too large for a
    datagram."""
    receive_buffer_bytes: int = 0
    """Size of the receive buffer that the system granted (32 MiB are requested). Not a count."""
    errors: int = 0
    """Errors in the engine's own code while it handled a packet; the log has the tracebacks."""

    def add(self, field: str, count: int = 1) -> int:
        """Add to a field that several threads write (`rejected`, `dropped`, `errors`, `commands`);
        the new total."""
        with self._adding:
            total: int = getattr(self, field) + count
            setattr(self, field, total)
            return total


Deliver = Callable[[bytes], None]


@dataclass(slots=True, eq=False)
class _Queue:
    is_paced: bool
    waiting: deque[tuple[Deliver, bytes]] = field(default_factory=deque)


class Outbox:
    """The queue of packets to send. Any thread puts packets, the sending thread delivers them."""

    def __init__(self, counters: OscCounters, report: Report) -> None:
        self._counters = counters
        self._report = report
        self._lock = threading.Lock()
        self._queues: dict[str, _Queue] = {}  # by receiver; the first one is next
        self._waiting = 0
        self._has_work = threading.Event()
        self._limits = TokenBuckets(
            PACKETS_A_SENDING, PACKETS_A_SENDING / SENDING_INTERVAL_S, MAX_CACHED_RECEIVERS
        )

    def put(
        self, receiver: str, deliver: Deliver, packet: bytes, *, is_paced: bool = False
    ) -> None:
        """Queue `packet`; the sending thread calls `deliver(packet)`. Any thread; never blocks.
        `is_paced`: rate limited, for datagrams, which are lost if the receiver's buffer is full.
        Once 8192 packets are queued, a receiver that already has its fair part of them gets no
        more; the queue never exceeds 16384."""
        with self._lock:
            queue = self._queues.get(receiver)
            if queue is None:
                queue = self._queues[receiver] = _Queue(is_paced)
            is_full = self._waiting >= MAX_PACKETS and (
                len(queue.waiting) >= MAX_PACKETS // len(self._queues)
                or self._waiting >= 2 * MAX_PACKETS
            )
            if not is_full:
                queue.waiting.append((deliver, packet))
                self._waiting += 1
            elif not queue.waiting:
                del self._queues[receiver]
        if is_full:
            self._counters.add("dropped")
            self._report(
                "osc.dropped",
                f"OSC: {MAX_PACKETS} packets are queued; some to {receiver} are dropped",
            )
        else:
            self._has_work.set()

    def is_behind(self, receiver: str) -> bool:
        """True if more than 32 packets for this receiver are queued. The sending thread."""
        queue = self._queues.get(receiver)
        return queue is not None and len(queue.waiting) > PACKETS_A_TURN

    def wake(self) -> None:
        self._has_work.set()

    def wait(self, longest_s: float | None) -> None:
        """Block until there is something to do, or for `longest_s` seconds (None: no limit). The
        sending thread."""
        self._has_work.wait(longest_s)
        self._has_work.clear()

    def send(self, now_s: float | None, packets: int = PACKETS_A_PASS) -> float | None:
        """Deliver about `packets` packets, to every receiver in turn; `wait` returns at once if
        more are left. `now_s` None: without the rate limit for datagrams, as at the end. The
        sending thread. Returns the time when the rate limit allows more packets to a receiver that
        has used it up, or None."""
        with self._lock:
            turns = deque(self._queues)
        limited_until_s: float | None = None
        while turns and packets > 0:
            receiver = turns.popleft()
            with self._lock:
                queue = self._queues.pop(receiver)
                limit = self._limits[receiver] if queue.is_paced and now_s is not None else None
                room = (
                    PACKETS_A_TURN if limit is None or now_s is None else limit.whole_tokens(now_s)
                )
                batch = [
                    queue.waiting.popleft()
                    for _ in range(min(len(queue.waiting), PACKETS_A_TURN, room))
                ]
                self._waiting -= len(batch)
                is_left = bool(queue.waiting)
                if is_left:
                    self._queues[receiver] = queue
            packets -= len(batch)
            for deliver, packet in batch:
                deliver(packet)
            if limit is None or now_s is None:
                is_limited = False
            else:
                limit.spend(now_s, len(batch))
                is_limited = limit.whole_tokens(now_s) < 1
                if is_left and is_limited:
                    free_s = now_s + limit.wait_s(now_s, PACKETS_A_SENDING)
                    limited_until_s = (
                        free_s if limited_until_s is None else min(limited_until_s, free_s)
                    )
            if is_left and not is_limited:
                turns.append(receiver)
        if turns:
            self._has_work.set()
        return limited_until_s
