"""The state machine of one child: which of its processes run, which one is active, when the next
one starts.

    off ──start──► loading ──► compiling ──► ready ◄──► busy
     ▲               │             │           │          │    no heartbeat, or a deadline missed
     │ stop          │             │           │          ├──────────────────────────► hung
   (any)             ▼             ▼           ▼          ▼     killed, and gone         │
                  failed ◄───── restarting ◄── died ────────────────────────────────────┘

- *loading, compiling, ready, busy*: the child stores its phase in a field of shared memory. We read
  it, so a hung child is detected without its cooperation. Busy: it published a result within the
  last second, or is working on one.
- *hung*: we killed it. The next process starts only after this one has exited, because two on one
  device would both fail. One that still exists 10 s after SIGKILL is stuck in a driver: failed.
- *restarting*: waiting for the old process to exit, or for the delay after its death (`policy`).
- *failed*: it reported that a retry is useless, its model killed it three times, or it is stuck in
  a driver. A start, a restart or new settings leave this state and reset all failure counts.

A swap of settings runs two processes at once: the second starts beside the first and becomes active
with its first result, or when it is ready and the first publishes nothing (`policy.Promotion`). If
the second dies, the first keeps running. If it ran out of memory, the first is stopped and the
second is tried alone. The previous settings are stored until the second is active: if the first has
died by then and the second dies too, they are started again. Settings that never worked are not
stored; new ones replace them at once. Each requested swap reports its end once, done or failed.

Rings belong to the engine and outlive their writer (`Published`): readers have the last picture
until a newer one.

The supervisor's thread calls everything here. Nothing waits; the time comes in as an argument.
"""

import logging
from collections import deque
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from engine.children.launcher import Launcher
from engine.children.policy import Deadlines, DeathPolicy, Verdict
from engine.children.process import Child, OnAnswer, Published
from engine.children.spec import ChildSpec, ChildStatus, State
from engine.errors import ChildError, SharedMemoryError
from engine.ipc import ChildCounters, Gate
from engine.system.reporting import Report

log = logging.getLogger(__name__)


ReadState = Callable[[], tuple[dict[str, Any], dict[str, str]]]
"""Returns all values and inputs for a new process."""


