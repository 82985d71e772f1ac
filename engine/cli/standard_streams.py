"""The standard streams: opens closed ones, prints lines in which no foreign text acts on a
terminal, gives up a full one, and lets the process end while one is blocked."""

import os
import sys
import threading
from contextlib import suppress
from io import BufferedWriter, TextIOWrapper
from typing import TextIO

from engine.system.plain_text import escaped

MAX_BLOCKED_S = 1.0
_STREAMS = (("stdin", "r"), ("stdout", "w"), ("stderr", "w"))


def open_closed_streams() -> None:
    """Open `os.devnull` on each closed file descriptor 0 to 2, and for each of `sys.stdin`,
    `sys.stdout` and `sys.stderr` that is None. Must run before anything else opens a file: that
    file would get such a descriptor, and what a library prints to descriptor 2 would be written
    into it."""
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
    """Make `sys.stdout` and `sys.stderr` print names in any script and of any bytes; on Windows as
    UTF-8.

    There, Python writes files and pipes in the ANSI code page, usually cp1252, and fails at a
    Japanese name; hardly any reader expects that page, and Python itself changes to UTF-8 in 3.15
    (PEP 686). A console gets UTF-8 already (PEP 528). PYTHONIOENCODING is respected. On other
    systems the locale defines what a terminal can show."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            is_code_page = (
                sys.platform == "win32"
                and not stream.isatty()
                and not os.environ.get("PYTHONIOENCODING")
            )
            stream.reconfigure(
                encoding="utf-8" if is_code_page else None, errors="backslashreplace"
            )


def write_stderr_without_lock() -> None:
    """Write `sys.stderr` line by line without a buffered writer, as `python -u` does. A terminal
    can block a write for ever, and the thread that writes would hold that writer's lock, for which
    the interpreter waits at its end."""
    stream = sys.__stderr__  # not one that was opened in its place, which is closed with its writer
    if stream is not None and stream is sys.stderr and isinstance(stream.buffer, BufferedWriter):
        raw = stream.buffer.raw
        codec = stream.encoding
        sys.stderr = TextIOWrapper(raw, encoding=codec, errors=stream.errors, line_buffering=True)


def say_at_once(*lines: str) -> None:
    """Print lines on standard error, also in a signal handler, and before the process ends,
    whatever its threads hold. It waits for a blocked terminal for `MAX_BLOCKED_S` only. What is in
    names and files acts on no terminal."""

    def write() -> None:
        with suppress(OSError):
            print("\n".join(map(escaped, lines)), file=sys.stderr, flush=True)

    writing = threading.Thread(target=write, daemon=True)
    writing.start()
    writing.join(MAX_BLOCKED_S)


def print_lines(*lines: str) -> None:
    """Print lines on standard output. What is in file names, files and devices acts on no
    terminal."""
    print("\n".join(map(escaped, lines)), flush=True)


def complain(line: object) -> None:
    """Print a line on stderr about what went wrong or might be missed."""
    say_at_once(f"multiverse: {line}")


def discard_if_broken(stream: TextIO) -> bool:
    """True if nothing can be written there. The rest is then discarded: Python would fail again at
    its exit."""
    try:
        print(file=stream, flush=True)
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
        return True
    return False
