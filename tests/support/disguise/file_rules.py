"""Hides the files of Linux from our own code in a process that looks like a Mac (`disguise`).

An audit hook (PEP 578) refuses: exceptions raised in it are raised by `open`, `os.listdir` and
`os.scandir`. Which files Windows replaces and removes, the tests in `tests/on_windows` ask Windows.
"""

import sys
import threading
from typing import Any

LINUX_FOLDERS = ("/proc/", "/sys/", "/dev/shm/")
PASSED = (__name__, *"pathlib os shutil glob fnmatch contextlib posixpath genericpath".split())
"""Modules on the way from the package that opens a file."""
EVENTS = frozenset(("open", "os.listdir", "os.scandir"))
_own = threading.local()


def hide_linux() -> None:
    """From now on, hide Linux-only files from our code."""
    sys.addaudithook(_without_linux)


def _without_linux(event: str, arguments: tuple[Any, ...]) -> None:
    if event not in EVENTS or getattr(_own, "is_asking", False):
        return
    _own.is_asking = True  # the hook itself may open files, which triggers the hook
    try:
        path = arguments[0]
        is_linux = isinstance(path, str) and path.startswith(LINUX_FOLDERS)
        if is_linux and _caller() in ("engine", "osc_schema", "touchdesigner"):
            raise FileNotFoundError(2, "No such file or directory", path)
    finally:
        _own.is_asking = False


def _caller() -> str:
    """The package that opens a file, ignoring frames of the standard library."""
    frame = sys._getframe(1)
    while frame is not None:
        name = frame.f_globals.get("__name__", "").partition(".")[0]
        if name not in PASSED:
            return name
        frame = frame.f_back
    return ""
