"""Decides what to do when a child hangs or dies. Pure: time comes in as an argument; `lifecycle`
acts.

Four questions, each answered from observations only:

- Does it hang? `Deadlines.hang` checks the age of two fields. If the heartbeat, which a thread of
  the child updates, is old, the process is stopped or something holds the GIL. If the main loop's
  progress is old, it is stuck: by phase, as loading a model may take minutes, a picture may not.
- When is it restarted? After 0.5 s, 1, 2, ... 30 s. Only deaths before the first result count: a
  child that published something before it was killed is restarted after the first delay, however
  often that happens.
- Which value is to blame? The child reports a new prompt or model before the first call that uses
  it, and afterwards that it passed. A value that was being tried at a death gets one count. At
  three it is quarantined: later processes get the last passed value of that key, or none. A value
  that passed once is never blamed, or a script that kills the child would take away every prompt. A
  result with another prompt does not clear the counts, or a poisoned prompt that alternates with a
  good one would kill the child endlessly. A death of its driver blames nothing.
- When does a process with new settings become active? With its first result, or once it has been
  ready for 2 s in which the first published nothing: a paused child has no results, and two models
  would stay in memory.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import msgspec

from engine.ipc import Phase
from engine.system.backoff import FIRST_DELAY_S, MAX_DELAY_S, next_delay_s

DEATHS_TO_QUARANTINE: Final = 3
MODEL: Final = "model"  # a child cannot run without its model: quarantined means failed
MAX_TIMES_EXPECTED: Final = 4  # a busy machine may take this many times longer than expected
MAX_EXPECTED_S: Final = 300.0
MAX_POLL_GAP_S: Final = (
    2.0  # a longer gap between two polls means that this process itself was paused
)
MAX_PASSED: Final = 256  # passed values remembered; a show may use thousands of prompts
MAX_PRINTED_CHARACTERS: Final = 80

_Blame = tuple[str, str]
"""A key and its value as JSON."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Deadlines:
    """Timeouts of each phase, in seconds, after which a child counts as hung. Tests use short
    ones."""

    starting_s: float = 120.0
    """From the launch to the loop's first phase; includes the fork server importing torch from a
    cold disk."""
    loading_s: float = 300.0
    compiling_s: float = 600.0
    capturing_s: float = 60.0
    running_s: float = 10.0
    idle_s: float = 10.0
    silent_s: float = 10.0
    """Maximum age of the heartbeat in a phase that produces pictures."""
    silent_loading_s: float = 30.0
    """The same while it starts, loads or compiles: imports and compilers hold the GIL for
    seconds."""
    stop_s: float = 3.0
    """From the stop request to SIGKILL."""
    exit_s: float = 10.0
    """From SIGKILL to the exit: a process that takes longer is stuck in a driver."""
    exit_at_end_s: float = 1.0
    """The same while the engine closes, which does not wait longer: the process dies as soon as the
    driver returns."""
    quiet_s: float = 2.0
    """Time without a result from either process until the new one, being ready, becomes active."""
    first_delay_s: float = FIRST_DELAY_S
    max_delay_s: float = MAX_DELAY_S

    def hang(
        self, phase: Phase, in_phase_s: float, silent_s: float, expected_s: float = 0.0
    ) -> str:
        """Why a child in this phase counts as hung, or "". `expected_s`: its own estimate of its
        work."""
        limits_s = (
            self.starting_s,
            self.loading_s,
            self.compiling_s,
            self.capturing_s,
            self.idle_s,
            self.running_s,
        )
        # in the order of Phase
        limit_s = dict(zip(Phase, (*limits_s, self.stop_s), strict=True))[phase]
        if phase in (Phase.RUNNING, Phase.CAPTURING):
            limit_s = max(limit_s, min(MAX_TIMES_EXPECTED * expected_s, MAX_EXPECTED_S))
        is_slow = phase in (Phase.STARTING, Phase.LOADING, Phase.COMPILING)
        if silent_s > (self.silent_loading_s if is_slow else self.silent_s):
            return f"no heartbeat for {silent_s:.3g} s while {phase.name.lower()}"
        if in_phase_s > limit_s:
            return f"{phase.name.lower()} for {in_phase_s:.3g} s, longer than {limit_s:g} s"
        return ""


