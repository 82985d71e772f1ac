"""The file that gets a child's stdout and stderr: unnamed, deleted when its last user closes it.

A pipe must be read continuously, and blocks the child when full. The child keeps the file short
(`truncate_long`), and the engine reads the tail after the child has died. faulthandler writes its
report of a crash there.
"""

import os
import sys
import tempfile
from contextlib import suppress
from typing import IO, Final

from engine.errors import ChildError

MAX_BYTES: Final = 1 << 20
TAIL_BYTES: Final = 16 << 10
TAIL_LINES: Final = 20
CRASH: Final = "Fatal Python error: "  # faulthandler's first line
# faulthandler's first line for a Windows exception. If a library handles it, the process continues.
WINDOWS_EXCEPTION: Final = "Windows fatal exception: "
# prefixes of the lines after it
DUMP: Final = ("  ", "Thread ", "Current thread", "Extension modules")
CRASHED_THREAD: Final = "Current thread "
FRAME: Final = "  File "


def create() -> IO[bytes]:
    """A new empty file for the stdout and stderr of one child. ChildError if it cannot be
    created."""
    try:
        file = tempfile.TemporaryFile(buffering=0)  # noqa: SIM115 - its owner closes it
    except OSError as error:
        raise ChildError(
            f"no child process can be started: no temporary file ({error.strerror})"
        ) from error
    if sys.platform != "win32":
        import fcntl

        # Append mode: each write goes to the current end, so neither two descriptors nor truncation
        # leave holes.
        fcntl.fcntl(file, fcntl.F_SETFL, fcntl.fcntl(file, fcntl.F_GETFL) | os.O_APPEND)
    return file


def truncate_long(descriptor: int = 2) -> None:
    """Empty the file when it is longer than 1 MiB. The child calls it regularly; a closed stderr is
    no error."""
    with suppress(OSError):
        if os.fstat(descriptor).st_size > MAX_BYTES:
            # Windows has no O_APPEND that a child could inherit. Without the seek the next line
            # would be written where the last one ended, after a hole as long as the text just cut,
            # and be cut again the next time.
            os.lseek(descriptor, 0, os.SEEK_SET)
            os.ftruncate(descriptor, 0)
            os.write(descriptor, b"(older lines were removed)\n")


def read_tail(file: IO[bytes]) -> list[str]:
    """The last 20 lines, or faulthandler's whole report of a crash; without blank lines. Of an
    exited child."""
    file.seek(max(0, os.fstat(file.fileno()).st_size - TAIL_BYTES))
    text = file.read(TAIL_BYTES).decode(errors="replace").replace("\0", "")
    lines = [line.rstrip() for line in text.splitlines() if line.strip()]
    crashes = [number for number in range(len(lines)) if _is_crash(lines[number:])]
    return lines[crashes[-1] if crashes else -TAIL_LINES :]


def crash_summary(lines: list[str]) -> str:
    """The most useful line of a tail: the crash with its innermost frame, else the last line."""
    if not lines or not _is_crash(lines):
        return lines[-1].strip() if lines else ""
    thread = next(
        (number for number, line in enumerate(lines) if line.startswith(CRASHED_THREAD)), len(lines)
    )
    frames = [line.strip() for line in lines[thread:] if line.startswith(FRAME)]
    return " in ".join([lines[0].removeprefix(CRASH).removeprefix(WINDOWS_EXCEPTION), *frames[:1]])


def _is_crash(lines: list[str]) -> bool:
    """True if all these lines are faulthandler's report of a crash that ended the process."""
    if lines[0].startswith(WINDOWS_EXCEPTION):
        return all(line.startswith(DUMP) for line in lines[1:])
    return lines[0].startswith(CRASH)
