"""Finds Blender, or says how to get it. It is GPL, and its module `bpy` needs one exact Python:
3.11 for 5.0, with an older NumPy than ours, and 3.13 for 5.2. So it runs in a process of its own,
and mostly an environment of its own."""

import os
import shutil
import sys
from collections.abc import Iterator, Mapping
from importlib.util import find_spec
from pathlib import Path

from engine.errors import UsageError
from engine.system.folders import data_folder
from engine.system.installing import quoted

VARIABLE = "MULTIVERSE_BLENDER"
DEVICE_VARIABLE = "MULTIVERSE_CYCLES_DEVICE"  # number of the GPU to use; read by blender_main.py
# In a virtual environment, an unpacked folder, or a macOS application.
WITHIN_A_FOLDER = (
    "bin/python",
    "Scripts/python.exe",
    "blender",
    "blender.exe",
    "Contents/MacOS/Blender",
)
BPY_PYTHONS = ((3, 11), (3, 13))


def is_program(blender: Path) -> bool:
    """True for the Blender program, by its name; False for a Python with bpy."""
    return blender.name.lower().startswith("blender")


def blender_command(blender: Path, script: Path, *arguments: str) -> list[str]:
    """The command line that runs the script isolated from the user's settings and modules."""
    options = [
        "--background",
        "--factory-startup",
        "-noaudio",
        "--python-exit-code",
        "1",
        "--python",
    ]
    return [
        str(blender),
        *(options if is_program(blender) else ["-I"]),
        str(script),
        "--",
        *arguments,
    ]


def find_blender(path: str = "") -> Path:
    """Like `locate_blender`, but UsageError, with the command to install it, if there is none."""
    found = locate_blender(path)
    if found is None:
        raise UsageError(
            f"--engine cycles: Blender was not found; name one with --blender PATH or {VARIABLE}, "
            "or get it: "
            f"{install_command()}"
        )
    return found


def locate_blender(path: str = "") -> Path | None:
    """Find Blender, or None. In this order: `path` (a Python with bpy, its environment's folder, or
    a Blender program), MULTIVERSE_BLENDER, this Python, that of `install_command`, a `blender` on
    the PATH. UsageError if one of the first two is wrong."""
    for name, source in ((path, "--blender"), (os.environ.get(VARIABLE, ""), VARIABLE)):
        if name:
            return _resolve(name, source)
    return next(_default_paths(), None)


def install_command() -> str:
    """The command that makes an environment with bpy for `find_blender`. On Windows two, because
    PowerShell 5 has no `&&` and takes a quoted path at the start of a line for a string."""
    version = sys.version_info[:2] if sys.version_info[:2] in BPY_PYTHONS else BPY_PYTHONS[0]
    environment = quoted(_environment())
    if sys.platform == "win32":
        is_ours = version == sys.version_info[:2] and " " not in sys.executable
        python = sys.executable if is_ours else f"py -{version[0]}.{version[1]}"
        has_space = " " in str(_environment())
        pip = (
            f"{python} -m pip --python {environment}"
            if has_space
            else f"{_environment_python()} -m pip"
        )
        return f"{python} -m venv {environment}, then {pip} install bpy"
    python = quoted(sys.executable) if version == sys.version_info[:2] else "python3.11"
    return f"{python} -m venv {environment} && {quoted(_environment_python())} -m pip install bpy"


def blender_environment(folder: Path, inherited: Mapping[str, str]) -> dict[str, str]:
    """The environment of Blender's process: it writes to `folder` only and reads none of the user's
    settings."""
    # OCIO would change the colours
    variables = {name: value for name, value in inherited.items() if name != "OCIO"}
    return variables | {
        "BLENDER_USER_RESOURCES": str(folder / "user"),
        "TMPDIR": str(folder),
        "TEMP": str(folder),
        "TMP": str(folder),
        "PYTHONUTF8": "1",
    }


def _resolve(name: str, source: str) -> Path:
    path = Path(name).expanduser()
    if path.is_dir():
        found = next((path / name for name in WITHIN_A_FOLDER if (path / name).is_file()), None)
        if found is None:
            raise UsageError(
                f"{source}: no Python with bpy and no Blender program in the folder {path}"
            )
        return found.absolute()
    known = shutil.which(str(path))  # Windows: a Path is refused before Python 3.12
    if known is None:
        why = "not an executable program" if path.exists() else "missing"
        raise UsageError(f"{source}: {path} is {why}; name a Blender program or a Python with bpy")
    # Links are not resolved: the python of an environment is a link, and its location identifies
    # the environment.
    return Path(known).absolute()


def _default_paths() -> Iterator[Path]:
    if sys.executable and find_spec("bpy") is not None:
        yield Path(sys.executable)
    path = _environment_python()
    if path.is_file():
        yield path
    if program := shutil.which("blender"):
        yield Path(program)


def _environment() -> Path:
    return data_folder() / "blender"


def _environment_python() -> Path:
    return _environment() / ("Scripts/python.exe" if sys.platform == "win32" else "bin/python")
