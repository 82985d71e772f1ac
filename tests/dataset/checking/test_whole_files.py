"""Damage to the files about a whole dataset is found: trainers read those first."""

import hashlib
import json
import shutil
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest

from engine.dataset.checking.check import check_folders
from engine.dataset.labels.options import LabelOptions
from engine.dataset.labels.record import DatasetContents, FinishedPicture
from engine.dataset.labels.writers import writers_of
from tests.dataset.checking.folders import HEIGHT_PX, WIDTH_PX, boxes_of, write_dataset

CLASSES = ("pile", "crane")
FORMATS = ("yolo", "coco", "piles", "webdataset")
COCO, SHARD = "coco_annotations_val.json", "webdataset/train-000000.tar"


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two pictures for training and one for validation, with all whole files from the real
    writers."""
    folder = tmp_path_factory.mktemp("sound")
    entries, pictures = [], []
    for index, subset in enumerate(("train", "train", "val")):
        write_dataset(folder, [index], subset=subset)
        (folder / f"coco_{subset}.json").unlink()
        stem = f"{subset}/{index:06d}"
        size = {"width": WIDTH_PX, "height": HEIGHT_PX}
        boxes = [
            {"image_id": index, "category_id": 1, "bbox": [x, y, 8, 8]}
            for x, y, _, _ in boxes_of(index, 5)
        ]
        image = {"id": index, "file_name": f"{stem}.png", **size}
        parts = {
            f"annotations/{stem}.json": {"image": image, "annotations": boxes},
            f"piles/{stem}.jsonl": {"index": index},
            f"webdataset/samples/{stem}.json": size,
        }
        for name, part in parts.items():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_text(json.dumps(part) + "\n", encoding="ascii")
        paths = (*parts, f"labels/{stem}.txt", f"images/{stem}.png")
        pictures.append(FinishedPicture(index=index, paths=paths))
        sha256 = {name: hashlib.sha256((folder / name).read_bytes()).hexdigest() for name in paths}
        key = {"recipe": 2, "classes": CLASSES, "write": "yolo"}
        entries.append(
            {"index": index, "seed": [0, index], "status": "done", "options": key, "sha256": sha256}
        )
    (folder / "manifest.jsonl").write_text(
        "".join(json.dumps(each) + "\n" for each in entries), encoding="ascii"
    )
    options = LabelOptions(write=FORMATS, classes=CLASSES)
    contents = DatasetContents(
        folder=folder, options=options, subsets=("train", "val"), pictures=pictures
    )
    for writer in writers_of(FORMATS):
        writer.finish(contents)
    return folder


def text(name: str, content: str) -> Callable[[Path], object]:
    return lambda folder: (folder / name).write_text(content, encoding="ascii")


def without(name: str) -> Callable[[Path], object]:
    return lambda folder: (folder / name).unlink()


def cut(name: str, fraction: float = 0.5) -> Callable[[Path], object]:
    def spoil(folder: Path) -> None:
        content = (folder / name).read_bytes()
        (folder / name).write_bytes(content[: int(len(content) * fraction)])

    return spoil


def claims_a_terabyte_of_names(folder: Path) -> None:
    header = tarfile.TarInfo("pax")
    header.type, header.size = tarfile.XHDTYPE, 10**12
    (folder / SHARD).write_bytes(header.tobuf(tarfile.GNU_FORMAT) + bytes(1024))


DAMAGE: dict[str, tuple[Callable[[Path], object], tuple[str, str, str]]] = {
    "COCO is other JSON": (text(COCO, '{"a":1}'), ("damaged", COCO, "is not a COCO file")),
    "COCO is cut": (text(COCO, '{"images":['), ("damaged", COCO, "is not a COCO file")),
    "COCO is gone": (without(COCO), ("missing", COCO, "is not in the folder")),
    "COCO lacks a picture": (
        text(COCO, '{"images":[],"annotations":[],"categories":[]}'),
        ("missing", COCO, "lacks image id 2"),
    ),
    "YAML is cut": (cut("dataset.yaml", 0.97), ("damaged", "dataset.yaml", "is not YAML: ")),
    "YAML is gone": (without("dataset.yaml"), ("missing", "dataset.yaml", "is not in the folder")),
    "piles are cut": (
        cut("piles.jsonl"),
        ("damaged", "piles.jsonl", "is not the lines of the files in piles/"),
    ),
    "piles are gone": (without("piles.jsonl"), ("missing", "piles.jsonl", "is not in the folder")),
    "shard is cut": (cut(SHARD), ("missing", "webdataset", "lacks 00000")),
    "shard is junk": (text(SHARD, "junk"), ("damaged", SHARD, "cannot be read")),
    "shard is gone": (without(SHARD), ("missing", SHARD, "is in index.json but not in the folder")),
    "shard is double": (
        lambda folder: shutil.copy(folder / SHARD, folder / "webdataset/train-000001.tar"),
        ("extra", "webdataset/train-000001.tar", "000000.png stands twice"),
    ),
    "shard claims much": (claims_a_terabyte_of_names, ("damaged", SHARD, "cannot be read (")),
    "index is junk": (
        text("webdataset/index.json", "{"),
        ("damaged", "webdataset/index.json", "is not the index"),
    ),
    "index is gone": (
        without("webdataset/index.json"),
        ("missing", "webdataset/index.json", "is not in the folder"),
    ),
}


def test_damage_to_a_whole_file_is_reported_and_blames_no_picture(
    sound: Path, tmp_path: Path
) -> None:
    report = check_folders([sound])
    assert report.problems == () and report.folders[0].formats == {"YOLO": 3, "COCO": 3}
    for name, (spoil, (kind, path, text)) in DAMAGE.items():
        folder = Path(shutil.copytree(sound, tmp_path / name))
        spoil(folder)
        found = check_folders([folder]).problems
        problems = any(
            (each.kind, each.path) == (kind, path) and each.text.startswith(text) for each in found
        )
        assert problems and all(
            not each.path.startswith(("images/", "labels/")) for each in found
        ), (name, found)
