"""Runs code on hostile files in a process of its own, which may neither hang nor fill the
memory."""

import subprocess
import sys

TIMEOUT_S = 60  # of a machine that is busy; what hangs, hangs for ever
PEAK = """
import sys
from pathlib import Path
if sys.platform == "win32":
    import psutil
    print(psutil.Process().memory_info().peak_wset >> 20)
elif sys.platform == "linux":
    # ru_maxrss there begins with the size of the process that started this one.
    print(int(Path("/proc/self/status").read_text().partition("VmHWM:")[2].split()[0]) >> 10)
else:
    import resource
    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 20)
"""


def lines_of(code: str, *arguments: object) -> tuple[list[str], int]:
    """The lines that `code` prints, with `arguments` in sys.argv[1:], and the peak memory of its
    process in MiB."""
    command = [sys.executable, "-c", code + PEAK, *map(str, arguments)]
    ran = subprocess.run(command, capture_output=True, text=True, timeout=TIMEOUT_S)
    assert ran.returncode == 0, ran.stderr
    *lines, peak_mb = ran.stdout.splitlines()
    return lines, int(peak_mb)
