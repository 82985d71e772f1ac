"""YOLO's four formats, checked with the rules of Ultralytics' `verify_image_label`."""

from pathlib import Path

import cv2
import numpy as np
import pytest
import yaml
from hypothesis import strategies as st

from engine.dataset.labels.options import YOLO_FORMATS, LabelOptions
from engine.dataset.labels.reading import read_labels
from engine.dataset.labels.record import DatasetContents
from engine.dataset.labels.writers import writers_of
from engine.errors import SourceError
from tests.dataset.labels.records import boxes_as_numbers, disc, source_of, source_of_piles, thing

SIZE = 100
OPTIONS = LabelOptions(classes=("machine", "pile"), write=YOLO_FORMATS)
sides, fractions = st.integers(64, 16384), st.floats(0, 1)


def verified(text: str, name: str, classes: int) -> np.ndarray:
    """Rows as Ultralytics reads them: class, box (centre and size), and the head's columns.
    AssertionError where it would reject or repair the file, without its tolerance of 0.01."""
    rows = [line.split() for line in text.strip().splitlines()]
    if not rows:
        return np.zeros((0, 8 if name == "yolo-pose" else 5))
    if any(len(row) > 6 for row in rows) and name != "yolo-pose":
        points = [np.array(row[1:], np.float32).reshape(-1, 2) for row in rows]
        assert all(len(each) >= 3 for each in points), "a polygon of fewer than three corners"
        assert all(each.min() >= 0 and each.max() <= 1 for each in points), (
            "out of bounds coordinates"
        )
        low, high = (np.array([pick(each, axis=0) for each in points]) for pick in (np.min, np.max))
        boxes = np.concatenate([(low + high) / 2, high - low], axis=1)
        labels = np.concatenate([np.array([row[:1] for row in rows], np.float32), boxes], axis=1)
    else:
        labels = np.array(rows, np.float32)
    assert labels.shape[1] == (5 + 3 if name == "yolo-pose" else 5), f"{labels.shape[1]} columns"
    points = labels[:, 5:7] if name == "yolo-pose" else labels[:, 1:]
    assert points.max() <= 1, "non-normalized or out of bounds coordinates"
    assert labels.min() >= 0, "negative class labels or coordinates"
    assert labels[:, 0].max() < classes, "label class exceeds the data set's"
    assert len(np.unique(labels, axis=0)) == len(labels), "duplicate labels"
    return labels


def ring() -> np.ndarray:
    """A disc that a bar divides into two parts, with a hole in the larger one."""
    mask = disc(20)
    mask[:, 12:15] = False
    mask[8:11, 4:7] = False
    return mask


THINGS = (
    thing(disc(12), 0, 30, class_id=1, is_cut=True),
    thing(ring(), 70, 70, class_id=1, number=2, head_px=(77.5, 80.25), is_head_visible=False,
        is_hidden=True),
    thing(np.ones((1, 1), bool), 99, 99, class_id=1, number=3, is_crowd=True, visible_share=0.1),
    thing(np.eye(9, dtype=bool), 91, 0, class_id=0, number=4, category="machine", head_px=None,
          is_head_visible=False),
    thing(disc(8), 40, 40, class_id=-1, number=5, category="bag", head_px=None,
        is_head_visible=False),
)  # fmt: skip


def text_of(name: str) -> str:
    (writer,) = writers_of([name])
    source = source_of(*THINGS, options=OPTIONS)
    files = writer.files(source)
    assert tuple(files) == writer.paths(source.task)
    return next(iter(files.values())).decode("ascii")


@pytest.mark.parametrize("name", YOLO_FORMATS)
def test_ultralytics_takes_every_line_and_finds_the_same_boxes(name: str) -> None:
    labels = verified(text_of(name), name, classes=2)
    assert labels[:, 0].tolist() == [1, 1, 0]  # neither the sliver nor the bag
    expected = [[6, 36, 12, 12], [80, 80, 20, 20], [95.5, 4.5, 9, 9]]
    if name != "yolo-obb":
        assert np.allclose(
            labels[:, 1:5] * SIZE, expected, atol=1.0 if name == "yolo-seg" else 1e-3
        )
    else:  # rotated: at least as close as the upright box
        areas = [
            cv2.contourArea(np.array(line.split()[1:], np.float32).reshape(4, 2) * SIZE)
            for line in lines(name)
        ]
        assert all(area <= w * h + 0.1 for area, (_, _, w, h) in zip(areas, expected, strict=True))
        assert areas[2] == 81  # the diagonal's box would leave the picture


def lines(name: str) -> list[str]:
    return text_of(name).splitlines()


def test_a_head_is_written_with_its_visibility() -> None:
    assert [line.split()[5:] for line in lines("yolo-pose")] == [
        ["0.060000", "0.360000", "2"], ["0.775000", "0.802500", "1"], ["0.000000", "0.000000", "0"],
    ]  # fmt: skip


def test_a_polygon_of_two_parts_covers_both_and_their_hole_and_a_bridge_between_them() -> None:
    corners = np.array(lines("yolo-seg")[1].split()[1:], np.float64).reshape(-1, 2) * SIZE
    covered = np.zeros((SIZE, SIZE), np.uint8)
    cv2.fillPoly(covered, [corners.astype(np.int32)], 1)
    expected = np.zeros((SIZE, SIZE), bool)
    expected[70:90, 70:90] = ring()
    expected[78:81, 74:77] = True
    bridge = (covered == 1) & ~expected
    assert (
        not (expected & (covered == 0)).any()
        and bridge.sum() < 20
        and not bridge[1:][bridge[:-1]].any()
    )


