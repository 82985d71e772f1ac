"""Serialises results of trials: for the pipe from the vetting process, and for the cache on the
disk.

A shader that has passed once on this machine plays at once in every run. A file of the user's data
folder holds one result; its name is a fingerprint of the shader's text, this engine's version and
the GL driver. The driver belongs to it because a trial also fills the driver's cache of compiled
shaders: without that, the first picture would be late. A record is advice: one that is missing or
damaged only costs another trial.

Imported images are not stored: a shader with images is tested again in each run, as only that
process reads images.
"""

import base64
import hashlib
import io
import os
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final

import msgspec
import numpy as np

from engine.render.isf.isf_file import IsfFile
from engine.system.atomic_file import remove_file, write_atomic
from engine.system.small_file import read_small

SUFFIX: Final = ".json"
FORMAT: Final = 3
MAX_BYTES: Final = 4 << 20  # a text of MAX_TOKENS tokens; usual ones take 40 kB
MAX_RECORDS: Final = 2000
JPEG_QUALITY: Final = 80


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class VetRecord:
    """Stored result of a trial."""

    ok: bool
    reason: str = ""
    line: int | None = None
    note: str = ""
    draw_ms: float = 0.0
    """Time of a picture at its defaults, in `size_px`."""
    size_px: tuple[int, int]
    file: IsfFile | None = None
    """The shader to play; None if it was rejected, or has images."""
    thumbnail: np.ndarray | None = field(default=None, repr=False)
    """(height, width, 3) uint8."""

    def draw_ms_at(self, size_px: tuple[int, int]) -> float:
        """Expected time of a picture of another size: proportional to the pixels if it is
        larger."""
        return self.draw_ms * max(
            1.0, size_px[0] * size_px[1] / (self.size_px[0] * self.size_px[1])
        )


def pack_file(file: IsfFile) -> str:
    """Return the file as JSON, without its path and its images."""
    return msgspec.json.encode(replace(file, path=None, imports=())).decode("utf-8")


def unpack_file(packed: str | bytes) -> IsfFile:
    """The file that `pack_file` packed. ValueError."""
    return msgspec.json.decode(packed, type=IsfFile, dec_hook=_unpacked)


def record_path(folder: Path, text: str, vertex: str | None, circumstances: str) -> Path:
    """Return the path of a shader's record. circumstances: Version and driver."""
    key_text = "\0".join((str(FORMAT), circumstances, text, "" if vertex is None else f"v{vertex}"))
    return (
        folder / f"{hashlib.sha256(key_text.encode('utf-8', 'replace')).hexdigest()[:40]}{SUFFIX}"
    )


def read_record(path: Path) -> VetRecord | None:
    """Read the record in this file; None if there is no usable one. Waits for the disk."""
    try:
        record = msgspec.json.decode(
            read_small(path, max_bytes=MAX_BYTES), type=VetRecord, dec_hook=_unpacked
        )
    except (OSError, ValueError):
        return None
    return record if min(record.size_px) > 0 else None


def write_record(path: Path, record: VetRecord) -> None:
    """Write a record to the disk. OSError. Waits for the disk."""
    file = record.file
    stored = replace(
        record, file=None if file is None or file.imports else replace(file, path=None)
    )
    write_atomic(path, msgspec.json.encode(stored, enc_hook=_packed).decode("utf-8"))


def prune_records(folder: Path) -> None:
    """Delete the oldest records, those beyond MAX_RECORDS. OSError. Waits for the disk."""
    try:
        with os.scandir(folder) as entries:
            files = [
                (each.stat().st_mtime_ns, each.path)
                for each in entries
                if each.name.endswith(SUFFIX)
            ]
    except FileNotFoundError:
        return
    for _, path in sorted(files)[: max(0, len(files) - MAX_RECORDS)]:
        remove_file(Path(path), missing_ok=True)


def _packed(pixels: np.ndarray) -> str:
    """Encode the thumbnail as JPEG."""
    from PIL import Image  # imported here: most runs play no shaders

    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, "JPEG", quality=JPEG_QUALITY)
    return base64.b64encode(stream.getvalue()).decode("ascii")


def _unpacked(kind: type, value: Any) -> np.ndarray:
    if kind is not np.ndarray or not isinstance(value, str):
        raise ValueError(f"{kind.__name__} in a record")  # a path of another machine
    from PIL import Image

    with Image.open(io.BytesIO(base64.b64decode(value))) as image:
        return np.array(image.convert("RGB"))
