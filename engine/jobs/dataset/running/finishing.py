"""Writes the files about the whole dataset, at the end of each run, from all finished pictures."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from engine.errors import SourceError
from engine.jobs.dataset.job import DatasetJob
from engine.jobs.dataset.labels import (
    Statistics,
    dataset_yaml,
    draw_preview,
    encode_png,
    measure,
    read_boxes,
    read_part,
    write_coco,
)
from engine.jobs.dataset.running.folder import COCO_FILE, PREVIEW, YAML_FILE, DatasetFolder, unwritable
from engine.jobs.dataset.running.manifest import MANIFEST
from engine.system.atomic_file import move_into_place, remove_file, write_atomic


@dataclass(slots=True, kw_only=True)
class FolderOutputs:
    outputs: list[str] = field(default_factory=list)
    """Names of the files in the folder."""
    statistics: Statistics | None = None
    notes: list[str] = field(default_factory=list)


def write_outputs(folder: DatasetFolder, job: DatasetJob) -> FolderOutputs:
    """Write dataset.yaml, the COCO file if there are COCO parts, the preview and the figures. Raises OSError."""
    finished = FolderOutputs()
    write_atomic(folder.path / YAML_FILE, dataset_yaml())
    pictures = folder.finished_pictures()
    if not pictures:
        return finished
    hdf5 = ["hdf5"] if (folder.path / "hdf5").is_dir() else []
    finished.outputs = ["images", "labels", *hdf5, YAML_FILE, MANIFEST]
    write_coco_file(folder, finished, pictures)
    width, height = job.options.width, job.options.height
    try:
        finished.statistics = measure((read_boxes(label, width, height) for _, _, label in pictures), width)
        sheet = encode_png(draw_preview(pictures))
    except SourceError as error:  # a file in the folder was edited
        finished.notes.append(f"{error}; no {PREVIEW}, no figures")
        return finished
    try:
        _replace(folder.path / PREVIEW, lambda path: path.write_bytes(sheet))
        finished.outputs.append(PREVIEW)
    except PermissionError as error:  # on Windows: a program has it open
        finished.notes.append(str(unwritable(folder.path / PREVIEW, error)))
    return finished


def write_coco_file(folder: DatasetFolder, finished: FolderOutputs, pictures: list[tuple[int, Path, Path]]) -> None:
    """Write the COCO file from the parts of finished pictures; adds a note if some have none. Raises OSError."""
    parts = folder.coco_parts(pictures)
    if not parts:
        return
    try:
        _replace(folder.path / COCO_FILE, lambda path: _write_coco(parts, path))
    except SourceError as error:  # a file in the folder was edited
        finished.notes.append(f"{error}; {COCO_FILE} was not changed")
        return
    finished.outputs.append(COCO_FILE)
    if len(parts) < len(pictures):
        finished.notes.append(
            f"{COCO_FILE} covers {len(parts)} of {len(pictures)} pictures; --save-coco draws the others again"
        )


def _write_coco(parts: list[Path], path: Path) -> None:
    with path.open("w", encoding="ascii", newline="\n") as file:
        write_coco((read_part(part) for part in parts), file)


def _replace(path: Path, write: Callable[[Path], object]) -> None:
    """Replace a file atomically: the old one stays until the new one is complete."""
    new = path.with_name(f".{path.name}.new")
    try:
        write(new)
        move_into_place(new, path)
    except BaseException:
        remove_file(new, missing_ok=True)
        raise
