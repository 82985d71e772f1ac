"""Priority of a process beside the live picture.

Linux and macOS count niceness, which only root may take back. Windows has classes: a process below normal works while
no normal one wants the core, an idle one while none of these does, and each may return to its own. So a child starts
below normal there, loads its model idle, and comes back: loading is seconds of work on all cores at the worst moment.
"""

import logging
import os
import sys

log = logging.getLogger(__name__)

MAX_NICENESS = 19


def birth_flags(niceness: int) -> int:
    """Creation flags of a process of this niceness on Windows: below normal for any above 0.

    The python.exe of a virtual environment starts another, which inherits the class (Microsoft's documentation of
    CreateProcess, dwCreationFlags).
    """
    import subprocess

    below_normal: int = subprocess.BELOW_NORMAL_PRIORITY_CLASS  # type: ignore[attr-defined]
    return below_normal if niceness > 0 else 0


def step_back() -> int | None:
    """Windows: become idle, until `come_back` with what this returns. Elsewhere, and where Windows refuses: nothing."""
    if sys.platform != "win32":
        return None
    import psutil  # type: ignore[import-untyped]

    try:
        process = psutil.Process()
        former = int(process.nice())
        process.nice(psutil.IDLE_PRIORITY_CLASS)
    except (OSError, psutil.Error) as error:
        log.warning("Windows lets this process not give way to others: %s", error)
        return None
    return former


def come_back(former: int | None) -> None:
    """Return to the class before `step_back`."""
    if former is None:
        return
    import psutil

    try:
        psutil.Process().nice(former)
    except (OSError, psutil.Error) as error:
        log.warning("Windows keeps this process idle, and it may be slow: %s", error)


def stay_behind() -> None:
    """Work only while nobody else wants the core, for good."""
    if sys.platform == "linux":
        os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))  # gives way at once; by niceness a slice later
    elif sys.platform == "win32":
        step_back()
    elif hasattr(os, "nice"):
        os.nice(MAX_NICENESS)
