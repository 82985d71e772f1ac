"""OpenMP settings take effect, as the libraries report them, and the user's environment has
priority."""

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import pytest

from engine.system import openmp

LINUX_ONLY = pytest.mark.only_on("linux", reason="needs GCC's OpenMP, which prints its settings")
# Loads the same libraries as torch, which itself takes seconds.
LIKE_TORCH = """
import ctypes, glob, sys
import engine.models
ctypes.CDLL(glob.glob(sys.argv[1] + "/lib/libgomp*.so*")[0])
"""
LIKE_NUMBA = """
from engine.render.numba_renderer import NumbaRenderer
NumbaRenderer(16, 16).close()
import os
print("left in the environment:", os.environ.get("OMP_WAIT_POLICY"))
"""


def library_settings(code: str, *arguments: str, **environment: str) -> str:
    """Runs code with libgomp; returns the settings that libgomp prints when loaded, and the output
    of the code."""
    clean = {name: value for name, value in os.environ.items() if name not in openmp.VARIABLES}
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments],
        capture_output=True,
        text=True,
        check=True,
        env=clean | {"OMP_DISPLAY_ENV": "verbose"} | environment,
    )
    return done.stderr + done.stdout


@LINUX_ONLY
def test_models_get_threads_that_spin_briefly_unless_the_user_has_chosen() -> None:
    torch = importlib.util.find_spec("torch")
    assert torch is not None and torch.origin is not None
    folder = str(Path(torch.origin).parent)
    assert "GOMP_SPINCOUNT = '30000'" in library_settings(LIKE_TORCH, folder)
    assert "GOMP_SPINCOUNT = '7'" in library_settings(LIKE_TORCH, folder, GOMP_SPINCOUNT="7")
    chosen = library_settings(LIKE_TORCH, folder, OMP_WAIT_POLICY="active")
    assert "OMP_WAIT_POLICY = 'ACTIVE'" in chosen and "GOMP_SPINCOUNT = '30000'" not in chosen


@LINUX_ONLY
def test_the_drawing_threads_sleep_and_children_do_not_inherit_that() -> None:
    # which chooses that threads spin
    settings = library_settings("import engine.models" + LIKE_NUMBA)
    assert "OMP_WAIT_POLICY = 'PASSIVE'" in settings and "GOMP_SPINCOUNT = '0'" in settings
    assert "left in the environment: None" in settings
    assert "OMP_WAIT_POLICY = 'ACTIVE'" in library_settings(LIKE_NUMBA, OMP_WAIT_POLICY="active")
