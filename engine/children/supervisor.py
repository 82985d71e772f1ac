"""Keeps one child running, whatever happens to it, without the engine ever waiting for it.

The naive way is to start a process, write to its pipe and look at its exit code. A child that infers can do worse than
exit: it hangs in a driver and answers nothing; it is stopped, and a full pipe stops who writes to it; it dies on one
prompt, and again on every start with it; it is replaced while its pictures are on a screen. So all that may take time
is done by a thread for each child, which alone knows its processes (`lifecycle`: the states and why). What the frame
loop asks for every frame (`set_values`, `connect_input`, `outputs`, `wants_frame`, `status`) takes one lock for as
long as an assignment, and the thread holds it no longer.

    frame loop, OSC ──values, inputs, orders──► this thread ──messages──► child's mailbox ──► loop
                    ◄──status, outputs────────             ◄──messages, words of shared memory──
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
from engine.ipc import ChildWords, Gate
from engine.system.reporting import Report

log = logging.getLogger(__name__)

TICK_S: Final = 0.05  # between two looks at the words of a living child
MISSING: Final = object()


class Supervisor:
    """All methods from any thread; none waits but `close`."""

    def __init__(
        self,
        spec: ChildSpec,
        *,
        report: Report,
        gate: Gate | None = None,
        times: Deadlines | None = None,
        now_s: Callable[[], float] = time.perf_counter,
        launcher: Launcher = LAUNCHER,
    ) -> None:
        """Starts no process yet. `report(key, line)` is called from the supervisor's thread."""
        self.spec = spec
        self.on_change: Callable[[ChildStatus], None] | None = None
        """Called on the supervisor's thread with each new state or process, and after each order."""
        self.on_swap: Callable[[bool, str], None] | None = None
        """Called there once for each swap asked for, in their order: whether it is done, and if not, why, in a line."""
        self.orders_done = 0
        """How many orders (`start`, `stop`, `restart`, `swap`, `call`) what `on_change` is told comes after."""
        self._report = report
        self._now_s = now_s
        self._launcher = launcher
        self._lifecycle = Lifecycle(  # the thread's own
            spec,
            gate=gate.segment if gate else "",
            launcher=launcher,
            times=times or Deadlines(),
            report=report,
        )
        self._lock = threading.Lock()
        self._orders: list[Callable[[float], None]] = []
        self._orders_asked = 0
        self._values: dict[str, Any] = {}
        self._inputs: dict[str, str] = {}
        self._new_values: dict[str, Any] = {}
        self._new_inputs: dict[str, str] = {}
        self._wanting: tuple[ChildWords, ...] = ()
        self._is_awake = False
        self._is_closed = False
        self._outputs: Mapping[str, str] = MappingProxyType({})
        self._status = self._last = ChildStatus(name=spec.name)
        self._errors = 0
        self._ear, self._bell = Pipe(duplex=False)
        launcher.join(spec.preload, spec.environment)
        self._thread = threading.Thread(target=self._run, name=f"child {spec.name}", daemon=True)
        self._thread.start()

    def start(self) -> int:
        """Run the child from now on. What was blamed, and its delay, are forgotten.

        Returns the order's number, like the two below: `orders_done` reaches it when it has been carried out.
        """
        return self._order(self._lifecycle.start)

    def stop(self) -> int:
        """End it within 3 s, or kill it; nothing is published any more."""
        return self._order(self._lifecycle.stop)

    def restart(self) -> int:
        """Another process in place of this one; nothing is held against it."""
        return self._order(self._lifecycle.restart)

    def swap(self, settings: Mapping[str, Any]) -> None:
        """Other settings, in a second process beside the first, which is ended at the second one's first result.

        If neither publishes anything, it is ended once the second has been ready for 2 s. If the second fails, the
        first goes on. A child that has published nothing yet is replaced at once; one that is off stays so.
        """
        self._order(partial(self._lifecycle.swap, dict(settings)))

    def call(self, name: str, *args: Any, on_answer: OnAnswer) -> None:
        """Ask the child for something. `on_answer(is_done, text)` comes later, from the supervisor's thread."""
        self._order(partial(self._lifecycle.call, name, args, on_answer))

    def set_values(self, values: Mapping[str, Any]) -> None:
        """Plain values by address, over those of before; only what differs is sent, the newest of each."""
        with self._lock:
            changed = {key: value for key, value in values.items() if self._values.get(key, MISSING) != value}
            if changed:
                self._values |= changed
                self._new_values |= changed
                self._wake()

    def connect_input(self, name: str, segment: str) -> None:
        """The segment of a ring that the child reads as its input `name`."""
        with self._lock:
            if self._inputs.get(name) != segment:
                self._inputs[name] = self._new_inputs[name] = segment
                self._wake()

    @property
    def outputs(self) -> Mapping[str, str]:
        """Name -> segment of the rings that are published; the same object until something changes.

        A segment may be gone when you attach to it: then its successor stands here at the next look.
        """
        return self._outputs

    @property
    def wants_frame(self) -> bool:
        """Whether the child will read the next picture of an input."""
        with self._lock:
            return any(words.wants_frame for words in self._wanting)

    def status(self) -> ChildStatus:
        """How it was doing at the last look, 50 ms ago at most."""
        return self._status

    def ask_to_end(self) -> None:
        """End everything, without waiting for it; no order is taken any more. `close` waits. Idempotent."""
        with self._lock:
            if self._is_closed:
                return
            self._last = self._status
            self._orders.append(self._lifecycle.stop)
            self._orders_asked += 1
            self._wake()
            self._is_closed = True

    def close(self) -> None:
        """End everything and wait for it: 3 s, then processes are killed, and 1 s more. The only method that waits.

        What the child last said of itself stays in the status. Idempotent, from one thread at a time.
        """
        self.ask_to_end()
        if self._ear.closed:
            return
        self._thread.join()
        self._status = replace(self._status, ms_a_result=self._last.ms_a_result, facts=self._last.facts)
        self._launcher.leave()
        self._ear.close()
        self._bell.close()

    def _order(self, order: Callable[[float], None]) -> int:
        with self._lock:
            if not self._is_closed:
                self._orders.append(order)
                self._orders_asked += 1
                self._wake()
            return self._orders_asked

    def _wake(self) -> None:
        """Under the lock. One byte at most is under way, so it never waits."""
        if not self._is_awake and not self._is_closed:
            self._is_awake = True
            self._bell.send_bytes(b"!")

    def _run(self) -> None:
        while True:
            try:
                self._wait()
                if self._look(self._now_s()):
                    break
            except Exception as error:  # the top of a thread
                self._errors += 1
                if self._errors == 1:
                    log.exception("%s: its supervisor failed and goes on", self.spec.name)
                self._report(f"child.{self.spec.name}.supervisor", f"{self.spec.name}: its supervisor failed: {error}")
                time.sleep(TICK_S)
        self._lifecycle.close()
        self._show(self._now_s())

    def _wait(self) -> None:
        """Until somebody calls, a process says or does something, or it is time to look."""
        timeout_s: float | None = TICK_S if self._lifecycle.has_processes else None
        if timeout_s is None and (start_s := self._lifecycle.next_start_s) is not None:
            timeout_s = max(0.0, start_s - self._now_s())
        wait([self._ear, *self._lifecycle.waitables], timeout_s)

    def _look(self, now_s: float) -> bool:
        """One round; True when it was the last."""
        with self._lock:
            if self._is_awake:
                self._ear.recv_bytes()
                self._is_awake = False
            orders, self._orders = self._orders, []
            values, self._new_values = self._new_values, {}
            inputs, self._new_inputs = self._new_inputs, {}
            is_closed = self._is_closed
        if values or inputs:
            self._lifecycle.tell(values, inputs)
        self.orders_done += len(orders)
        for order in orders:
            order(now_s)
        self._lifecycle.step(now_s)
        self._show(now_s, is_ordered=bool(orders))
        return is_closed and self._lifecycle.is_over(now_s)

    def _show(self, now_s: float, *, is_ordered: bool = False) -> None:
        self._outputs = self._lifecycle.outputs
        before, self._status = self._status, self._lifecycle.status(now_s)
        with self._lock:
            self._wanting = self._lifecycle.wanting
        self._lifecycle.bury()  # nobody looks at their words any more
        is_new = (self._status.state, self._status.pid) != (before.state, before.pid)
        if (is_new or is_ordered) and self.on_change is not None:
            self.on_change(self._status)
        while self._lifecycle.swap_ends:
            is_done, reason = self._lifecycle.swap_ends.popleft()
            on_swap = self.on_swap  # taken away by whoever closes
            if on_swap is not None:
                on_swap(is_done, reason)
