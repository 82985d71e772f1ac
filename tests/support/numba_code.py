"""Compiles the Numba renderer's code while the test workers start and collect.

On a fresh clone the first tests that draw would compile it, several workers at once, for 14 s of CPU each.
"""

import subprocess
import sys

COMPILE = "from engine.render.numba_code import Compilation; Compilation(print).wait()"


def start_compiling() -> subprocess.Popen[bytes]:
    """If it fails, the tests that draw fail with the reason."""
    return subprocess.Popen([sys.executable, "-c", COMPILE], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
