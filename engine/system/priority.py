"""Lower CPU priority for processes that run beside the live picture.

Linux and macOS have niceness, which only root may lower again. Linux may also keep an autogroup for
each session (sched(7)): the kernel shares the processor between the groups first, so that a lone
process of the lowest priority would get as much as all threads of the show together. So a process
with a session of its own lowers its group, too.

Windows has priority classes, which a process may change freely: a below-normal process runs while
no normal one wants the core, an idle one while neither does. So a child there starts below normal,
loads its model, which takes all cores for seconds, in the idle class, and returns.
"""

import contextlib
import importlib
import logging
import os
import sys

log = logging.getLogger(__name__)

MAX_NICENESS = 19
GROUP_NICENESS = (
    10  # a tenth of the processors while the show wants all: a shader must not wait for minutes
)


def creation_flags(niceness: int) -> int:
    """Windows creation flags for this niceness: below normal if it is above 0. The python.exe of a
    virtual environment starts another process, which inherits the class (Microsoft's documentation
    of CreateProcess, dwCreationFlags)."""
    import subprocess

    below_normal: int = subprocess.BELOW_NORMAL_PRIORITY_CLASS  # type: ignore[attr-defined]  # exists on Windows only
    return below_normal if niceness > 0 else 0


def enter_idle_class() -> int | None:
    """Windows: enter the idle class; returns the former one, for `leave_idle_class`. None
    elsewhere, or if refused."""
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


def call_when_idle(module: str, function: str) -> None:
    """Run a process of ours while no other process needs the core, from its first import on. For
    `start_python`."""
    run_when_idle(MAX_NICENESS)
    getattr(importlib.import_module(module), function)()


def lower_priority(niceness: int) -> None:
    """Raise this process, and its group, to a niceness 0..19. On Windows the start does that
    (`creation_flags`)."""
    if hasattr(os, "nice"):
        os.nice(max(0, niceness - os.nice(0)))  # added to the niceness that the engine has already
    _lower_group(min(niceness, GROUP_NICENESS))


def _lower_group(niceness: int) -> None:
    if sys.platform == "linux" and niceness > 0 and os.getsid(0) == os.getpid():
        with (
            contextlib.suppress(OSError),
            open("/proc/self/autogroup", "w", encoding="ascii") as group,
        ):  # if it exists
            group.write(str(niceness))


def run_when_idle(group_niceness: int = GROUP_NICENESS) -> None:
    """Let this process run only while no other of its group needs the core. The group gets this
    niceness."""
    if sys.platform == "linux":
        # gives way at once, not after a time slice
        os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))
        _lower_group(group_niceness)
    elif sys.platform == "win32":
        enter_idle_class()
    elif hasattr(os, "nice"):
        os.nice(MAX_NICENESS)
