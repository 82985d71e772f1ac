"""Small files that a stranger may have written: read whole, bounded, and from nothing that only looks like a file."""

import errno
import json
import os
import re
import stat
import tomllib
from itertools import islice
from pathlib import Path
from typing import Any, Final

from engine.system.atomic_file import MAX_HELD_LIVE_S, when_free

MAX_TEXT_BYTES: Final = 1 << 20
"""Of what people write: a hundred times a full preset."""
MAX_JSON_BYTES: Final = 16 << 20
"""Of what programs write: four times the vocabulary of a text encoder."""
MAX_NESTING: Final = 64
MAX_KEY_PARTS: Final = 64
"""Of a dotted key of TOML: tomllib's time grows with the square of their number, 20 000 take 20 s."""
MAX_REASON: Final = 300

# A whole run of key parts and the dots between them; one that ends is never looked at again, so this takes linear time.
_DOTTED = re.compile(r"""(?:[\w-]+|"[^"\n]*"|'[^'\n]*')(?:[ \t]*\.[ \t]*(?:[\w-]+|"[^"\n]*"|'[^'\n]*'))*""")
_PART = re.compile(r"""[\w-]+|"[^"\n]*"|'[^'\n]*'""")
_KINDS = (
    (stat.S_ISFIFO, "a FIFO"),
    (stat.S_ISSOCK, "a socket"),
    (stat.S_ISCHR, "a device"),
    (stat.S_ISBLK, "a device"),
)


def read_small(path: Path, *, most_bytes: int = MAX_TEXT_BYTES) -> bytes:
    """All of a regular file, at most `most_bytes`. OSError with a reason for anything else; waits for no FIFO."""
    mode = os.stat(path).st_mode
    if stat.S_ISDIR(mode):  # Windows would say PermissionError, as of a file that another program holds
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
    if kind := special_kind(mode):  # before it is opened, which waits for whoever writes a FIFO
        raise OSError(0, f"{kind}, where a file is needed", str(path))
    with when_free(lambda: open(path, "rb"), path, patience_s=MAX_HELD_LIVE_S) as file:
        raw = file.read(most_bytes + 1)
    if len(raw) > most_bytes:
        size = f"{most_bytes >> 20} MiB" if most_bytes >> 20 else f"{most_bytes} bytes"
        raise OSError(0, f"larger than {size}", str(path))
    return raw


def special_kind(mode: int) -> str:
    """What `st_mode` says it is where it is neither a file nor a folder ("a FIFO"), else ""."""
    return next((kind for is_so, kind in _KINDS if is_so(mode)), "")


def read_json(path: Path, *, most_bytes: int = MAX_JSON_BYTES) -> Any:
    """What a JSON file in UTF-8 holds. OSError as `read_small`, ValueError as `parse_json`."""
    return parse_json(read_small(path, most_bytes=most_bytes))


def read_toml(path: Path) -> dict[str, Any]:
    """What a TOML file holds, at most 1 MiB. OSError as `read_small`, ValueError in one line for what is no TOML."""
    text = read_small(path).decode("utf-8")
    for run in _DOTTED.finditer(text):
        if sum(1 for _ in islice(_PART.finditer(run[0]), MAX_KEY_PARTS + 1)) > MAX_KEY_PARTS:
            line = text.count("\n", 0, run.start()) + 1
            raise ValueError(f"line {line}: a key of more than {MAX_KEY_PARTS} parts")
    try:
        return tomllib.loads(text)
    except RecursionError:
        raise ValueError("nested too deeply") from None
    except ValueError as error:
        raise ValueError(str(error)[:MAX_REASON]) from None  # some name a key whole, however long it is


def parse_json(raw: bytes | str) -> Any:
    """What JSON in UTF-8 says, nested at most 64 deep; ValueError in one line."""
    try:
        value = json.loads(raw if isinstance(raw, str) else raw.decode("utf-8"))
    except RecursionError:
        raise ValueError("nested too deeply") from None
    level = [value] if isinstance(value, dict | list) else []
    for _ in range(MAX_NESTING):
        inner = (each for outer in level for each in (outer.values() if isinstance(outer, dict) else outer))
        level = [each for each in inner if isinstance(each, dict | list)]
    if level:
        raise ValueError("nested too deeply")
    return value
