"""Makes files hang when they are opened, as on a network home that does not answer."""

import contextlib
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

_HOLD = """
import fcntl, signal, sys
signal.signal(signal.SIGIO, signal.SIG_IGN)
with open(sys.argv[1], "r+b") as file:
    fcntl.fcntl(file, fcntl.F_SETLEASE, fcntl.F_WRLCK)
    print("held", flush=True)
    sys.stdin.read()
"""


@contextlib.contextmanager
def hung(path: Path) -> Iterator[None]:
    """Make every open of the file block until the context ends (or for 45 s, the kernel's limit).
    Another process holds a lease on it and does not release it on request."""
    if sys.platform != "linux":
        pytest.skip("only Linux has leases, which make a file hang")
    holder = subprocess.Popen(
        [sys.executable, "-c", _HOLD, str(path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert holder.stdout.readline() == "held\n"
        yield
    finally:
        holder.communicate(timeout=120)
