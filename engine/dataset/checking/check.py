"""Checks datasets: every picture, label and hash; duplicates within and between them; distance from
real pictures."""

import os
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np

from engine.dataset.checking.figures import (
    FIGURES,
    FigureDistance,
    FolderFigures,
    compare,
    figures_of,
    proposals,
    spread,
)
from engine.dataset.checking.finding import TILES, FoundFolder, find_folder
from engine.dataset.checking.pictures import (
    PictureFacts,
    large_pictures,
    near_duplicates,
    read_picture,
    scene_key,
    shared_scenes,
)
from engine.dataset.checking.problems import (
    CheckProblem,
    coco_labels,
    coco_problems,
    disagreements,
    label_problems,
    layout_problems,
    manifest_problems,
    match_coco,
    read_labels,
    whole_file_problems,
)
from engine.dataset.labels.reading import ReadLabels, read_coco
from engine.jobs.kit import JobProgress, OnProgress

PICTURES_AT_ONCE = 64  # per batch of the threads; only their facts stay in memory


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckProgress(JobProgress):
    problems: int


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class FolderReport:
    path: str
    pictures: int
    unlabelled: int  # pictures without a label file; trainers take them as pictures without things
    formats: dict[str, int]  # label files by format; for COCO the annotated pictures
    subsets: dict[str, int]
    # the folder of its tiles, a dataset of its own that was not checked here; "" if there is none
    tiles: str
    problems: tuple[CheckProblem, ...]
    figures: FolderFigures


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class LikeReport:
    path: str
    distances: tuple[FigureDistance, ...]
    proposals: tuple[str, ...]
    # pictures and labels of it that cannot be used, and are not in the distances
    faults: tuple[CheckProblem, ...]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class CheckReport:
    folders: tuple[FolderReport, ...]
    shared: tuple[CheckProblem, ...]  # pictures and scenes that stand in two of the folders
    like: LikeReport | None = None

    @property
    def problems(self) -> tuple[CheckProblem, ...]:
        return (*(each for folder in self.folders for each in folder.problems), *self.shared)

    def as_json(self) -> dict[str, Any]:
        folders = [
            {
                name: getattr(each, name)
                for name in ("path", "pictures", "unlabelled", "formats", "subsets", "tiles")
            }
            | {
                "sizes_px": each.figures.sizes_px,
                "classes": each.figures.classes,
                "figures": {name: spread(each.figures.values[name]) for name in FIGURES},
                "places": np.round(each.figures.heatmap, 5).tolist(),
                "problems": [asdict(problem) for problem in each.problems],
            }
            for each in self.folders
        ]
        like = self.like and asdict(self.like)
        shared = [asdict(problem) for problem in self.shared]
        return {"is_sound": not self.problems, "folders": folders, "shared": shared, "like": like}


@dataclass(slots=True, kw_only=True, eq=False)
class _Contents:
    folder: FoundFolder
    facts: dict[str, PictureFacts]  # by picture, without damaged ones
    labels: dict[str, dict[str, ReadLabels]]
    problems: list[CheckProblem]
    # image ids by COCO file; None if unreadable
    coco_ids: dict[str, set[int] | None] = field(default_factory=dict)


def check_folders(
    paths: list[Path],
    *,
    like: Path | None = None,
    on_progress: OnProgress[CheckProgress] = lambda progress: None,
    is_stopped: Callable[[], bool] = lambda: False,
) -> CheckReport:
    """Check these datasets, and compare the first with `like`. UsageError if one holds no picture;
    KeyboardInterrupt once `is_stopped`, because an incomplete check has no result."""
    folders = [find_folder(path) for path in (*paths, *([like] if like else []))]
    done = count(1)
    expected = sum(len(folder.pictures) for folder in folders)
    began_s = time.perf_counter()

    def report_picture(problems: int) -> None:
        if is_stopped():
            raise KeyboardInterrupt
        rate = (number := next(done)) / max(time.perf_counter() - began_s, 1e-9)
        on_progress(CheckProgress(done=number, expected=expected, rate=rate, problems=problems))

    contents = [_read_folder(folder, report_picture) for folder in folders]
    own = contents[: len(paths)]
    reports = [_report(each) for each in own]
    compared = None
    if like is not None:
        first = reports[0].figures
        real = _figures(contents[-1])
        compared = LikeReport(
            path=str(like),
            distances=tuple(compare(first, real)),
            proposals=tuple(proposals(first, real, folders[0].options)),
            faults=tuple(
                problem for problem in contents[-1].problems if problem.kind in ("damaged", "label")
            ),
        )
    return CheckReport(
        folders=tuple(reports), shared=tuple(_duplicates_between(own)), like=compared
    )


