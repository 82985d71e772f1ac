"""File names: validation for presets and recordings, and names whose bytes are not UTF-8.

On Linux a name is bytes. Python decodes bytes that are not UTF-8 as lone surrogates (PEP 383),
which neither UTF-8 nor libsndfile's Python binding can encode. Text with such a name must go
through `escaped` before it leaves the process.
"""

import functools
import os
import re
import unicodedata
from pathlib import Path
from typing import Any

MAX_CHARACTERS = 64
MAX_BYTES = 200  # file systems allow 255; leaves room for a suffix and a number

# Characters that Windows refuses or takes for a folder, drive or stream. Refused everywhere, to
# keep files portable.
_FORBIDDEN = re.compile(r'[<>:"/\\|?*\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]')
_RESERVED = re.compile(
    r"(con|prn|aux|nul|conin\$|conout\$|com[0-9¹²³]|lpt[0-9¹²³]) *([.:].*)?", re.IGNORECASE
)


def escaped(text: str) -> str:
    r"""`text` with each byte that was not UTF-8 as the characters \udcXX, so that UTF-8 can encode
    it. Inside JSON this is the name itself: read back, `os.fsencode` gives the file's bytes."""
    return text.encode("utf-8", "backslashreplace").decode("utf-8")


def with_replacements(text: str) -> str:
    """`text` with U+FFFD for each byte that was not UTF-8: msgspec, pandas and pyarrow refuse a
    lone surrogate."""
    return text.encode("utf-8", "surrogateescape").decode("utf-8", "replace")


def name_for_libsndfile(path: Path | str) -> Any:
    """`path` in the form that `soundfile.SoundFile` can open. It encodes text strictly, but passes
    bytes on."""
    # on Windows bytes would be read in the ANSI code page
    return str(path) if os.name == "nt" else os.fsencode(path)


def folded(name: str) -> tuple[str, ...]:
    """The name in capitals: equal for names that Windows takes for one file. NTFS compares
    character by character."""
    return tuple(each.upper() for each in name)


def names_device(path: str) -> bool:
    """True if Windows would take a part of this path for a device, such as `sub/NUL.bin`. Opening
    COM1 acts on it."""
    return any(_RESERVED.fullmatch(part) for part in re.split(r"[/\\]", path))


def why_refused(path: Path) -> str:
    """The reason why Windows refuses a part of this path, or takes it for a device or a file's
    stream; else ""."""
    parts = path.parts[bool(path.anchor) :] if os.name == "nt" else ()
    return next(filter(None, map(_why_refused, parts)), "")


def _why_refused(part: str) -> str:
    if found := _FORBIDDEN.search(part):
        return f"a name cannot contain {found[0]!r}"
    return "Windows reserves this name for a device" if _RESERVED.fullmatch(part) else ""


def without_scheme(name: str) -> str:
    """`name`, or for the address of a local file, as file managers copy it, its path."""
    if not name.lower().startswith("file://"):
        return name
    from urllib.parse import unquote

    path = unquote(name[len("file://") :]).removeprefix("localhost")
    return path.lstrip("/") if os.name == "nt" else path


def name_for_ffmpeg(path: Path | str) -> str:
    """`path` in the form that FFmpeg takes for a file: of `12:30.mp4` it takes `12` for a
    protocol."""
    return os.path.abspath(path)


# a folder of presets is polled, and a frame asks for looks by name
@functools.lru_cache(maxsize=16_384)
def clean_name(name: str) -> str:
    """`name` in Unicode NFC, if it is a valid file name on every system; ValueError with the reason
    if not."""
    clean = unicodedata.normalize("NFC", name)
    if not clean or clean != clean.strip():
        raise ValueError("a name cannot be empty, or begin or end with a space")
    if len(clean) > MAX_CHARACTERS or len(clean.encode("utf-8", "replace")) > MAX_BYTES:
        raise ValueError(f"a name has at most {MAX_CHARACTERS} characters")
    if reason := _why_refused(clean):
        raise ValueError(reason)
    if clean.startswith(".") or clean.endswith("."):
        raise ValueError("a name cannot begin or end with a dot")
    return clean
