"""Writes the files about the whole dataset, at the end of each run, from all finished pictures."""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import numpy as np

from engine.errors import SourceError
from engine.jobs.dataset.job import DatasetJob
from engine.jobs.dataset.labels import (
    Statistics,
    dataset_yaml,
    draw_preview,
    encode_png,
    measure,
    read_boxes,
    read_labels,
    read_part,
    write_coco,
)
from engine.jobs.dataset.labels.options import LabelOptions
from engine.jobs.dataset.labels.source import DatasetContents, FinishedPicture
from engine.jobs.dataset.labels.writers import writers_of
from engine.jobs.dataset.running.card import write_folder_card
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
    if job.recipe == 1:
        write_atomic(folder.path / YAML_FILE, dataset_yaml())
    else:
        write_whole(folder, job)
    pictures = folder.finished_pictures()
    if not pictures:
        return finished
    hdf5 = ["hdf5"] if (folder.path / "hdf5").is_dir() else []
    finished.outputs = ["images", "labels", *hdf5, YAML_FILE, MANIFEST]
    if job.recipe == 1:
        write_coco_file(folder, finished, pictures)
    width, height = job.options.width, job.options.height
    try:
        read = read_boxes if job.recipe == 1 else partial(read_some, job.labels, ("pile",))
        finished.statistics = measure((read(label, width, height) for _, _, label in pictures), width)
        read = read_boxes if job.recipe == 1 else partial(read_some, job.labels, job.labels.class_names)
        sheet = encode_png(draw_preview(pictures, read))
        if job.recipe == 2 and job.labels.main_format:
            finished.outputs += write_folder_card(folder, job, pictures)
    except SourceError as error:  # a file in the folder was edited
        finished.notes.append(f"{error}; no {PREVIEW}, no figures")
        return finished
    try:
        _replace(folder.path / PREVIEW, lambda path: path.write_bytes(sheet))
        finished.outputs.append(PREVIEW)
    except PermissionError as error:  # on Windows: a program has it open
        finished.notes.append(str(unwritable(folder.path / PREVIEW, error)))
    return finished


def write_whole(folder: DatasetFolder, job: DatasetJob) -> tuple[str, ...]:
    """Write recipe 2's files about the whole dataset; returns their paths. Raises OSError, SourceError."""
    entries = folder.manifest.entries
    contents = DatasetContents(
        folder=folder.path,
        options=job.labels,
        subsets=(),
        pictures=[
            FinishedPicture(index=index, subset="", paths=tuple(entries[index].sha256))
            for index, _, _ in folder.finished_pictures()
        ],
    )
    return tuple(path for writer in writers_of(job.task(0).formats) for path in writer.finish(contents))


def read_some(labels: LabelOptions, names: tuple[str, ...], path: Path, width: int, height: int) -> np.ndarray:
    """(k, 4) boxes in px of the things of these classes in a label file."""
    boxes, classes = read_labels(path, width, height, len(labels.class_names))
    wanted = [number for number, name in enumerate(labels.class_names) if name in names]
    return boxes[np.isin(classes, wanted)]


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
