"""Checks of datasets: every fault that is put in is found, and a sound dataset has none."""

import codecs
import hashlib
import json
import os
import shutil
import struct
import zlib
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from engine.dataset.checking.check import check_folders
from engine.dataset.checking.finding import find_folder
from engine.dataset.labels.reading import MAX_COCO_BYTES, read_coco
from engine.errors import UsageError
from tests.dataset.checking.folders import (
    HEIGHT_PX,
    WIDTH_PX,
    Box,
    boxes_of,
    found,
    pixels_of,
    write_dataset,
    yolo_lines,
)

WHOLE = json.dumps({"images": [], "annotations": [], "categories": []}, indent=1).encode()
VOC = """<annotation><object><name>pile</name>
<bndbox><xmin>11</xmin><ymin>21</ymin><xmax>30</xmax><ymax>40</ymax></bndbox>
</object></annotation>"""
KITTI = "Car 0.00 0 0.0 10.0 20.0 30.0 40.0 1.5 1.6 3.9 0.0 1.6 9.0 0.0\n"


def test_a_sound_dataset_has_no_problems_and_its_figures(tmp_path: Path) -> None:
    report = check_folders([write_dataset(tmp_path, [1, 2, 3])])
    assert report.problems == ()
    (folder,) = report.folders
    assert (folder.pictures, folder.unlabelled) == (3, 0) and folder.formats == {
        "YOLO": 3,
        "COCO": 3,
    }
    assert folder.figures.classes == {"pile": 15}
    assert folder.figures.sizes_px == {f"{WIDTH_PX}x{HEIGHT_PX}": 3}
    assert folder.figures.heatmap.sum() == pytest.approx(1)
    assert folder.figures.values["box width"].tolist() == pytest.approx([8.0] * 15, abs=0.01)
    assert folder.figures.values["brightness"].mean() == pytest.approx(0.5, abs=0.05)
    assert 15 < np.median(folder.figures.values["hue"]) < 45  # brown


def spoil_picture(folder: Path) -> None:
    path = folder / "images/000002.png"
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])


def label(text: str) -> Callable[[Path], object]:
    return lambda folder: (folder / "labels/000002.txt").write_text(text, encoding="utf-8")


def move_box(folder: Path) -> None:
    boxes = boxes_of(2, 5)
    boxes[0] = (boxes[0][0] + 4, *boxes[0][1:])
    label(yolo_lines(boxes))(folder)


FAULTS = {
    "cut picture": (spoil_picture, ("damaged", "images/000002.png", "")),
    "no number": (
        label("0 0.5 0.5 x 0.1\n"),
        ("label", "labels/000002.txt", "line 1: '0 0.5 0.5 x 0.1'"),
    ),
    "columns": (
        label("0 0.5 0.5\n"),
        ("label", "labels/000002.txt", "line 1: 3 columns are no box"),
    ),
    "class": (
        label("4 0.5 0.5 0.1 0.1\n"),
        ("label", "labels/000002.txt", "line 1: class 4 is not among"),
    ),
    "outside": (
        label("0 0.99 0.5 0.1 0.1\n"),
        ("label", "labels/000002.txt", "box 1 extends 6.4 px beyond the picture of 160x120"),
    ),
    "far outside": (
        label("0 1e300 0.5 0.1 0.1\n"),
        ("label", "labels/000002.txt", "box 1 extends 1.6e+302 px beyond the picture of 160x120"),
    ),
    "empty box": (label("0 0.5 0.5 0.1 0\n"), ("label", "labels/000002.txt", "box 1 is empty")),
    "NaN": (
        label("0 nan 0.5 0.1 0.1\n"),
        ("label", "labels/000002.txt", "line 1: '0 nan 0.5 0.1 0.1' are not numbers"),
    ),
    "fewer boxes": (
        label(yolo_lines(boxes_of(2, 4))),
        ("disagree", "images/000002.png", "YOLO and COCO disagree: 4 and 5 boxes"),
    ),
    "moved box": (
        move_box,
        ("disagree", "images/000002.png", "YOLO and COCO disagree: a box differs by 4.0 px"),
    ),
    "lone label": (
        lambda folder: (folder / "images/000002.png").unlink(),
        ("extra", "labels/000002.txt", "is a label without a picture"),
    ),
    "COCO without picture": (
        lambda folder: (folder / "images/000002.png").unlink(),
        ("missing", "coco_all.json", "images/000002.png is not in the folder"),
    ),
    "copy": (
        lambda folder: shutil.copy(folder / "images/000002.png", folder / "images/9.png"),
        ("duplicate", "images/9.png", "is the same file as images/000002.png"),
    ),
}


