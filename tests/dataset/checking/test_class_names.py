"""The lists and names of classes that a dataset has are checked."""

import json
from pathlib import Path

import pytest

from engine.dataset.checking.finding import find_folder
from tests.dataset.checking.folders import (
    found,
    write_dataset,
)

WHOLE = json.dumps({"images": [], "annotations": [], "categories": []}, indent=1).encode()
VOC = """<annotation><object><name>pile</name>
<bndbox><xmin>11</xmin><ymin>21</ymin><xmax>30</xmax><ymax>40</ymax></bndbox>
</object></annotation>"""
KITTI = "Car 0.00 0 0.0 10.0 20.0 30.0 40.0 1.5 1.6 3.9 0.0 1.6 9.0 0.0\n"


def test_lists_and_names_of_classes_are_checked(tmp_path: Path) -> None:
    folder = write_dataset(tmp_path, [1, 2])
    (folder / "coco_all.json").unlink()
    (folder / "dataset.yaml").write_text("\ufeffnames:\n  0: pile\n  2: crane\n", encoding="utf-8")
    lines = [
        "./images/000001.png",
        "data/images/000002.png",
        "images/gone.png",
        "./images/000001.png",
    ]
    (folder / "train.txt").write_text("\n".join(lines), encoding="utf-8")
    label = folder / "labels/000001.txt"
    first, *rest = label.read_text("ascii").splitlines(keepends=True)
    label.write_text("\ufeff" + "".join([first, *rest, first]), encoding="utf-8")
    assert found(folder) == [
        ("label", "labels/000001.txt", "line 6 is the same as line 1; trainers leave it out"),
        (
            "label",
            "dataset.yaml",
            "class 1 has no name, but 2 has: trainers number classes without gaps",
        ),
        ("missing", "train.txt", "names pictures that are not in the folder: images/gone.png"),
        ("duplicate", "train.txt", "names twice: ./images/000001.png"),
    ]


def test_lists_may_be_long_and_name_pictures_as_voc_and_classifiers_do(tmp_path: Path) -> None:
    """An id without suffix, or a path and what is in the picture."""
    folder = write_dataset(tmp_path, [1, 2])
    (folder / "images/000002.png").rename(folder / "images/my tree.png")
    (folder / "labels/000002.txt").rename(folder / "labels/my tree.txt")
    (folder / "coco_all.json").unlink()
    lines = [
        "000001",
        "000001 -1",
        "images/000001.png 3",
        "images/000001.png masks/000001.png",
        "my tree",
    ]
    longest = f"{'../' * 3_000_000}images/my tree.png 0"
    (folder / "train.txt").write_text(
        "\n".join([*lines, longest, "000003 1", "images/000009.png 4"]), encoding="utf-8"
    )
    text = "names pictures that are not in the folder: 000003 1 and 1 more"
    assert found(folder) == [("missing", "train.txt", text)]


def test_numbers_of_classes_that_no_dataset_has_take_no_memory_and_are_reported(
    tmp_path: Path,
) -> None:
    folder = write_dataset(tmp_path, [1])
    (folder / "coco_all.json").unlink()
    lines = [
        "names:",
        "  0: pile",
        "  99999999999999999: crane",
        f"  {'9' * 500}: a",
        "  ²: b",
        "kpt_shape: [²]",
    ]
    (folder / "dataset.yaml").write_text("\n".join(lines), encoding="utf-8")
    text = "class 1 has no name, but 99999999999999999 has: trainers number classes without gaps"
    assert found(folder) == [("label", "dataset.yaml", text)]


@pytest.mark.parametrize(
    "names",
    ["names: {0: pile, 1: 'a, b'}", "{nc: 2, names: {0: pile, 1: 'a, b'}}",
        "names:\n- pile\n- 'a, b'",
     "names: [pile, 'a, b']", "names:\n  - pile\n  - >-\n    a,\n    b"],
)  # fmt: skip
def test_names_of_classes_are_read_in_every_form_of_yaml(tmp_path: Path, names: str) -> None:
    folder = write_dataset(tmp_path, [1])
    (folder / "dataset.yaml").write_text(f"{names}\n", encoding="utf-8")
    assert find_folder(folder).class_names == {0: "pile", 1: "a, b"} and found(folder) == []


def test_a_file_of_names_that_is_no_yaml_is_told(tmp_path: Path) -> None:
    folder = write_dataset(tmp_path, [1])
    (folder / "coco_all.json").unlink()
    (folder / "dataset.yaml").write_text("names: [pile\nval: [", encoding="utf-8")
    ((kind, path, text),) = found(folder)
    assert (
        (kind, path) == ("damaged", "dataset.yaml")
        and text.startswith("is not YAML: ")
        and "\n" not in text
    )
