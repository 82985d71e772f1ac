"""Keeps one child running and restarts it after any fault. The engine never waits for it.

A process that runs a model can do worse than exit: hang in a driver, be stopped so that its full
pipe blocks the writer, die on one prompt at every start, or be replaced while its pictures are on
screen. So each child has a supervisor thread that does everything slow, and only this thread
handles the processes (see the states in `lifecycle`). The methods that the frame loop calls every
frame (`set_values`, `connect_input`, `outputs`, `wants_frame`, `status`) take one lock for as long
as an assignment; the thread never holds it longer.

    frame loop, OSC ──values, inputs, orders──► this thread ──messages──► child's mailbox ──► loop
                    ◄──status, outputs────────             ◄──messages, shared counters────────

Only this class stores the requested values: `set_values` stores them and sends the differences; a
new process gets all.
"""

import logging
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from multiprocessing import Pipe
from multiprocessing.connection import wait
from types import MappingProxyType
from typing import Any, Final

from engine.children.launcher import LAUNCHER, Launcher
from engine.children.lifecycle import Lifecycle
from engine.children.policy import Deadlines
from engine.children.process import OnAnswer
from engine.children.spec import ChildSpec, ChildStatus
from engine.ipc import ChildCounters, Gate
from engine.system.guarded_thread import Guard
from engine.system.reporting import Report

log = logging.getLogger(__name__)

TICK_S: Final = 0.05  # polling interval for the counters of a running child
MISSING: Final = object()


OnChange = Callable[[ChildStatus], None]
OnSwap = Callable[[bool, str], None]