def test_each_fault_is_reported_with_its_file(tmp_path: Path) -> None:
    write_dataset(tmp_path / "sound", [1, 2])
    for name, (spoil, (kind, path, text)) in FAULTS.items():
        folder = Path(shutil.copytree(tmp_path / "sound", tmp_path / name))
        spoil(folder)
        faults = found(folder)
        assert any(each[:2] == (kind, path) and each[2].startswith(text) for each in faults), (
            name,
            faults,
        )


def diamonds(boxes: list[Box]) -> str:
    """YOLO-OBB labels in which each box is a square on its corner, whose own box is twice as
    large."""
    lines = []
    for x0, y0, x1, y1 in boxes:
        x, y, side = (x0 + x1) / 2, (y0 + y1) / 2, x1 - x0
        corners = ((x, y - side), (x + side, y), (x, y + side), (x - side, y))
        lines.append(
            f"0 {' '.join(f'{a / WIDTH_PX:.6f} {b / HEIGHT_PX:.6f}' for a, b in corners)}\n"
        )
    return "".join(lines)


@pytest.mark.parametrize("folder", ["labels", "labels-obb"])
def test_of_turned_boxes_only_the_number_is_compared(tmp_path: Path, folder: str) -> None:
    """The first YOLO format is written into labels/, whichever it is."""
    write_dataset(tmp_path, [3])
    boxes = [(x + 8, y + 8, x + 16, y + 16) for x, y, _, _ in boxes_of(3, 5)]
    coco = json.loads((tmp_path / "coco_all.json").read_bytes())
    for annotation, (x, y, _, _) in zip(coco["annotations"], boxes, strict=True):
        annotation["bbox"] = [x, y, 8, 8]
    (tmp_path / "coco_all.json").write_text(json.dumps(coco), encoding="utf-8")
    (tmp_path / "labels/000003.txt").write_text(yolo_lines(boxes), encoding="utf-8")
    (tmp_path / folder).mkdir(exist_ok=True)
    path = tmp_path / folder / "000003.txt"
    path.write_text(diamonds(boxes), encoding="utf-8")
    report = check_folders([tmp_path])
    assert report.problems == () and set(report.folders[0].figures.values["box width"].round()) == {
        8.0
    }
    path.write_text(diamonds(boxes[:4]), encoding="utf-8")
    assert [each.kind for each in check_folders([tmp_path]).problems] == ["disagree"]


def test_a_picture_stored_again_as_jpeg_is_nearly_the_same_and_another_is_not(
    tmp_path: Path,
) -> None:
    write_dataset(tmp_path / "a", [1, 2, 3])
    write_dataset(tmp_path / "b", [4, 5])
    boxes = boxes_of(2, 5)
    small = cv2.resize(pixels_of(2, boxes), (120, 90), interpolation=cv2.INTER_AREA)
    (tmp_path / "b/images/x.jpg").write_bytes(cv2.imencode(".jpg", small[..., ::-1])[1].tobytes())
    (tmp_path / "b/labels/x.txt").write_text(yolo_lines(boxes), encoding="utf-8")
    assert found(tmp_path / "a", tmp_path / "b") == [
        (
            "duplicate",
            f"{tmp_path / 'b'}/images/x.jpg",
            f"is nearly the same picture as {tmp_path / 'a'}/images/000002.png",
        )
    ]


