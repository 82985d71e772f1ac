"""What is to be sent, from any thread to the one that sends. Bounded and fair: no flood fills the memory, and a
receiver that is sent far too much loses its own packets, not another's.
"""

import threading
from collections import deque
from collections.abc import Callable

from engine.control.counters import OscCounters

MAX_PACKETS = 8192  # a full tick of feedback to every subscriber
PACKETS_A_TURN = 32  # to one receiver, then the next has its turn
PACKETS_A_SENDING = 1024  # some 10 ms of work, then the feedback has its turn

Deliver = Callable[[bytes], None]


class Outbox:
    def __init__(self, counters: OscCounters, report: Callable[[str, str], None]) -> None:
        self._counters = counters
        self._report = report
        self._lock = threading.Lock()
        self._queues: dict[str, deque[tuple[Deliver, bytes]]] = {}  # by receiver, whose turn is next first
        self._waiting = 0
        self._is_wanted = threading.Event()

    def put(self, receiver: str, deliver: Deliver, packet: bytes) -> None:
        """Have `deliver(packet)` called on the sending thread. Any thread; never waits.

        When 8192 packets wait, a receiver that has its share of them already gets no more; 16384 never wait.
        """
        with self._lock:
            queue = self._queues.get(receiver)
            if queue is None:
                queue = self._queues[receiver] = deque()
            is_full = self._waiting >= MAX_PACKETS and (
                len(queue) >= MAX_PACKETS // len(self._queues) or self._waiting >= 2 * MAX_PACKETS
            )
            if not is_full:
                queue.append((deliver, packet))
                self._waiting += 1
            elif not queue:
                del self._queues[receiver]
        if is_full:
            self._counters.add("dropped")
            self._report("osc.dropped", f"OSC: {MAX_PACKETS} packets wait to be sent; some to {receiver} are dropped")
        else:
            self._is_wanted.set()

    def is_behind(self, receiver: str) -> bool:
        """Whether more than a turn's packets for it have yet to leave. The sending thread."""
        queue = self._queues.get(receiver)
        return queue is not None and len(queue) > PACKETS_A_TURN

    def wake(self) -> None:
        """Let the sending thread look for work."""
        self._is_wanted.set()

    def wait(self, longest_s: float | None) -> None:
        """The sending thread: return when there is something to do, or after `longest_s` (None: no limit)."""
        self._is_wanted.wait(longest_s)
        self._is_wanted.clear()

    def send(self, packets: int = PACKETS_A_SENDING) -> None:
        """The sending thread: deliver about so many, to every receiver in turn; `wait` ends at once for the rest."""
        while packets > 0:
            with self._lock:
                if not self._queues:
                    return
                receiver, queue = next(iter(self._queues.items()))
                del self._queues[receiver]
                batch = [queue.popleft() for _ in range(min(len(queue), PACKETS_A_TURN))]
                self._waiting -= len(batch)
                if queue:
                    self._queues[receiver] = queue
            packets -= len(batch)
            for deliver, packet in batch:
                deliver(packet)
        self._is_wanted.set()
