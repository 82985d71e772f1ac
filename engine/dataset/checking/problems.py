"""Faults of one dataset: damaged, missing and extra files, labels that are wrong or disagree."""

import hashlib
import json
import os
import re
import tarfile
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np

from engine.dataset.checking.finding import (
    LAYOUTS,
    PICTURE_SUFFIXES,
    TILES,
    FoundFolder,
    FoundPicture,
    read_yaml,
)
from engine.dataset.checking.pictures import PictureFacts
from engine.dataset.labels.reading import (
    HEAD,
    CocoAnnotation,
    CocoLabels,
    ReadLabels,
    read_coco,
    read_extent,
    read_kitti,
    read_voc,
    read_yolo,
    text_lines,
)
from engine.dataset.labels.record import FinishedPicture
from engine.dataset.labels.writers.tiles import finished_tiles
from engine.dataset.labels.writers.webdataset import INDEX, sample_of
from engine.system.small_file import open_regular, read_small
from engine.system.translate_errors import reason_of
from engine.system.work_folder import sha256_of

MAX_OUTSIDE_PX = 0.6  # rounding of six decimals and of whole pixels, VOC's half pixel
MAX_APART_PX = (
    1.5  # between two formats: rounding, and outlines that go through the middles of pixels
)
PICTURE_FORMATS = ("YOLO", "YOLO-seg", "YOLO-pose", "VOC", "Pascal VOC", "KITTI")
"""Formats whose boxes must agree. Of formats with rotated boxes only the number of boxes is
compared."""
MAX_PART_BYTES = 64 << 20
MAX_LIST_BYTES = 128 << 20  # two million pictures
LISTED = re.compile(rf".*?({'|'.join(map(re.escape, PICTURE_SUFFIXES))})(?=\s|$)", re.IGNORECASE)

Digests = dict[str, str]  # SHA-256 by path, from the manifest


@dataclass(frozen=True, slots=True)
class CheckProblem:
    kind: str  # damaged, missing, extra, label, disagree, duplicate or shared
    path: str
    text: str

    def line(self) -> str:
        return f"{self.path}: {self.text}"


def read_labels(
    folder: FoundFolder, picture: FoundPicture, facts: PictureFacts
) -> dict[str, ReadLabels]:
    """Read the picture's labels in every format that has a file per picture."""
    found = {}
    for form, name in picture.labels.items():
        path = folder.path / name
        if form.endswith("VOC"):
            found[form] = read_voc(path)
        elif form == "KITTI":
            found[form] = read_kitti(path)
        else:
            size = facts.width_px, facts.height_px
            keypoints = folder.keypoints if form in ("YOLO", "YOLO-pose") else (0, 0)
            if form == "YOLO-pose" and not folder.keypoints[0]:
                keypoints = HEAD
            known = f"the names in {folder.class_file}"
            found[form] = read_yolo(path, *size, folder.class_names, keypoints, class_text=known)
    return found


def label_problems(path: str, labels: ReadLabels, facts: PictureFacts) -> Iterator[CheckProblem]:
    for fault in (*labels.faults, *labels.repeated):
        yield CheckProblem("label", path, fault)
    size = np.array([facts.width_px, facts.height_px] * 2, np.float64)
    beyond = np.maximum(-labels.boxes, labels.boxes - size).max(axis=1, initial=0)
    for index in np.flatnonzero(beyond > MAX_OUTSIDE_PX).tolist():
        yield CheckProblem(
            "label",
            path,
            f"box {index + 1} extends {beyond[index]:.7g} px beyond the picture of {_size(facts)}",
        )
    extents = labels.boxes[:, 2:] - labels.boxes[:, :2]
    for index in np.flatnonzero(~(extents > 0).all(axis=1)).tolist():
        yield CheckProblem("label", path, f"box {index + 1} is empty")