def test_files_that_trainers_and_editors_put_among_labels_are_no_labels(tmp_path: Path) -> None:
    write_dataset(tmp_path, [1])
    (tmp_path / "kitti/label_2").mkdir(parents=True)
    for name in (
        "labels/train.cache",
        "labels/classes.txt",
        "labels/notes.json",
        "kitti/label_2/000007.txt",
    ):
        (tmp_path / name).write_text("[]" if name.endswith(".json") else "", encoding="utf-8")
    assert found(tmp_path) == [
        ("extra", "kitti/label_2/000007.txt", "is a label without a picture")
    ]


def test_only_pictures_larger_than_the_largest_that_can_be_drawn_are_refused(
    tmp_path: Path,
) -> None:
    """Pillow alone refuses half of what we draw. To be quick, these are cut behind their size."""
    write_dataset(tmp_path, [1])
    header = bytearray((tmp_path / "images/000001.png").read_bytes()[:200])
    for name, height in (("a", 16384), ("b", 16385)):
        header[16:24] = struct.pack(">II", 16384, height)
        header[29:33] = struct.pack(">I", zlib.crc32(header[12:29]))
        (tmp_path / f"images/{name}.png").write_bytes(header)
    before = Image.MAX_IMAGE_PIXELS
    assert [text.partition(" (")[0] for _, _, text in found(tmp_path)] == [
        "cannot be read",
        "has 16384x16385 px; more than 16384x16384 are not read",
    ]
    assert before == Image.MAX_IMAGE_PIXELS


def manifest_line(folder: Path, index: int, seed: object, subset: str = "") -> str:
    stem = f"{subset}/{index:06d}".lstrip("/")
    names = (f"labels/{stem}.txt", f"images/{stem}.png")
    sha256 = {name: hashlib.sha256((folder / name).read_bytes()).hexdigest() for name in names}
    entry = {"index": index, "seed": seed, "status": "done", "options": {"recipe": 2}}
    return json.dumps(entry | {"sha256": {".work/coco/x.json": "0"} | sha256}) + "\n"


def write_ours(folder: Path, indices: list[int]) -> Path:
    write_dataset(folder, indices)
    lines = [manifest_line(folder, index, [0, index]) for index in indices]
    (folder / "manifest.jsonl").write_text("".join(lines), encoding="utf-8")
    return folder


def test_files_are_compared_with_the_manifest(tmp_path: Path) -> None:
    write_ours(tmp_path, [1, 2, 3])
    assert found(tmp_path) == []
    (tmp_path / "labels/000001.txt").write_text("", encoding="utf-8")
    (tmp_path / "labels/000002.txt").unlink()
    (tmp_path / "images/000009.png").write_bytes(
        cv2.imencode(".png", pixels_of(9, []))[1].tobytes()
    )
    (tmp_path / "coco_all.json").unlink()
    assert found(tmp_path) == [
        ("damaged", "labels/000001.txt", "differs from its SHA-256 in the manifest"),
        ("missing", "labels/000002.txt", "is in the manifest but not in the folder"),
        ("extra", "images/000009.png", "is in no line of the manifest"),
    ]


def test_a_scene_in_two_folders_or_in_two_parts_of_a_split_is_a_leak(tmp_path: Path) -> None:
    first, second = write_ours(tmp_path / "a", [1, 2]), write_dataset(tmp_path / "b", [3, 4])
    lines = [manifest_line(second, 3, [0, 2]), manifest_line(second, 4, [1, 2])]
    (second / "manifest.jsonl").write_text("".join(lines), encoding="utf-8")
    assert found(first, second) == [
        ("shared", str(second), f"scene [[0, 2], 2] is in {first}, too")
    ]
    split = write_dataset(write_dataset(tmp_path / "c", [5, 6], subset="train"), [7], subset="val")
    lines = [manifest_line(split, index, [0, index], "train") for index in (5, 6)] + [
        manifest_line(split, 7, [0, 5], "val")
    ]
    (split / "manifest.jsonl").write_text("".join(lines), encoding="utf-8")
    ((kind, _, text),) = found(split)
    assert kind == "shared" and text.startswith("scene [[0, 5], 2] is in train and val")


