"""Writes the files about the whole dataset, at the end of each run, from all intact pictures."""

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from engine.errors import SourceError
from engine.jobs.dataset.card import remove_card
from engine.jobs.dataset.job import DatasetJob
from engine.jobs.dataset.labels import Statistics, draw_preview, encode_png, measure, read_labels
from engine.jobs.dataset.labels.options import LabelOptions
from engine.jobs.dataset.replacing import replace_with
from engine.jobs.dataset.running.card import write_folder_card
from engine.jobs.dataset.running.folder import PREVIEW, DatasetFolder, folders_of, unwritable
from engine.jobs.dataset.running.manifest import MANIFEST
from engine.jobs.dataset.running.whole_files import WholeFiles
from engine.system.atomic_file import remove_file


@dataclass(slots=True, kw_only=True)
class FolderOutputs:
    outputs: list[str] = field(default_factory=list)
    """Names of the files in the folder."""
    statistics: Statistics | None = None
    notes: list[str] = field(default_factory=list)


def write_outputs(folder: DatasetFolder, job: DatasetJob, whole: WholeFiles) -> FolderOutputs:
    """Write the files about the whole dataset, the preview and the figures. Raises OSError."""
    finished = FolderOutputs()
    whole.write_last()
    if not folder.finished:
        return finished
    made = sorted(name for name in folders_of(job.task(job.indices[0])) if (folder.path / name).is_dir())
    finished.outputs = [*made, MANIFEST, *whole.names]
    finished.notes += whole.notes
    there = {subset for _, subset, _ in folder.finished_files(frozenset())}
    for subset in job.subsets:
        if subset and subset not in there:
            finished.notes.append(f"{subset}: no picture belongs to it yet; a larger --count adds some")
    if job.recipe == 2 and not job.labels.main_format:
        return finished  # the preview and the figures are made from YOLO's files
    labels = job.task(0).label_options
    try:
        boxes = (
            (index, read_some(labels, ("pile",), label, *job.picture_px))
            for index, _, label in folder.finished_pictures()
        )
        finished.statistics = figures_of(job, boxes)
        sheet = encode_png(draw_preview(folder.finished_pictures(), labels.class_names))
        if job.recipe == 2:
            finished.outputs += write_folder_card(folder, job)
    except SourceError as error:  # a file in the folder was edited
        finished.notes.append(f"{error}; no {PREVIEW}, no figures")
        return finished
    try:
        replace_with(folder.path / PREVIEW, lambda path: path.write_bytes(sheet))
        finished.outputs.append(PREVIEW)
    except PermissionError as error:  # on Windows: a program has it open
        finished.notes.append(str(unwritable(folder.path / PREVIEW, error)))
    return finished


def figures_of(job: DatasetJob, boxes: Iterator[tuple[int, np.ndarray]]) -> Statistics:
    """The figures of all pictures, from the index and the boxes of each, (k, 4) in px.

    They count at the width of the sensor, if only a window is drawn; scenes that are given may have several sensors.
    """
    widths = [file.sensor_width_px for file in job.varied.given.files] or [job.options.width]
    most = max(widths)
    return measure((each * (most / widths[index % len(widths)]) for index, each in boxes), most)


def remove_outputs(folder: DatasetFolder) -> None:
    """Remove preview and card, which show pictures that are about to be removed. Raises OSError."""
    with suppress(PermissionError):  # on Windows: a program has it open
        remove_card(folder.path)
        remove_file(folder.path / PREVIEW, missing_ok=True)


def read_some(labels: LabelOptions, names: tuple[str, ...], path: Path, width: int, height: int) -> np.ndarray:
    """(k, 4) boxes in px of the things of these classes in a label file."""
    boxes, classes = read_labels(path, width, height, len(labels.class_names))
    wanted = [number for number, name in enumerate(labels.class_names) if name in names]
    return boxes[np.isin(classes, wanted)]