def layout_problems(folder: FoundFolder) -> Iterator[CheckProblem]:
    """Find faults of class names and of lists of pictures, and a folder whose labels are of no
    known layout."""
    if folder.unknown:
        others = f" and {len(folder.unknown) - 1} more" if len(folder.unknown) > 1 else ""
        text = f"is no label of a known layout{others}; known are {LAYOUTS}"
        yield CheckProblem("missing", folder.unknown[0], text)
    if folder.class_fault:
        yield CheckProblem("damaged", folder.class_file, folder.class_fault)
    known = sorted(folder.class_names)
    if lacking := [index for index, number in enumerate(known) if number != index]:
        text = (
            f"class {lacking[0]} has no name, but {known[-1]} has: trainers number classes "
            "without gaps"
        )
        yield CheckProblem("label", folder.class_file, text)
    pictures = {
        name for each in folder.pictures for name in (each.name, PurePosixPath(each.name).stem)
    }
    for name in folder.lists:
        labels = ReadLabels()
        lines = [
            line.strip().replace("\\", "/")
            for _, line in text_lines(folder.path / name, labels, MAX_LIST_BYTES)
        ]
        if missing := [line for line in lines if pictures.isdisjoint(_possible_paths(line))]:
            yield _lacking(name, missing, what="names pictures that are not in the folder:")
        if twice := [line for line, count in Counter(lines).items() if count > 1]:
            yield _lacking(name, twice, kind="duplicate", what="names twice:")
        yield from (CheckProblem("damaged", name, fault) for fault in labels.faults)


def _possible_paths(line: str) -> Iterator[str]:
    """`a/b/c.jpg`, `b/c.jpg`, `c.jpg`: lists are written for another folder to start from. Behind a
    path may stand classes or another path; VOC's lists have a picture's name without its suffix."""
    listed = LISTED.match(line)
    for path in (listed[0],) if listed else (line, line.split()[0]):
        parts = PurePosixPath(path[-4096:]).parts  # the time grows with their square
        yield from ("/".join(parts[start:]) for start in range(len(parts)))


def disagreements(path: str, labels: dict[str, ReadLabels]) -> Iterator[CheckProblem]:
    """Find label formats of one picture that disagree. `path`: the picture's."""
    forms = [form for form in labels if not labels[form].faults]
    if len(forms) < 2:
        return
    first, *others = sorted(
        forms, key=lambda form: (labels[form].is_rotated, form not in PICTURE_FORMATS)
    )
    for other in others:
        reason = _difference(labels[first], labels[other])
        if reason:
            yield CheckProblem("disagree", path, f"{first} and {other} disagree: {reason}")


def coco_problems(
    name: str, coco: CocoLabels, facts: dict[str, PictureFacts], matched: dict[int, str]
) -> Iterator[CheckProblem]:
    """Find faults of a COCO file. `matched`: picture's name by image id."""
    seen: set[int] = set()
    for image in coco.images:
        if image.id in seen:
            yield CheckProblem("label", name, f"image id {image.id} stands twice")
        seen.add(image.id)
        if image.id not in matched:
            yield CheckProblem("missing", name, f"{image.file_name} is not in the folder")
            continue
        own = facts.get(matched[image.id])
        if own is not None and (image.width, image.height) not in (
            (None, None),
            (own.width_px, own.height_px),
        ):
            yield CheckProblem(
                "label",
                name,
                f"{image.file_name} is {_size(own)}, not {image.width}x{image.height}",
            )
    kinds = {kind.id for kind in coco.categories}
    own_ids = (annotation.id for annotation in coco.annotations if annotation.id is not None)
    for what, ids in (("category", (kind.id for kind in coco.categories)), ("annotation", own_ids)):
        for number, count in Counter(ids).items():
            if count > 1:
                yield CheckProblem("label", name, f"{what} id {number} stands {count} times")
    for position, annotation in enumerate(coco.annotations, 1):
        faults: Iterable[tuple[str, str]]
        if annotation.image_id not in seen:
            faults = [("label", " has no image")]
        elif annotation.category_id not in kinds:
            faults = [("label", f": category {annotation.category_id} is not among the categories")]
        elif len(annotation.bbox) != 4:
            faults = [("label", " has no box")]
        else:
            faults = _shape_faults(annotation, facts.get(matched.get(annotation.image_id, "")))
        for kind, fault in faults:
            yield CheckProblem(kind, name, f"annotation {position}{fault}")


