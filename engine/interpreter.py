"""The command that starts a Python process of ours, and what its exit status means."""

import os
import signal
import sys

from engine.errors import ChildError


def command(module: str, call: str) -> list[str]:
    """The command line that runs `call` (`main(3)`) of our module, finding modules where this process finds them.

    Its `__main__` is that one line: the user's script is not run again, as multiprocessing would. The current
    folder, an empty entry of `sys.path`, comes last instead of first: an `engine` that lies there is not ours.
    """
    if not sys.executable:
        raise ChildError("no child process can be started: sys.executable names no Python interpreter")
    path = [entry for entry in sys.path if entry] + ([os.getcwd()] if "" in sys.path else [])
    code = f"import sys; sys.path[:] = {path!r}; from {module} import {call.partition('(')[0]}; {call}"
    return [sys.executable, "-P", "-c", code]


def exit_reason(code: int | None) -> str:
    """An exit status in words: `killed by SIGKILL`, `exit code 3`."""
    if code is None:
        return "ended, nobody knows how (its fork server was gone)"
    if code < 0:
        try:
            return f"killed by {signal.Signals(-code).name}"
        except ValueError:  # a real-time signal has no name of its own
            return f"killed by signal {-code}"
    return f"exit code {code}" if code < 256 else f"exit code {code:#x}"  # Windows: 0xc0000005, access violation
