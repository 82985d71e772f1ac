"""The files of a model: the one that was named, and the buffers, materials and textures that it names."""

import hashlib
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import unquote

from engine.errors import UsageError
from engine.jobs.dataset.assets.colors import TEXTURES, check_texture
from engine.system.file_names import escaped
from engine.system.foreign_data import picture_size_px
from engine.system.small_file import read_small

MAX_BYTES = 1 << 30
SUFFIXES = (".glb", ".gltf", ".obj", ".ply", ".stl")
MATERIAL = b"newmtl"
"""In every file of materials (.mtl); .obj and .ply name these and textures alone."""


def read_content(path: Path, words: str) -> bytes:
    """Read the model's file. UsageError, which begins with `words`, if it is none, too large or unreadable."""
    if path.suffix.lower() not in SUFFIXES:
        raise UsageError(f"{words}: is not a {', '.join(SUFFIXES)} file")
    try:
        return read_small(path, max_bytes=MAX_BYTES)
    except OSError as error:
        raise UsageError(f"{words}: cannot be read ({error.strerror or error})") from None


class Neighbours:
    """The files beside a model, as trimesh asks for them: in its folder, at most MAX_BYTES in all.

    Remembers which were read, and why others were not.
    """

    def __init__(self, path: Path) -> None:
        self._folder = path.parent
        self.file_name = path.name
        self._names_pictures = path.suffix.lower() in (".obj", ".ply")
        self.faults: list[str] = []
        self._bytes = 0
        self._read: dict[str, bytes] = {}

    def get(self, name: str) -> bytes:
        path = self._folder / unquote(name.strip())
        try:
            content = read_small(path, max_bytes=MAX_BYTES - self._bytes, inside=self._folder)
            self._check_picture(content)
        except (OSError, ValueError) as error:
            is_missing = isinstance(error, FileNotFoundError)
            reason = "not there" if is_missing else getattr(error, "strerror", None) or str(error)
            self.faults.append(f"names {escaped(name)}, which is {reason}")
            raise
        self._bytes += len(content)
        self._read[name] = content
        return content

    __getitem__ = get

    def _check_picture(self, content: bytes) -> None:
        """Raise ValueError for a texture that is too large, and for what trimesh would take for none in silence."""
        names_pictures = self._names_pictures and MATERIAL not in content
        size = picture_size_px(content, TEXTURES if names_pictures else ("PNG", "JPEG"))
        if names_pictures and size is None:
            raise ValueError("a texture that cannot be read; save it as JPEG or PNG")
        check_texture(size)

    def keys(self) -> Iterator[str]:
        return iter(self._read)

    def sha256(self, content: bytes) -> str:
        """Hash of the model's own content, and of the files that it has asked for."""
        digest = hashlib.sha256(content)
        if self._read:
            digest = hashlib.sha256(digest.digest())
            for name in sorted(self._read):
                digest.update(name.encode("utf-8", "surrogateescape") + hashlib.sha256(self._read[name]).digest())
        return digest.hexdigest()
