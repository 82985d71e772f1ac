"""What to do when a child hangs or dies: pure decisions, the time comes in as an argument. `supervisor` acts on them.

Four questions, each answered from what was seen alone:

- Does it hang? `Deadlines.hang` looks at two ages: of the alive word, which a thread of the child beats (old: somebody
  holds the GIL, or the process is stopped), and of the progress word, which the main loop stores with its phase (old:
  the loop is stuck although the process lives). Loading a model may take minutes, a picture may not.
- When is it started again? After 0.5 s, 1, 2, ... 30 s. Only deaths before the first result count: a child that
  published something and is killed later starts again after the first delay, however often that happens.
- What is to blame? The child says what it tries before the first call that uses a new prompt or model, and that it is
  proved after it. What is outstanding at a death gets one count; at three it is quarantined: later processes get the
  last proved value of that key instead, or none. What was proved once is never blamed, or a script that kills the
  child would have every prompt taken away. Nor does a result that was made with another prompt clear the counts: a
  poisoned prompt that alternates with a good one would kill for ever.
- When does the process with other settings take charge? With its first result. But a paused child, or one without a
  source, makes none, and two models would sit in memory for ever: so also when it has been ready for 2 s in which the
  first published nothing either.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import msgspec

from engine.ipc import Phase
from engine.system.backoff import FIRST_DELAY_S, MAX_DELAY_S, next_delay_s

DEATHS_TO_QUARANTINE: Final = 3
MODEL: Final = "model"  # the key without which there is nothing to run: quarantined means failed
MAX_SHARE_OF_EXPECTED: Final = 4  # a machine that other programs share may take so many times as long as at its best
MAX_EXPECTED_S: Final = 300.0
MAX_LOOK_UP_S: Final = 2.0  # between two looks at a child: longer, and it was we who stood still
KEPT_PROVED: Final = 256  # values remembered as good: prompts come and go for hours
SHOWN_CHARACTERS: Final = 80

_Blame = tuple[str, str]
"""A key and its value as JSON."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Deadlines:
    """Seconds. Tests use short ones."""

    starting_s: float = 120.0
    """From the launch to the loop's first phase; the fork server may import torch from a cold disk meanwhile."""
    loading_s: float = 300.0
    compiling_s: float = 600.0
    capturing_s: float = 60.0
    running_s: float = 10.0
    idle_s: float = 10.0
    silent_s: float = 10.0
    """The oldest the alive word may be in a phase that makes pictures."""
    silent_loading_s: float = 30.0
    """And while it starts, loads or compiles: imports and compilers hold the GIL for seconds."""
    stop_s: float = 3.0
    """From being asked to end to being killed."""
    gone_s: float = 10.0
    """From SIGKILL to the end: a process that is longer about it is stuck in a driver."""
    gone_at_end_s: float = 1.0
    """The same where the engine itself ends, which must not wait: it is dead as soon as the driver returns."""
    quiet_s: float = 2.0
    """Without a result of either, until a process that is ready takes charge."""
    first_delay_s: float = FIRST_DELAY_S
    longest_delay_s: float = MAX_DELAY_S

    def hang(self, phase: Phase, in_phase_s: float, silent_s: float, expected_s: float = 0.0) -> str:
        """Why a child in this phase counts as hung; "" when it does not. `expected_s`: what it said of its work."""
        limit_s = {
            Phase.STARTING: self.starting_s,
            Phase.LOADING: self.loading_s,
            Phase.COMPILING: self.compiling_s,
            Phase.CAPTURING: self.capturing_s,
            Phase.RUNNING: self.running_s,
            Phase.IDLE: self.idle_s,
            Phase.STOPPING: self.stop_s,
        }[phase]
        if phase in (Phase.RUNNING, Phase.CAPTURING):
            limit_s = max(limit_s, min(MAX_SHARE_OF_EXPECTED * expected_s, MAX_EXPECTED_S))
        is_slow = phase in (Phase.STARTING, Phase.LOADING, Phase.COMPILING)
        if silent_s > (self.silent_loading_s if is_slow else self.silent_s):
            return f"no sign of life for {silent_s:.3g} s while {phase.name.lower()}"
        if in_phase_s > limit_s:
            return f"{phase.name.lower()} for {in_phase_s:.3g} s, longer than {limit_s:g} s"
        return ""


