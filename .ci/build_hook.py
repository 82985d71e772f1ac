"""Compiles the picture's functions for any x86-64 processor while the package is built or
installed, also as editable.

So the first start need not (engine/render/compiled_code.py). A build without it is whole, and its
first start compiles. `HATCH_BUILD_NO_HOOKS=true` leaves it out.
"""

import os
import platform
import subprocess
import sys
from compileall import compile_dir
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

COMPILE = """
import sys
sys.path.insert(0, sys.argv[1])
from engine.render.numba_code import Compilation
Compilation(print).wait()
"""
MAX_S = 300


class PortableCode(BuildHookInterface):
    """Writes engine/render/compiled, which the wheel contains. What is there and up to date
    stays."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        if version == "editable":  # of a wheel, the installer does it
            for package in ("engine", "osc_schema"):
                compile_dir(os.path.join(self.root, package), quiet=2, workers=0)
        if (sys.platform, platform.machine()) not in (("linux", "x86_64"), ("win32", "AMD64")):
            return
        environment = {key: value for key, value in os.environ.items() if key != "NUMBA_CACHE_DIR"}
        environment |= {"NUMBA_CPU_NAME": "x86-64-v3", "NUMBA_CPU_FEATURES": ""}
        try:
            done = subprocess.run(
                [sys.executable, "-P", "-c", COMPILE, self.root],
                cwd=self.root, env=environment, capture_output=True, text=True, timeout=MAX_S,
            )  # fmt: skip
        except (OSError, subprocess.TimeoutExpired) as error:
            self.app.display_warning(f"nothing is compiled in advance: {error}")
            return
        if done.returncode:
            last = (done.stderr.strip().splitlines() or [f"exit code {done.returncode}"])[-1]
            self.app.display_warning(f"nothing is compiled in advance: {last}")
