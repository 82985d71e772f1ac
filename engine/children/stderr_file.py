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

LONGEST_BYTES: Final = 1 << 20
TAIL_BYTES: Final = 16 << 10
TAIL_LINES: Final = 20
CRASH: Final = "Fatal Python error: "  # faulthandler's first line
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
        if os.fstat(descriptor).st_size > LONGEST_BYTES:
            os.ftruncate(descriptor, 0)
            os.write(descriptor, b"(older lines were cut off)\n")


def tail_of(file: IO[bytes]) -> list[str]:
    """The last 20 lines, or all of Python's account of a crash; without blank ones. For a child that has ended."""
    file.seek(max(0, os.fstat(file.fileno()).st_size - TAIL_BYTES))
    text = file.read(TAIL_BYTES).decode(errors="replace").replace("\0", "")
    lines = [line.rstrip() for line in text.splitlines() if line.strip()]
    crashes = [number for number, line in enumerate(lines) if line.startswith(CRASH)]
    return lines[crashes[-1] if crashes else -TAIL_LINES :]


def gist(lines: list[str]) -> str:
    """The one line of a tail that says most: a crash with the innermost frame of its thread, else the last line."""
    if not lines or not lines[0].startswith(CRASH):
        return lines[-1].strip() if lines else ""
    thread = next((number for number, line in enumerate(lines) if line.startswith(CRASHED_THREAD)), len(lines))
    frames = [line.strip() for line in lines[thread:] if line.startswith(FRAME)]
    return " in ".join([lines[0].removeprefix(CRASH), *frames[:1]])
