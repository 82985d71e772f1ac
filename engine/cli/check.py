"""One line of the doctor's list."""

import sys
from dataclasses import dataclass
from pathlib import Path, PurePath
from typing import Literal

State = Literal["ok", "note", "warning", "failed"]
"""note: works, but could be better. warning: something will not work. failed: `multiverse run` cannot work."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    name: str
    state: State
    detail: str
    mend: str = ""
    """The command or step that fixes it; empty if nothing needs to be fixed."""


def pip_command() -> str:
    """The command that runs this Python's pip, to paste into a shell.

    PowerShell does not run a program whose path is quoted, and cmd does not accept `&` before it. So a path with a
    blank is given relative to the current folder, if that removes the blank.
    """
    python = PurePath(sys.executable)
    if " " in str(python) and python.is_relative_to(Path.cwd()) and python.parent != Path.cwd():
        python = python.relative_to(Path.cwd())
    return f'"{python}" -m pip' if " " in str(python) else f"{python} -m pip"