def _shape_faults(
    annotation: CocoAnnotation, facts: PictureFacts | None
) -> Iterator[tuple[str, str]]:
    """Find faults of an annotation's area, keypoints and segmentation, as far as it has them: kinds
    and texts."""
    x, y, width, height = annotation.bbox
    most = (width + MAX_APART_PX) * (height + MAX_APART_PX)
    if annotation.area is not None and not 0 < annotation.area <= most:
        yield (
            "label",
            f": its area of {annotation.area:g} px is none of a thing in its box of "
            f"{width:g}x{height:g} px",
        )
    points = zip(*[iter(annotation.keypoints or ())] * 3, strict=False)
    for number, (right, down, is_labelled) in enumerate(points, 1):
        if (
            facts is not None
            and is_labelled
            and not (0 <= right <= facts.width_px and 0 <= down <= facts.height_px)
        ):
            yield (
                "label",
                f": keypoint {number} ({right:g}, {down:g}) is outside the picture of "
                f"{_size(facts)}",
            )
    extent = read_extent(bytes(annotation.segmentation))
    if extent is None:
        return
    if isinstance(extent, str):
        yield "label", f": its segmentation {extent}"
        return
    if facts is not None and extent.size_px not in (None, (facts.width_px, facts.height_px)):
        yield (
            "label",
            f": its segmentation is of a picture of {'{}x{}'.format(*extent.size_px)}, not "
            f"{_size(facts)}",
        )
    apart = max(abs(a - b) for a, b in zip(extent.box, (x, y, x + width, y + height), strict=True))
    if apart > MAX_APART_PX:
        yield "disagree", f": its box differs by {apart:.1f} px from its segmentation's"


def coco_labels(coco: CocoLabels, matched: dict[int, str]) -> dict[str, ReadLabels]:
    """Boxes per picture, without crowds, which other formats do not have."""
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
    """Match images to pictures by path, or else by file name if it is unique. Returns picture names
    by image id."""
    names = {picture.name for picture in pictures}
    by_file: dict[str, list[str]] = {}
    for picture in pictures:
        by_file.setdefault(PurePosixPath(picture.name).name, []).append(picture.name)
    matched = {}
    for image in coco.images:
        name = image.file_name.replace("\\", "/")
        alike = by_file.get(PurePosixPath(name).name, [])
        if name in names:
            matched[image.id] = name
        elif f"images/{name}" in names:
            matched[image.id] = f"images/{name}"
        elif len(alike) == 1:
            matched[image.id] = alike[0]
    return matched


def manifest_problems(folder: FoundFolder, digests: dict[str, str]) -> Iterator[CheckProblem]:
    """Find files that differ from the manifest, are missing, or not in it. `digests`: known SHA-256
    by path."""
    if folder.bad_lines:
        yield CheckProblem(
            "damaged", "manifest.jsonl", f"{folder.bad_lines} line(s) truncated or unreadable"
        )
    listed: set[str] = set()
    for index, entry in sorted(folder.manifest.items()):
        if entry.get("status") != "done":
            yield CheckProblem(
                "missing",
                "manifest.jsonl",
                f"picture {index} was not made: {entry.get('reason') or 'unknown reason'}",
            )
        sha256: dict[str, Any] = entry.get("sha256") or {}
        for name, digest in sha256.items():
            if name.startswith("."):
                continue
            listed.add(name)
            own = digests.get(name) or _digest(folder.path / name)
            if own is None:
                yield CheckProblem("missing", name, "is in the manifest but not in the folder")
            elif own != digest:
                yield CheckProblem("damaged", name, "differs from its SHA-256 in the manifest")
    if folder.manifest:
        present = [picture.name for picture in folder.pictures]
        present += [name for picture in folder.pictures for name in picture.labels.values()]
        for name in present:
            if name not in listed:
                yield CheckProblem("extra", name, "is in no line of the manifest")


