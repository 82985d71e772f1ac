"""One line of the doctor's list."""

import sys
from dataclasses import dataclass
from pathlib import Path, PurePath
from typing import Literal

State = Literal["ok", "note", "warning", "failed"]
"""note: works, and could do more. warning: something will be missed. failed: `multiverse run` cannot work."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    name: str
    state: State
    detail: str
    mend: str = ""
    """The command or step that fixes it; empty if nothing needs fixing."""


def pip_command() -> str:
    """The command of this Python's pip, to paste into a shell.

    PowerShell runs no program whose path is quoted, and cmd takes no `&` before it. A path with a blank is therefore
    told from the current folder where that leaves the blank out.
    """
    python = PurePath(sys.executable)
    if " " in str(python) and python.is_relative_to(Path.cwd()) and python.parent != Path.cwd():
        python = python.relative_to(Path.cwd())
    return f'"{python}" -m pip' if " " in str(python) else f"{python} -m pip"
