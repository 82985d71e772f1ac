"""Writes the files about the whole dataset, at the end of each run, from all intact pictures."""

from dataclasses import dataclass, field

from engine.errors import SourceError
from engine.jobs.dataset.job import DatasetJob
from engine.jobs.dataset.labels import Statistics, dataset_yaml, draw_preview, encode_png, measure, read_boxes
from engine.jobs.dataset.running.coco_files import CocoFiles
from engine.jobs.dataset.running.folder import ARRAYS, IMAGES, LABELS, PREVIEW, YAML_FILE, DatasetFolder, unwritable
from engine.jobs.dataset.running.manifest import MANIFEST
from engine.jobs.dataset.running.replacing import replace_with
from engine.system.atomic_file import write_atomic


@dataclass(slots=True, kw_only=True)
class FolderOutputs:
    outputs: list[str] = field(default_factory=list)
    """Names of the files in the folder."""
    statistics: Statistics | None = None
    notes: list[str] = field(default_factory=list)


def write_yaml(folder: DatasetFolder, job: DatasetJob) -> None:
    """Write dataset.yaml, at the start: a trainer may look into the folder while it grows. Raises OSError."""
    write_atomic(folder.path / YAML_FILE, dataset_yaml(job.subsets))


def write_outputs(folder: DatasetFolder, job: DatasetJob, coco: CocoFiles) -> FolderOutputs:
    """Write the COCO files, the preview and the figures. Raises OSError."""
    finished = FolderOutputs()
    coco.write()
    if not folder.finished:
        return finished
    hdf5 = [ARRAYS] if (folder.path / ARRAYS).is_dir() else []
    finished.outputs = [IMAGES, LABELS, *hdf5, YAML_FILE, MANIFEST, *coco.names]
    finished.notes += coco_notes(folder, coco)
    for subset in job.subsets:
        if subset and next(folder.finished_pictures(subset), None) is None:
            finished.notes.append(f"{subset}: no picture belongs to it yet; a larger --count adds some")
    width, height = job.options.width, job.options.height
    try:
        boxes = (read_boxes(label, width, height) for _, _, label in folder.finished_pictures())
        finished.statistics = measure(boxes, width)
        sheet = encode_png(draw_preview(folder.finished_pictures()))
    except SourceError as error:  # a file in the folder was edited
        finished.notes.append(f"{error}; no {PREVIEW}, no figures")
        return finished
    try:
        replace_with(folder.path / PREVIEW, lambda path: path.write_bytes(sheet))
        finished.outputs.append(PREVIEW)
    except PermissionError as error:  # on Windows: a program has it open
        finished.notes.append(str(unwritable(folder.path / PREVIEW, error)))
    return finished


def coco_notes(folder: DatasetFolder, coco: CocoFiles) -> list[str]:
    """Notes about COCO files that were not changed, or that lack pictures."""
    if coco.notes or not coco.names or coco.parts == folder.finished:
        return coco.notes
    names = " and ".join(coco.names)
    return [f"{names} covers {coco.parts} of {folder.finished} pictures; --save-coco draws the others again"]
