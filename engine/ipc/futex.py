"""Wakes processes that wait for a picture, by Linux' futex(2). `sinks/shared_reader.py` waits;
elsewhere it polls.

The kernel compares the lower half of a ring's `newest` with the number of the reader's picture
before it lets the reader sleep, so that no picture is missed between looking and waiting.
"""

import ctypes
import platform
import sys
from typing import Final

FUTEX: Final = (
    {"x86_64": 202, "aarch64": 98}.get(platform.machine()) if sys.platform == "linux" else None
)
# linux/futex.h; without FUTEX_PRIVATE_FLAG, as the readers are other processes
WAKE = 1
ALL = 2**31 - 1
# keeps the GIL: another thread might hold it for milliseconds
_syscall = ctypes.PyDLL(None).syscall if FUTEX else None


def wake(address: int) -> None:
    """Wake all processes that wait at this address of shared memory. Takes a microsecond; never
    waits."""
    if _syscall is not None:
        _syscall(FUTEX, ctypes.c_void_p(address), WAKE, ALL, None)
