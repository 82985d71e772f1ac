"""Finds the pictures of a dataset, ours or foreign, and the files about them. Pictures are all
picture files below a folder of PICTURE_FOLDERS (`images/train/a.jpg`, `train/images/a.jpg`), or
else all there are. A YOLO label has the path with the last `images` replaced by `labels`, as
Ultralytics finds it, or lies beside the picture."""

import json
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any

import yaml

from engine.dataset.labels.reading import Keypoints
from engine.errors import UsageError
from engine.system.small_file import open_regular, read_small

PICTURE_SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".bmp", ".tif", ".tiff", ".webp"})
PICTURE_FOLDERS = ("images", "JPEGImages", "image_2")  # of YOLO and COCO, of Pascal VOC, of KITTI
SUBSETS = {
    "train": "train",
    "training": "train",
    "testing": "test",
    "val": "val",
    "valid": "val",
    "validation": "val",
    "test": "test",
}
TILES = "tiles"
OTHER_FOLDERS = frozenset(
    {TILES, "card", "masks", "depth", "normals", "webdataset", "hdf5", "piles", "scenes"}
)
"""Folders of a dataset without pictures of its own; `tiles` is another dataset."""
LABEL_FOLDERS = (
    ("YOLO", "labels", ".txt"),
    ("YOLO-detect", "labels-detect", ".txt"),
    ("YOLO-OBB", "labels-obb", ".txt"),
    ("YOLO-seg", "labels-seg", ".txt"),
    ("YOLO-pose", "labels-pose", ".txt"),
    ("VOC", "voc", ".xml"),
    ("Pascal VOC", "Annotations", ".xml"),
    ("KITTI", "kitti/label_2", ".txt"),
    ("KITTI", "label_2", ".txt"),
)
"""Format, folder and suffix of label files."""
LABEL_SUFFIXES = frozenset({".txt", ".xml", ".json", ".jsonl", ".csv", ".tsv", ".mat"})
NO_LABELS = frozenset({"requirements.txt", "trainval.txt", *(f"{part}.txt" for part in SUBSETS)})
"""Files with such a suffix that are no labels of a picture. `train.csv` and `train_labels.csv` are
tables of labels."""
LAYOUTS = (
    "YOLO (images/, labels/), COCO (a .json), Pascal VOC (JPEGImages/, Annotations/), KITTI "
    "(image_2/, label_2/)"
)
MAX_MANIFEST_BYTES = 4 << 30  # 100,000 pictures of 768 piles take 6 kB each
MAX_LINE_BYTES = 16 << 20
MANIFEST_FILE = "manifest.jsonl"
CLASS_FILES = ("dataset.yaml", "data.yaml", "obj.names", "data/obj.names")
LIST_FILES = tuple(
    f"{folder}{part}.txt" for folder in ("", "data/") for part in ("train", "val", "valid", "test")
)
"""Lists of pictures, a path in each line, as Darknet and Ultralytics read them."""
WHOLE_NUMBER = re.compile(r"\d{1,19}")  # Python refuses those of 4300 digits
COCO_KEYS = (b'"images"', b'"annotations"', b'"categories"')


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundPicture:
    name: str  # path in the folder, with `/`
    subset: str  # train, val, test, or ""
    labels: dict[str, str]  # paths of its label files in the folder, by format


@dataclass(slots=True, kw_only=True)
class FoundFolder:
    path: Path
    pictures: list[FoundPicture]
    # last line by picture; {} in a foreign folder
    manifest: dict[int, dict[str, Any]] = field(default_factory=dict)
    bad_lines: int = 0  # lines of the manifest that cannot be read
    coco: list[str] = field(default_factory=list)  # COCO files
    class_names: dict[int, str] = field(default_factory=dict)  # names of YOLO's classes
    class_file: str = ""  # the file that has these names
    lists: list[str] = field(default_factory=list)  # files of LIST_FILES
    class_fault: str = ""  # why that file cannot be read
    keypoints: Keypoints = (0, 0)  # of a YOLO label, in further columns
    lone_labels: list[str] = field(default_factory=list)  # label files without a picture
    # files that may be labels, if there are none of a known layout
    unknown: list[str] = field(default_factory=list)

    @property
    def options(self) -> dict[str, Any]:
        """The options that our pictures were made with; {} in a foreign folder."""
        return next((entry.get("options") or {} for entry in self.manifest.values()), {})


def find_folder(path: Path) -> FoundFolder:
    """Find the pictures and files of a dataset. UsageError if it is no folder or has no picture."""
    if not path.is_dir():
        raise UsageError(f"{path}: {'is a file; name a folder' if path.exists() else 'is missing'}")
    files = sorted(_files(path))
    present = set(files)
    pictures = [name for name in files if _suffix(name) in PICTURE_SUFFIXES]
    below_images = [
        name
        for name in pictures
        if not set(PurePosixPath(name).parts[:-1]).isdisjoint(PICTURE_FOLDERS)
    ]
    chosen = below_images or pictures
    if not chosen:
        raise UsageError(f"{path}: holds no pictures ({', '.join(sorted(PICTURE_SUFFIXES))})")
    found = FoundFolder(path=path, pictures=[_find_labels(name, present) for name in chosen])
    labels = {label for picture in found.pictures for label in picture.labels.values()}
    found.lone_labels = [name for name in files if name not in labels and _is_label(name)]
    found.coco = [name for name in files if _suffix(name) == ".json" and _may_be_coco(path / name)]
    found.lists = [name for name in LIST_FILES if name in present]
    if not (labels or found.coco):
        for name in files:
            own = PurePosixPath(name).name.lower()
            is_of_no_picture = own in NO_LABELS or own.startswith(
                ("classes.", "readme", "license", "notice")
            )
            if _suffix(name) in LABEL_SUFFIXES and not is_of_no_picture:
                found.unknown.append(name)
    _read_manifest(found)
    _name_classes(found)
    return found


