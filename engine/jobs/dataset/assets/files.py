"""The files of a model: the one that was named, and the buffers, materials and textures that it names."""

import hashlib
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import unquote

from engine.errors import UsageError
from engine.system.file_names import escaped

MAX_BYTES = 1 << 30
SUFFIXES = (".glb", ".gltf", ".obj", ".ply", ".stl")


def read_content(path: Path, words: str) -> bytes:
    """Read the model's file. UsageError, which begins with `words`, if it is none, too large or unreadable."""
    if path.suffix.lower() not in SUFFIXES:
        raise UsageError(f"{words}: is not a {', '.join(SUFFIXES)} file")
    try:
        if path.stat().st_size > MAX_BYTES:
            raise UsageError(f"{words}: is larger than {MAX_BYTES >> 20} MB; save it smaller")
        return path.read_bytes()
    except OSError as error:
        raise UsageError(f"{words}: cannot be read ({error.strerror or error})") from None


class Neighbours:
    """The files beside a model, as trimesh asks for them. Remembers which were read, and which are missing."""

    def __init__(self, path: Path) -> None:
        self._folder = path.parent
        self.file_name = path.name
        self.missing: list[str] = []
        self._read: dict[str, bytes] = {}

    def get(self, name: str) -> bytes:
        path = self._folder / unquote(name.strip())
        try:
            if path.stat().st_size > MAX_BYTES:
                raise OSError(f"{path.name} is larger than {MAX_BYTES >> 20} MB")
            content = path.read_bytes()
        except (OSError, ValueError):
            self.missing.append(escaped(name))
            raise
        self._read[name] = content
        return content

    __getitem__ = get

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
