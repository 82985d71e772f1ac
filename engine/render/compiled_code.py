"""Files of compiled code: one for each function, processor and release of Python.

Numba's own cache unpickles whatever lies in its folder, and keeps code for this very processor
only. A file here begins with two checksums: that of what it was made from and for, so that stale
and foreign code is not used, and that of the whole, so that torn code is not. Code from a file is
run: it is used only if nobody could write it who could not change our own code as well.

Portable code runs on every x86-64 processor of the level x86-64-v3 (System V psABI: Intel since
2013, AMD since 2015). The build of a wheel, or of an editable install, makes it
(.ci/build_hook.py), so that the first start need not compile.
"""

import hashlib
import os
import stat
import sys
from collections.abc import Callable
from contextlib import suppress
from functools import cache
from pathlib import Path
from tempfile import TemporaryFile
from typing import Any, Final
from zlib import crc32

import llvmlite
import numba
import platformdirs
from llvmlite import binding
from numba import config

from engine.system.atomic_file import write_atomic
from engine.system.installing import is_checkout
from engine.system.small_file import MAX_JSON_BYTES, open_regular

Target = tuple[str, ...]
"""System, processor and its features, as Numba names them."""
PORTABLE: Final = "x86-64-v3"
# features that the level adds, as LLVM names them
NEEDED: Final = "avx2 bmi bmi2 f16c fma lzcnt movbe".split()
FOLDER: Final = Path(__file__).parent / "compiled"
_BYTES: Final = 32  # of a checksum
_PYTHON: Final = (
    f"{sys.platform}.py{sys.version_info[0]}{sys.version_info[1]}{getattr(sys, 'abiflags', '')}"
)


def portable_target(own: Target) -> Target | None:
    """The target of portable code; None if this processor cannot run it, or the user has chosen
    another."""
    settings: Any = config  # numba sets these by name, so that no checker sees them
    is_chosen = settings.CPU_NAME is not None or settings.CPU_FEATURES is not None
    if is_chosen or not own[0].startswith("x86_64"):
        return None
    has = binding.get_host_cpu_features()
    return (own[0], PORTABLE, "") if all(map(has.get, NEEDED)) else None


def own_folder() -> Path | None:
    """Folder in which code for this processor is kept: in NUMBA_CACHE_DIR if that is set, else
    beside our files in a checkout, else the user's cache folder: an installed package is removed
    whole. None if it cannot be written."""
    return _first_writable(getattr(config, "CACHE_DIR", ""))


@cache
def _first_writable(chosen: str) -> Path | None:
    # installations do not overwrite each other's
    own = f"multiverse-{crc32(os.fsencode(FOLDER)):08x}"
    user = platformdirs.user_cache_path("Multiverse", appauthor=False)
    beside = [FOLDER] if is_checkout() else []
    for folder in [Path(chosen) / own] if chosen else [*beside, user / own]:
        with suppress(OSError):
            folder.mkdir(parents=True, exist_ok=True)
            TemporaryFile(dir=folder).close()
            return folder
    return None


def keep_compiled(dispatcher: Any) -> None:
    """Let Numba keep what it compiles of this function in `own_folder`, if there is one, not beside
    its source."""
    settings: Any = config  # which are set by name
    chosen = settings.CACHE_DIR
    folder = own_folder()
    if folder is not None:
        settings.CACHE_DIR = str(folder)
        try:
            with suppress(RuntimeError):  # the folder cannot be written any more
                dispatcher.enable_caching()  # looks at the setting now
        finally:
            settings.CACHE_DIR = chosen


class CodeFile:
    """The file of one function's code for one target."""

    def __init__(self, folder: Path, name: str, target: Target, ingredients: object) -> None:
        """ingredients: All that the code depends on, beside the target, Numba and Python."""
        # a folder may be shared by several of these
        self.path = folder / f"{name}.{target[1]}.{_PYTHON}.code"
        facts = _PYTHON, numba.__version__, llvmlite.__version__, target, ingredients
        self._key = hashlib.sha256(repr(facts).encode()).digest()

    def read(self, on_problem: Callable[[str], None]) -> bytes | None:
        """Return the code; None if there is none that fits. on_problem: Gets a line if it is torn,
        or not ours."""
        try:
            with open_regular(self.path, max_bytes=MAX_JSON_BYTES) as file:
                status = os.fstat(file.fileno())
                content = file.read()
        except OSError:
            return None
        whole = content[:_BYTES]
        key = content[_BYTES : 2 * _BYTES]
        code = content[2 * _BYTES :]
        is_ours = _is_ours(status)
        is_whole = hashlib.sha256(key + code).digest() == whole
        if is_ours and is_whole:
            return code if key == self._key else None
        reason = "damaged" if is_ours else "others can write it"
        on_problem(f"compiled code in {self.path.parent} is not used ({reason}): compiled again")
        return None

    def write(self, code: bytes) -> None:
        """Raises OSError."""
        write_atomic(self.path, hashlib.sha256(self._key + code).digest() + self._key + code)
        with suppress(OSError):  # a disk without modes
            self.path.chmod(0o644)  # whatever the umask: else `read` refuses it


def _is_ours(file: os.stat_result) -> bool:
    """True if only those can write the file who can write our own code."""
    code = os.stat(__file__)
    allowed = code.st_mode if file.st_gid == code.st_gid else 0
    is_safe = not file.st_mode & ~allowed & (stat.S_IWGRP | stat.S_IWOTH)
    return is_safe and file.st_uid in (
        0,
        code.st_uid,
        os.geteuid() if sys.platform != "win32" else 0,
    )
