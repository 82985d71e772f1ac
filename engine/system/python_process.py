"""Starts our Python processes, lets them notice their parent's death, and describes exit
statuses."""

import contextlib
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import IO, Any, Final, cast

from engine.errors import ChildError
from engine.system import priority

PR_SET_PDEATHSIG: Final = 1  # prctl(2)


def start_python(
    module: str,
    call: str,
    *arguments: str,
    stdout: int | IO[Any],
    stderr: int | IO[Any],
    stdin: int | IO[Any] = subprocess.DEVNULL,
    handles: Sequence[int] = (),
    environment: Mapping[str, str] = MappingProxyType({}),
    niceness: int = 0,
) -> "subprocess.Popen[bytes]":
    """Start a Python process that runs `call` of our module, inherits `handles`, and gets no
    signals of our terminal.

    `handles`: file descriptors, on Windows handles; `call` names them by number, the caller's
    copies stay open. `environment`: added to ours. `niceness`: applied here on Windows; elsewhere
    the process sets its own. Ctrl-C and a closing terminal reach only this process, which must end
    the other. May raise ChildError or OSError."""
    program = [*command(module, call), *arguments]
    variables = {**os.environ, **environment}
    apart: dict[str, Any] = {"pass_fds": handles, "start_new_session": True}
    if sys.platform == "win32":
        for handle in handles:
            os.set_handle_inheritable(handle, True)
        apart = {
            "startupinfo": subprocess.STARTUPINFO(lpAttributeList={"handle_list": list(handles)}),
            "creationflags": subprocess.CREATE_NO_WINDOW | priority.creation_flags(niceness),
        }
    process: Any = subprocess.Popen(
        program, stdin=stdin, stdout=stdout, stderr=stderr, env=variables, **apart
    )
    return cast("subprocess.Popen[bytes]", process)


def reap_later(process: "subprocess.Popen[Any]") -> None:
    """Let a thread take the exit code of a process that was killed and is still there: else it
    would stay as a zombie, and Python would warn of its Popen."""
    threading.Thread(target=process.wait, name="reaper", daemon=True).start()


def command(module: str, call: str) -> list[str]:
    """The command line that runs `call` (`main(3)`) of our module, with the module search path of
    this process. Its `__main__` is that one line, so the user's script does not run again, as with
    multiprocessing. The current folder, an empty entry of `sys.path`, comes last: an `engine` in it
    is not ours. It calls `wake_with_parent` first."""
    if not sys.executable:
        raise ChildError(
            "no child process can be started: no Python interpreter is known (sys.executable is "
            "empty)"
        )
    path = [entry for entry in sys.path if entry]
    if "" in sys.path:
        # the current folder was deleted: nothing can be imported from it
        with contextlib.suppress(FileNotFoundError):
            path.append(os.getcwd())
    code = (
        f"import sys; sys.path[:] = {path!r};"
        " from engine.system.python_process import wake_with_parent; wake_with_parent();"
        f" from {module} import {call.partition('(')[0]}; {call}"
    )
    return [sys.executable, "-P", "-c", code]


def utf8_environment() -> dict[str, str]:
    """Variables that make a Python process whose output we read write UTF-8 to pipes and files.

    Otherwise Windows uses the ANSI code page, and the process dies at the first character that page
    lacks. The user's PYTHONIOENCODING would override PYTHONUTF8, which is for files that libraries
    open, and set on Windows only: elsewhere it can change how file names are decoded."""
    variables = {"PYTHONIOENCODING": "utf-8:backslashreplace"}
    return variables | {"PYTHONUTF8": "1"} if sys.platform == "win32" else variables


def wake_with_parent() -> None:
    """Linux: have the kernel continue this process (SIGCONT) when its parent dies, even if it was
    stopped.

    Our processes end by themselves when the pipe to their parent closes, which a stopped one does
    not see. Not SIGKILL: the kernel sends the signal when the *thread* that started us ends, while
    the parent may live on. SIGCONT does nothing to a process that runs. Windows and macOS have no
    such signal. Call it again after a fork."""
    if sys.platform == "linux":
        import ctypes

        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, int(signal.SIGCONT), 0, 0, 0)


def exit_reason(code: int | None) -> str:
    """The exit status as text: `killed by SIGKILL`, `exit code 3`."""
    if code is None:
        return "ended, exit status unknown (its fork server was gone)"
    if code < 0:
        try:
            return f"killed by {signal.Signals(-code).name}"
        except ValueError:  # a real-time signal has no name of its own
            return f"killed by signal {-code}"
    # Windows: 0xc0000005, access violation
    return f"exit code {code}" if code < 256 else f"exit code {code:#x}"
