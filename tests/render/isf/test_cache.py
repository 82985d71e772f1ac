"""The trial of a shader fills the driver's cache: when the engine plays the shader, nothing is
compiled again."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.programs import program

PLAY = program("shader_cache")


def known_cache(folder: Path) -> Path:
    """A new shader cache with the engine's own shaders from the user's cache, which take ten
    seconds to compile."""
    folders = (
        os.environ.get("MESA_SHADER_CACHE_DIR"),
        os.environ.get("XDG_CACHE_HOME"),
        str(Path.home() / ".cache"),
    )
    known = Path(next(folder for folder in folders if folder)) / "mesa_shader_cache"
    own = folder / "mesa_shader_cache"
    for part in known.glob("[0-9a-f][0-9a-f]"):
        try:
            shutil.copytree(part, own / part.name, copy_function=os.link)
        except OSError:  # another test writes there, or another disk: these few are compiled
            continue
    return folder


@pytest.mark.only_on("linux", reason="counts the files of Mesa's cache")
def test_putting_in_a_tried_shader_compiles_nothing(
    tmp_path: Path, require: Callable[[object, str], None]
) -> None:
    """Each thing that Mesa's software rasteriser compiles is a file in its cache."""
    environment = {**os.environ, "MESA_SHADER_CACHE_DIR": str(known_cache(tmp_path))}
    done = subprocess.run(
        [sys.executable, "-c", PLAY], capture_output=True, text=True, env=environment, timeout=120
    )
    assert done.returncode == 0, done.stderr
    counts = json.loads(done.stdout)
    require(counts and counts.pop("is_software"), "OpenGL by a processor")
    assert counts["untried"] >= 2 and counts["tried"] == 0
