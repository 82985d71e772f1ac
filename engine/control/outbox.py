"""What is to be sent, from any thread to the one that sends. Bounded and fair: no flood fills the memory, and a
receiver that is sent far too much loses its own packets, not another's. Datagrams leave at a pace (`pace.py`).
"""

import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

from engine.control.counters import OscCounters
from engine.control.pace import Pace

MAX_PACKETS = 8192  # a full tick of feedback to every subscriber
PACKETS_A_TURN = 32  # to one receiver, then the next has its turn
PACKETS_A_SENDING = 1024  # some 10 ms of work, then the feedback has its turn

Deliver = Callable[[bytes], None]


@dataclass(slots=True, eq=False)
class _Queue:
    is_paced: bool
    waiting: deque[tuple[Deliver, bytes]] = field(default_factory=deque)


class Outbox:
    def __init__(self, counters: OscCounters, report: Callable[[str, str], None]) -> None:
        self._counters = counters
        self._report = report
        self._lock = threading.Lock()
        self._queues: dict[str, _Queue] = {}  # by receiver, whose turn is next first
        self._waiting = 0
        self._is_wanted = threading.Event()
        self._pace = Pace()

    def put(self, receiver: str, deliver: Deliver, packet: bytes, *, is_paced: bool = False) -> None:
        """Have `deliver(packet)` called on the sending thread. Any thread; never waits.

        `is_paced`: it is a datagram, and nothing but its receiver's buffer keeps what comes too fast.
        When 8192 packets wait, a receiver that has its share of them already gets no more; 16384 never wait.
        """
        with self._lock:
            queue = self._queues.get(receiver)
            if queue is None:
                queue = self._queues[receiver] = _Queue(is_paced)
            is_full = self._waiting >= MAX_PACKETS and (
                len(queue.waiting) >= MAX_PACKETS // len(self._queues) or self._waiting >= 2 * MAX_PACKETS
            )
            if not is_full:
                queue.waiting.append((deliver, packet))
                self._waiting += 1
            elif not queue.waiting:
                del self._queues[receiver]
        if is_full:
            self._counters.add("dropped")
            self._report("osc.dropped", f"OSC: {MAX_PACKETS} packets wait to be sent; some to {receiver} are dropped")
        else:
            self._is_wanted.set()

    def is_behind(self, receiver: str) -> bool:
        """Whether more than a turn's packets for it have yet to leave. The sending thread."""
        queue = self._queues.get(receiver)
        return queue is not None and len(queue.waiting) > PACKETS_A_TURN

    def wake(self) -> None:
        """Let the sending thread look for work."""
        self._is_wanted.set()

    def wait(self, longest_s: float | None) -> None:
        """The sending thread: return when there is something to do, or after `longest_s` (None: no limit)."""
        self._is_wanted.wait(longest_s)
        self._is_wanted.clear()

    def send(self, now_s: float, packets: int = PACKETS_A_SENDING) -> float | None:
        """The sending thread: deliver about so many, to every receiver in turn; `wait` ends at once for the rest.

        Returns when a receiver that has had all its pace allows may be sent more; None: there is no such receiver.
        """
        with self._lock:
            turns = deque(self._queues)
        held_until_s: float | None = None
        while turns and packets > 0:
            receiver = turns.popleft()
            with self._lock:
                queue = self._queues.pop(receiver)
                room = self._pace.room(receiver, now_s) if queue.is_paced else PACKETS_A_TURN
                batch = [queue.waiting.popleft() for _ in range(min(len(queue.waiting), PACKETS_A_TURN, room))]
                self._waiting -= len(batch)
                is_left = bool(queue.waiting)
                if is_left:
                    self._queues[receiver] = queue
            packets -= len(batch)
            for deliver, packet in batch:
                deliver(packet)
            full_until_s = self._pace.count(receiver, len(batch), now_s) if queue.is_paced else None
            if is_left and full_until_s is None:
                turns.append(receiver)
            elif is_left:
                held_until_s = min(held_until_s or full_until_s, full_until_s)
        if turns:
            self._is_wanted.set()
        return held_until_s
