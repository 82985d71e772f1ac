"""Repair the standard streams: open closed ones, and make them print any name."""

import os
import sys
from io import TextIOWrapper

_STREAMS = (("stdin", "r"), ("stdout", "w"), ("stderr", "w"))


def open_closed_streams() -> None:
    """Opens `os.devnull` on each closed one of the file descriptors 0 to 2 and in place of each of `sys.stdin`,
    `sys.stdout` and `sys.stderr` that is None. Before anything else opens a file: it would get such a number, and what
    a library prints to descriptor 2 would be written into it."""
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
            stream = open(os.devnull, mode, encoding="utf-8", errors="backslashreplace")  # noqa: SIM115  as long as we run
            setattr(sys, name, stream)


def print_any_name() -> None:
    """Make `sys.stdout` and `sys.stderr` print names of any script and of any bytes; on Windows as UTF-8.

    Into a file or a pipe Python writes the ANSI code page there, cp1252 as a rule, and ends at a Japanese name. Escapes
    (`\\u685c`) would print, but no reader knows the name by them; and hardly any reader knows the code page: editors
    and programs expect UTF-8, PowerShell 5 decodes by the console's own page (`[Console]::OutputEncoding`), and Python
    itself changes to UTF-8 with 3.15 (PEP 686). A console gets UTF-8 from Python already (PEP 528). PYTHONIOENCODING
    stays in force: the user has chosen it. Elsewhere the locale says what a terminal shows.
    """
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            is_code_page = sys.platform == "win32" and not stream.isatty() and not os.environ.get("PYTHONIOENCODING")
            encoding = "utf-8" if is_code_page else stream.encoding
            stream.reconfigure(encoding=encoding, errors="backslashreplace")