class Supervisor:
    """Runs one child and restarts it after a fault. Thread-safe; only `close` waits."""

    def __init__(
        self,
        spec: ChildSpec,
        *,
        report: Report,
        gate: Gate | None = None,
        times: Deadlines | None = None,
        now_s: Callable[[], float] = time.perf_counter,
        launcher: Launcher = LAUNCHER,
        on_swap: OnSwap | None = None,
    ) -> None:
        """Starts no process yet. `report` is called on the supervisor's thread. `on_swap(is_done,
        reason)` is called there once for each swap, in order; `reason` is one line, "" when
        done."""
        self.spec = spec
        self.outputs: Mapping[str, str] = MappingProxyType({})
        """Segment by name of the published rings; the same object until something changes.
        Attaching may fail because a segment was just removed: then its successor is here soon."""
        self._on_swap = on_swap
        self.orders_done = 0
        """Orders (`start`, `stop`, `restart`, `swap`, `call`) carried out before the latest
        `on_change`."""
        self._on_change: list[OnChange] = []
        self._guard = Guard(
            log, report, f"child.{spec.name}.supervisor", f"{spec.name}: its supervisor failed"
        )
        self._now_s = now_s
        self._launcher = launcher
        self._lifecycle = Lifecycle(  # used on the thread only
            spec,
            gate=gate,
            launcher=launcher,
            times=times or Deadlines(),
            report=report,
            read_state=self._read_state,
        )
        self._lock = threading.Lock()
        self._orders: list[Callable[[float], None]] = []
        self._orders_accepted = 0
        self._values: dict[str, Any] = {}
        self._inputs: dict[str, str] = {}
        self._new_values: dict[str, Any] = {}
        self._new_inputs: dict[str, str] = {}
        self._active_counters: tuple[ChildCounters, ...] = ()
        self._is_awake = False
        self._is_closed = False
        self._status = ChildStatus(name=spec.name)
        self._last = self._status
        wake_receiver, wake_sender = Pipe(duplex=False)
        self._wake_receiver = wake_receiver
        self._wake_sender = wake_sender
        launcher.join(spec.preload, spec.environment)
        self._thread = threading.Thread(target=self._run, name=f"child {spec.name}", daemon=True)
        self._thread.start()

    def subscribe(self, on_change: OnChange) -> None:
        """Call `on_change(status)` on the supervisor's thread for each new state or process, and
        after each order."""
        self._on_change.append(on_change)

    def start(self) -> int:
        """Run the child. Resets blame and restart delay. Returns the order's number, as `stop` and
        `restart` do: the order is done once `orders_done` reaches it."""
        return self._order(self._lifecycle.start)

    def stop(self) -> int:
        """Ask it to exit, and kill it after 3 s. Unpublishes its outputs."""
        return self._order(self._lifecycle.stop)

    def restart(self) -> int:
        """Replace the child's process. Resets blame and restart delay."""
        return self._order(self._lifecycle.restart)

    def swap(self, settings: Mapping[str, Any]) -> None:
        """Change the settings: start a second process with them, and stop the first when the second
        has a result, or has been ready for 2 s while neither publishes. If the second fails, the
        first keeps running. A child without any result yet is replaced at once; one that is off
        stays off."""
        self._order(partial(self._lifecycle.swap, dict(settings)))

    def call(self, name: str, *args: Any, on_answer: OnAnswer) -> None:
        """Send the child a command. `on_answer(is_done, text)` is called later, on the supervisor's
        thread."""
        self._order(partial(self._lifecycle.call, name, args, on_answer))

    def set_values(self, values: Mapping[str, Any]) -> None:
        """Update the requested values, plain values by address. Only changes are sent; of several
        only the newest."""
        with self._lock:
            changed = {
                key: value
                for key, value in values.items()
                if self._values.get(key, MISSING) != value
            }
            if changed:
                self._values |= changed
                self._new_values |= changed
                self._wake()

    def connect_input(self, name: str, segment: str) -> None:
        """Make the child read the ring in this segment as its input `name`."""
        with self._lock:
            if self._inputs.get(name) != segment:
                self._inputs[name] = self._new_inputs[name] = segment
                self._wake()

    @property
    def wants_frame(self) -> bool:
        """True if the child is waiting for an input picture."""
        with self._lock:
            return any(counters.wants_frame for counters in self._active_counters)

    def status(self) -> ChildStatus:
        """The child's status at the last poll, at most 50 ms ago."""
        return self._status

    def ask_to_end(self) -> None:
        """Begin to stop everything; ignores later orders. Does not wait, `close` does.
        Idempotent."""
        with self._lock:
            if self._is_closed:
                return
            self._last = self._status
            self._orders.append(self._lifecycle.stop)
            self._orders_accepted += 1
            self._wake()
            self._is_closed = True

    def close(self) -> None:
        """Stop everything and wait: 3 s until processes are killed, then 1 s more. The only method
        that waits. The status keeps the child's last facts. Idempotent; call it on one thread at a
        time."""
        self.ask_to_end()
        if self._wake_receiver.closed:
            return
        self._thread.join()
        self._status = replace(
            self._status, ms_a_result=self._last.ms_a_result, facts=self._last.facts
        )
        self._launcher.leave(self.spec.name)
        self._wake_receiver.close()
        self._wake_sender.close()

    def _order(self, order: Callable[[float], None]) -> int:
        with self._lock:
            if not self._is_closed:
                self._orders.append(order)
                self._orders_accepted += 1
                self._wake()
            return self._orders_accepted

    def _wake(self) -> None:
        """Wake the thread. Call it under the lock. At most one byte is in the pipe, so this never
        waits."""
        if not self._is_awake and not self._is_closed:
            self._is_awake = True
            self._wake_sender.send_bytes(b"!")

    def _run(self) -> None:
        while not self._guard.attempt(self._round, on_failure=lambda error: time.sleep(TICK_S)):
            pass
        self._lifecycle.close()
        self._update_status(self._now_s())

    def _read_state(self) -> tuple[dict[str, Any], dict[str, str]]:
        with self._lock:
            return dict(self._values), dict(self._inputs)

    def _wait(self) -> None:
        """Wait for an order, for a message or the end of a process, or until the next poll is
        due."""
        timeout_s: float | None = TICK_S if self._lifecycle.has_processes else None
        if timeout_s is None and (start_s := self._lifecycle.next_start_s) is not None:
            timeout_s = max(0.0, start_s - self._now_s())
        wait([self._wake_receiver, *self._lifecycle.waitables], timeout_s)

    def _round(self) -> bool:
        """Wait, then carry out orders and check the processes. True after the last round."""
        self._wait()
        now_s = self._now_s()
        with self._lock:
            if self._is_awake:
                self._wake_receiver.recv_bytes()
                self._is_awake = False
            orders = self._orders
            self._orders = []
            values = self._new_values
            self._new_values = {}
            inputs = self._new_inputs
            self._new_inputs = {}
            is_closed = self._is_closed
        if values or inputs:
            self._lifecycle.send(values, inputs)
        self.orders_done += len(orders)
        for order in orders:
            order(now_s)
        self._lifecycle.step(now_s)
        self._update_status(now_s, is_ordered=bool(orders))
        return is_closed and self._lifecycle.is_finished(now_s)

    def _update_status(self, now_s: float, *, is_ordered: bool = False) -> None:
        self.outputs = self._lifecycle.outputs
        before = self._status
        self._status = self._lifecycle.status(now_s)
        with self._lock:
            self._active_counters = self._lifecycle.active_counters
        self._lifecycle.reap()  # their ChildCounters are no longer in `_active_counters`
        is_new = (self._status.state, self._status.pid) != (before.state, before.pid)
        if is_new or is_ordered:
            for on_change in self._on_change:
                on_change(self._status)
        while self._lifecycle.swap_ends:
            is_done, reason = self._lifecycle.swap_ends.popleft()
            if self._on_swap is not None:
                self._on_swap(is_done, reason)
