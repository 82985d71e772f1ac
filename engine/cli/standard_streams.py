"""Standard streams that whoever started this program had closed: daemons, launchers, pythonw."""

import os
import sys

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
            else:  # Windows gives numbers as it likes
                os.dup2(opened, number)
                os.close(opened)
        if getattr(sys, name) is None:
            stream = open(os.devnull, mode, encoding="utf-8", errors="backslashreplace")  # noqa: SIM115  as long as we run
            setattr(sys, name, stream)