class Watch:
    """Looks at one process's words again and again. Its times count from a look, not from before it:

    from the launch, from its birth (the fork server may have imported for a minute), and from the first look after a
    pause of ours, in which the machine slept or a debugger stood.
    """

    def __init__(self, times: Deadlines, now_s: float) -> None:
        self._times = times
        self._from_s = self._looked_s = now_s
        self._is_born = False

    def hang(
        self,
        phase: Phase,
        since_s: float,
        alive_s: float,
        now_s: float,
        *,
        is_born: bool,
        expected_s: float = 0.0,
    ) -> str:
        """Why it counts as hung; "" when it does not. `since_s`, `alive_s`: its words' times, 0 before the first."""
        if now_s - self._looked_s > MAX_LOOK_UP_S or is_born > self._is_born:
            self._from_s = now_s
        self._looked_s = now_s
        self._is_born = is_born
        silent_s = self.silent_s(alive_s, now_s) if is_born else 0.0
        return self._times.hang(phase, now_s - max(self._from_s, since_s), silent_s, expected_s)

    def silent_s(self, alive_s: float, now_s: float) -> float:
        """Seconds since its last sign of life."""
        return max(0.0, now_s - max(self._from_s, alive_s))


class Handover:
    """Whether one process may take charge, seen again and again."""

    def __init__(self, times: Deadlines) -> None:
        self._times = times
        self._quiet_from_s: float | None = None
        self._former_results = 0

    def is_due(self, *, results: int, phase: Phase, former_results: int, now_s: float) -> bool:
        """`results`, `phase`: its own; `former_results`: of the process that is in charge, 0 for none."""
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
    """What follows a death."""

    delay_s: float | None
    """Start again after so long; None: not before somebody asks for it."""
    blamed: tuple[str, ...] = ()
    """What was quarantined by this death, as shown to people."""


class DeathPolicy:
    """One child's history. Used by one thread."""

    def __init__(self, times: Deadlines) -> None:
        self._times = times
        self._deaths_in_a_row = 0
        self._counts: Counter[_Blame] = Counter()
        self._proved: dict[_Blame, None] = {}  # ordered: the oldest goes first
        self._last_proved: dict[str, Any] = {}

    @property
    def quarantined(self) -> tuple[str, ...]:
        """`key: value` of everything that is kept from the child, in the order it was blamed."""
        return tuple(_shown(blame) for blame, count in self._counts.items() if count >= DEATHS_TO_QUARANTINE)

    def died(self, tried: Mapping[str, Any], *, had_result: bool, is_final: bool) -> Verdict:
        """Judge a death. `tried`: what was tried and not proved; `is_final`: the child said that it is no use."""
        blamed = []
        for key, value in tried.items():
            blame = _blame(key, value)
            if blame in self._proved:
                continue
            self._counts[blame] += 1
            if self._counts[blame] == DEATHS_TO_QUARANTINE:
                blamed.append(_shown(blame))
        self._deaths_in_a_row = 0 if had_result else self._deaths_in_a_row + 1
        is_model = any(self.is_quarantined(key, value) for key, value in tried.items() if key == MODEL)
        if is_final or is_model:
            return Verdict(delay_s=None, blamed=tuple(blamed))
        times = self._times
        delay_s = next_delay_s(
            max(1, self._deaths_in_a_row), first_s=times.first_delay_s, longest_s=times.longest_delay_s
        )
        return Verdict(delay_s=delay_s, blamed=tuple(blamed))

    def proved(self, key: str, value: Any) -> None:
        """A result was published with this value."""
        blame = _blame(key, value)
        del self._counts[blame]
        self._proved.pop(blame, None)
        self._proved[blame] = None
        if len(self._proved) > KEPT_PROVED:
            del self._proved[next(iter(self._proved))]
        self._last_proved[key] = value

    def is_quarantined(self, key: str, value: Any) -> bool:
        return self._counts.get(_blame(key, value), 0) >= DEATHS_TO_QUARANTINE

    def admitted(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """`values` as a child may have them: for a quarantined one the last that was proved, or nothing."""
        if not self._counts:
            return dict(values)
        admitted = {}
        for key, value in values.items():
            if not self.is_quarantined(key, value):
                admitted[key] = value
            elif key in self._last_proved:
                admitted[key] = self._last_proved[key]
        return admitted

    def forgive(self) -> None:
        """Somebody asked for a start: nothing is blamed, no delay. What was proved stays so."""
        self._deaths_in_a_row = 0
        self._counts.clear()


def _blame(key: str, value: Any) -> _Blame:
    return key, msgspec.json.encode(value).decode()  # a key, whatever the value is; a list is what a tuple became


def _shown(blame: _Blame) -> str:
    key, packed = blame
    text = str(msgspec.json.decode(packed))
    return f"{key}: {text if len(text) <= SHOWN_CHARACTERS else text[: SHOWN_CHARACTERS - 3] + '...'}"
