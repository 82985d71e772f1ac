"""Starting the installed `multiverse run`, and noticing its end.

TouchDesigner sets PYTHONHOME and PYTHONPATH for its own Python: another one that inherits them loads the wrong
standard library and dies at its start. The engine outlives TouchDesigner and writes into a file, not a pipe: a pipe
that nobody reads any more would end it in mid-show.
"""

import os
import shlex
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

TOUCHDESIGNERS_OWN = (
    "PYTHONHOME",
    "PYTHONPATH",
    "PYTHONEXECUTABLE",
    "PYTHONNOUSERSITE",
    "PYTHONIOENCODING",
    "__PYVENV_LAUNCHER__",
)
NOT_FOUND = (
    "{command}: no such program. Programs started from the Dock or the Start menu see a short PATH: write the full path"
    " into Command, of a checkout its .venv/bin/multiverse (Windows: .venv\\Scripts\\multiverse.exe)"
)


class StartError(Exception):
    """One line: why the engine cannot be started."""


def clean_environment(environment: Mapping[str, str]) -> dict[str, str]:
    """`environment` without what belongs to TouchDesigner's Python. The engine writes its log in UTF-8, as we read it:
    Windows' own code page has not every letter of a name."""
    kept = {key: value for key, value in environment.items() if key not in TOUCHDESIGNERS_OWN}
    return {**kept, "PYTHONUTF8": "1"}


def split_options(options: str, platform: str) -> list[str]:
    """The words of `options`; quotes, single or double, hold a word with blanks together and are no part of it.
    ValueError for one that is not closed. `platform` as in `sys.platform`: on Windows a backslash parts folders."""
    words = shlex.shlex(options, posix=True, punctuation_chars=False)
    words.whitespace_split = True
    words.commenters = ""
    if platform == "win32":
        words.escape = ""
    return list(words)


class EngineProcess:
    """The engine started from here, if any. One thread."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[bytes] | None = None
        self._log_file = Path()

    def start(self, command: str, options: str, osc: str, web: str) -> str:
        """Start `command run --osc OSC --web WEB OPTIONS`; the line to show. Raises StartError."""
        if self._process is not None:
            raise StartError(f"the engine started here runs already (process {self._process.pid})")
        command = command.strip().strip('"')  # Windows' "Copy as path" puts quotes round it
        program = shutil.which(os.path.expanduser(command))
        if program is None:
            raise StartError(NOT_FOUND.format(command=command or "Command is empty"))
        try:
            words = split_options(options, sys.platform)
        except ValueError as error:
            raise StartError(f"Options: {error}") from None
        self._log_file = Path(tempfile.gettempdir()) / f"multiverse-{osc.rpartition(':')[2]}.log"
        # A process group of its own: Ctrl-C in a console that TouchDesigner was started from is not meant for it.
        if sys.platform == "win32":
            own_group = {"creationflags": subprocess.CREATE_NO_WINDOW | subprocess.CREATE_NEW_PROCESS_GROUP}
        else:
            own_group = {"start_new_session": True}
        try:
            with self._log_file.open("wb") as log:
                self._process = subprocess.Popen(
                    [program, "run", "--osc", osc, "--web", web, *words],
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=subprocess.STDOUT,
                    env=clean_environment(os.environ),
                    **own_group,
                )
        except OSError as error:
            raise StartError(f"{program}: {error.strerror or error}") from None
        return f"started {program} (process {self._process.pid}); it writes to {self._log_file}"

    @property
    def is_running(self) -> bool:
        """The engine started here has not been seen to end."""
        return self._process is not None

    def ended(self) -> str:
        """The line to show when it has ended since the last call, with the last one it wrote; else empty."""
        if self._process is None or self._process.poll() is None:
            return ""
        code, self._process = self._process.returncode, None
        if code == 0:
            return "the engine has ended"
        lines = self._log_file.read_text(encoding="utf-8", errors="replace").split("\n")
        last = next((line.strip() for line in reversed(lines) if line.strip()), "it wrote nothing")
        return f"the engine ended with code {code}: {last}"

    def terminate(self) -> bool:
        """Ask the one started here to end (SIGTERM: files are finished); whether there is one."""
        if self._process is None:
            return False
        self._process.terminate()
        return True
