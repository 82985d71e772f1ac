"""The lines of the doctor's list, and the commands in them."""

import re
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path, PurePath
from typing import Final, Literal

State = Literal["ok", "note", "warning", "failed"]
"""note: works, but could be better. warning: something will not work. failed: `multiverse run` cannot work."""
COLOURS: Final = {"ok": "green", "note": "blue", "warning": "yellow", "failed": "red"}


@dataclass(frozen=True, slots=True)
class Check:
    state: State
    name: str
    detail: str
    mend: str = ""
    """The command or step that fixes it; empty if nothing needs to be fixed."""


ok, note, warning, failed = (partial(Check, state) for state in ("ok", "note", "warning", "failed"))


def print_list(checks: Sequence[Check]) -> None:
    """Print each step on one unwrapped line, so that commands can be copied in one piece."""
    from rich.console import Console
    from rich.text import Text

    console = Console(soft_wrap=True)
    is_coloured = sys.stdout.isatty()
    for check in checks:
        line = Text.assemble((f"{check.state:<8}", COLOURS[check.state]), f" {check.name}: {check.detail}")
        lines = [line, *(Text.assemble(f"{'':<8} {word}: ", (step, "bold")) for word, step in mend_steps(check.mend))]
        for line in lines:
            if is_coloured:
                console.print(line)
            else:
                print(line.plain)


def mend_steps(mend: str) -> list[tuple[str, str]]:
    """Split a fix into its steps: (word before the step: mend, then or or; the command or action)."""
    pieces = re.split(r", (then) |; (or):? ", f", then {mend}")[1:] if mend else []
    steps = [(then or either, step) for then, either, step in zip(pieces[::3], pieces[1::3], pieces[2::3], strict=True)]
    return [("mend", steps[0][1]), *steps[1:]] if steps else []


def pip_command() -> str:
    """The command that runs this Python's pip, to paste into a shell.

    PowerShell does not run a program whose path is quoted, and cmd does not accept `&` before it. So a path with a
    blank is given relative to the current folder, if that removes the blank.
    """
    python = PurePath(sys.executable)
    if " " in str(python) and python.is_relative_to(Path.cwd()) and python.parent != Path.cwd():
        python = python.relative_to(Path.cwd())
    return f'"{python}" -m pip' if " " in str(python) else f"{python} -m pip"