@pytest.mark.parametrize("name", YOLO_FORMATS)
def test_boxes_are_read_back_from_each_format(name: str, tmp_path: Path) -> None:
    path = tmp_path / "000000.txt"
    path.write_text(text_of(name), encoding="ascii")
    boxes, classes = read_labels(path, SIZE, SIZE, 2)
    assert classes.tolist() == [1, 1, 0]
    if name != "yolo-obb":
        half_px = 0.5 if name == "yolo-seg" else 0.0  # a polygon's points are middles of pixels
        assert np.allclose(
            boxes, [[0, 30, 12, 42], [70, 70, 90, 90], [91, 0, 100, 9]], atol=half_px + 0.001
        )
    with pytest.raises(SourceError, match=r"000000\.txt: line 1: class 1 is not among"):
        read_labels(path, SIZE, SIZE, 1)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("0 .5 .5 .1", "line 2: 4 columns"),
        ("0 .5 .5 .1 .1 .9", "line 2: 6 columns"),
        ("0 .5 .5 .1 wide", "line 2: .* not numbers"),
        ("0 .5 .5 .1 nan", "line 2: .* not numbers"),
        ("-1 .5 .5 .1 .1", "line 2: class -1"),
        ("0 .98 .5 .1 .1", "line 2: the box is not inside"),
        ("0 .5 .02 .1 .1", "line 2: the box is not inside"),
        ("0 .5 .5 0 .1", "has no size"),
        ("0 .5 .5 -.1 .1", "has no size"),
        ("0 .1 .1 .2 .1 .2 1.5", "not inside"),
        ("0 .1 .1 .2 .1 .3 .1", "has no size"),
    ],
)
def test_a_damaged_label_file_is_reported(line: str, message: str, tmp_path: Path) -> None:
    path = tmp_path / "000000.txt"
    path.write_text(f"0 .5 .5 .1 .1\n{line}\n0 .4 .5 .1 .1\n", encoding="ascii")
    with pytest.raises(SourceError, match=rf"000000\.txt: .*{message}"):
        read_labels(path, SIZE, SIZE, 1)


def text_of_piles(numbers: np.ndarray) -> str:
    (writer,) = writers_of(["yolo"])
    return writer.files(source_of_piles(numbers))["labels/000000.txt"].decode("ascii")


def test_recipe_1_labels_each_visible_pile() -> None:
    numbers = boxes_as_numbers([(0, 0, 50, 50), (60, 20, 61, 21)], 100, 50)
    assert text_of_piles(numbers) == (
        "0 0.250000 0.500000 0.500000 1.000000\n0 0.605000 0.410000 0.010000 0.020000\n"
    )
    assert text_of_piles(np.zeros((50, 100), np.uint16)) == ""
    boxes = [divmod(number, 32) for number in range(768)]
    piles = [
        (3 + 16 * column, 4 + 16 * row, 7 + 16 * column, 9 + 16 * row) for row, column in boxes
    ]
    borders = [(0, 0, 528, 1), (527, 395, 528, 396)]  # three borders at once
    assert (
        len(verified(text_of_piles(boxes_as_numbers([*piles, *borders], 528, 396)), "yolo", 1))
        == 770
    )


def test_a_picture_without_things_has_an_empty_file() -> None:
    (writer,) = writers_of(["yolo"])
    assert writer.files(source_of()) == {"labels/000000.txt": b""}


def finished(
    folder: Path, options: LabelOptions, *subsets: str, recipe: int = 2
) -> dict[str, dict]:
    contents = DatasetContents(
        folder=folder, recipe=recipe, options=options, subsets=subsets, pictures=()
    )
    names = [path for writer in writers_of(options.formats) for path in writer.finish(contents)]
    return {name: yaml.safe_load((folder / name).read_text(encoding="utf-8")) for name in names}


def test_dataset_yaml_names_the_classes_and_the_parts_of_the_split(tmp_path: Path) -> None:
    text = finished(
        tmp_path,
        LabelOptions(classes=("bag", "pile"), write=("yolo-pose", "yolo")),
        "train",
        "val",
        "test",
    )
    assert text["dataset.yaml"] == {
        "train": "images/train",
        "val": "images/val",
        "test": "images/test",
        "names": {0: "bag", 1: "pile"},
        "kpt_shape": [1, 3],
        "flip_idx": [0],
    }
    assert text["dataset-detect.yaml"].keys() == {"train", "val", "test", "names"}
    assert all(
        (tmp_path / text["dataset.yaml"][subset]).is_dir() for subset in ("train", "val", "test")
    )


def test_val_never_equals_train_once_there_is_a_split(tmp_path: Path) -> None:
    assert finished(tmp_path, LabelOptions(), "train", "test")["dataset.yaml"] == {
        "train": "images/train", "val": None, "test": "images/test", "names": {0: "pile"},
    }  # fmt: skip
    assert finished(tmp_path, LabelOptions())["dataset.yaml"]["val"] == "images"
    assert finished(tmp_path, LabelOptions(), recipe=1)["dataset.yaml"] == {
        "train": "images",
        "val": "images",
        "names": {0: "pile"},
    }
    assert "real pictures" in (tmp_path / "dataset.yaml").read_text(encoding="utf-8")
