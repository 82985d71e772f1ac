"""The states of one child: which of its processes live, which takes charge, when the next one starts.

    off ──start──► loading ──► compiling ──► ready ◄──► busy
     ▲               │             │           │          │    no sign of life, or a deadline missed
     │ stop          │             │           │          ├──────────────────────────► hung
   (any)             ▼             ▼           ▼          ▼     killed, and gone         │
                  failed ◄───── restarting ◄── died ────────────────────────────────────┘

- *loading, compiling, ready, busy* are what the child stores in a word of shared memory, not what it answers: that it
  hangs is seen without its help. Busy: it published within the last second, or is about to.
- *hung*: killed by us. The next one waits until it is gone, for two on one device would both fail. One that is not gone
  10 s after SIGKILL sits in a driver: failed.
- *restarting*: waiting for the old process to go, or for the delay after its death (`policy`).
- *failed*: it said that trying again is no use, its model killed three times, or it is stuck. Somebody's start,
  restart or new settings lead out, and nothing is held against it then.

Two processes live at once while settings are swapped: the second is started beside the first and takes charge with
its first result, or when it is ready and the first publishes nothing (`policy.Handover`). If the second dies the first
goes on; if it died for lack of memory the first is stopped, and the second tried alone. The former settings are kept
until the second is in charge: if the first is gone by then, and the second dies, they are started again. Settings that
have never worked are not kept: others take their place at once. Each swap asked for ends once, done or not.

Rings belong to the engine and outlive the process that wrote them (`published`): whoever reads keeps the last picture
until somebody publishes a newer one.

Everything here is called by the supervisor's thread, waits for nothing and gets the time as an argument.
"""

import logging
from collections import deque
from collections.abc import Mapping
from functools import partial
from typing import Any

from engine.children.launcher import Launcher
from engine.children.policy import Deadlines, DeathPolicy, Verdict
from engine.children.process import Child, OnAnswer
from engine.children.published import Published
from engine.children.spec import ChildSpec, ChildStatus, State
from engine.errors import ChildError, SharedMemoryError
from engine.ipc import ChildWords
from engine.system.reporting import Report

log = logging.getLogger(__name__)


