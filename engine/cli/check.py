"""One line of the doctor's list."""

import sys
from dataclasses import dataclass
from typing import Literal

State = Literal["ok", "note", "warning", "failed"]
"""note: works, and could do more. warning: something will be missed. failed: `multiverse run` cannot work."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    name: str
    state: State
    detail: str
    mend: str = ""
    """The command, or the step, that mends it; empty when there is nothing to mend."""


def pip_command() -> str:
    """pip of this very Python, as a command to paste."""
    python = f'"{sys.executable}"' if " " in sys.executable else sys.executable
    return f"{python} -m pip"
