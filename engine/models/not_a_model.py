"""Recognizes files that are not a readable model, for the error that refuses them. No torch.

Downloads fail in few ways: CivitAI and gated repositories return a web page without a login, `git clone` without LFS
leaves pointers, browsers give an unfinished download another suffix.
"""

import zipfile
from pathlib import Path
from typing import Final

MAX_NAMED: Final = 3
"""File names listed in one error."""
MODEL_SUFFIXES: Final = (".safetensors", ".ckpt", ".pth", ".pt", ".bin", ".gguf")
_UNFINISHED: Final = (".part", ".crdownload", ".aria2", ".download", ".incomplete", ".partial", ".tmp")
_PAGES: Final = (b"<!doctype", b"<html", b"<?xml", b"<head")
_ARCHIVES: Final = (b"PK\x03\x04", b"Rar!", b"7z\xbc\xaf", b"\x1f\x8b")
_POINTER: Final = b"version https://git-lfs"
_HEAD_BYTES: Final = 64
_AGAIN: Final = "fetch it again, logged in where the site asks for that"


def not_a_model(file: Path) -> str:
    """For an error: the kind of a file that is not a model, and what to do; "" if it is not recognized."""
    if file.suffix.lower() in _UNFINISHED:
        return "a download that has not ended; wait for it, or fetch it again"
    try:
        with file.open("rb") as stream:
            head = stream.read(_HEAD_BYTES)
    except OSError:
        return ""
    if not head:
        return "empty (cut off); fetch it again"
    if head.startswith(_POINTER):
        return "a pointer of Git LFS, not the model itself; fetch that with `git lfs pull` in its folder"
    if head.lstrip().lower().startswith(_PAGES):
        return f"a web page, saved in place of the model; {_AGAIN}"
    if head.startswith(b'{"'):
        return f"the text of an answer, saved in place of the model; {_AGAIN}"
    if head.startswith(_ARCHIVES) and file.suffix.lower() not in MODEL_SUFFIXES:  # torch.save writes a zip too
        return f"an archive; unpack it, and name the model in it{_inside(file)}"
    return ""


def _inside(file: Path) -> str:
    try:
        with zipfile.ZipFile(file) as archive:
            names = sorted(name for name in archive.namelist() if name.lower().endswith(MODEL_SUFFIXES))
    except (OSError, ValueError, zipfile.BadZipFile):
        return ""
    return f" ({listed(names)})" if names else ""


def listed(names: list[str]) -> str:
    """The first names of a list, for an error."""
    more = f" and {len(names) - MAX_NAMED} more" if len(names) > MAX_NAMED else ""
    return f"{', '.join(name[:100] for name in names[:MAX_NAMED])}{more}"
