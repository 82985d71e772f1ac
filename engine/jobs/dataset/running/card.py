"""Writes the dataset card of a run from the manifest and the label files."""

from collections.abc import Callable, Iterator
from dataclasses import MISSING, fields
from pathlib import Path
from shlex import quote
from typing import Any

from engine.jobs.dataset.card import CardFacts, CardPicture, write_card
from engine.jobs.dataset.frozen_file import FrozenFile
from engine.jobs.dataset.job import DatasetJob
from engine.jobs.dataset.labels import read_labels
from engine.jobs.dataset.options import option_name
from engine.jobs.dataset.running.folder import DatasetFolder
from engine.system.package_version import package_version

MAX_NAMED = 8
"""Scenes that the card's command names; more are SCENES."""


def write_folder_card(folder: DatasetFolder, job: DatasetJob) -> tuple[str, ...]:
    """Write README.md and its plots for the finished pictures of recipe 2; returns their paths.

    OSError; SourceError for an edited label.
    """
    facts = CardFacts(
        recipe=job.recipe,
        seed=job.seed,
        version=package_version(),
        engine=", ".join(folder.engines(job.indices)),
        classes=job.labels.class_names,
        formats=job.task(0).formats,
        options=given_options(job),
    )
    return write_card(folder.path, _pictures(folder, job), facts)


def given_options(job: DatasetJob) -> dict[str, str]:
    """The options that the pictures depend on and that are not at their defaults, as on the command line.

    The engine is always named: its default depends on the machine. Recipe, count and seed are the card's own.
    """
    of_scene = () if job.varied.given.scene else (job.options,)
    parts = [*of_scene, *(getattr(job.varied, part.name) for part in fields(job.varied)), job.labels]
    given: dict[str, str] = {"--engine": job.drawing.engine}
    for name in ("max_samples", "noise_threshold", "use_gpu"):
        if (value := getattr(job.drawing, name)) is not None:
            given |= _named(name, value)
    if job.split is not None:
        given["--split"] = job.split.text
    given |= {option_name(name): "" for name in ("save_coco", "save_hdf5") if getattr(job, name)}
    for part in parts:
        for each in fields(part):
            value = getattr(part, each.name)
            if each.default is not MISSING and value != each.default and "option" in each.metadata:
                given |= _named(each.name, value)
    return given


def _pictures(folder: DatasetFolder, job: DatasetJob) -> Iterator[CardPicture]:
    width, height = job.picture_px
    labels = {index: label for index, _, label in folder.finished_pictures()}
    for entry, label in zip(folder.manifest.whole(iter(labels)), labels.values(), strict=True):
        drawn = entry.drawn
        boxes, _ = read_labels(label, width, height, len(job.labels.class_names))
        yield CardPicture(
            subset=drawn.get("subset", ""),
            width_px=width,
            height_px=height,
            boxes=boxes,
            brightness=drawn.get("look", {}).get("brightness"),
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


def _scenes(files: tuple[FrozenFile, ...]) -> str:
    return ",".join(map(str, files)) if len(files) <= MAX_NAMED else "SCENES"


# Options that may be given more than once, and the text of one value. Their folders are nobody's business.
REPEATED: dict[str, Callable[[Any], str]] = {
    "asset": str,
    "scene": _scenes,
    "ground_texture": lambda picture: f"{Path(picture.path).name},{_word(picture.size_m)}",
}
