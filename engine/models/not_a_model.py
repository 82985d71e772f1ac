"""Recognizes common files that are not models, for error messages. Does not load torch.

Typical failed downloads: without a login, CivitAI and gated repositories return a web page; `git
clone` without LFS leaves pointer files; browsers give unfinished downloads another suffix. Files
that were renamed are told by their contents.
"""

import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from engine.system.small_file import open_regular

MAX_NAMED: Final = 3
"""Maximum number of file names in one error."""
SAFETENSORS: Final = (".safetensors", ".sft")
PICKLES: Final = (".ckpt", ".pt", ".pth", ".bin")
"""Suffixes of files written by torch.save."""
MODEL_SUFFIXES: Final = (*SAFETENSORS, *PICKLES, ".gguf")
_UNFINISHED: Final = (
    ".part",
    ".crdownload",
    ".aria2",
    ".download",
    ".incomplete",
    ".partial",
    ".tmp",
)
_PAGES: Final = (b"<!doctype", b"<html", b"<?xml", b"<head")
_ARCHIVES: Final = (b"PK\x03\x04", b"Rar!", b"7z\xbc\xaf", b"\x1f\x8b")
_POINTER: Final = b"version https://git-lfs"
_TORCH_ZIP: Final = b"/data.pkl"  # the first file in it
_TORCH_LEGACY: Final = b"\x80\x02\x8a\x0a"  # protocol 2, and a magic number of ten bytes
_HEAD_BYTES: Final = 256
AGAIN: Final = "download it again"
_LOGGED_IN: Final = f"{AGAIN}, logged in if the site requires it"


def not_a_model(file: Path) -> str:
    """Text for an error: what the file is instead of a model, and the next step; "" if it is not
    recognized."""
    if file.suffix.lower() in _UNFINISHED:
        return f"an unfinished download; wait for it, or {AGAIN}"
    try:
        with open_regular(file) as stream:
            head = stream.read(_HEAD_BYTES)
    except OSError:
        return ""
    if not head:
        return f"empty (truncated); {AGAIN}"
    if head.startswith(_POINTER):
        return "a Git LFS pointer, not the model itself; run `git lfs pull` in its folder"
    if head.lstrip().lower().startswith(_PAGES):
        return f"a web page saved instead of the model; {_LOGGED_IN}"
    if head.startswith(b'{"'):
        return f"a server's reply saved instead of the model; {_LOGGED_IN}"
    if kind := _kind_of_bytes(head):
        what, suffixes = kind
        return (
            ""
            if file.suffix.lower() in suffixes
            else f"{what}; rename it to {file.stem}{suffixes[0]}"
        )
    if head.startswith(_ARCHIVES):
        return f"an archive; unpack it, and name the model in it{_inside(file)}"
    return ""


def is_safetensors(file: Path) -> bool:
    """True if the file is called like a safetensors file, or like cog-sdxl's embedding, which is
    one."""
    return file.suffix.lower() in (*SAFETENSORS, ".pti")


def _kind_of_bytes(head: bytes) -> tuple[str, tuple[str, ...]] | None:
    """The kind of a file of weights that begins like this, and the suffixes of such files; None if
    unknown."""
    if head.startswith(_TORCH_LEGACY) or (head.startswith(_ARCHIVES[0]) and _TORCH_ZIP in head):
        return "a pickle written by torch.save", PICKLES
    if head[8:10] == b'{"':
        return "a safetensors file", SAFETENSORS
    return ("a GGUF file", MODEL_SUFFIXES[-1:]) if head.startswith(b"GGUF") else None


def _inside(file: Path) -> str:
    try:
        with open_regular(file) as stream, zipfile.ZipFile(stream) as archive:
            names = sorted(
                name for name in archive.namelist() if name.lower().endswith(MODEL_SUFFIXES)
            )
    except (OSError, ValueError, zipfile.BadZipFile):
        return ""
    return f" ({shorten_names(names)})" if names else ""


def shorten_names(names: Sequence[str]) -> str:
    """The first MAX_NAMED names, and the number of others."""
    more = f" and {len(names) - MAX_NAMED} more" if len(names) > MAX_NAMED else ""
    return f"{', '.join(name[:100] for name in names[:MAX_NAMED])}{more}"
