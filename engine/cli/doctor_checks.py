"""The doctor's checks, each one row: its questions, and a judge that turns the answers into a state
and a text.

A question is a function that is called here, or a name: that of an `ask_...` of `probe.py` or
`module:function`. The named ones are answered by child processes, in parallel, because a driver may
crash or hang. Judges are pure. The tutorials for macOS and Windows use the same texts; tests
compare them. Nothing here opens a microphone or a camera, so macOS asks for no permission.
"""

import os
import platform
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack, closing
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Final, Literal

from engine.cli.probe import Probe
from engine.errors import in_one_line
from osc_schema import plugins

SWITCH_SMART_APP_CONTROL: Final = (
    "Windows Security, App & browser control, Smart App Control, "
    "Off (it comes back only with a reset of Windows)"
)
INSTALL_VC_RUNTIME: Final = "winget install Microsoft.VCRedist.2015+.x64"

State = Literal["ok", "note", "warning", "failed"]
"""note: works, but could be better. warning: something will not work. failed: `multiverse run`
cannot work."""
Question = str | Callable[[], Any]
Judge = Callable[..., "Check | None"]
"""From the answers; its result has no name yet. None: nothing to say."""


@dataclass(frozen=True, slots=True)
class Check:
    state: State
    name: str
    detail: str
    fix: str = ""
    """The command or step that fixes it; empty if nothing needs to be fixed."""


ok, note, warning, failed = (
    partial(Check, state, "") for state in ("ok", "note", "warning", "failed")
)


@dataclass(frozen=True, slots=True)
class CheckRow:
    """A check of the doctor: its questions, and the judge of their answers."""

    name: str
    questions: tuple[Question, ...]
    judge: Judge
    system: str
    """As in `sys.platform`; "" for all."""

    def check(self, *answers: Any) -> Check | None:
        found = self.judge(*answers)
        return found and replace(found, name=self.name)


ROWS: list[CheckRow] = []
"""All checks of the engine, in the order in which they are printed: those of `doctor_machine.py`,
then of `doctor_probes.py`, once these are imported."""


def row(name: str, *questions: Question, on: str = "") -> Callable[[Judge], Judge]:
    def add(judge: Judge) -> Judge:
        ROWS.append(CheckRow(name, questions, judge, on))
        return judge

    return add


def run_checks(rows: Iterable[CheckRow] | None = None) -> list[Check]:
    """Run the checks that concern this system, by default all rows: ask their questions, then judge
    the answers. Takes as long as the slowest child process."""
    rows = [*ROWS, *added_rows()] if rows is None else rows
    here = [each for each in rows if each.system in ("", sys.platform)]
    questions = dict.fromkeys(question for each in here for question in each.questions)
    with ExitStack() as stack:
        probes = {
            name: stack.enter_context(closing(Probe(name)))
            for name in questions
            if isinstance(name, str)
        }
        answers: dict[Question, Any] = {ask: ask() for ask in questions if not isinstance(ask, str)}
        for name, probe in probes.items():
            answers[name] = probe.read()
    checks = (each.check(*(answers[question] for question in each.questions)) for each in here)
    return [check for check in checks if check is not None]


def added_rows() -> Iterator[CheckRow]:
    """The rows that entry points in `multiverse.checks` add, ours and others'; a row in place of
    each that fails."""
    names = {each.name for each in ROWS}
    for name, found in plugins.loaded("multiverse.checks").items():
        if found.name in names:
            plugins.leave_out(
                plugins.declared("multiverse.checks")[name],
                f"there is another check {found.name!r}",
            )
            continue
        names.add(found.name)
        if not all(isinstance(question, str) for question in found.questions):
            found = replace(
                found,
                questions=(),
                judge=lambda: warning("each question must be named module:function"),
            )
        yield replace(found, judge=partial(_judge_foreign, found.judge))
    for number, line in enumerate(plugins.faults()):
        yield CheckRow(f"plug-in {number + 1}", (), partial(warning, line), "")


def _judge_foreign(judge: Judge, *answers: Any) -> Check | None:
    """The answer of a foreign judge, or a warning that says why there is none."""
    try:
        found = judge(*answers)
        if found is not None and (fault := plugins.fault_of(found, f"{__name__}.Check")):
            raise TypeError(f"the judge's answer: {fault}")
    except (Exception, SystemExit) as error:  # foreign code
        return warning(f"this check has failed ({in_one_line(error)})")
    return found


def library_advice(error: str) -> str:
    """Advice for a library that Windows could not load; empty for other errors."""
    if "Application Control policy" in error:
        return SWITCH_SMART_APP_CONTROL
    if not any(
        part in error
        for part in ("DLL load failed", "WinError 126", "WinError 1114", "load shared object")
    ):
        return ""
    if "cv2" in error:  # opencv-python's README: the N editions lack Media Foundation
        return (
            f"{INSTALL_VC_RUNTIME}; or on Windows N: Settings, System, Optional features, "
            "Media Feature Pack"
        )
    return INSTALL_VC_RUNTIME


def selftest_check(result: dict[str, Any]) -> Check:
    """The result of the self-test as one more line of the list."""
    name = f"self-test ({result['sink']})"
    if not result["passed"]:
        return Check("warning", name, result["detail"], result.get("fix", ""))
    within = f"upright, pixels within {result['largest_difference']} of 255"
    if result.get("as_texture"):
        return Check(
            "warning", name, f"{within}; not as a texture: {result['as_texture']}", result["fix"]
        )
    return Check("ok", name, f"{within}, listed as {result['listed_as']!r}")


def system() -> str:
    return sys.platform


def environment() -> Mapping[str, str]:
    return os.environ


def has_torch_wheel() -> bool:
    """True if PyTorch can be installed: not for x86 Python on a Mac."""
    return sys.platform != "darwin" or platform.machine() == "arm64"
