"""The thread that sends over every transport: answers, feedback and heartbeats.

It also runs the commands of due bundles. The frame loop and the receiving threads only queue.
"""

import threading
import time
from collections.abc import Callable
from functools import partial

from engine.control.dispatcher import Dispatcher
from engine.control.outgoing.outbox import MAX_PACKETS

LOST_INTERVAL_S = 1.0
RETRY_S = 1 / 60  # before a full connection is tried again
MIN_WAIT_S = 0.001  # a stepped clock does not advance while the thread waits for it
CLOSED_WITHIN_S = 3.0


class SendingThread:
    """The sending thread, running from `start` to `close`. Close it before the sockets: it still
    sends the queue."""

    def __init__(self, dispatcher: Dispatcher) -> None:
        self._dispatcher = dispatcher
        self._send_rest: Callable[[], bool] = lambda: False
        self._count_lost: Callable[[], None] = lambda: None
        self._polled: tuple[Callable[[float], bool | None], ...] = ()
        self._is_closing = threading.Event()
        self._thread: threading.Thread | None = None
        self._next_lost_s = float("-inf")
        self._something_waits = False
        self._limited_until_s: float | None = None

    def serve(self, send_rest: Callable[[], bool], count_lost: Callable[[], None]) -> None:
        """Do the sockets' periodic work, too, from the next turn on. Any thread. `send_rest()`
        continues sending to connections that were full; True while something is left.
        `count_lost()`, called once per second, counts packets that the system dropped."""
        self._send_rest = send_rest
        self._count_lost = count_lost

    def poll(self, action: Callable[[float], bool | None]) -> None:
        """Call `action(now_s)` in each turn: 60 per second while it returns True, else one or more.
        Before `start`."""
        self._polled = (*self._polled, action)

    def start(self) -> None:
        self._thread = threading.Thread(target=self._run, name="osc send", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Send the queued packets and end; a running handler gets 3 s. Safe without `start`."""
        if self._thread is None:
            return
        self._is_closing.set()
        self._dispatcher.outbox.wake()
        self._thread.join(CLOSED_WITHIN_S)
        self._thread = None

    def _run(self) -> None:
        while True:
            is_last = self._is_closing.is_set()
            self._dispatcher.attempt(partial(self._turn, is_last=is_last))
            if is_last:
                return
            self._dispatcher.outbox.wait(self._rest_s())

    def _turn(self, *, is_last: bool) -> None:
        outbox = self._dispatcher.outbox
        now_s = self._dispatcher.clock.now_s()
        self._dispatcher.run_deferred()
        self._dispatcher.feedback.tick(now_s)
        is_polled = any(
            [self._dispatcher.attempt(partial(action, now_s)) for action in self._polled]
        )
        if is_last:
            outbox.send(None, 2 * MAX_PACKETS)
        else:
            # the rate limit uses real time, not the engine's clock, because receivers read in real
            # time
            self._limited_until_s = outbox.send(time.perf_counter())
        self._something_waits = self._send_rest() or is_polled
        if now_s >= self._next_lost_s:
            self._next_lost_s = now_s + LOST_INTERVAL_S
            self._count_lost()

    def _rest_s(self) -> float:
        """Seconds until the next turn, unless the thread is woken earlier."""
        due_s = self._dispatcher.feedback.next_due_s()
        if due_s is not None:
            rest_s = min(max(due_s - self._dispatcher.clock.now_s(), MIN_WAIT_S), RETRY_S)
        else:
            rest_s = RETRY_S if self._something_waits else LOST_INTERVAL_S
        if self._limited_until_s is not None:
            rest_s = min(rest_s, max(self._limited_until_s - time.perf_counter(), 0.0))
        return rest_s
