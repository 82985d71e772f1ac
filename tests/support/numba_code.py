"""Compiles the Numba renderer's code while the test workers start and collect.

On a fresh clone the first tests that draw would compile it, several workers at once, for 30 s of CPU each.
"""

import subprocess
import sys

COMPILE = """
from engine.render.numba_renderer import NumbaRenderer

for has in (True, False):
    NumbaRenderer(16, 16, has_layer5=has, has_masks=has).close()
"""


def start_compiling() -> subprocess.Popen[bytes]:
    """If it fails, the tests that draw fail with the reason."""
    return subprocess.Popen([sys.executable, "-c", COMPILE], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