def _read_folder(folder: FoundFolder, on_picture: Callable[[int], None]) -> _Contents:
    contents = _Contents(folder=folder, facts={}, labels={}, problems=[])
    with large_pictures(), ThreadPoolExecutor(os.cpu_count(), thread_name_prefix="check") as pool:
        for first in range(0, len(folder.pictures), PICTURES_AT_ONCE):
            some = folder.pictures[first : first + PICTURES_AT_ONCE]
            paths = [folder.path / picture.name for picture in some]
            for picture, facts in zip(some, pool.map(read_picture, paths), strict=True):
                if isinstance(facts, str):
                    contents.problems.append(CheckProblem("damaged", picture.name, facts))
                else:
                    contents.facts[picture.name] = facts
                    labels = contents.labels[picture.name] = read_labels(folder, picture, facts)
                    for form, name in picture.labels.items():
                        contents.problems += label_problems(name, labels[form], facts)
                on_picture(len(contents.problems))
    _add_coco(contents)
    for name, own in contents.labels.items():
        contents.problems += disagreements(name, own)
    digests = {name: facts.sha256 for name, facts in contents.facts.items()}
    contents.problems += manifest_problems(folder, digests)
    contents.problems += whole_file_problems(folder, contents.coco_ids)
    contents.problems += layout_problems(folder)
    for name in folder.lone_labels:
        contents.problems.append(CheckProblem("extra", name, "is a label without a picture"))
    contents.problems += _duplicates_within(contents)
    return contents


def _add_coco(contents: _Contents) -> None:
    for name in contents.folder.coco:
        coco = read_coco(contents.folder.path / name)
        contents.coco_ids[name] = (
            None if isinstance(coco, str) else {image.id for image in coco.images}
        )
        if isinstance(coco, str):
            contents.problems.append(CheckProblem("damaged", name, coco))
            continue
        matched = match_coco(coco, contents.folder.pictures)
        contents.problems += coco_problems(name, coco, contents.facts, matched)
        for picture, labels in coco_labels(coco, matched).items():
            if picture in contents.facts:
                contents.problems += label_problems(
                    f"{name}, {picture}", labels, contents.facts[picture]
                )
                contents.labels[picture]["COCO"] = labels


def _duplicates_within(contents: _Contents) -> Iterator[CheckProblem]:
    """Find duplicate pictures in the folder, and scenes that are in two parts of its split."""
    names = list(contents.facts)
    subsets = {picture.name: picture.subset for picture in contents.folder.pictures}
    for first, second, how in _duplicate_pictures([contents.facts[name] for name in names]):
        leak = ""
        if subsets[names[first]] != subsets[names[second]]:
            leak = ", in another part of the split: what is tried was trained on"
        yield CheckProblem("duplicate", names[second], f"is {how} {names[first]}{leak}")
    scene_subsets = []
    for entry in contents.folder.manifest.values():
        key = scene_key(entry)
        if key is None:
            continue
        name = next(reversed(entry.get("sha256") or {"": ""}))
        if name in subsets:
            scene_subsets.append((key, subsets[name]))
    for scene, parts in shared_scenes(scene_subsets).items():
        text = f"scene {scene} is in {' and '.join(parts)}: what is tried was trained on"
        yield CheckProblem("shared", "manifest.jsonl", text)


def _duplicates_between(reads: list[_Contents]) -> Iterator[CheckProblem]:
    everything = [
        (str(read.folder.path), name, facts) for read in reads for name, facts in read.facts.items()
    ]
    for first, second, how in _duplicate_pictures([facts for _, _, facts in everything]):
        one = everything[first]
        other = everything[second]
        if one[0] != other[0]:
            yield CheckProblem("duplicate", f"{other[0]}/{other[1]}", f"is {how} {one[0]}/{one[1]}")
    entries = [
        (entry, str(read.folder.path)) for read in reads for entry in read.folder.manifest.values()
    ]
    for scene, folders in shared_scenes(
        (key, path) for entry, path in entries if (key := scene_key(entry))
    ).items():
        yield CheckProblem("shared", folders[-1], f"scene {scene} is in {folders[0]}, too")


def _duplicate_pictures(facts: list[PictureFacts]) -> Iterator[tuple[int, int, str]]:
    first_of: dict[str, int] = {}
    same = [(first_of.setdefault(each.sha256, index), index) for index, each in enumerate(facts)]
    yield from (
        (first, second, "the same file as") for first, second in sorted(same) if first != second
    )
    if facts:
        for first, second in near_duplicates(np.stack([each.perceptual_hash for each in facts])):
            if facts[first].sha256 != facts[second].sha256:
                yield first, second, "nearly the same picture as"


def _report(contents: _Contents) -> FolderReport:
    return FolderReport(
        path=str(contents.folder.path),
        pictures=len(contents.folder.pictures),
        unlabelled=sum(not labels for labels in contents.labels.values()),
        formats=Counter(form for labels in contents.labels.values() for form in labels),
        subsets=Counter(picture.subset for picture in contents.folder.pictures if picture.subset),
        tiles=str(tiles) if (tiles := contents.folder.path / TILES).is_dir() else "",
        problems=tuple(contents.problems),
        figures=_figures(contents),
    )


def _figures(contents: _Contents) -> FolderFigures:
    return figures_of(
        list(contents.facts.values()),
        [_own_boxes(list(each.values())) for each in contents.labels.values()],
    )


def _own_boxes(labels: list[ReadLabels]) -> ReadLabels | None:
    """Labels with the boxes of the things themselves, if there are any; None for a picture without
    labels."""
    return next((each for each in labels if not each.is_rotated), labels[0] if labels else None)
