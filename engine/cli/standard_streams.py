"""Repairs the standard streams: opens closed ones, makes them print any file name, gives up a full one."""

import os
import sys
from io import TextIOWrapper
from typing import TextIO

STDERR = 2  # file descriptor
_STREAMS = (("stdin", "r"), ("stdout", "w"), ("stderr", "w"))


def open_closed_streams() -> None:
    """Open `os.devnull` on each closed file descriptor 0 to 2, and for each of `sys.stdin`, `sys.stdout` and
    `sys.stderr` that is None. Must run before anything else opens a file: that file would get such a descriptor, and
    what a library prints to descriptor 2 would be written into it."""
    for number, (name, mode) in enumerate(_STREAMS):
        try:
            os.fstat(number)
        except OSError:
            opened = os.open(os.devnull, os.O_RDWR)
            if opened == number:
                os.set_inheritable(number, True)
            else:  # Windows may choose another number
                os.dup2(opened, number)
                os.close(opened)
        if getattr(sys, name) is None:
            stream = open(os.devnull, mode, encoding="utf-8", errors="backslashreplace")  # noqa: SIM115  stays open for the whole run
            setattr(sys, name, stream)


def print_any_name() -> None:
    """Make `sys.stdout` and `sys.stderr` print names in any script and of any bytes; on Windows as UTF-8.

    There, Python writes files and pipes in the ANSI code page, usually cp1252, and fails at a Japanese name; hardly any
    reader expects that page, and Python itself changes to UTF-8 in 3.15 (PEP 686). A console gets UTF-8 already (PEP
    528). PYTHONIOENCODING is respected. On other systems the locale defines what a terminal can show."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            is_code_page = sys.platform == "win32" and not stream.isatty() and not os.environ.get("PYTHONIOENCODING")
            stream.reconfigure(encoding="utf-8" if is_code_page else None, errors="backslashreplace")


def discard_if_broken(stream: TextIO) -> bool:
    """True if nothing can be written there. The rest is then discarded: Python would fail again at its exit."""
    try:
        print(file=stream, flush=True)
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
        return True
    return False
