"""What is to be sent, from any thread to the one that sends. Bounded: no flood fills the memory."""

import threading
from collections import deque
from collections.abc import Callable

from engine.control.counters import OscCounters

MAX_PACKETS = 8192  # two full ticks of feedback to every subscriber

Deliver = Callable[[bytes], None]


class Outbox:
    def __init__(self, counters: OscCounters, report: Callable[[str, str], None]) -> None:
        self._counters = counters
        self._report = report
        self._packets: deque[tuple[Deliver, bytes]] = deque()
        self._is_wanted = threading.Event()

    def put(self, deliver: Deliver, packet: bytes) -> None:
        """Have `deliver(packet)` called on the sending thread. Any thread; never waits."""
        if len(self._packets) >= MAX_PACKETS:
            self._counters.dropped += 1
            self._report("osc.dropped", f"OSC: {MAX_PACKETS} packets wait to be sent; the rest is dropped")
            return
        self._packets.append((deliver, packet))
        self._is_wanted.set()

    def wake(self) -> None:
        """Let the sending thread look for work."""
        self._is_wanted.set()

    def wait(self, longest_s: float | None) -> None:
        """The sending thread: return when there is something to do, or after `longest_s` (None: no limit)."""
        self._is_wanted.wait(longest_s)
        self._is_wanted.clear()

    def send_all(self) -> None:
        """The sending thread: deliver what is there now."""
        for _ in range(len(self._packets)):
            deliver, packet = self._packets.popleft()
            deliver(packet)
