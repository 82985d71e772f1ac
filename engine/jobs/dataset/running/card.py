"""Writes the dataset card of a run from the manifest and the label files."""

from collections.abc import Iterator
from dataclasses import MISSING, fields, is_dataclass
from pathlib import Path
from typing import Any

from engine.jobs.dataset.card import CardFacts, CardPicture, write_card
from engine.jobs.dataset.job import DatasetJob
from engine.jobs.dataset.labels import read_labels
from engine.jobs.dataset.options import option_name
from engine.jobs.dataset.running.folder import DatasetFolder
from engine.jobs.kit.fingerprint import package_version


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
    """The options of the scenes and labels that are not at their defaults, as on the command line."""
    of_scene = () if job.varied.given.scene else (job.options,)
    parts = [*of_scene, *(getattr(job.varied, part.name) for part in fields(job.varied)), job.labels]
    given = {} if job.split is None else {"--split": job.split.text}
    for part in parts:
        for each in fields(part):
            value = getattr(part, each.name)
            if each.default is not MISSING and value != each.default and "option" in each.metadata:
                name = option_name(each.name)
                is_repeated = (
                    isinstance(value, tuple) and value and is_dataclass(value[0]) and each.name != "ground_texture"
                )
                given[name] = f" {name} ".join(map(str, value)) if is_repeated else _text(each.name, value)
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


def _is_repeated(name: str, value: Any) -> bool:
    return isinstance(value, tuple) and bool(value) and is_dataclass(value[0]) and name != "ground_texture"


def _text(name: str, value: Any) -> str:
    """`40..160` for a range, `640x640` for a size, `pile,bag` for names, `gravel=1` for shares, "" for a switch."""
    if value is True:
        return ""
    if isinstance(value, tuple) and value and isinstance(value[0], tuple):
        return ",".join(f"{name}={share:g}" for name, share in value)
    if name == "date":
        return "..".join(value)
    if name == "ground_texture":  # the folder is nobody's business
        return " --ground-texture ".join(f"{Path(each.path).name},{each.size_m:g}" for each in value)
    if isinstance(value, tuple) and value:
        return {float: "..", int: "x"}.get(type(value[0]), ",").join(
            f"{each:g}" if isinstance(each, float) else str(each) for each in value
        )
    return str(value)
