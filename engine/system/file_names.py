"""File names: those that users give to presets and recordings, and those whose bytes are not UTF-8.

On Linux a name is bytes. Python reads those that are not UTF-8 as lone surrogates (PEP 383), which neither UTF-8 nor
libsndfile's Python binding takes: text that leaves the process with such a name goes through `escaped`.
"""

import os
import re
import unicodedata
from pathlib import Path

MAX_CHARACTERS = 64
MAX_BYTES = 200  # file systems end at 255, with a suffix and a number

# What Windows refuses, or reads as a folder, drive or stream; refused everywhere, so that files travel.
_FORBIDDEN = re.compile(r'[<>:"/\\|?*\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]')
_RESERVED = re.compile(r"(con|prn|aux|nul|conin\$|conout\$|com[0-9¹²³]|lpt[0-9¹²³])(\..*)?", re.IGNORECASE)


def escaped(text: str) -> str:
    r"""`text` that UTF-8 can hold: a byte that was no UTF-8 as \udcXX. Inside JSON that is the name itself: read back,
    `os.fsencode` gives the file's bytes."""
    return text.encode("utf-8", "backslashreplace").decode("utf-8")


def name_for_libsndfile(path: Path | str) -> bytes | str:
    """What `soundfile.SoundFile` opens whatever the name's bytes: it encodes text strictly, but passes bytes on."""
    return str(path) if os.name == "nt" else os.fsencode(path)  # on Windows bytes would be of the ANSI code page


def clean_name(name: str) -> str:
    """`name` in Unicode NFC, if every system takes it as a file name in one folder; else ValueError says why."""
    clean = unicodedata.normalize("NFC", name)
    if not clean or clean != clean.strip():
        raise ValueError("a name needs characters, and no blanks around it")
    if len(clean) > MAX_CHARACTERS or len(clean.encode("utf-8", "replace")) > MAX_BYTES:
        raise ValueError(f"a name has at most {MAX_CHARACTERS} characters")
    if found := _FORBIDDEN.search(clean):
        raise ValueError(f"a name cannot contain {found[0]!r}")
    if clean.startswith(".") or clean.endswith("."):
        raise ValueError("a name neither begins nor ends with a dot")
    if _RESERVED.fullmatch(clean):
        raise ValueError("Windows keeps this name for a device")
    return clean
