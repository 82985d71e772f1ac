"""Results of trials on the disk, so that a shader that has passed once on this machine plays at once in every run.

A file of the user's data folder holds one result; its name is a fingerprint of the shader's text, this engine's version
and the GL driver. The driver belongs to it because a trial also fills the driver's cache of compiled shaders: without
that, the first picture would be late. A record is advice: one that is missing or damaged only costs another trial.
"""

import base64
import hashlib
import io
import json
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import numpy as np

from engine.render.isf.isf_file import MAX_LOOP_STEPS
from engine.system.atomic_file import remove_file, write_atomic
from engine.system.small_file import parse_json, read_small

SUFFIX: Final = ".json"
FORMAT: Final = 1
MAX_BYTES: Final = 256 << 10
MAX_RECORDS: Final = 2000  # of some 12 kB each
JPEG_QUALITY: Final = 80


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class VetRecord:
    ok: bool
    reason: str = ""
    line: int | None = None
    note: str = ""
    draw_ms: float = 0.0
    """A picture at its defaults, in `size_px`."""
    size_px: tuple[int, int]
    max_loop_steps: int = MAX_LOOP_STEPS
    is_opaque: bool = False
    thumbnail: np.ndarray | None = field(default=None, repr=False)
    """(height, width, 3) uint8."""

    def draw_ms_at(self, size_px: tuple[int, int]) -> float:
        """Expected time of a picture of another size: proportional to the pixels if it is larger."""
        return self.draw_ms * max(1.0, size_px[0] * size_px[1] / (self.size_px[0] * self.size_px[1]))


def record_path(folder: Path, text: str, vertex: str | None, circumstances: str) -> Path:
    """The file of a shader's record. `circumstances`: version and driver."""
    told = "\0".join((str(FORMAT), circumstances, text, "" if vertex is None else f"v{vertex}"))
    return folder / f"{hashlib.sha256(told.encode('utf-8', 'replace')).hexdigest()[:40]}{SUFFIX}"


def read_record(path: Path) -> VetRecord | None:
    """The record in this file; None if there is none that can be used. Waits for the disk."""
    try:
        told = parse_json(read_small(path, max_bytes=MAX_BYTES))
        width, height = told["size_px"]
        steps = int(told["max_loop_steps"])
        if not (0 < steps <= MAX_LOOP_STEPS and int(width) > 0 and int(height) > 0):
            return None
        return VetRecord(
            ok=bool(told["ok"]),
            reason=str(told["reason"]),
            line=None if told["line"] is None else int(told["line"]),
            note=str(told["note"]),
            draw_ms=float(told["draw_ms"]),
            size_px=(int(width), int(height)),
            max_loop_steps=steps,
            is_opaque=bool(told["is_opaque"]),
            thumbnail=_unpacked(told["thumbnail"]),
        )
    except (OSError, ValueError, KeyError, TypeError):
        return None


def write_record(path: Path, record: VetRecord) -> None:
    """Write it. OSError. Waits for the disk."""
    told: dict[str, Any] = {
        "ok": record.ok,
        "reason": record.reason,
        "line": record.line,
        "note": record.note,
        "draw_ms": record.draw_ms,
        "size_px": list(record.size_px),
        "max_loop_steps": record.max_loop_steps,
        "is_opaque": record.is_opaque,
        "thumbnail": _packed(record.thumbnail),
    }
    write_atomic(path, json.dumps(told))


def prune_records(folder: Path) -> None:
    """Delete the oldest records, those beyond MAX_RECORDS. OSError. Waits for the disk."""
    try:
        with os.scandir(folder) as entries:
            files = [(each.stat().st_mtime_ns, each.path) for each in entries if each.name.endswith(SUFFIX)]
    except FileNotFoundError:
        return
    for _, path in sorted(files)[: max(0, len(files) - MAX_RECORDS)]:
        remove_file(Path(path), missing_ok=True)


def _packed(pixels: np.ndarray | None) -> str:
    if pixels is None:
        return ""
    from PIL import Image  # imported here: most runs play no shaders

    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, "JPEG", quality=JPEG_QUALITY)
    return base64.b64encode(stream.getvalue()).decode("ascii")


def _unpacked(packed: str) -> np.ndarray | None:
    if not packed:
        return None
    from PIL import Image

    with Image.open(io.BytesIO(base64.b64decode(packed))) as image:
        return np.array(image.convert("RGB"))