class Lifecycle:
    def __init__(self, spec: ChildSpec, *, gate: str, launcher: Launcher, times: Deadlines, report: Report) -> None:
        self.swap_ends: deque[tuple[bool, str]] = deque()
        """Whether each swap asked for is done, and why not, in their order. Whoever tells it takes it out."""
        self._spec = spec
        self._settings = spec.settings
        self._times = times
        self._report = report
        self._policy = DeathPolicy(times)
        self._launch = partial(
            Child, spec, gate=gate, launcher=launcher, policy=self._policy, times=times, report=report
        )
        self._values: dict[str, Any] = {}
        self._inputs: dict[str, str] = {}
        self._is_wanted = False
        self._main: Child | None = None
        """In charge, or to be."""
        self._second: Child | None = None
        """To take charge with the coming settings."""
        self._leaving: list[Child] = []
        """Asked to end, or killed."""
        self._ended: list[Child] = []
        """Gone, to be closed by `bury`."""
        self._coming: Mapping[str, Any] | None = None
        """Settings of the swap under way; `_settings` are the former until its process takes charge."""
        self._is_swap_open = False
        """Somebody waits for the end of a swap, of this or of one that took place at once."""
        self._has_worked = False
        """A process with `_settings` was in charge, so they are worth coming back to."""
        self._start_at_s = 0.0
        self._is_restart = False
        self._failure = ""
        self._detail = ""
        self._restarts = 0
        self._past_results = 0
        self._published = Published()

    # what somebody asks for

    def start(self, now_s: float) -> None:
        """Run from now on. Nothing that happened before is held against it."""
        self._forgive()
        self._is_wanted = True

    def stop(self, now_s: float) -> None:
        """End all processes, and publish nothing any more."""
        self._forgive()
        self._give_up_swap("it was stopped")
        self._end_swap(True)  # took place at once: in force at the next start
        self._is_wanted = False
        self._is_restart = False
        self._dismiss(now_s)
        self._published.withdraw()

    def restart(self, now_s: float) -> None:
        """End the process and start another; what was published stays until it publishes."""
        self._forgive()
        self._give_up_swap("it was restarted")
        self._is_wanted = self._is_restart = True
        self._dismiss(now_s)

    def swap(self, settings: Mapping[str, Any], now_s: float) -> None:
        """Go over to other settings without a gap; while off, they are for the next start."""
        is_same = settings == (self._settings if self._coming is None else self._coming)
        is_under_way = is_same and self._is_swap_open
        if self._is_swap_open:
            self.swap_ends.append((False, "another was asked for"))
        self._is_swap_open = True
        if is_under_way:
            return
        if not is_same:
            self._forgive()
        self._coming = None
        if self._second is not None:
            self._send_away(self._second, now_s)
            self._second = None
        if settings == self._settings:
            self._end_swap(True)
            return
        has_results = self._main is not None and self._main.words.results > 0
        self._has_worked |= has_results
        if not has_results or (self._main is not None and self._main.is_leaving):
            self._dismiss(now_s)  # it shows nothing: no reason to have two
        if self._is_wanted and self._has_worked:
            self._coming = settings
            return
        self._settings, self._has_worked = settings, False
        if not self._is_wanted:
            self._end_swap(True)

    def call(self, name: str, arguments: tuple[Any, ...], on_answer: OnAnswer, now_s: float) -> None:
        """Hand a command to the process in charge; answered at once when there is none."""
        child = self._main or self._second
        if child is None:
            on_answer(False, f"{self._spec.name} is {self._state(now_s)}")
        else:
            child.call(name, arguments, on_answer)

    def tell(self, values: Mapping[str, Any], inputs: Mapping[str, str]) -> None:
        """What is new since the last time. Kept for every process to come."""
        self._values |= values
        self._inputs |= inputs
        for child in self._running():
            child.tell(values, inputs)

    # what happens

    def step(self, now_s: float) -> None:
        """Look at everything, and do what follows."""
        for child in self._children():
            child.exchange()
        for child in list(self._leaving):
            if child.has_ended(now_s):
                self._leaving.remove(child)
                self._ended.append(child)
            elif child.is_stuck(now_s) and not self._failure:
                self._failure = f"driver: process {child.pid} is not gone {self._times.gone_s:g} s after SIGKILL"
                self._tell_fault(self._failure)
        self._look_after_second(now_s)
        self._look_after_main(now_s)
        if self._failure and self._second is None:
            self._end_swap(False, self._failure)
        if self._is_wanted and not self._failure and not self._leaving:
            self._launch_what_is_due(now_s)
        self._publish()

    def bury(self) -> None:
        """Let go of the processes that have ended. Nobody may use their words any more (`wanting`)."""
        for child in self._ended:
            self._past_results += child.words.results
            child.close()
        self._ended.clear()

    def close(self) -> None:
        """Take away what is published. Once all processes have ended, or are given up."""
        self.stop(0.0)
        self._ended += self._leaving  # given up: their rings are ours
        self._leaving.clear()
        self._publish()
        self.bury()

    def is_over(self, now_s: float) -> bool:
        """Whether no process is left that an engine which ends would wait for."""
        return self._main is None and self._second is None and all(child.is_given_up(now_s) for child in self._leaving)

    # how it is doing

    @property
    def outputs(self) -> Mapping[str, str]:
        """Name -> segment of what is published; replaced when it changes."""
        return self._published.segments

    @property
    def waitables(self) -> list[Any]:
        """Ready when there is something for `step`."""
        return [waitable for child in self._children() for waitable in child.waitables]

    @property
    def has_processes(self) -> bool:
        return bool(self._children())

    @property
    def next_start_s(self) -> float | None:
        """When `step` has something to start; None: nothing is due."""
        return self._start_at_s if self._is_wanted and not self._failure and self._main is None else None

    @property
    def wanting(self) -> tuple[ChildWords, ...]:
        """Words of the processes that may want a picture."""
        return tuple(child.words for child in self._running())

    def status(self, now_s: float) -> ChildStatus:
        child = self._main or self._second or (self._leaving[-1] if self._leaving else None)
        words = child.words if child else None
        return ChildStatus(
            name=self._spec.name,
            state=self._state(now_s),
            pid=child.pid if child else 0,
            heartbeat_age_s=child.heartbeat_age_s(now_s) if child else 0.0,
            restarts=self._restarts,
            results=self._past_results + sum(child.words.results for child in (*self._children(), *self._ended)),
            ms_a_result=words.last_result_ms if words else 0.0,
            detail=self._detail,
            quarantined=self._policy.quarantined,
            facts=dict(child.facts) if child else {},
        )

    def _state(self, now_s: float) -> State:
        if self._failure:
            return "failed"
        child = self._main or self._second
        if child is None:
            if self._is_wanted:
                return "restarting" if self._is_restart else "loading"
            if not self._leaving:
                return "off"
            child = self._leaving[-1]
        return child.state(now_s)

    def _children(self) -> list[Child]:
        return [*self._running(), *self._leaving]

    def _running(self) -> list[Child]:
        return [child for child in (self._main, self._second) if child is not None]

    # one step's parts

    def _look_after_main(self, now_s: float) -> None:
        child = self._main
        if child is None:
            return
        if self._killed_as_hung(child, now_s):
            return  # so that it is seen as hung once
        if child.has_ended(now_s):
            self._main = None
            self._main_died(child, now_s)
        elif child.is_stuck(now_s):
            self._main = None
            self._leaving.append(child)
        elif child.may_take_charge(0, now_s):
            self._has_worked = True
            if self._coming is None:
                self._end_swap(True)

    def _main_died(self, child: Child, now_s: float) -> None:
        detail = self._last_words(child)
        is_final = child.fault is not None and child.fault.is_final
        verdict = self._policy.died(child.tried, had_result=child.words.results > 0, is_final=is_final)
        self._tell_fault("; ".join([detail, *(f"quarantined {blamed}" for blamed in verdict.blamed)]))
        if self._coming is None:
            self._follow(verdict, now_s)

    def _look_after_second(self, now_s: float) -> None:
        child = self._second
        if child is None:
            return
        self._killed_as_hung(child, now_s)
        if child.has_ended(now_s) or child.is_stuck(now_s):
            self._second = None
            self._second_died(child, now_s)
        elif child.may_take_charge(self._main.words.results if self._main else 0, now_s):
            if self._main is not None:
                self._send_away(self._main, now_s)
            self._main, self._second = child, None
            self._settings, self._has_worked = child.settings, True
            self._end_swap(True)

    def _second_died(self, child: Child, now_s: float) -> None:
        if not child.has_ended(now_s):
            self._leaving.append(child)
            self._swap_failed(f"process {child.pid} is not gone")
            return
        why = self._last_words(child)
        if self._main is not None and child.fault is not None and child.fault.kind == "memory":
            self._tell_fault(f"new settings: {why}; the former are stopped first")
            self._is_restart = True
            self._dismiss(now_s)
        else:
            self._swap_failed(why)

    def _swap_failed(self, why: str) -> None:
        """Its process died, or cannot be had."""
        self._is_restart |= self._main is None
        self._tell_fault(f"new settings: {why}; {'the former go on' if self._main else 'back to the former'}")
        self._end_swap(False, self._detail)

    def _give_up_swap(self, reason: str) -> None:
        if self._coming is not None:
            self._end_swap(False, reason)

    def _end_swap(self, is_done: bool, reason: str = "") -> None:
        """There is none any more, and whoever asked for it hears."""
        self._coming = None
        if self._is_swap_open:
            self._is_swap_open = False
            self.swap_ends.append((is_done, reason))

    def _killed_as_hung(self, child: Child, now_s: float) -> bool:
        """Whether it was found hung, and killed, just now."""
        if child.is_leaving:
            return False
        child.hung = child.hang(now_s)
        if child.hung:
            child.kill(now_s)
        return bool(child.hung)

    def _launch_what_is_due(self, now_s: float) -> None:
        if self._coming is not None:
            if self._second is None:
                self._launch_second(self._coming, now_s)
        elif self._main is None and now_s >= self._start_at_s:
            self._restarts += self._is_restart
            try:
                self._main = self._launch(self._settings, values=self._values, inputs=self._inputs, now_s=now_s)
            except (ChildError, SharedMemoryError) as error:
                self._tell_fault(str(error))
                self._follow(self._policy.died({}, had_result=False, is_final=False), now_s)

    def _launch_second(self, settings: Mapping[str, Any], now_s: float) -> None:
        if self._main is None:
            self._restarts += self._is_restart
        try:
            self._second = self._launch(settings, values=self._values, inputs=self._inputs, now_s=now_s)
        except (ChildError, SharedMemoryError) as error:
            self._swap_failed(str(error))

    def _follow(self, verdict: Verdict, now_s: float) -> None:
        """What a death of the main process leads to."""
        self._is_restart = True
        if verdict.delay_s is None:
            self._failure = self._detail
            self._has_worked = False
        else:
            self._start_at_s = now_s + verdict.delay_s

    def _last_words(self, child: Child) -> str:
        """Why it ended, in one line; all of it goes into the log."""
        child.exchange()  # what it said before it died
        self._ended.append(child)
        cause, tail = child.epitaph()
        if tail:
            log.warning("%s: the end of its stderr:\n%s", self._spec.name, "\n".join(tail))
        return cause

    def _dismiss(self, now_s: float) -> None:
        for child in self._running():
            self._send_away(child, now_s)
        self._main = self._second = None

    def _send_away(self, child: Child, now_s: float) -> None:
        child.ask_to_stop(now_s)
        self._leaving.append(child)

    def _forgive(self) -> None:
        self._policy.forgive()
        self._failure = self._detail = ""
        self._start_at_s = 0.0

    def _tell_fault(self, detail: str) -> None:
        self._detail = detail
        self._report(f"child.{self._spec.name}", f"{self._spec.name}: {detail}")

    def _publish(self) -> None:
        """Show the outputs of the process in charge once it has a result."""
        if self._main is not None and self._main.words.results:
            self._published.show(self._main.outputs)
        self._published.settle(living=self._children(), ended=self._ended)