class HangDetector:
    """Detects a hung process by polling its counters. Its timeouts never start before the launch,
    the process's start (the fork server may import for a minute), and the first poll after a pause
    of this process."""

    def __init__(self, times: Deadlines, now_s: float) -> None:
        self._times = times
        self._from_s = now_s
        self._polled_s = now_s
        self._is_started = False

    def hang(
        self,
        phase: Phase,
        since_s: float,
        alive_s: float,
        now_s: float,
        *,
        is_started: bool,
        expected_s: float = 0.0,
    ) -> str:
        """Why it counts as hung, or "". `since_s`, `alive_s`: times in its ChildCounters, 0 before
        the first."""
        if now_s - self._polled_s > MAX_POLL_GAP_S or is_started > self._is_started:
            self._from_s = now_s
        self._polled_s = now_s
        self._is_started = is_started
        silent_s = self.silent_s(alive_s, now_s) if is_started else 0.0
        return self._times.hang(phase, now_s - max(self._from_s, since_s), silent_s, expected_s)

    def silent_s(self, alive_s: float, now_s: float) -> float:
        return max(0.0, now_s - max(self._from_s, alive_s))


class Promotion:
    """Decides when the second process of a swap becomes the active one."""

    def __init__(self, times: Deadlines) -> None:
        self._times = times
        self._quiet_from_s: float | None = None
        self._former_results = 0

    def is_due(self, *, results: int, phase: Phase, former_results: int, now_s: float) -> bool:
        """True if it becomes active now. `results`, `phase`: its own; `former_results`: the active
        process's, or 0."""
        if results:
            return True
        if phase != Phase.IDLE:
            self._quiet_from_s = None
        elif self._quiet_from_s is None or former_results != self._former_results:
            self._quiet_from_s = now_s
        self._former_results = former_results
        return self._quiet_from_s is not None and now_s - self._quiet_from_s >= self._times.quiet_s


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    delay_s: float | None
    """Delay before the restart; None for no restart without a command."""
    blamed: tuple[str, ...] = ()
    """Values quarantined by this death, as text for people."""


class DeathPolicy:
    """Decides after each death of a child when to restart it and which values to quarantine. Used
    by one thread."""

    def __init__(self, times: Deadlines) -> None:
        self._times = times
        self._deaths_in_a_row = 0
        self._counts: Counter[_Blame] = Counter()
        self._passed: dict[_Blame, None] = {}  # ordered: the oldest goes first
        self._last_passed: dict[str, Any] = {}

    @property
    def quarantined(self) -> tuple[str, ...]:
        """`key: value` of all quarantined values, in the order they were blamed."""
        return tuple(
            _as_text(blame)
            for blame, count in self._counts.items()
            if count >= DEATHS_TO_QUARANTINE
        )

    def on_death(self, tried: Mapping[str, Any], *, had_result: bool, is_final: bool) -> Verdict:
        """Decide what follows a death: the delay of the restart, and the values blamed. `tried`:
        values being tried, not passed; `is_final`: a retry is useless."""
        blamed = []
        for key, value in tried.items():
            blame = _blame(key, value)
            if blame in self._passed:
                continue
            self._counts[blame] += 1
            if self._counts[blame] == DEATHS_TO_QUARANTINE:
                blamed.append(_as_text(blame))
        self._deaths_in_a_row = 0 if had_result else self._deaths_in_a_row + 1
        is_model = any(
            self.is_quarantined(key, value) for key, value in tried.items() if key == MODEL
        )
        if is_final or is_model:
            return Verdict(delay_s=None, blamed=tuple(blamed))
        times = self._times
        delay_s = next_delay_s(
            max(1, self._deaths_in_a_row), first_s=times.first_delay_s, max_s=times.max_delay_s
        )
        return Verdict(delay_s=delay_s, blamed=tuple(blamed))

    def on_passed(self, key: str, value: Any) -> None:
        """Record that a result was published with this value."""
        blame = _blame(key, value)
        del self._counts[blame]
        self._passed.pop(blame, None)
        self._passed[blame] = None
        if len(self._passed) > MAX_PASSED:
            del self._passed[next(iter(self._passed))]
        self._last_passed[key] = value

    def is_quarantined(self, key: str, value: Any) -> bool:
        return self._counts.get(_blame(key, value), 0) >= DEATHS_TO_QUARANTINE

    def replace_quarantined(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """`values` with each quarantined one replaced by the last passed value of its key, or left
        out."""
        if not self._counts:
            return dict(values)
        result = {}
        for key, value in values.items():
            if not self.is_quarantined(key, value):
                result[key] = value
            elif key in self._last_passed:
                result[key] = self._last_passed[key]
        return result

    def reset(self) -> None:
        """Clear all blame and the restart delay, for a start by command. Passed values stay
        passed."""
        self._deaths_in_a_row = 0
        self._counts.clear()


def _blame(key: str, value: Any) -> _Blame:
    return key, msgspec.json.encode(value).decode()  # hashable; tuples equal lists, as in a message


def _as_text(blame: _Blame) -> str:
    key, packed = blame
    text = str(msgspec.json.decode(packed))
    if len(text) > MAX_PRINTED_CHARACTERS:
        text = text[: MAX_PRINTED_CHARACTERS - 3] + "..."
    return f"{key}: {text}"
