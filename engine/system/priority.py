"""Lower CPU priority for processes that run beside the live picture.

Linux and macOS have niceness, which only root may lower again. Windows has priority classes: a below-normal process
runs while no normal one wants the core, an idle one while neither does, and a process may change its class freely. So a
child on Windows starts below normal, loads its model in the idle class, and returns: loading takes all cores for
seconds.
"""

import logging
import os
import sys

log = logging.getLogger(__name__)

MAX_NICENESS = 19


def creation_flags(niceness: int) -> int:
    """Windows creation flags for this niceness: below normal if it is above 0. The python.exe of a virtual environment
    starts another process, which inherits the class (Microsoft's documentation of CreateProcess, dwCreationFlags)."""
    import subprocess

    below_normal: int = subprocess.BELOW_NORMAL_PRIORITY_CLASS  # type: ignore[attr-defined]  # exists on Windows only
    return below_normal if niceness > 0 else 0


def enter_idle_class() -> int | None:
    """Windows: enter the idle class; returns the former one, for `leave_idle_class`. None elsewhere, or if refused."""
    if sys.platform != "win32":
        return None
    import psutil

    try:
        process = psutil.Process()
        former = int(process.nice())
        process.nice(psutil.IDLE_PRIORITY_CLASS)
    except (OSError, psutil.Error) as error:
        log.warning("Windows does not let this process lower its priority: %s", error)
        return None
    return former


def leave_idle_class(former: int | None) -> None:
    """Return to the class before `enter_idle_class`; nothing for None."""
    if former is None:
        return
    import psutil

    try:
        psutil.Process().nice(former)
    except (OSError, psutil.Error) as error:
        log.warning("Windows keeps this process in the idle class, so it may be slow: %s", error)


def run_when_idle() -> None:
    """Let this process run only while no other process needs the core."""
    if sys.platform == "linux":
        os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))  # gives way at once, not after a time slice
    elif sys.platform == "win32":
        enter_idle_class()
    elif hasattr(os, "nice"):
        os.nice(MAX_NICENESS)
