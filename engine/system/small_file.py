"""Reads untrusted files, those that a user or another file names: whole, up to a limit, and only
regular files.

No FIFO, socket or device. A path that stands in a foreign file is read with `inside`, the folder
that it may not leave; it may not name a device of Windows either.
"""

import codecs
import errno
import json
import os
import re
import stat
import tomllib
from io import BufferedReader
from itertools import islice
from pathlib import Path
from typing import Any, Final

from engine.system.atomic_file import MAX_LIVE_WAIT_S, when_free
from engine.system.file_names import names_device

MAX_TEXT_BYTES: Final = 1 << 20
"""Limit for files that people write: a hundred times the size of a full preset."""
MAX_JSON_BYTES: Final = 16 << 20
"""Limit for files that programs write: four times the size of a text encoder's vocabulary."""
MAX_NESTING: Final = 64
MAX_KEY_PARTS: Final = 64
"""Limit for a dotted TOML key: tomllib's time grows with the square of the number of parts; 20 000
take 20 s."""
MAX_REASON: Final = 300

# A whole dotted key. A match is never scanned again, so this takes linear time.
_DOTTED = re.compile(
    r"""(?:[\w-]+|"[^"\n]*"|'[^'\n]*')(?:[ \t]*\.[ \t]*(?:[\w-]+|"[^"\n]*"|'[^'\n]*'))*"""
)
_PART = re.compile(r"""[\w-]+|"[^"\n]*"|'[^'\n]*'""")
_DEVICE = "a device"
_KINDS = (
    (stat.S_ISFIFO, "a FIFO"),
    (stat.S_ISSOCK, "a socket"),
    (stat.S_ISCHR, _DEVICE),
    (stat.S_ISBLK, _DEVICE),
)


def read_small(path: Path, *, max_bytes: int = MAX_TEXT_BYTES, inside: Path | None = None) -> bytes:
    """The content of a regular file, at most `max_bytes`. OSError with the reason for anything
    else. `inside`: the folder in which the file must lie, also when links are followed."""
    with open_regular(path, inside=inside, max_bytes=max_bytes) as file:
        raw = file.read(min(max_bytes, max(os.fstat(file.fileno()).st_size, MAX_TEXT_BYTES)) + 1)
    if len(raw) > max_bytes:  # files of /proc report a size of 0
        raise _too_large(path, max_bytes)
    return raw


def open_regular(
    path: Path, *, inside: Path | None = None, max_bytes: int | None = None
) -> BufferedReader:
    """Open a regular file for reading, as `read_small` does. OSError with the reason for anything
    else."""
    if inside is not None:
        name = path.relative_to(inside) if path.is_relative_to(inside) else path
        if names_device(str(name)):
            raise OSError(0, "a name that Windows reserves for a device; rename it", str(path))
        if not Path(os.path.realpath(path)).is_relative_to(os.path.realpath(inside)):
            raise OSError(0, f"outside {inside}; copy it there", str(path))
    _check_mode(os.stat(path).st_mode, path)  # before opening it: a device may act on that
    file = when_free(lambda: open(path, "rb", opener=_opened), path, timeout_s=MAX_LIVE_WAIT_S)  # noqa: SIM115  the caller's
    try:
        opened = os.fstat(file.fileno())
        _check_mode(opened.st_mode, path)  # it may have been replaced meanwhile
        if max_bytes is not None and opened.st_size > max_bytes:
            raise _too_large(path, max_bytes)
    except OSError:
        file.close()
        raise
    return file


def _opened(path: str, flags: int) -> int:
    try:
        # opening a FIFO waits for its writer
        return os.open(path, flags | getattr(os, "O_NONBLOCK", 0))
    except (
        BlockingIOError
    ):  # only of a regular file: another program holds a lease on it (Samba, NFS), and gives it up
        return os.open(path, flags)


def _check_mode(mode: int, path: Path) -> None:
    # Windows would raise PermissionError, as for a file that another program holds
    if stat.S_ISDIR(mode):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
    if kind := special_kind(mode):
        raise OSError(0, f"{kind}, where a file is needed", str(path))


def _too_large(path: Path, max_bytes: int) -> OSError:
    units = ((30, "GiB"), (20, "MiB"))
    size = next(
        (f"{max_bytes >> bits} {unit}" for bits, unit in units if max_bytes >> bits),
        f"{max_bytes} bytes",
    )
    return OSError(0, f"larger than {size}", str(path))


def special_kind(mode: int) -> str:
    """Name of the kind of a file that is neither regular nor a folder ("a FIFO"), by its `st_mode`;
    else ""."""
    return next((kind for is_so, kind in _KINDS if is_so(mode)), "")


def read_json(path: Path, *, max_bytes: int = MAX_JSON_BYTES) -> Any:
    """The value in a JSON file in UTF-8. OSError as `read_small`, ValueError as `parse_json`."""
    return parse_json(read_small(path, max_bytes=max_bytes))


def read_toml(path: Path) -> dict[str, Any]:
    """The table in a TOML file of at most 1 MiB. OSError as `read_small`, ValueError in one line
    for invalid TOML."""
    raw = read_small(path)  # PowerShell's `>` writes UTF-16, old editors begin UTF-8 with a mark
    text = raw.decode(
        "utf-16" if raw.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)) else "utf-8-sig"
    )
    for run in _DOTTED.finditer(text):
        if sum(1 for _ in islice(_PART.finditer(run[0]), MAX_KEY_PARTS + 1)) > MAX_KEY_PARTS:
            line = text.count("\n", 0, run.start()) + 1
            raise ValueError(f"line {line}: a key of more than {MAX_KEY_PARTS} parts")
    try:
        return tomllib.loads(text)
    except RecursionError:
        raise ValueError("nested too deeply") from None
    except ValueError as error:
        reason = str(error)[:MAX_REASON]  # some quote a key in full, however long
        hint = (
            "; write a path in 'single quotes'"
            if reason.startswith(("Unescaped", "Invalid hex"))
            else ""
        )
        raise ValueError(reason + hint) from None


def parse_json(raw: bytes | str) -> Any:
    """The value of JSON in UTF-8, nested at most 64 deep. ValueError in one line."""
    try:
        value = json.loads(raw if isinstance(raw, str) else raw.decode("utf-8"))
    except RecursionError:
        raise ValueError("nested too deeply") from None
    level = [value] if isinstance(value, dict | list) else []
    for _ in range(MAX_NESTING):
        inner = (
            each
            for outer in level
            for each in (outer.values() if isinstance(outer, dict) else outer)
        )
        level = [each for each in inner if isinstance(each, dict | list)]
    if level:
        raise ValueError("nested too deeply")
    return value
