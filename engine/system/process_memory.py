"""Main memory of this process: its peak, and how malloc keeps it."""

import sys

# malloc.h of glibc
M_TRIM_THRESHOLD = -1
M_TOP_PAD = -2
M_MMAP_MAX = -4


def peak_process_mb() -> float:
    if sys.platform == "win32":
        import psutil

        return psutil.Process().memory_info().peak_wset / 2**20
    import resource

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / 2**20 if sys.platform == "darwin" else peak / 2**10


def keep_freed_memory() -> None:
    """Let glibc reuse freed memory in this process. By default it returns large blocks at every
    free: inference on a CPU then takes 1.2 to 3.4 times as long. Our children get the same by their
    environment, which is read before Python starts. Linux only."""
    for option, value in ((M_MMAP_MAX, 0), (M_TRIM_THRESHOLD, 2**31 - 1), (M_TOP_PAD, 64 << 20)):
        _call_glibc("mallopt", option, value)


def return_freed_memory() -> None:
    """Return freed memory to the kernel, 1 ms for every 10 MB. glibc keeps up to a gigabyte of
    pictures that other threads have freed, in pieces, and reuses little of it. Linux only."""
    _call_glibc("malloc_trim", 0)


def _call_glibc(name: str, *arguments: int) -> None:
    if sys.platform != "linux":
        return
    import ctypes

    function = getattr(ctypes.CDLL(None), name, None)
    if function is not None:  # musl has none
        function(*arguments)
