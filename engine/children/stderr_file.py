"""Where a child's stdout and stderr go: a file without a name, which is gone with the last who has it open.

A pipe would have to be read by somebody, and would stop the child when nobody does. The child keeps the file short
(`cut_long`), the engine reads its end once the child has died; Python's own account of a crash (faulthandler) stands
there.
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
# And its first line of what Windows calls an exception, which a library may also handle: then the process goes on.
WINDOWS_EXCEPTION: Final = "Windows fatal exception: "
DUMP: Final = ("  ", "Thread ", "Current thread", "Extension modules")  # how the lines after it begin
CRASHED_THREAD: Final = "Current thread "
FRAME: Final = "  File "


def create() -> IO[bytes]:
    """A new empty file, to be handed to one child as its stdout and stderr. ChildError: none to be had."""
    try:
        file = tempfile.TemporaryFile(buffering=0)  # noqa: SIM115 - its owner closes it
    except OSError as error:
        raise ChildError(f"no child process can be started: no temporary file: {error.strerror}") from error
    if sys.platform != "win32":
        import fcntl

        # Each write goes to the end as it is then: two descriptors, and cutting, leave no holes.
        fcntl.fcntl(file, fcntl.F_SETFL, fcntl.fcntl(file, fcntl.F_GETFL) | os.O_APPEND)
    return file


def cut_long(descriptor: int = 2) -> None:
    """Empty it when it has grown beyond 1 MiB. Called by the child now and then; a closed stderr is left alone."""
    with suppress(OSError):
        if os.fstat(descriptor).st_size > MAX_BYTES:
            # Windows has no O_APPEND that a child could inherit: the next line would be written where the last one
            # ended, behind a hole as long as what was cut, and all of it cut again at the next look.
            os.lseek(descriptor, 0, os.SEEK_SET)
            os.ftruncate(descriptor, 0)
            os.write(descriptor, b"(older lines were cut off)\n")


def tail_of(file: IO[bytes]) -> list[str]:
    """The last 20 lines, or all of Python's account of a crash; without blank ones. For a child that has ended."""
    file.seek(max(0, os.fstat(file.fileno()).st_size - TAIL_BYTES))
    text = file.read(TAIL_BYTES).decode(errors="replace").replace("\0", "")
    lines = [line.rstrip() for line in text.splitlines() if line.strip()]
    crashes = [number for number in range(len(lines)) if _is_crash(lines[number:])]
    return lines[crashes[-1] if crashes else -TAIL_LINES :]


def gist(lines: list[str]) -> str:
    """The one line of a tail that says most: a crash with the innermost frame of its thread, else the last line."""
    if not lines or not _is_crash(lines):
        return lines[-1].strip() if lines else ""
    thread = next((number for number, line in enumerate(lines) if line.startswith(CRASHED_THREAD)), len(lines))
    frames = [line.strip() for line in lines[thread:] if line.startswith(FRAME)]
    return " in ".join([lines[0].removeprefix(CRASH).removeprefix(WINDOWS_EXCEPTION), *frames[:1]])


def _is_crash(lines: list[str]) -> bool:
    """True for Python's account of what ended the process, from its first line to the end of the file."""
    if lines[0].startswith(WINDOWS_EXCEPTION):
        return all(line.startswith(DUMP) for line in lines[1:])
    return lines[0].startswith(CRASH)