def _files(path: Path) -> Iterator[str]:
    """Paths of all files below, without hidden ones and those of OTHER_FOLDERS."""
    for folder, folders, names in os.walk(path):
        own = Path(folder).relative_to(path)
        folders[:] = [
            name for name in folders if not name.startswith(".") and name not in OTHER_FOLDERS
        ]
        yield from ((own / name).as_posix() for name in names if not name.startswith("."))


def _find_labels(name: str, present: set[str]) -> FoundPicture:
    path = PurePosixPath(name)
    labels = {
        form: label
        for form, folder, suffix in LABEL_FOLDERS
        if (label := _label_path(path, folder, suffix)) in present
    }
    for form, suffix in (("YOLO", ".txt"), ("VOC", ".xml")):
        twin = path.with_suffix(suffix).as_posix()
        if twin in present:
            labels.setdefault(form, twin)
    return FoundPicture(
        name=name,
        subset=next((SUBSETS[part] for part in path.parts[:-1] if part in SUBSETS), ""),
        labels=labels,
    )


def _label_path(path: PurePosixPath, folder: str, suffix: str) -> str:
    """Path of a picture's label: the last folder of pictures is replaced by `folder`."""
    parts = list(path.with_suffix(suffix).parts)
    for index in range(len(parts) - 2, -1, -1):
        if parts[index] in PICTURE_FOLDERS:
            parts[index] = folder
            return "/".join(parts)
    return "/".join([*parts[:-1], folder, parts[-1]])


def _is_label(name: str) -> bool:
    """True for a path that only the label of a picture has; trainers and editors keep other files
    beside them."""
    path = PurePosixPath(name)
    return path.name != "classes.txt" and any(  # labelImg's names of classes
        path.suffix == suffix and f"/{folder}/" in f"/{name}" for _, folder, suffix in LABEL_FOLDERS
    )


def _suffix(name: str) -> str:
    return PurePosixPath(name).suffix.lower()


def _may_be_coco(path: Path) -> bool:
    """False for a file that is whole and something else. What cannot be read, or is cut off, is for
    `read_coco` to name: labels that are damaged are not absent."""
    try:
        with open_regular(path) as file:
            start = file.read(1 << 16)
            file.seek(max(0, path.stat().st_size - (1 << 16)))
            end = file.read()
    except OSError:
        return True
    keys = sum(key in start + end for key in COCO_KEYS)
    is_whole = end.rstrip()[-1:] in (b"}", b"]") and b"\0" not in start
    return keys >= 2 or not is_whole


def _read_manifest(folder: FoundFolder) -> None:
    try:
        with open_regular(folder.path / MANIFEST_FILE, max_bytes=MAX_MANIFEST_BYTES) as file:
            while line := file.readline(MAX_LINE_BYTES):
                try:
                    if line.strip():
                        entry = json.loads(line)
                        folder.manifest[int(entry["index"])] = entry
                except (ValueError, KeyError, TypeError, RecursionError):
                    folder.bad_lines += 1
                    if len(line) == MAX_LINE_BYTES:  # no manifest; the rest may be gigabytes
                        break
    except FileNotFoundError:
        return
    except OSError as error:
        raise UsageError(
            f"{folder.path / MANIFEST_FILE}: cannot be read ({error.strerror or error})"
        ) from error


def _name_classes(folder: FoundFolder) -> None:
    """Read class names from the manifest if it has them, else from a file, which may be edited or
    damaged."""
    text = ""
    for name in CLASS_FILES:
        try:
            text = read_small(folder.path / name).decode("utf-8-sig", "replace")
            folder.class_file = name
            break
        except FileNotFoundError:
            continue
        except OSError as error:
            raise UsageError(
                f"{folder.path / name}: cannot be read ({error.strerror or error})"
            ) from error
    if folder.class_file.endswith(".names"):
        folder.class_names = dict(
            enumerate(line.strip() for line in text.splitlines() if line.strip())
        )
    else:
        class_names, keypoints, class_fault = read_yaml(text)
        folder.class_names = class_names
        folder.keypoints = keypoints
        folder.class_fault = class_fault
    if classes := folder.options.get("classes"):
        folder.class_names = dict(enumerate(classes))
        folder.class_file = MANIFEST_FILE
        folder.keypoints = (1, 3) if folder.options.get("write") == "yolo-pose" else (0, 0)


def read_yaml(text: str) -> tuple[dict[int, str], Keypoints, str]:
    """Names of classes, keypoints, and the fault if it is no YAML, else ""."""
    try:
        found = yaml.load(text, yaml.BaseLoader)  # which makes only texts, lists and dicts
    except (yaml.YAMLError, RecursionError) as error:
        return {}, (0, 0), f"is not YAML: {' '.join(str(error).split())[:200]}"
    values = found if isinstance(found, dict) else {}
    names = values.get("names")
    shape = values.get("kpt_shape")
    numbered = (
        names
        if isinstance(names, dict)
        else dict(enumerate(names))
        if isinstance(names, list)
        else {}
    )
    class_names = {
        int(key): str(name) for key, name in numbered.items() if WHOLE_NUMBER.fullmatch(str(key))
    }
    sizes = (
        [int(each) for each in shape if WHOLE_NUMBER.fullmatch(str(each))]
        if isinstance(shape, list)
        else []
    )
    return (
        class_names,
        (sizes[0], sizes[1]) if len(sizes) == 2 and sizes[1] in (2, 3) else (0, 0),
        "",
    )