class Lifecycle:
    """State machine of one child: starts, checks, swaps and stops its processes. Only on the
    supervisor's thread."""

    def __init__(
        self,
        spec: ChildSpec,
        *,
        gate: Gate | None,
        launcher: Launcher,
        times: Deadlines,
        report: Report,
        read_state: ReadState,
    ) -> None:
        self.swap_ends: deque[tuple[bool, str]] = deque()
        """`(is_done, reason)` of each swap that has ended, in order. The supervisor takes them
        out."""
        self._spec = spec
        self._settings = spec.settings
        self._times = times
        self._report = report
        self._launcher = launcher
        self._policy = DeathPolicy(times)
        self._launch = partial(
            Child,
            spec,
            gate=gate,
            launcher=launcher,
            policy=self._policy,
            times=times,
            report=report,
        )
        self._read_state = read_state
        self._should_run = False
        self._main: Child | None = None
        """The active process, or the one that becomes active with its first result."""
        self._second: Child | None = None
        """The process of the current swap: runs with the new settings, not active yet."""
        self._stopping: list[Child] = []
        """Asked to stop, or killed."""
        self._ended: list[Child] = []
        """Processes that have ended, for `reap` to close."""
        self._next_settings: Mapping[str, Any] | None = None
        """New settings of the current swap. `_settings` are the previous ones until its process
        becomes active."""
        self._is_swap_open = False
        """True until the end of the latest swap is in `swap_ends`."""
        self._has_worked = False
        """True once a process with `_settings` was active, so that going back to them makes
        sense."""
        self._start_at_s = 0.0
        self._is_restart = False
        self._failure = ""
        self._detail = ""
        self._restarts = 0
        self._past_results = 0
        self._published = Published()

    # commands

    def start(self, now_s: float) -> None:
        """Run the child, with all failure counts reset."""
        self._reset_failures()
        self._should_run = True

    def stop(self, now_s: float) -> None:
        """Stop all processes and unpublish their outputs."""
        self._reset_failures()
        self._give_up_swap("it was stopped")
        # a swap without a second process: its settings apply at the next start
        self._end_swap(True)
        self._should_run = False
        self._is_restart = False
        self._stop_all(now_s)
        self._published.withdraw()

    def restart(self, now_s: float) -> None:
        """Replace the child's process by a new one. The last results stay published until the new
        one publishes."""
        self._reset_failures()
        self._give_up_swap("it was restarted")
        self._should_run = True
        self._is_restart = True
        self._stop_all(now_s)

    def swap(self, settings: Mapping[str, Any], now_s: float) -> None:
        """Change to other settings without a gap; while off, they apply at the next start."""
        is_same = settings == (
            self._settings if self._next_settings is None else self._next_settings
        )
        is_under_way = is_same and self._is_swap_open
        if self._is_swap_open:
            self.swap_ends.append((False, "replaced by a newer change"))
        self._is_swap_open = True
        if is_under_way:
            return
        if not is_same:
            self._reset_failures()
        self._next_settings = None
        if self._second is not None:
            self._stop(self._second, now_s)
            self._second = None
        if settings == self._settings:
            self._end_swap(True)
            return
        has_results = self._main is not None and self._main.counters.results > 0
        self._has_worked |= has_results
        if not has_results or (self._main is not None and self._main.is_stopping):
            self._stop_all(now_s)  # nothing is published, so two processes are not needed
        if self._should_run and self._has_worked:
            self._next_settings = settings
            return
        self._settings = settings
        self._has_worked = False
        if not self._should_run:
            self._end_swap(True)

    def call(
        self, name: str, arguments: tuple[Any, ...], on_answer: OnAnswer, now_s: float
    ) -> None:
        """Pass a command to the active process; answer at once if there is none."""
        child = self._main or self._second
        if child is None:
            on_answer(False, f"{self._spec.name} is {self._state(now_s)}")
        else:
            child.call(name, arguments, on_answer)

    def send(self, values: Mapping[str, Any], inputs: Mapping[str, str]) -> None:
        """Send changed values and inputs to the running processes. Later ones get all at launch
        (`read_state`)."""
        for child in self._running():
            child.queue(values, inputs)

    # one round

    def step(self, now_s: float) -> None:
        """Check all processes, then stop, promote and launch as needed."""
        for child in self._children():
            child.exchange()
        for child in list(self._stopping):
            if child.has_ended(now_s):
                self._stopping.remove(child)
                self._ended.append(child)
            elif child.is_stuck(now_s) and not self._failure:
                self._failure = (
                    f"driver: process {child.pid} has not exited "
                    f"{self._times.exit_s:g} s after SIGKILL"
                )
                self._report_fault(self._failure)
        self._check_second(now_s)
        self._check_main(now_s)
        if self._failure and self._second is None:
            self._end_swap(False, self._failure)
        if self._should_run and not self._failure and not self._stopping:
            self._launch_if_due(now_s)
        self._publish()

    def reap(self) -> None:
        """Close the processes that have ended. Their ChildCounters must no longer be in use
        (`active_counters`)."""
        for child in self._ended:
            self._past_results += child.counters.results
            child.close()
        self._ended.clear()

    def close(self) -> None:
        """Unpublish all outputs. Call it when all processes have exited or are abandoned."""
        self.stop(0.0)
        self._ended += self._stopping  # abandoned; we own their rings
        self._stopping.clear()
        self._publish()
        self.reap()

    def is_finished(self, now_s: float) -> bool:
        """True when a closing engine has no process left to wait for."""
        return (
            self._main is None
            and self._second is None
            and all(child.is_given_up(now_s) for child in self._stopping)
        )

    # status

    @property
    def outputs(self) -> Mapping[str, str]:
        """Segment by name of the published outputs. A new mapping when something changes."""
        return self._published.segments

    @property
    def waitables(self) -> list[Any]:
        """Objects for `multiprocessing.connection.wait`: ready when `step` has something to do."""
        return [waitable for child in self._children() for waitable in child.waitables]

    @property
    def has_processes(self) -> bool:
        return bool(self._children())

    @property
    def next_start_s(self) -> float | None:
        """Time at which `step` starts the next process, or None if none is due."""
        return (
            self._start_at_s
            if self._should_run and not self._failure and self._main is None
            else None
        )

    @property
    def active_counters(self) -> tuple[ChildCounters, ...]:
        """ChildCounters of the running processes, which show if they request a frame."""
        return tuple(child.counters for child in self._running())

    def status(self, now_s: float) -> ChildStatus:
        child = self._main or self._second or (self._stopping[-1] if self._stopping else None)
        counters = child.counters if child else None
        return ChildStatus(
            name=self._spec.name,
            state=self._state(now_s),
            coming=self._second.state(now_s) if self._main and self._second else "",
            pid=child.pid if child else 0,
            heartbeat_age_s=child.heartbeat_age_s(now_s) if child else 0.0,
            restarts=self._restarts,
            results=self._past_results
            + sum(child.counters.results for child in (*self._children(), *self._ended)),
            ms_a_result=counters.last_result_ms if counters else 0.0,
            detail=self._detail,
            quarantined=self._policy.quarantined,
            facts=dict(child.facts) if child else {},
        )

    def _state(self, now_s: float) -> State:
        if self._failure:
            return "failed"
        child = self._main or self._second
        if child is None:
            if self._should_run:
                return "restarting" if self._is_restart else "loading"
            if not self._stopping:
                return "off"
            child = self._stopping[-1]
        return child.state(now_s)

    def _children(self) -> list[Child]:
        return [*self._running(), *self._stopping]

    def _running(self) -> list[Child]:
        return [child for child in (self._main, self._second) if child is not None]

    # parts of one step

    def _check_main(self, now_s: float) -> None:
        child = self._main
        if child is None:
            return
        if self._kill_if_hung(child, now_s):
            return  # so that the status shows hung at least once
        if child.has_ended(now_s):
            self._main = None
            self._main_died(child, now_s)
        elif child.is_stuck(now_s):
            self._main = None
            self._stopping.append(child)
        elif child.may_be_promoted(0, now_s):
            self._has_worked = True
            if self._next_settings is None:
                self._end_swap(True)
                # not during a swap, when two models are in memory
                self._launcher.prepare(self._spec)

    def _main_died(self, child: Child, now_s: float) -> None:
        detail = self._exit_reason(child)
        is_final = child.fault is not None and child.fault.is_final
        # A driver's fault is no evidence against the values that were being tried.
        tried = (
            {} if child.fault is not None and child.fault.kind == "driver" else child.open_trials
        )
        verdict = self._policy.on_death(
            tried, had_result=child.counters.results > 0, is_final=is_final
        )
        self._report_fault(
            "; ".join([detail, *(f"quarantined {blamed}" for blamed in verdict.blamed)])
        )
        if self._next_settings is None:
            self._plan_restart(verdict, now_s)

    def _check_second(self, now_s: float) -> None:
        child = self._second
        if child is None:
            return
        self._kill_if_hung(child, now_s)
        if child.has_ended(now_s) or child.is_stuck(now_s):
            self._second = None
            self._second_died(child, now_s)
        elif child.may_be_promoted(self._main.counters.results if self._main else 0, now_s):
            if self._main is not None:
                self._stop(self._main, now_s)
            self._main = child
            self._second = None
            self._settings = child.settings
            self._has_worked = True
            self._end_swap(True)

    def _second_died(self, child: Child, now_s: float) -> None:
        if not child.has_ended(now_s):
            self._stopping.append(child)
            self._swap_failed(f"process {child.pid} has not exited")
            return
        why = self._exit_reason(child)
        if self._main is not None and child.fault is not None and child.fault.kind == "memory":
            self._report_fault(f"new settings: {why}; stopping the previous ones first")
            self._is_restart = True
            self._stop_all(now_s)
        else:
            self._swap_failed(why)

    def _swap_failed(self, why: str) -> None:
        self._is_restart |= self._main is None
        consequence = "keeping the previous ones" if self._main else "back to the previous ones"
        self._report_fault(f"new settings: {why}; {consequence}")
        self._end_swap(False, self._detail)

    def _give_up_swap(self, reason: str) -> None:
        if self._next_settings is not None:
            self._end_swap(False, reason)

    def _end_swap(self, is_done: bool, reason: str = "") -> None:
        """Forget the current swap, and put its end into `swap_ends`."""
        self._next_settings = None
        if self._is_swap_open:
            self._is_swap_open = False
            self.swap_ends.append((is_done, reason))

    def _kill_if_hung(self, child: Child, now_s: float) -> bool:
        """Kill the process if it hangs. True if it was killed now."""
        if child.is_stopping:
            return False
        child.hung = child.hang(now_s)
        if child.hung:
            child.kill(now_s)
        return bool(child.hung)

    def _launch_if_due(self, now_s: float) -> None:
        if self._next_settings is not None:
            if self._second is None:
                self._launch_second(self._next_settings, now_s)
        elif self._main is None and now_s >= self._start_at_s:
            self._restarts += self._is_restart
            try:
                self._main = self._start_process(self._settings, now_s)
            except (ChildError, SharedMemoryError) as error:
                self._report_fault(str(error))
                self._plan_restart(
                    self._policy.on_death({}, had_result=False, is_final=False), now_s
                )

    def _start_process(self, settings: Mapping[str, Any], now_s: float) -> Child:
        values, inputs = self._read_state()
        return self._launch(settings, values=values, inputs=inputs, now_s=now_s)

    def _launch_second(self, settings: Mapping[str, Any], now_s: float) -> None:
        if self._main is None:
            self._restarts += self._is_restart
        try:
            self._second = self._start_process(settings, now_s)
        except (ChildError, SharedMemoryError) as error:
            self._swap_failed(str(error))

    def _plan_restart(self, verdict: Verdict, now_s: float) -> None:
        """Restart after the verdict's delay, or fail."""
        self._is_restart = True
        if verdict.delay_s is None:
            self._failure = self._detail
            self._has_worked = False
        else:
            self._start_at_s = now_s + verdict.delay_s

    def _exit_reason(self, child: Child) -> str:
        """Why it exited, in one line; logs the end of its stderr."""
        child.exchange()  # messages it sent before it died
        self._ended.append(child)
        cause, tail = child.exit_summary()
        if tail:
            log.warning("%s: the end of its stderr:\n%s", self._spec.name, "\n".join(tail))
        return cause

    def _stop_all(self, now_s: float) -> None:
        for child in self._running():
            self._stop(child, now_s)
        self._main = None
        self._second = None

    def _stop(self, child: Child, now_s: float) -> None:
        child.ask_to_stop(now_s)
        self._stopping.append(child)

    def _reset_failures(self) -> None:
        self._policy.reset()
        self._failure = ""
        self._detail = ""
        self._start_at_s = 0.0

    def _report_fault(self, detail: str) -> None:
        self._detail = detail
        self._report(f"child.{self._spec.name}", f"{self._spec.name}: {detail}")

    def _publish(self) -> None:
        """Publish the outputs of the active process once it has a result."""
        if self._main is not None and self._main.counters.results:
            self._published.publish(self._main.outputs)
        self._published.update(running=self._children(), ended=self._ended)