def _difference(first: ReadLabels, other: ReadLabels) -> str:
    if len(first.boxes) != len(other.boxes):
        return f"{len(first.boxes)} and {len(other.boxes)} boxes"
    if first.is_rotated or other.is_rotated or not len(first.boxes):
        return ""
    if sorted(map(str.lower, first.names)) != sorted(map(str.lower, other.names)):
        return "other classes"
    # The four edges, each sorted: independent of the order of the boxes and of rounding.
    apart = np.abs(np.sort(first.boxes, axis=0) - np.sort(other.boxes, axis=0)).max()
    return f"a box differs by {apart:.1f} px" if apart > MAX_APART_PX else ""


def _digest(path: Path) -> str | None:
    try:
        return sha256_of(path)
    except OSError:
        return None


def _size(facts: PictureFacts) -> str:
    return f"{facts.width_px}x{facts.height_px}"


# -- files about a whole dataset: dataset.yaml, COCO's, piles.jsonl, tar shards --------------------
# The manifest has no hash of them, as they change with every run. But it names the files of each
# picture, and those say which whole files there are and what is in them.


def whole_file_problems(
    folder: FoundFolder, coco_ids: dict[str, set[int] | None]
) -> Iterator[CheckProblem]:
    """Find faults of the files about a whole dataset of ours and about its tiles; none for a
    foreign one. `coco_ids`: image ids of COCO files that were read already; None if damaged."""
    pictures: list[FinishedPicture] = []
    digests: Digests = {}
    for index, entry in sorted(folder.manifest.items()):
        paths = tuple(name for name in entry.get("sha256") or {} if not name.startswith("."))
        if entry.get("status") == "done" and paths and paths[-1].startswith("images/"):
            pictures.append(FinishedPicture(index=index, paths=paths))
            digests |= entry["sha256"]
    tiles = [tile for picture in pictures for tile in finished_tiles(picture)]
    inner = {
        name.removeprefix(f"{TILES}/"): digest
        for name, digest in digests.items()
        if name.startswith(f"{TILES}/")
    }
    for prefix, some, known in (("", pictures, digests), (f"{TILES}/", tiles, inner)):
        root = folder.path / prefix
        for problem in (
            *_yaml_problems(root, some, folder.options),
            *_whole_coco_problems(root, some, {} if prefix else coco_ids),
            *_piles_problems(root, some, known),
            *_shard_problems(root, some, known),
        ):
            yield CheckProblem(problem.kind, prefix + problem.path, problem.text)


def _yaml_problems(
    root: Path, pictures: list[FinishedPicture], options: dict[str, Any]
) -> Iterator[CheckProblem]:
    expected = dict(enumerate(options.get("classes", ["pile"])))
    folders = {path.partition("/")[0] for picture in pictures for path in picture.paths}
    for labels in sorted(
        name for name in folders if name == "labels" or name.startswith("labels-")
    ):
        path = f"{labels.replace('labels', 'dataset')}.yaml"
        text = _content(root / path)
        if text is None:
            yield _missing(path)
            continue
        names, keypoints, fault = read_yaml(text.decode("utf-8", "replace"))
        has_heads = labels == "labels-pose" or (labels, options.get("write")) == (
            "labels",
            "yolo-pose",
        )
        if fault:
            yield CheckProblem("damaged", path, fault)
        elif any(names.get(number) != name for number, name in expected.items()):
            actual, due = (", ".join(each.values()) or "none" for each in (names, expected))
            yield CheckProblem(
                "damaged", path, f"names the classes {actual}; those of the labels: {due}"
            )
        elif has_heads and keypoints != HEAD:
            yield CheckProblem("damaged", path, "lacks kpt_shape: [1, 3] of the heads")


def _whole_coco_problems(
    root: Path, pictures: list[FinishedPicture], known_ids: dict[str, set[int] | None]
) -> Iterator[CheckProblem]:
    expected: dict[str, set[int]] = {}
    for picture in pictures:
        if picture.paths_in("annotations"):
            name = (
                f"coco_annotations_{picture.subset}.json"
                if picture.subset
                else "coco_annotations.json"
            )
            expected.setdefault(name, set()).add(picture.index)
    for name, indices in expected.items():
        if not (root / name).exists():
            yield _missing(name)
            continue
        if name in known_ids:
            ids = known_ids[name]
        else:
            coco = read_coco(root / name)
            if isinstance(coco, str):
                yield CheckProblem("damaged", name, coco)
                continue
            ids = {image.id for image in coco.images}
        if ids is not None and (lacking := indices - ids):
            yield _lacking(name, [f"image id {index}" for index in sorted(lacking)])


