"""Chooses the number of threads with which Mesa's llvmpipe draws on a CPU: an environment variable
that it reads once.

Each pass waits until all of its threads have run. Where sound and camera need one of two cores, a
pass of 0.3 ms takes 1 ms: of 420 pictures of 480x270 Fluid was late in 47 to 65 with two threads
and in 20 to 34 without any, Crystal in 20 to 64 and in 3 to 4."""

import os

FEW_CORES = 2
_VARIABLE = "LP_NUM_THREADS"


def draw_without_threads() -> None:
    """Let llvmpipe draw on the calling thread on a machine of few cores, unless the user has
    chosen. Call it before the first context is opened."""
    if _cores() <= FEW_CORES:
        os.environ.setdefault(_VARIABLE, "0")


def drawing_threads() -> int:
    """Return the number of threads that llvmpipe draws with, at least 1."""
    chosen = os.environ.get(_VARIABLE, "")
    return max(1, int(chosen) if chosen.isdecimal() else _cores())


def _cores() -> int:
    """Return the number of cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
