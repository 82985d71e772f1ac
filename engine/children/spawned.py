"""Children on macOS and Windows, and where a kernel has no pidfd: an interpreter of its own for each."""

import os
import socket
import subprocess
import sys
from collections.abc import Mapping
from multiprocessing.connection import Connection
from typing import IO

from engine.system import priority
from engine.system.python_process import command, exit_reason


class SpawnedProcess:
    """A started interpreter. Used by one thread."""

    def __init__(self, pipe: Connection, stderr: IO[bytes], environment: Mapping[str, str], niceness: int) -> None:
        """`pipe`: the child's end, and `stderr`; it gets both, the caller's stay open. OSError: no process.

        `niceness`: on Windows from birth; elsewhere the child sees to it.
        """
        handle = pipe.fileno()
        arguments = {
            "args": command("engine.children.child_main", f"main({handle})"),
            "stdin": subprocess.DEVNULL,
            "stdout": stderr,
            "stderr": stderr,
            "env": {**os.environ, **environment},
        }
        if sys.platform == "win32":
            os.set_handle_inheritable(handle, True)
            startup = subprocess.STARTUPINFO(lpAttributeList={"handle_list": [handle]})
            # Without a console of its own or ours, Ctrl-C and a closing window are for the engine to hear.
            flags = subprocess.CREATE_NO_WINDOW | priority.birth_flags(niceness)
            self._popen = subprocess.Popen(**arguments, startupinfo=startup, creationflags=flags)
        else:
            self._popen = subprocess.Popen(**arguments, pass_fds=(handle,), start_new_session=True)

    @property
    def pid(self) -> int:
        return self._popen.pid

    @property
    def news(self) -> socket.socket | None:
        """None: its end is noticed by that of its pipe."""
        return None

    def has_ended(self, now_s: float) -> bool:
        """Whether nothing of it runs any more. Never waits."""
        return self._popen.poll() is not None

    @property
    def exit_reason(self) -> str:
        return exit_reason(self._popen.returncode)

    def kill(self) -> None:
        self._popen.kill()

    def close(self) -> None:
        """Nothing: what `has_ended` has seen is reaped."""
