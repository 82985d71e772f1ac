"""Writes the files about the whole dataset, at the end of each run, from all intact pictures."""

import json
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import MISSING, dataclass, field, fields
from pathlib import Path
from shlex import quote
from typing import Any

import numpy as np

from engine.dataset.card.card import CardFacts, CardPicture, remove_card, write_card
from engine.dataset.job import DatasetJob
from engine.dataset.labels.options import LabelOptions
from engine.dataset.labels.reading import read_labels
from engine.dataset.labels.statistics import Statistics, measure
from engine.dataset.options import option_name
from engine.dataset.running.folder import PREVIEW, DatasetFolder, folders_of
from engine.dataset.running.manifest import MANIFEST
from engine.dataset.running.whole_files import WholeFiles
from engine.errors import SourceError
from engine.system.atomic_file import remove_file
from engine.system.package_version import package_version

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
    made = sorted(name for name in folders_of(job.task(job.indices[0])) if (folder.path / name).is_dir())
    finished.outputs = [*made, MANIFEST, *whole.names]
    finished.notes += whole.notes
    there = {picture.subset for picture in folder.finished_files(frozenset())}
    for subset in job.subsets:
        if subset and subset not in there:
            finished.notes.append(f"{subset}: no picture belongs to it yet; a larger --count adds some")
    if job.recipe == 2 and not job.labels.main_format:
        return finished  # the figures are made from YOLO's files
    try:
        size_px = job.task(0).picture_px
        boxes = ((index, _read_piles(job.labels, label, *size_px)) for index, label in folder.finished_labels())
        finished.statistics = figures_of(job, boxes)
        if job.recipe == 2:
            finished.outputs += write_folder_card(folder, job)
    except SourceError as error:  # a file in the folder was edited
        finished.notes.append(f"{error}; no figures")
    return finished


def figures_of(job: DatasetJob, boxes: Iterator[tuple[int, np.ndarray]]) -> Statistics:
    """The figures of all pictures, from the index and the boxes of each, (k, 4) in px; at the width of the (largest)
    sensor, if only a window is drawn."""
    widths = [file.sensor_width_px for file in job.recipe_2.given.files] or [job.options.width]
    most = max(widths)
    return measure((each * (most / widths[index % len(widths)]) for index, each in boxes), most)


def remove_outputs(folder: DatasetFolder) -> None:
    """Remove the card, and the preview of earlier versions: their pictures are about to be removed. Raises OSError."""
    with suppress(PermissionError):  # on Windows: a program has it open
        remove_card(folder.path)
        remove_file(folder.path / PREVIEW, missing_ok=True)


def _read_piles(labels: LabelOptions, path: Path, width: int, height: int) -> np.ndarray:
    """(k, 4) boxes in px of the piles in a label file."""
    boxes, classes = read_labels(path, width, height, len(labels.class_names))
    return boxes[[labels.class_names[number] == "pile" for number in classes]]


# -- the dataset card ------------------------------------------------------------------------------


def write_folder_card(folder: DatasetFolder, job: DatasetJob) -> tuple[str, ...]:
    """Write the card for the finished pictures of recipe 2; returns its paths. OSError; SourceError for an edited
    label."""
    facts = CardFacts(
        recipe=job.recipe,
        seed=job.seed,
        version=package_version(),
        engine=", ".join(folder.engines(job.indices)),
        classes=job.labels.class_names,
        formats=job.task(0).formats,
        size_px=job.task(0).picture_px,
        options=given_options(job),
    )
    return write_card(folder.path, _pictures(folder, job), facts)


def given_options(job: DatasetJob) -> dict[str, str]:
    """The options that the pictures depend on and that are not at their defaults, as on the command line; and the
    engine, whose default depends on the machine."""
    of_scene = () if job.recipe_2.given.scene else (job.options,)
    parts = [*of_scene, *(getattr(job.recipe_2, part.name) for part in fields(job.recipe_2)), job.labels]
    given: dict[str, str] = {"--engine": job.drawing.engine}
    for name in ("max_samples", "noise_threshold", "use_gpu"):
        if (value := getattr(job.drawing, name)) is not None:
            given |= _named(name, value)
    if job.split is not None:
        given["--split"] = job.split.text
    if job.save_coco:
        given["--save-coco"] = ""
    for part in parts:
        for each in fields(part):
            value = getattr(part, each.name)
            if each.default is not MISSING and value != each.default and "option" in each.metadata:
                given |= _named(each.name, value)
    return given


def _pictures(folder: DatasetFolder, job: DatasetJob) -> Iterator[CardPicture]:
    width, height = job.task(0).picture_px
    labels = dict(folder.finished_labels())
    for entry, label in zip(folder.manifest.entries(labels), labels.values(), strict=True):
        drawn = json.loads(bytes(entry.drawn))
        boxes, _ = read_labels(label, width, height, len(job.labels.class_names))
        yield CardPicture(
            subset=drawn.get("subset", ""), boxes=boxes, brightness=drawn.get("look", {}).get("brightness")
        )


def _named(name: str, value: Any) -> dict[str, str]:
    """Option and text: `--strip` and "" for a switch, `--no-use-clusters` for one that is off."""
    option = option_name(name)
    if isinstance(value, bool):
        return {option if value else f"--no-{option.removeprefix('--')}": ""}
    if name in REPEATED:
        return {option: f" {option} ".join(quote(REPEATED[name](each)) for each in value)}
    return {option: quote(_text(name, value))}


def _text(name: str, value: Any) -> str:
    """`40..160` for a range, `640x640` for a size, `pile,bag` for names, `gravel=1` for shares."""
    if not isinstance(value, tuple) or not value:
        return _word(value)
    if isinstance(value[0], tuple):
        return ",".join(f"{name}={_word(share)}" for name, share in value)
    joint = ".." if name == "date" else {float: "..", int: "x"}.get(type(value[0]), ",")
    return joint.join(map(_word, value))


def _word(value: Any) -> str:
    """A value with all its digits: `40` for 40.0."""
    return str(value).removesuffix(".0") if isinstance(value, float) else str(value)


# Options that may be given more than once, and the text of one value. Their folders are nobody's business.
REPEATED: dict[str, Callable[[Any], str]] = {
    "asset": str,
    "scene": lambda files: ",".join(map(str, files)) if len(files) <= MAX_NAMED else "SCENES",
    "ground_texture": lambda picture: f"{Path(picture.path).name},{_word(picture.size_m)}",
}
