"""Keeps the operating system from slowing a running engine down to save power.

Windows wakes sleeping programs on a 15.6 ms grid unless one asks for 1 ms, and shares the GPU evenly between the
picture and a child that infers unless one process stands above the other. macOS puts programs without a window to
nap: timers stretch, threads are throttled. Linux does none of this.
"""

import contextlib
import logging
import sys
from collections.abc import Iterator

from engine.system import win32

log = logging.getLogger(__name__)

WINDOWS_TIMER_MS = 1

# NSActivityOptions (Foundation, NSProcessInfo.h)
NS_ACTIVITY_USER_INITIATED = 0x00FFFFFF
NS_ACTIVITY_LATENCY_CRITICAL = 0xFF00000000


@contextlib.contextmanager
def kept_awake() -> Iterator[None]:
    """Exact timers and no nap while inside."""
    if sys.platform == "win32":
        win32.begin_timer_period(WINDOWS_TIMER_MS)
        status = win32.set_gpu_priority(win32.GPU_PRIORITY_HIGH)  # realtime would starve the desktop
        if status != 0:
            log.warning("Windows gives the picture no priority on the GPU (NTSTATUS %#x)", status & 0xFFFFFFFF)
        try:
            yield
        finally:
            win32.end_timer_period(WINDOWS_TIMER_MS)
    elif sys.platform == "darwin":
        from Foundation import NSProcessInfo  # pyobjc, which syphon-python brings

        process = NSProcessInfo.processInfo()
        options = NS_ACTIVITY_USER_INITIATED | NS_ACTIVITY_LATENCY_CRITICAL
        activity = process.beginActivityWithOptions_reason_(options, "drawing live pictures")
        try:
            yield
        finally:
            process.endActivity_(activity)
    else:
        yield
