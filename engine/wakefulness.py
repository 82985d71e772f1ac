"""Keeps the operating system from slowing a running engine down to save power.

Windows wakes sleeping programs on a 15.6 ms grid unless one asks for 1 ms. macOS puts programs without a window to
nap: timers stretch, threads are throttled. Linux does neither.
"""

import contextlib
import sys
from collections.abc import Iterator

WINDOWS_TIMER_MS = 1

# NSActivityOptions (Foundation, NSProcessInfo.h)
NS_ACTIVITY_USER_INITIATED = 0x00FFFFFF
NS_ACTIVITY_LATENCY_CRITICAL = 0xFF00000000


@contextlib.contextmanager
def kept_awake() -> Iterator[None]:
    """Exact timers and no nap while inside."""
    if sys.platform == "win32":
        import ctypes

        ctypes.windll.winmm.timeBeginPeriod(WINDOWS_TIMER_MS)
        try:
            yield
        finally:
            ctypes.windll.winmm.timeEndPeriod(WINDOWS_TIMER_MS)
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