def _piles_problems(
    root: Path, pictures: list[FinishedPicture], digests: Digests
) -> Iterator[CheckProblem]:
    parts = [path for picture in pictures for path in picture.paths_in("piles")]
    if not parts:
        return
    concatenated = hashlib.sha256()
    for path in parts:
        content = _content(root / path)
        if content is None or hashlib.sha256(content).hexdigest() != digests[path]:
            return  # reported already
        concatenated.update(content)
    whole = _digest(root / "piles.jsonl")
    if whole is None:
        yield _missing("piles.jsonl")
    elif whole != concatenated.hexdigest():
        yield CheckProblem("damaged", "piles.jsonl", "is not the lines of the files in piles/")


def _shard_problems(
    root: Path, pictures: list[FinishedPicture], digests: Digests
) -> Iterator[CheckProblem]:
    samples = [sample_of(root, picture) for picture in pictures if picture.paths_in("webdataset")]
    if not samples:
        return
    expected = {
        f"{key}.{field}": digests[path.relative_to(root).as_posix()]
        for key, files in samples
        for field, path in files.items()
    }
    shards = sorted(path.name for path in (root / INDEX).parent.glob("*.tar"))
    index = _content(root / INDEX)
    if index is None:
        yield _missing(INDEX)
    elif (named := _shards_of(index)) is None:
        yield CheckProblem("damaged", INDEX, "is not the index of shards")
    else:
        shards = sorted({*shards, *named})
        for name in sorted({*shards} - {*named}):
            yield CheckProblem("extra", f"webdataset/{name}", "is not in index.json")
    seen: set[str] = set()
    for name in shards:
        path = f"webdataset/{name}"
        if not (root / path).exists():
            yield CheckProblem("missing", path, "is in index.json but not in the folder")
            continue
        try:
            for member, digest in _members(root / path):
                if member in seen or member not in expected:
                    yield CheckProblem(
                        "extra",
                        path,
                        f"{member} {'stands twice' if member in seen else 'is of no picture'}",
                    )
                elif digest != expected[member]:
                    yield CheckProblem(
                        "damaged", path, f"{member} differs from its SHA-256 in the manifest"
                    )
                seen.add(member)
        except (tarfile.TarError, OSError, EOFError, ValueError, MemoryError) as error:
            yield CheckProblem("damaged", path, f"cannot be read ({reason_of(error)})")
    if lacking := [name for name in expected if name not in seen]:
        yield _lacking("webdataset", lacking)


def _members(path: Path) -> Iterator[tuple[str, str]]:
    """Name and SHA-256 of each file of a shard. Raises TarError and OSError."""
    with open_regular(path) as file, tarfile.open(fileobj=file, mode="r:") as tar:
        for member in tar:
            content = tar.extractfile(member)
            if content is None:
                continue
            if member.offset_data + member.size > os.fstat(file.fileno()).st_size:
                raise EOFError(f"{member.name} has {member.size} bytes, more than the shard")
            yield member.name, hashlib.file_digest(content, "sha256").hexdigest()  # type: ignore[arg-type]


def _shards_of(index: bytes) -> list[str] | None:
    try:
        named = json.loads(index)
    except (ValueError, RecursionError):
        return None
    is_index = isinstance(named, dict) and all(
        re.fullmatch(r"[^/\\]*\.tar", name) for name in named
    )
    return list(named) if is_index else None


def _content(path: Path) -> bytes | None:
    try:
        return read_small(path, max_bytes=MAX_PART_BYTES)
    except OSError:
        return None


def _missing(path: str) -> CheckProblem:
    return CheckProblem(
        "missing", path, "is not in the folder; the command that made the dataset writes it again"
    )


def _lacking(
    path: str, names: list[str], *, kind: str = "missing", what: str = "lacks"
) -> CheckProblem:
    more = f" and {len(names) - 1} more" if len(names) > 1 else ""
    return CheckProblem(kind, path, f"{what} {names[0]}{more}")
