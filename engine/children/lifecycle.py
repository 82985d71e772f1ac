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
its first result; until then the first one's are published. If the second dies the first goes on; if it died for lack
of memory the first is stopped, and the second tried alone. Rings belong to the engine and outlive the process that
wrote them: whoever reads keeps the last picture until somebody publishes a newer one.

Everything here is called by the supervisor's thread, waits for nothing and gets the time as an argument.
"""

import logging
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final

from engine.children.launcher import Launcher
from engine.children.policy import Deadlines, DeathPolicy, Verdict
from engine.children.process import Child, OnAnswer, Report, Ring
from engine.children.spec import ChildSpec, ChildStatus, State
from engine.errors import ChildError, SharedMemoryError
from engine.ipc import ChildWords, Phase

log = logging.getLogger(__name__)

BUSY_S: Final = 1.0  # after a result it counts as busy for so long, or the state would flicker with each picture
PHASE_STATES: Final[Mapping[Phase, State]] = {
    Phase.STARTING: "loading",
    Phase.LOADING: "loading",
    Phase.COMPILING: "compiling",
    Phase.CAPTURING: "compiling",
    Phase.IDLE: "ready",
    Phase.RUNNING: "busy",
    Phase.STOPPING: "ready",
}


class Lifecycle:
    def __init__(self, spec: ChildSpec, *, gate: str, launcher: Launcher, times: Deadlines, report: Report) -> None:
        self.outputs: Mapping[str, str] = MappingProxyType({})
        """Name -> segment of what is published; replaced when it changes."""
        self._spec = spec
        self._settings = spec.settings
        self._gate = gate
        self._launcher = launcher
        self._times = times
        self._report = report
        self._policy = DeathPolicy(times)
        self._values: dict[str, Any] = {}
        self._inputs: dict[str, str] = {}
        self._is_wanted = False
        self._main: Child | None = None
        """In charge, or to be."""
        self._second: Child | None = None
        """Started beside it with other settings."""
        self._leaving: list[Child] = []
        """Asked to end, or killed."""
        self._ended: list[Child] = []
        """Gone, to be closed by `bury`."""
        self._next_settings: Mapping[str, Any] | None = None
        self._start_at_s = 0.0
        self._is_restart = False
        self._failure = ""
        self._detail = ""
        self._restarts = 0
        self._past_results = 0
        self._rings: set[Ring] = set()
        self._published: dict[str, Ring] = {}

    # what somebody asks for

    def start(self, now_s: float) -> None:
        """Run from now on. Nothing that happened before is held against it."""
        self._forgive()
        self._is_wanted = True

    def stop(self, now_s: float) -> None:
        """End all processes, and publish nothing any more."""
        self._forgive()
        self._is_wanted = False
        self._next_settings = None
        self._is_restart = False
        self._dismiss(now_s)
        self._published = {}

    def restart(self, now_s: float) -> None:
        """End the process and start another; what was published stays until it publishes."""
        self._forgive()
        self._is_wanted = self._is_restart = True
        self._next_settings = None
        self._dismiss(now_s)

    def swap(self, settings: Mapping[str, Any], now_s: float) -> None:
        """Go over to other settings without a gap; while off, they are for the next start."""
        coming = self._second.settings if self._second is not None else self._next_settings
        if settings == (self._settings if coming is None else coming):
            return
        self._forgive()
        self._next_settings = None
        if self._second is not None:
            self._send_away(self._second, now_s)
            self._second = None
        if settings == self._settings:
            return
        if self._main is not None and self._main.words.results and not self._main.is_leaving:
            self._next_settings = settings
        else:  # it has shown nothing yet: the next takes its place
            self._settings = settings
            self._dismiss(now_s)

    def call(self, name: str, arguments: tuple[Any, ...], on_answer: OnAnswer, now_s: float) -> None:
        """Hand a command to the process in charge; answered at once when there is none."""
        if self._main is None:
            on_answer(False, f"{self._spec.name} is {self._state(now_s)}")
        else:
            self._main.call(name, arguments, on_answer)

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
        """Take away what is published. Once all processes have ended, or are stuck."""
        self.stop(0.0)
        self._publish()
        for child in self._leaving:
            child.close()
        self._leaving.clear()

    def is_over(self, now_s: float) -> bool:
        """Whether no process is left that could still end."""
        return self._main is None and self._second is None and all(child.is_stuck(now_s) for child in self._leaving)

    # how it is doing

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
        child = self._main or (self._leaving[-1] if self._leaving else None)
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
        child = self._main
        if child is None:
            if self._is_wanted:
                return "restarting" if self._is_restart else "loading"
            if not self._leaving:
                return "off"
            child = self._leaving[-1]
        if child.hung:
            return "hung"
        state = PHASE_STATES[child.words.progress[0]]
        is_fresh = child.words.results > 0 and now_s - child.words.last_result_ns / 1e9 < BUSY_S
        return "busy" if state == "ready" and is_fresh else state

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

    def _main_died(self, child: Child, now_s: float) -> None:
        detail = self._last_words(child)
        is_final = child.fault is not None and child.fault.is_final
        verdict = self._policy.died(child.tried, had_result=child.words.results > 0, is_final=is_final)
        self._tell_fault("; ".join([detail, *(f"quarantined {blamed}" for blamed in verdict.blamed)]))
        if self._second is None:
            self._follow(verdict, now_s)
        else:
            self._main, self._second = self._second, None
            self._settings = self._main.settings

    def _look_after_second(self, now_s: float) -> None:
        child = self._second
        if child is None:
            return
        self._killed_as_hung(child, now_s)
        if child.has_ended(now_s) or child.is_stuck(now_s):
            self._second = None
            self._second_died(child, now_s)
        elif child.words.results and not child.is_leaving:
            if self._main is not None:
                self._send_away(self._main, now_s)
            self._main, self._second = child, None
            self._settings = child.settings

    def _second_died(self, child: Child, now_s: float) -> None:
        if not child.has_ended(now_s):
            self._leaving.append(child)
            return
        is_memory = child.fault is not None and child.fault.kind == "memory"
        what_now = "the former are stopped first" if is_memory else "the former go on"
        self._tell_fault(f"new settings: {self._last_words(child)}; {what_now}")
        if is_memory:
            self._settings = child.settings
            self._is_restart = True
            self._dismiss(now_s)

    def _killed_as_hung(self, child: Child, now_s: float) -> bool:
        """Whether it was found hung, and killed, just now."""
        if child.is_leaving:
            return False
        child.hung = child.hang(now_s)
        if child.hung:
            child.kill(now_s)
        return bool(child.hung)

    def _launch_what_is_due(self, now_s: float) -> None:
        if self._main is None and now_s >= self._start_at_s:
            self._restarts += self._is_restart
            try:
                self._main = self._launch(self._settings, now_s)
            except (ChildError, SharedMemoryError) as error:
                self._tell_fault(str(error))
                self._follow(self._policy.died({}, had_result=False, is_final=False), now_s)
        elif self._main is not None and self._next_settings is not None:
            settings, self._next_settings = self._next_settings, None
            try:
                self._second = self._launch(settings, now_s)
            except (ChildError, SharedMemoryError) as error:
                self._tell_fault(f"new settings: {error}; the former go on")

    def _launch(self, settings: Mapping[str, Any], now_s: float) -> Child:
        return Child(
            self._spec,
            settings,
            values=self._values,
            inputs=self._inputs,
            gate=self._gate,
            launcher=self._launcher,
            policy=self._policy,
            times=self._times,
            report=self._report,
            now_s=now_s,
        )

    def _follow(self, verdict: Verdict, now_s: float) -> None:
        """What a death of the main process leads to."""
        self._is_restart = True
        if verdict.delay_s is None:
            self._failure = self._detail
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
        """Show the outputs of the process in charge once it has a result, and close what nobody needs any more."""
        if self._main is not None and self._main.words.results:
            self._published = dict(self._main.outputs)
        for child in (*self._children(), *self._ended):
            self._rings |= child.new_rings
            child.new_rings = set()
        needed = set(self._published.values())
        needed.update(ring for child in self._children() for ring in child.outputs.values())
        segments = {name: ring.segment for name, ring in self._published.items()}
        if segments != self.outputs:
            self.outputs = MappingProxyType(segments)
        for ring in self._rings - needed:
            ring.close()
        self._rings &= needed
