"""Faults of one dataset: damaged, missing and extra files, labels that are wrong or disagree."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np

from engine.jobs.dataset.checking.listing import FoundFolder, FoundPicture
from engine.jobs.dataset.checking.masks import read_extent
from engine.jobs.dataset.checking.pictures import PictureFacts
from engine.jobs.dataset.labels.reading import (
    CocoAnnotation,
    CocoLabels,
    ReadLabels,
    read_kitti,
    read_voc,
    read_yolo,
)
from engine.system.work_folder import sha256_of

MAX_OUTSIDE_PX = 0.6  # rounding of six decimals and of whole pixels, VOC's half pixel
MAX_APART_PX = 1.5  # between two formats: rounding, and outlines that go through the middles of pixels
PICTURE_FORMATS = ("YOLO", "YOLO-seg", "YOLO-pose", "VOC", "Pascal VOC", "KITTI")
"""Formats whose boxes must agree. Around a turned box there is another box: of these only the number is compared."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckProblem:
    kind: str
    """damaged, missing, extra, label, disagree, duplicate or shared."""
    path: str
    text: str

    def line(self) -> str:
        return f"{self.path}: {self.text}"


def read_labels(folder: FoundFolder, picture: FoundPicture, facts: PictureFacts) -> dict[str, ReadLabels]:
    """The picture's labels in every format that has a file of its own."""
    found = {}
    for form, name in picture.labels.items():
        path = folder.path / name
        if form.endswith("VOC"):
            found[form] = read_voc(path)
        elif form == "KITTI":
            found[form] = read_kitti(path)
        else:
            columns = folder.keypoint_columns if form in ("YOLO", "YOLO-pose") else 0
            size = facts.width_px, facts.height_px
            found[form] = read_yolo(path, *size, folder.class_names, columns or 3 * (form == "YOLO-pose"))
    return found


def label_problems(path: str, labels: ReadLabels, facts: PictureFacts) -> Iterator[CheckProblem]:
    """Faults of one label file."""
    for fault in labels.faults:
        yield CheckProblem(kind="label", path=path, text=fault)
    size = np.array([facts.width_px, facts.height_px] * 2, np.float64)
    beyond = np.maximum(-labels.boxes, labels.boxes - size).max(axis=1, initial=0)
    for place in np.flatnonzero(beyond > MAX_OUTSIDE_PX).tolist():
        yield CheckProblem(
            kind="label",
            path=path,
            text=f"box {place + 1} extends {beyond[place]:.1f} px beyond the picture of {_size(facts)}",
        )
    extents = labels.boxes[:, 2:] - labels.boxes[:, :2]
    for place in np.flatnonzero(~(extents > 0).all(axis=1)).tolist():
        yield CheckProblem(kind="label", path=path, text=f"box {place + 1} is empty")


def disagreements(path: str, labels: dict[str, ReadLabels]) -> Iterator[CheckProblem]:
    """Formats of one picture that do not label the same. `path`: the picture's."""
    forms = [form for form in labels if not labels[form].faults]
    if len(forms) < 2:
        return
    first, *others = sorted(forms, key=lambda form: (labels[form].is_turned, form not in PICTURE_FORMATS))
    for other in others:
        is_counted_only = labels[first].is_turned or labels[other].is_turned
        reason = _difference(labels[first], labels[other], is_counted_only=is_counted_only)
        if reason:
            yield CheckProblem(kind="disagree", path=path, text=f"{first} and {other} disagree: {reason}")


def coco_problems(
    name: str, coco: CocoLabels, facts: dict[str, PictureFacts], matched: dict[int, str]
) -> Iterator[CheckProblem]:
    """Faults of a COCO file. `matched`: picture's name by image id."""
    seen: set[int] = set()
    for image in coco.images:
        if image.id in seen:
            yield CheckProblem(kind="label", path=name, text=f"image id {image.id} stands twice")
        seen.add(image.id)
        if image.id not in matched:
            yield CheckProblem(kind="missing", path=name, text=f"{image.file_name} is not in the folder")
            continue
        own = facts.get(matched[image.id])
        if own is not None and image.width and (image.width, image.height) != (own.width_px, own.height_px):
            text = f"{image.file_name} is {_size(own)}, not {image.width}x{image.height}"
            yield CheckProblem(kind="label", path=name, text=text)
    kinds = {kind.id for kind in coco.categories}
    for place, annotation in enumerate(coco.annotations):
        if annotation.image_id not in seen:
            yield CheckProblem(kind="label", path=name, text=f"annotation {place + 1} has no image")
        elif annotation.category_id not in kinds:
            text = f"annotation {place + 1}: category {annotation.category_id} is not among the categories"
            yield CheckProblem(kind="label", path=name, text=text)
        elif len(annotation.bbox) != 4:
            yield CheckProblem(kind="label", path=name, text=f"annotation {place + 1} has no box")
        else:
            picture = matched.get(annotation.image_id)
            yield from _mask_problems(name, place, annotation, facts.get(picture) if picture else None)


