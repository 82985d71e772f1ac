"""OpenMP settings: as the libraries report them, and with priority for the user's environment."""

import importlib.util
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from engine.children.spec import child_environment
from engine.system import openmp

LINUX_ONLY = pytest.mark.skipif(sys.platform != "linux", reason="needs GCC's OpenMP, which prints its settings")
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
    """Runs code with libgomp; returns the settings that libgomp prints when loaded, and the output of the code."""
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
    told = library_settings("import engine.models" + LIKE_NUMBA)  # which chooses that threads spin
    assert "OMP_WAIT_POLICY = 'PASSIVE'" in told and "GOMP_SPINCOUNT = '0'" in told
    assert "left in the environment: None" in told
    assert "OMP_WAIT_POLICY = 'ACTIVE'" in library_settings(LIKE_NUMBA, OMP_WAIT_POLICY="active")


@pytest.fixture
def unset(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """`unset(NAME=value)` sets the environment of a user with only these OpenMP variables."""

    def start_with(**chosen: str) -> None:
        monkeypatch.setattr(openmp, "_ours", {})
        for name in openmp.VARIABLES:
            monkeypatch.delenv(name, raising=False)
        for name, value in chosen.items():
            monkeypatch.setenv(name, value)

    return start_with


def test_children_spin_briefly_unless_the_user_has_set_otherwise(unset: Callable[..., None]) -> None:
    unset()
    assert openmp.BRIEF_SPIN.items() <= child_environment().items()
    unset(OMP_WAIT_POLICY="passive")
    assert openmp.BRIEF_SPIN.keys().isdisjoint(child_environment())
    unset()
    for _ in range(2):  # its own setting is not taken for the user's choice
        openmp.spin_briefly()
    assert not openmp.is_chosen_by_user() and openmp.brief_spin() == openmp.BRIEF_SPIN
    with openmp.sleeping():
        assert os.environ["OMP_WAIT_POLICY"] == "passive" and "GOMP_SPINCOUNT" not in os.environ
    assert os.environ["GOMP_SPINCOUNT"] == "30000" and "OMP_WAIT_POLICY" not in os.environ
