"""What stands beside the pictures: made anew at the end of each run, of all that are finished by then."""

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from engine.atomic_file import write_atomic
from engine.dataset.labels import (
    Statistics,
    dataset_yaml,
    draw_preview,
    encode_png,
    measure,
    read_boxes,
    write_coco,
)
from engine.dataset.running.folder import COCO_FILE, PREVIEW, YAML_FILE, DatasetFolder
from engine.errors import SourceError


@dataclass(slots=True, kw_only=True)
class Finished:
    outputs: list[str] = field(default_factory=list)
    """Names in the folder."""
    statistics: Statistics | None = None
    notes: list[str] = field(default_factory=list)


def write_outputs(folder: DatasetFolder, *, width: int, height: int) -> Finished:
    """dataset.yaml, the COCO file where pictures have parts of it, the sheet and the figures. OSError."""
    finished = Finished(outputs=["images", "labels", YAML_FILE])
    write_atomic(folder.path / YAML_FILE, dataset_yaml())
    pictures = folder.finished_pictures()
    parts = folder.coco_parts()
    if parts:
        _replace(folder.path / COCO_FILE, lambda path: _write_coco(parts, path))
        finished.outputs.append(COCO_FILE)
    if not pictures:
        return finished
    try:
        finished.statistics = measure((read_boxes(label, width, height) for _, _, label in pictures), width)
        sheet = encode_png(draw_preview(pictures))
    except SourceError as error:  # somebody has edited what is in the folder
        finished.notes.append(f"{error}; no {PREVIEW}, no figures")
        return finished
    _replace(folder.path / PREVIEW, lambda path: path.write_bytes(sheet))
    finished.outputs.append(PREVIEW)
    return finished


def _write_coco(parts: list[Path], path: Path) -> None:
    with path.open("w", encoding="ascii", newline="\n") as file:
        write_coco((json.loads(part.read_text(encoding="ascii")) for part in parts), file)


def _replace(path: Path, write: Callable[[Path], object]) -> None:
    """The old file until the new one is whole."""
    new = path.with_name(f".{path.name}.new")
    try:
        write(new)
        new.replace(path)
    except BaseException:
        new.unlink(missing_ok=True)
        raise