def _mask_problems(
    name: str, place: int, annotation: CocoAnnotation, facts: PictureFacts | None
) -> Iterator[CheckProblem]:
    """Faults of an annotation's segmentation, if it has one."""
    extent = read_extent(bytes(annotation.segmentation))
    if extent is None:
        return
    if isinstance(extent, str):
        yield CheckProblem(kind="label", path=name, text=f"annotation {place + 1}: its segmentation {extent}")
        return
    if facts is not None and extent.size_px not in (None, (facts.width_px, facts.height_px)):
        size = "{}x{}".format(*extent.size_px)
        text = f"annotation {place + 1}: its segmentation is of a picture of {size}, not {_size(facts)}"
        yield CheckProblem(kind="label", path=name, text=text)
    x, y, width, height = annotation.bbox
    apart = max(abs(a - b) for a, b in zip(extent.box, (x, y, x + width, y + height), strict=True))
    if apart > MAX_APART_PX:
        text = f"annotation {place + 1}: its box differs by {apart:.1f} px from its segmentation's"
        yield CheckProblem(kind="disagree", path=name, text=text)


def coco_labels(coco: CocoLabels, matched: dict[int, str]) -> dict[str, ReadLabels]:
    """Boxes per picture; crowds are left out, as other formats leave them out."""
    names = {kind.id: kind.name for kind in coco.categories}
    rows: dict[str, list[list[float]]] = {name: [] for name in matched.values()}
    found = {name: ReadLabels() for name in matched.values()}
    for annotation in coco.annotations:
        picture = matched.get(annotation.image_id)
        if picture is None or annotation.iscrowd or len(annotation.bbox) != 4:
            continue
        x, y, width, height = annotation.bbox
        rows[picture].append([x, y, x + width, y + height])
        found[picture].hidden.append(annotation.is_hidden)
        found[picture].names.append(names.get(annotation.category_id, str(annotation.category_id)))
    for name, labels in found.items():
        labels.boxes = np.array(rows[name], np.float64).reshape(-1, 4)
    return found


def match_coco(coco: CocoLabels, pictures: list[FoundPicture]) -> dict[int, str]:
    """Picture's name by image id: the same path, or else the same file name if only one picture has it."""
    names = {picture.name for picture in pictures}
    by_file: dict[str, list[str]] = {}
    for picture in pictures:
        by_file.setdefault(PurePosixPath(picture.name).name, []).append(picture.name)
    matched = {}
    for image in coco.images:
        alike = by_file.get(PurePosixPath(image.file_name.replace("\\", "/")).name, [])
        if image.file_name in names:
            matched[image.id] = image.file_name
        elif f"images/{image.file_name}" in names:
            matched[image.id] = f"images/{image.file_name}"
        elif len(alike) == 1:
            matched[image.id] = alike[0]
    return matched


def manifest_problems(folder: FoundFolder, digests: dict[str, str]) -> Iterator[CheckProblem]:
    """Files that differ from the manifest, are missing or are in no line of it.

    `digests`: SHA-256 of files that were read already, by path. Hidden files are not part of a dataset.
    """
    if folder.bad_lines:
        yield CheckProblem(
            kind="damaged", path="manifest.jsonl", text=f"{folder.bad_lines} line(s) truncated or unreadable"
        )
    listed: set[str] = set()
    for index, entry in sorted(folder.manifest.items()):
        if entry.get("status") != "done":
            text = f"picture {index} was not made: {entry.get('reason') or 'unknown reason'}"
            yield CheckProblem(kind="missing", path="manifest.jsonl", text=text)
        sha256: dict[str, Any] = entry.get("sha256") or {}
        for name, digest in sha256.items():
            if name.startswith("."):
                continue
            listed.add(name)
            own = digests.get(name) or _digest(folder.path / name)
            if own is None:
                yield CheckProblem(kind="missing", path=name, text="is in the manifest but not in the folder")
            elif own != digest:
                yield CheckProblem(kind="damaged", path=name, text="differs from its SHA-256 in the manifest")
    if folder.manifest:
        present = [picture.name for picture in folder.pictures]
        present += [name for picture in folder.pictures for name in picture.labels.values()]
        for name in present:
            if name not in listed:
                yield CheckProblem(kind="extra", path=name, text="is in no line of the manifest")


def _difference(first: ReadLabels, other: ReadLabels, *, is_counted_only: bool) -> str:
    if len(first.boxes) != len(other.boxes):
        return f"{len(first.boxes)} and {len(other.boxes)} boxes"
    if is_counted_only or not len(first.boxes):
        return ""
    if sorted(map(str.lower, first.names)) != sorted(map(str.lower, other.names)):
        return "other classes"
    apart = np.abs(_in_order(first.boxes) - _in_order(other.boxes)).max()
    return f"a box differs by {apart:.1f} px" if apart > MAX_APART_PX else ""


def _in_order(boxes: np.ndarray) -> np.ndarray:
    """The four edges, each sorted: independent of the order of the boxes and of rounding."""
    ordered: np.ndarray = np.sort(boxes, axis=0)
    return ordered


def _digest(path: Path) -> str | None:
    try:
        return sha256_of(path)
    except OSError:
        return None


def _size(facts: PictureFacts) -> str:
    return f"{facts.width_px}x{facts.height_px}"
