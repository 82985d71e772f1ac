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

LONGEST_BYTES: Final = 1 << 20
TAIL_BYTES: Final = 16 << 10
TAIL_LINES: Final = 20
CRASH: Final = "Fatal Python error: "  # faulthandler's first line
FRAME: Final = "  File "


def create() -> IO[bytes]:
    """A new empty file, to be handed to one child as its stdout and stderr."""
    file = tempfile.TemporaryFile(buffering=0)  # noqa: SIM115 - its owner closes it
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
    """The last lines, at most 20, without line ends and blank lines. For a child that has ended: it moves the end."""
    file.seek(max(0, os.fstat(file.fileno()).st_size - TAIL_BYTES))
    text = file.read(TAIL_BYTES).decode(errors="replace").replace("\0", "")
    return [line.rstrip() for line in text.splitlines() if line.strip()][-TAIL_LINES:]


def gist(lines: list[str]) -> str:
    """The one line of a tail that says most: a crash with the innermost frame it names, else the last line."""
    for number, line in enumerate(lines):
        if line.startswith(CRASH):
            frame = next((frame.strip() for frame in lines[number:] if frame.startswith(FRAME)), "")
            return f"{line.removeprefix(CRASH)} in {frame}" if frame else line.removeprefix(CRASH)
    return lines[-1].strip() if lines else ""
