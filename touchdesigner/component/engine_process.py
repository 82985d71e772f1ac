"""Starts the installed `multiverse run` and detects its end.

TouchDesigner sets PYTHONHOME and PYTHONPATH for its own Python: any other Python that inherits them
loads the wrong standard library and crashes at start. The engine outlives TouchDesigner, so it
writes its output to a file: a pipe without a reader would end it in the middle of the show.
"""

import os
import shlex
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

STOP_TIMEOUT_S = 5.0  # the engine gives its child processes 3 s to end
TOUCHDESIGNERS_OWN = (
    "PYTHONHOME",
    "PYTHONPATH",
    "PYTHONEXECUTABLE",
    "PYTHONNOUSERSITE",
    "PYTHONIOENCODING",
    "__PYVENV_LAUNCHER__",
)
COMMAND_MISSING = (
    "{command}: no such program. Programs started from the Dock or the Start menu have a short "
    "PATH: enter the full "
    "path in Command, in a checkout .venv/bin/multiverse (Windows: .venv\\Scripts\\multiverse.exe)"
)


class StartError(Exception):
    """The engine cannot be started; the text is one line with the reason."""


def clean_environment(environment: Mapping[str, str]) -> dict[str, str]:
    """`environment` without the variables of TouchDesigner's Python, and with UTF-8 for the
    engine's log: the code page of Windows cannot encode every name."""
    inherited = {key: value for key, value in environment.items() if key not in TOUCHDESIGNERS_OWN}
    return {**inherited, "PYTHONUTF8": "1"}


def split_options(options: str, platform: str) -> list[str]:
    """The words of `options`; single or double quotes group a word with blanks. ValueError for an
    unclosed quote.

    `platform` is `sys.platform`: on Windows a backslash separates folders and does not escape.
    """
    lexer = shlex.shlex(options, posix=True, punctuation_chars=False)
    lexer.whitespace_split = True
    lexer.commenters = ""
    if platform == "win32":
        lexer.escape = ""
    return list(lexer)


class EngineProcess:
    """The engine process started from here, if any. For one thread."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[bytes] | None = None
        self._log_file = Path()
        self._terminate_at_s: float | None = None

    def start(self, command: str, options: str, osc: str, web: str) -> str:
        """Start `command run --osc OSC --web WEB OPTIONS` and return a message. Raises
        StartError."""
        if self._process is not None:
            raise StartError(
                f"the engine started here is already running (process {self._process.pid})"
            )
        command = command.strip().strip('"')  # "Copy as path" on Windows adds quotes
        path = os.path.expanduser(command)
        # Python 3.11 adds .exe to a name in PATH, but not to a path.
        program = shutil.which(path) or shutil.which(f"{path}.exe")
        if program is None:
            raise StartError(COMMAND_MISSING.format(command=command or "Command is empty"))
        try:
            arguments = split_options(options, sys.platform)
        except ValueError as error:
            raise StartError(f"Options: {error}") from None
        self._log_file = Path(tempfile.gettempdir()) / f"multiverse-{osc.rpartition(':')[2]}.log"
        # In its own process group: Ctrl-C in the console that started TouchDesigner must not stop
        # the engine.
        if sys.platform == "win32":
            own_group = {
                "creationflags": subprocess.CREATE_NO_WINDOW | subprocess.CREATE_NEW_PROCESS_GROUP
            }
        else:
            own_group = {"start_new_session": True}
        try:
            with self._log_file.open("wb") as log:
                self._process = subprocess.Popen(
                    [program, "run", "--osc", osc, "--web", web, *arguments],
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=subprocess.STDOUT,
                    env=clean_environment(os.environ),
                    **own_group,
                )
        except OSError as error:
            raise StartError(f"{program}: {error.strerror or error}") from None
        return f"started {program} (process {self._process.pid}); log: {self._log_file}"

    @property
    def is_running(self) -> bool:
        """True until `ended` has detected the end of the engine started here."""
        return self._process is not None

    def ended(self) -> str:
        """A message if the engine ended since the last call, with the last line of its log; else
        empty."""
        if self._process is None or self._process.poll() is None:
            return ""
        code = self._process.returncode
        self._process = None
        if code == 0:
            return "the engine has ended"
        lines = self._log_file.read_text(encoding="utf-8", errors="replace").split("\n")
        last = next((line.strip() for line in reversed(lines) if line.strip()), "its log is empty")
        return f"the engine ended with code {code}: {last}"

    def await_end(self, now_s: float) -> None:
        """Give the engine, which was sent the order to quit, STOP_TIMEOUT_S to end by itself."""
        self._terminate_at_s = now_s + STOP_TIMEOUT_S

    def step(self, now_s: float) -> str:
        """Terminate an engine that has not ended in time. Returns a message if it has ended or is
        terminated; else ""."""
        line = self.ended()
        if line:
            self._terminate_at_s = None
            return line
        if self._terminate_at_s is None or now_s < self._terminate_at_s:
            return ""
        self._terminate_at_s = None
        return "the engine did not answer and was terminated" if self.terminate() else ""

    def terminate(self) -> bool:
        """End the engine started here: by SIGTERM it finishes its files, Windows kills it. True if
        there is one."""
        if self._process is None:
            return False
        self._process.terminate()
        return True
