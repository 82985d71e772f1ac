"""Writes the files about the whole dataset, at the end of each run, from all intact pictures."""

import json
from collections.abc import Callable, Iterator
from dataclasses import MISSING, dataclass, field, fields
from pathlib import Path
from shlex import quote
from typing import Any

import numpy as np

from engine.dataset.card.card import CardPicture, write_card
from engine.dataset.job import DatasetJob
from engine.dataset.labels.reading import read_labels
from engine.dataset.labels.statistics import Statistics, measure
from engine.dataset.options import option_name
from engine.dataset.running.folder import DatasetFolder, folders_of
from engine.dataset.running.manifest import MANIFEST
from engine.dataset.running.whole_files import WholeFiles
from engine.errors import SourceError

MAX_NAMED = 8  # scenes that the card's command names; more are SCENES


@dataclass(slots=True, kw_only=True)
class FolderOutputs:
    outputs: list[str] = field(default_factory=list)  # names of the files in the folder
    statistics: Statistics | None = None
    notes: list[str] = field(default_factory=list)


def write_outputs(folder: DatasetFolder, job: DatasetJob, whole: WholeFiles) -> FolderOutputs:
    """Write the files about the whole dataset, the card and the figures. Raises OSError."""
    finished = FolderOutputs()
    whole.write_last()
    if not folder.finished:
        return finished
    folders = sorted(
        name for name in folders_of(job.task(job.indices[0])) if (folder.path / name).is_dir()
    )
    finished.outputs = [*folders, MANIFEST, *whole.names]
    finished.notes += whole.notes
    present = {picture.subset for picture in folder.finished_files(frozenset())}
    for subset in job.subsets:
        if subset and subset not in present:
            finished.notes.append(
                f"{subset}: no picture belongs to it yet; a larger --count adds some"
            )
    if job.recipe == 2 and not job.labels.main_format:
        return finished  # the figures are made from YOLO's files
    try:
        is_pile = np.array([name == "pile" for name in job.labels.class_names])
        boxes = ((index, boxes[is_pile[classes]]) for index, boxes, classes in _labels(folder, job))
        finished.statistics = figures_of(job, boxes)
        if job.recipe == 2:
            engine = ", ".join(folder.engines(job.indices))
            finished.outputs += write_card(
                _pictures(folder, job), job, engine, command_options(job)
            )
    except SourceError as error:  # a file in the folder was edited
        finished.notes.append(f"{error}; no figures")
    return finished


def figures_of(job: DatasetJob, boxes: Iterator[tuple[int, np.ndarray]]) -> Statistics:
    """Statistics of pictures from index and boxes, (k, 4) px of each; at the width of the (largest)
    whole sensor."""
    widths = [file.sensor_width_px for file in job.recipe_2.scene_files.files] or [
        job.options.width
    ]
    most = max(widths)
    return measure((each * (most / widths[index % len(widths)]) for index, each in boxes), most)


def _labels(folder: DatasetFolder, job: DatasetJob) -> Iterator[tuple[int, np.ndarray, np.ndarray]]:
    """Index, boxes and classes of each picture with a label of YOLO's. SourceError for an edited
    one."""
    for index, path in folder.finished_labels():
        yield index, *read_labels(path, *job.task(0).picture_px, len(job.labels.class_names))


# -- the dataset card ------------------------------------------------------------------------------


def command_options(job: DatasetJob) -> dict[str, str]:
    """Options that affect the pictures and differ from their defaults, as on the command line;
    always the engine."""
    of_scene = () if job.recipe_2.scene_files.scene else (job.options,)
    parts = [
        *of_scene,
        *(getattr(job.recipe_2, part.name) for part in fields(job.recipe_2)),
        job.labels,
    ]
    options: dict[str, str] = {"--engine": job.drawing.engine}
    for name in ("max_samples", "noise_threshold", "use_gpu"):
        value = getattr(job.drawing, name)
        if value is not None:
            options |= _named(name, value)
    if job.split is not None:
        options["--split"] = job.split.text
    if job.save_coco:
        options["--save-coco"] = ""
    for part in parts:
        for each in fields(part):
            value = getattr(part, each.name)
            if each.default is not MISSING and value != each.default and "option" in each.metadata:
                options |= _named(each.name, value)
    return options


def _pictures(folder: DatasetFolder, job: DatasetJob) -> Iterator[CardPicture]:
    entries = folder.manifest.entries(index for index, _ in folder.finished_labels())
    for entry, (_, boxes, _) in zip(entries, _labels(folder, job), strict=True):
        facts = json.loads(bytes(entry.scene_facts))
        yield facts.get("subset", ""), boxes, facts.get("look", {}).get("brightness")


def _named(name: str, value: Any) -> dict[str, str]:
    """Option and text: `--strip` and "" for a switch, `--no-use-clusters` for one that is off."""
    option = option_name(name)
    if isinstance(value, bool):
        return {option if value else f"--no-{option.removeprefix('--')}": ""}
    if name in REPEATED:
        return {option: f" {option} ".join(quote(REPEATED[name](each)) for each in value)}
    return {option: quote(_text(name, value))}


def _text(name: str, value: Any) -> str:
    """`40..160` for a range, `640x640` for a size, `pile,bag` for names, `gravel=1` for weights."""
    if not isinstance(value, tuple) or not value:
        return _number_text(value)
    if isinstance(value[0], tuple):
        return ",".join(f"{name}={_number_text(fraction)}" for name, fraction in value)
    joint = ".." if name == "date" else {float: "..", int: "x"}.get(type(value[0]), ",")
    return joint.join(map(_number_text, value))


def _number_text(value: Any) -> str:
    """A value with all its digits: `40` for 40.0."""
    return str(value).removesuffix(".0") if isinstance(value, float) else str(value)


# Options that may be given more than once, and the text of one value, without folders (privacy).
REPEATED: dict[str, Callable[[Any], str]] = {
    "asset": str,
    "scene": lambda files: ",".join(map(str, files)) if len(files) <= MAX_NAMED else "SCENES",
    "ground_texture": lambda picture: f"{Path(picture.path).name},{_number_text(picture.size_m)}",
}
