"""How much main memory this process has held, and how it is kept."""

import sys

M_TRIM_THRESHOLD, M_TOP_PAD, M_MMAP_MAX = -1, -2, -4  # malloc.h of glibc


def peak_process_mb() -> float:
    """MiB of main memory that this process has held at most."""
    if sys.platform == "win32":
        import psutil

        return psutil.Process().memory_info().peak_wset / 2**20
    import resource

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / 2**20 if sys.platform == "darwin" else peak / 2**10


def keep_freed_memory() -> None:
    """Let glibc keep what is freed for what is asked for next, from now on, in this whole process.

    It hands large blocks back to the kernel at every free and faults them in again: inference on a CPU takes 1.2 to 3.4
    times as long with that. The environment of our children says the same; it is read before Python starts. Elsewhere
    there is no such setting.
    """
    if sys.platform != "linux":
        return
    import ctypes

    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:  # musl has none
        for option, value in ((M_MMAP_MAX, 0), (M_TRIM_THRESHOLD, 2**31 - 1), (M_TOP_PAD, 64 << 20)):
            mallopt(option, value)
