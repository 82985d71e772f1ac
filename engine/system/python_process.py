"""The command that starts a Python process of ours, how it outlives no parent, and what its exit status means."""

import contextlib
import os
import signal
import sys
from typing import Any, Final

from engine.errors import ChildError

PR_SET_PDEATHSIG: Final = 1  # prctl(2)


def command(module: str, call: str) -> list[str]:
    """The command line that runs `call` (`main(3)`) of our module, finding modules where this process finds them.

    Its `__main__` is that one line: the user's script is not run again, as multiprocessing would. The current
    folder, an empty entry of `sys.path`, comes last instead of first: an `engine` that lies there is not ours.
    Before all else it calls `wake_with_parent`.
    """
    if not sys.executable:
        raise ChildError("no child process can be started: sys.executable names no Python interpreter")
    path = [entry for entry in sys.path if entry]
    if "" in sys.path:
        with contextlib.suppress(FileNotFoundError):  # the current folder is gone: nothing can be imported from it
            path.append(os.getcwd())
    code = (
        f"import sys; sys.path[:] = {path!r};"
        " from engine.system.python_process import wake_with_parent; wake_with_parent();"
        f" from {module} import {call.partition('(')[0]}; {call}"
    )
    return [sys.executable, "-P", "-c", code]


def utf8_environment() -> dict[str, str]:
    """Variables for a Python process whose output we read: with them it writes UTF-8 to pipes and files.

    On Windows it would write the ANSI code page, and end at the first name that page lacks: one Japanese device, and
    all devices after it are missing. PYTHONIOENCODING stands above PYTHONUTF8 for the standard streams, and the user
    may have set it. PYTHONUTF8 is for the files that libraries open, and for Windows only: elsewhere it may change how
    the names of files are decoded.
    """
    variables = {"PYTHONIOENCODING": "utf-8:backslashreplace"}
    return variables | {"PYTHONUTF8": "1"} if sys.platform == "win32" else variables


def without_console() -> dict[str, Any]:
    """Arguments of Popen for a process that is ours to end: on Windows it hears no Ctrl-C and no closing window.

    Nor does a window open for it where we have no console ourselves. Elsewhere: no arguments.
    """
    if sys.platform == "win32":
        import subprocess

        return {"creationflags": subprocess.CREATE_NO_WINDOW}
    return {}


def wake_with_parent() -> None:
    """Linux: let this process be continued when its parent dies, so that it can notice, also if it is stopped.

    Our processes end by themselves when a pipe from their parent does. One that is stopped (SIGSTOP, a debugger that
    was killed) sees no pipe, and would outlive everybody. The kernel can send a signal then. SIGKILL would be the
    naive one: it comes with the end of the *thread* that started us, while the parent lives on, and a fork server's
    children would die with a server that can be replaced. SIGCONT harms nobody who runs.

    A parent that died before this is noticed by the pipe: whoever gets here is not stopped. Windows and macOS have no
    such signal. A fork has to call this again.
    """
    if sys.platform == "linux":
        import ctypes

        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, int(signal.SIGCONT), 0, 0, 0)


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
