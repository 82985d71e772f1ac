"""The thread on which everything leaves: answers, feedback and heartbeats, whichever transport carries them.

It also carries out what due bundles left for an OSC thread. The frame loop and the receiving threads only queue.
"""

import threading
import time
from collections.abc import Callable
from typing import Protocol

from engine.control.dispatcher import Dispatcher
from engine.control.outbox import MAX_PACKETS

LOST_INTERVAL_S = 1.0
RETRY_S = 1 / 60  # how soon a connection that was full is tried again
MIN_WAIT_S = 0.001  # a stepped clock stands still while the thread waits for it
CLOSED_WITHIN_S = 3.0


class Transport(Protocol):
    """What the sending thread does for a transport besides calling the `deliver` of its packets."""

    def send_rest(self) -> bool:
        """Go on with what a connection did not take at once; True while something is left."""
        ...

    def count_lost(self) -> None:
        """Once a second: count what the system threw away."""
        ...


class SendingThread:
    """Runs from `start` to `close`. Close it before its transports: what is queued still leaves through them."""

    def __init__(self, dispatcher: Dispatcher) -> None:
        self._dispatcher = dispatcher
        self._transports: tuple[Transport, ...] = ()
        self._polled: tuple[Callable[[float], bool], ...] = ()
        self._is_closing = threading.Event()
        self._thread: threading.Thread | None = None

    def add(self, transport: Transport) -> None:
        """Serve this transport as well, from the next turn on. Any thread."""
        self._transports = (*self._transports, transport)

    def poll(self, look: Callable[[float], bool]) -> None:
        """Have `look(now_s)` called in every turn, 60 a second while it returns True. Before `start`."""
        self._polled = (*self._polled, look)

    def start(self) -> None:
        self._thread = threading.Thread(target=self._run, name="osc send", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Send what is queued and end; a handler gets 3 s to end. Safe without `start`."""
        if self._thread is None:
            return
        self._is_closing.set()
        self._dispatcher.outbox.wake()
        self._thread.join(CLOSED_WITHIN_S)
        self._thread = None

    def _run(self) -> None:
        outbox, feedback, clock = self._dispatcher.outbox, self._dispatcher.feedback, self._dispatcher.clock
        next_lost_s = float("-inf")
        something_waits = False
        held_until_s: float | None = None
        while True:
            is_last = self._is_closing.is_set()
            try:
                self._dispatcher.run_deferred()
                now_s = clock.now_s()
                feedback.tick(now_s)
                is_polled = any([look(now_s) for look in self._polled])
                if is_last:
                    outbox.send(None, 2 * MAX_PACKETS)
                else:  # limited by real time, not the engine's clock: the receivers live in real time
                    held_until_s = outbox.send(time.perf_counter())
                something_waits = any([transport.send_rest() for transport in self._transports]) or is_polled
                if now_s >= next_lost_s:
                    next_lost_s = now_s + LOST_INTERVAL_S
                    for transport in self._transports:
                        transport.count_lost()
            except Exception as error:  # the top of this thread's loop
                self._dispatcher.on_own_error(error)
            if is_last:
                return
            due_s = feedback.next_due_s()
            if due_s is not None:
                longest_s = min(max(due_s - clock.now_s(), MIN_WAIT_S), RETRY_S)
            else:
                longest_s = RETRY_S if something_waits else LOST_INTERVAL_S
            if held_until_s is not None:
                longest_s = min(longest_s, max(held_until_s - time.perf_counter(), 0.0))
            outbox.wait(longest_s)