@pytest.mark.parametrize("layout", ["train/images", "images/train", "."])
def test_foreign_layouts_are_read(tmp_path: Path, layout: str) -> None:
    """Ultralytics' and Roboflow's folders, and labels beside the pictures as labelImg writes
    them."""
    boxes = boxes_of(1, 3)
    labels = layout.replace("images", "labels")
    for folder in (layout, labels):
        (tmp_path / folder).mkdir(parents=True, exist_ok=True)
    (tmp_path / layout / "a.b.JPG").write_bytes(
        cv2.imencode(".jpg", pixels_of(1, boxes))[1].tobytes()
    )
    (tmp_path / labels / "a.b.txt").write_text(yolo_lines(boxes), encoding="utf-8")
    (tmp_path / "data.yaml").write_text("names: ['Pile head', other]  # two\n", encoding="utf-8")
    (folder,) = check_folders([tmp_path]).folders
    assert (folder.problems, folder.figures.classes) == ((), {"Pile head": 3})
    assert folder.subsets == ({} if layout == "." else {"train": 1})


def test_a_folder_without_pictures_is_a_usage_error(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="holds no pictures"):
        find_folder(tmp_path)
    with pytest.raises(UsageError, match="is missing"):
        find_folder(tmp_path / "none")


def test_real_pictures_with_larger_boxes_and_less_light_propose_a_lower_flight(
    tmp_path: Path,
) -> None:
    own = write_dataset(tmp_path / "own", list(range(4)), side_px=8)
    real = write_dataset(
        tmp_path / "real", list(range(10, 14)), side_px=16, brightness=0.25, count=20
    )
    like = check_folders([own], like=real).like
    assert like is not None
    distances = {each.figure: each for each in like.distances}
    assert distances["box width"].overlap == 0 and distances["brightness"].overlap == 0
    assert distances["hue"].distance is not None and distances["hue"].distance < 1
    altitude = next(line for line in like.proposals if "--altitude" in line)
    assert altitude == "boxes are 2.0 times larger in the real pictures: --altitude 20..80"
    exposure = next(line for line in like.proposals if "exposure" in line)
    low, high = map(float, exposure.rpartition("=")[2].split(".."))
    assert "1.2 stops darker" in exposure and (low, high) == pytest.approx((-1.2, -1.2), abs=0.2)
    assert "real pictures have 20 to 20 boxes: --piles 20..20" in like.proposals


def test_photos_without_labels_propose_nothing_about_piles(tmp_path: Path) -> None:
    own = write_dataset(tmp_path / "own", [1, 2, 3])
    real = write_dataset(tmp_path / "real", [11, 12, 13], brightness=0.25)
    (real / "coco_all.json").unlink()
    (real / "labels/000011.txt").unlink()
    for left, proposals in (
        (2, "1 of 3 real pictures have no labels, "),
        (0, "3 of 3 real pictures have no labels, "),
    ):
        like = check_folders([own], like=real).like
        assert like is not None
        known = {each.figure: each.distance for each in like.distances}
        assert (known["boxes a picture"] == 0) if left else (known["boxes a picture"] is None)
        assert any("exposure" in line for line in like.proposals) and any(
            proposals in line for line in like.proposals
        )
        assert not any(
            option in line
            for line in like.proposals
            for option in ("--piles", "--empty", "--altitude")
        )
        shutil.rmtree(real / "labels", ignore_errors=True)
    assert check_folders([real], like=own).like is not None


@pytest.mark.only_on(
    "linux", "darwin", reason="Windows reserves the disk of a file without content"
)
def test_a_coco_file_beyond_the_limit_is_not_read_into_memory(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    path.touch()
    os.truncate(path, MAX_COCO_BYTES + 1)
    assert read_coco(path) == "cannot be read (larger than 8 GiB)"


def coco_with(content: bytes) -> Callable[[Path], object]:
    return lambda path: path.write_bytes(content)


def relink(path: Path) -> None:
    path.unlink()
    path.symlink_to("annex.json")


def to_fifo(path: Path) -> None:
    path.unlink()
    os.mkfifo(path)


UNREADABLE = {
    "empty": (coco_with(b""), "is empty"),
    "LFS": (
        coco_with(b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 9\n"),
        "is a pointer of Git-LFS",
    ),
    "cut off": (
        lambda path: path.write_bytes(path.read_bytes()[:-200]),
        "is not a COCO file: Input data was truncated",
    ),
    "UTF-16": (
        coco_with(WHOLE.decode().encode("utf-16")),
        "is not a COCO file: it holds bytes of 0; if it is in UTF-16",
    ),
    "dangling link": (relink, "is a link to a file that is missing (annex.json)"),
    "FIFO": (to_fifo, "cannot be read (a FIFO, where a file is needed)"),
}


@pytest.mark.only_on("linux", "darwin", reason="no FIFOs, and links need a right")
def test_a_coco_file_that_cannot_be_read_is_a_fault_and_not_an_absence(tmp_path: Path) -> None:
    write_dataset(tmp_path / "sound", [1, 2])
    for name, (spoil, reason) in UNREADABLE.items():
        folder = Path(shutil.copytree(tmp_path / "sound", tmp_path / name))
        spoil(folder / "coco_all.json")
        ((kind, path, text),) = found(folder)
        assert (kind, path) == ("damaged", "coco_all.json") and text.startswith(reason), (
            name,
            text,
        )


def test_large_coco_files_and_those_with_a_byte_order_mark_are_read(tmp_path: Path) -> None:
    """In that of train2017 no word of `annotations` is near the start or the end."""
    path = write_dataset(tmp_path, [1, 2]) / "coco_all.json"
    coco = json.loads(path.read_bytes())
    coco["info"] = coco["licenses"] = "x" * 70_000
    order = ("images", "info", "annotations", "licenses", "categories")
    path.write_bytes(codecs.BOM_UTF8 + json.dumps({key: coco[key] for key in order}).encode())
    report = check_folders([tmp_path])
    assert report.problems == () and report.folders[0].formats == {"YOLO": 2, "COCO": 2}


def test_duplicate_ids_in_a_coco_file_are_reported(tmp_path: Path) -> None:
    path = write_dataset(tmp_path, [1]) / "coco_all.json"
    coco = json.loads(path.read_bytes())
    coco["annotations"][1]["id"] = coco["annotations"][0]["id"]
    coco["categories"] *= 2
    path.write_text(json.dumps(coco), encoding="utf-8")
    assert [text for _, _, text in found(tmp_path)] == [
        "category id 1 stands 2 times",
        "annotation id 1 stands 2 times",
    ]


@pytest.mark.parametrize(
    ("picture", "label", "text", "form", "others"),
    [
        ("JPEGImages/1.png", "Annotations/1.xml", VOC, "Pascal VOC", ["SegmentationClass/1.png"]),
        (
            "training/image_2/1.png",
            "training/label_2/1.txt",
            KITTI,
            "KITTI",
            ["training/image_3/1.png"],
        ),
    ],
)
def test_the_original_layouts_of_voc_and_kitti_are_read(
    picture: str, label: str, text: str, form: str, others: list[str], tmp_path: Path
) -> None:
    for seed, name in enumerate([picture, *others]):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(pixels_of(seed, [])).save(tmp_path / name)
    (tmp_path / label).parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / label).write_text(text, encoding="ascii")
    report = check_folders([tmp_path])
    (folder,) = report.folders
    assert report.problems == () and (folder.pictures, folder.formats) == (1, {form: 1})
    assert folder.figures.values["box width"].tolist() == [20.0]


def test_a_folder_in_no_known_layout_is_reported(tmp_path: Path) -> None:
    folder = write_dataset(tmp_path, [1])
    (folder / "coco_all.json").unlink()
    (folder / "labels").rename(folder / "boxes")
    ((kind, path, text),) = found(folder)
    assert (kind, path) == ("missing", "boxes/000001.txt")
    assert text.startswith("is no label of a known layout; known are YOLO (images/, labels/), COCO")


def test_a_turned_photograph_is_read_as_opencv_reads_it(tmp_path: Path) -> None:
    write_dataset(tmp_path, [1])
    (tmp_path / "coco_all.json").unlink()
    exif = Image.Exif()
    exif[0x0112] = 6  # turned by a quarter
    photograph = Image.fromarray(pixels_of(1, []))
    (tmp_path / "images/000001.png").unlink()
    photograph.save(tmp_path / "images/000001.jpg", exif=exif, quality=95)
    assert cv2.imread(str(tmp_path / "images/000001.jpg")).shape == (WIDTH_PX, HEIGHT_PX, 3)
    assert check_folders([tmp_path]).folders[0].figures.sizes_px == {f"{HEIGHT_PX}x{WIDTH_PX}": 1}


def test_keypoints_outside_the_picture_are_told_unless_they_are_not_labelled(
    tmp_path: Path,
) -> None:
    folder = write_dataset(tmp_path, [1])
    (folder / "coco_all.json").unlink()
    (folder / "dataset.yaml").write_text("names: [man]\nkpt_shape: [2, 3]\n", encoding="utf-8")
    lines = ["0 0.5 0.5 0.1 0.1 0.5 0.5 2 1.5 0.5 2", "0 0.3 0.3 0.1 0.1 0.3 0.3 1 -1 -1 0"]
    (folder / "labels/000001.txt").write_text("\n".join(lines), encoding="utf-8")
    assert found(folder) == [
        ("label", "labels/000001.txt", "line 1: the keypoint 1.5 0.5 is outside the picture (0..1)")
    ]


def test_sizes_areas_and_keypoints_of_a_coco_file_that_cannot_be_are_told(tmp_path: Path) -> None:
    folder = write_dataset(tmp_path, [1, 2])
    path = folder / "coco_all.json"
    coco = json.loads(path.read_text("utf-8"))
    coco["images"][1]["width"] = 0
    for annotation, more in zip(coco["annotations"], ({"area": 64}, {"area": 0}, {"area": -5},
        {"area": 900},
                                                      {"keypoints": [5, 5, 2, WIDTH_PX + 1, 5, 1,
                                                          -9, -9, 0]}),
                                strict=False):  # fmt: skip
        annotation |= more
    path.write_text(json.dumps(coco), encoding="utf-8")
    size = f"{WIDTH_PX}x{HEIGHT_PX}"
    area = "px is none of a thing in its box of 8x8 px"
    assert [text for _, _, text in found(folder)] == [
        f"images/000002.png is {size}, not 0x{HEIGHT_PX}",
        f"annotation 2: its area of 0 {area}",
        f"annotation 3: its area of -5 {area}",
        f"annotation 4: its area of 900 {area}",
        f"annotation 5: keypoint 2 ({WIDTH_PX + 1}, 5) is outside the picture of {size}",
    ]


def test_a_coco_file_of_windows_names_pictures_of_the_same_name_in_two_folders(
    tmp_path: Path,
) -> None:
    write_dataset(tmp_path / "val", [1], subset="val")
    folder = write_dataset(tmp_path / "all", [1], subset="train", brightness=0.9)
    shutil.copytree(tmp_path / "val", folder, dirs_exist_ok=True)
    for part in ("train", "val"):
        path = folder / f"coco_{part}.json"
        path.write_text(
            path.read_text("utf-8").replace(f"images/{part}/", f"{part}\\\\"), encoding="utf-8"
        )
    assert "missing" not in [kind for kind, _, _ in found(folder)]
