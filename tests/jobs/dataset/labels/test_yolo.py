"""Label files, read with Ultralytics' rules and with ours."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from engine.errors import SourceError
from engine.jobs.dataset.labels import Instances, dataset_yaml, find_instances, label_text, read_boxes, yolo

CLASSES = 1


def found(*boxes: tuple[int, int, int, int]) -> Instances:
    array = np.array(boxes, np.int64).reshape(-1, 4)
    return Instances(numbers=np.arange(1, len(array) + 1), boxes=array, areas=np.ones(len(array), np.int64))


def check_label(text: str) -> int:
    """Boxes of a label file. AssertionError where Ultralytics' `verify_image_label` would reject or repair it, without
    its tolerance of 0.01."""
    rows = [line.split() for line in text.strip().splitlines() if line]
    assert all(len(row) == 5 for row in rows), "labels require 5 columns"
    if not rows:
        return 0
    label = np.array(rows, np.float32)
    assert label[:, 1:].max() <= 1, "non-normalized or out of bounds coordinates"
    assert label.min() >= 0, "negative class labels or coordinates"
    assert label[:, 0].max() < CLASSES, "label class exceeds the data set's"
    assert len(np.unique(label, axis=0)) == len(label), "duplicate labels"
    return len(rows)


def test_a_line_is_class_centre_and_size_in_parts_of_the_picture() -> None:
    assert label_text(found((0, 0, 100, 50), (10, 20, 11, 21)), 100, 50) == (
        "0 0.500000 0.500000 1.000000 1.000000\n0 0.105000 0.410000 0.010000 0.020000\n"
    )


def test_a_picture_without_piles_has_an_empty_label_file(tmp_path: Path) -> None:
    path = tmp_path / "000000.txt"
    path.write_text(label_text(found(), 100, 50))
    assert path.read_bytes() == b""
    assert read_boxes(path, 100, 50).shape == (0, 4)


def test_the_labels_of_a_full_picture_pass_ultralytics_checks() -> None:
    pixels = np.zeros((396, 528), np.uint16)
    for number in range(1, 769):
        row, column = divmod(number - 1, 32)
        pixels[row * 16 + 4 :, column * 16 + 3 :][:5, :4] = number
    pixels[0, :] = 800  # three borders at once
    pixels[-1, -1] = 801
    assert check_label(label_text(find_instances(pixels), 528, 396)) == 770


@pytest.mark.parametrize(
    "text", ["0 .5 .5 .1", "0 .5 .5 1.2 .1", "0 .5 -.1 .1 .1", "1 .5 .5 .1 .1", "0 .5 .5 .1 .1\n" * 2]
)
def test_the_checker_refuses_what_ultralytics_refuses(text: str) -> None:
    with pytest.raises(AssertionError):
        check_label(text)


sides = st.integers(64, 16384)
shares = st.floats(0, 1)


@given(width=sides, height=sides, corners=st.lists(st.tuples(shares, shares, shares, shares), min_size=1, max_size=5))
@settings(max_examples=60)
def test_boxes_are_read_back_to_the_pixel(tmp_path_factory, width: int, height: int, corners: list) -> None:
    boxes = []
    for left, top, right, bottom in corners:
        x0, y0 = int(left * (width - 1)), int(top * (height - 1))
        boxes.append((x0, y0, x0 + 1 + int(right * (width - x0 - 1)), y0 + 1 + int(bottom * (height - y0 - 1))))
    path = tmp_path_factory.getbasetemp() / "round_trip.txt"
    path.write_text(label_text(found(*boxes), width, height))
    read = read_boxes(path, width, height)
    assert np.abs(read - boxes).max() < 0.02
    assert np.rint(read).astype(int).tolist() == [list(box) for box in boxes]


millionths = st.integers(0, 1_999_999)


@given(lines=st.lists(st.tuples(millionths, millionths, millionths, millionths), max_size=4))
@settings(max_examples=200)
@example(lines=[(500_000, 500_000, 1_000_000, 1_000_000), (105_000, 410_000, 10_001, 20_003)])
@example(lines=[(500_000, 500_000, 1_000_003, 10)])
def test_fast_and_slow_parsing_are_bit_identical(lines: list[tuple[int, ...]]) -> None:
    text = "".join("0 " + " ".join(f"{value / 1e6:.6f}" for value in line) + "\n" for line in lines)
    try:
        by_lines = [list(yolo._box(line, "line")) for line in text.splitlines()]
    except SourceError:
        assert yolo._boxes(text.encode()) is None
    else:
        assert yolo._boxes(text.encode()).tolist() == by_lines


def test_our_files_are_parsed_fast_and_others_line_by_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[str] = []
    really_box = yolo._box
    monkeypatch.setattr(yolo, "_box", lambda line, where: (read.append(line), really_box(line, where))[1])
    path = tmp_path / "000000.txt"
    boxes = [(0, 0, 100, 50), (10, 20, 11, 21), (99, 49, 100, 50)]
    text = label_text(found(*boxes), 100, 50)
    path.write_text(text)
    assert np.rint(read_boxes(path, 100, 50)).astype(int).tolist() == [list(box) for box in boxes]
    assert read == []
    for others in (text.replace("\n", "\r\n"), text.rstrip("\n"), text.replace("0 0.", "0 ."), text.replace(" ", "  ")):
        path.write_bytes(others.encode())
        read.clear()
        assert np.rint(read_boxes(path, 100, 50)).astype(int).tolist() == [list(box) for box in boxes]
        assert len(read) == 3


@pytest.mark.parametrize("line", ["0 0.500000 0.500000 0.100000 0.1000:0", "1 0.500000 0.500000 0.100000 0.100000"])
def test_a_wrong_line_of_the_right_length_is_refused(tmp_path: Path, line: str) -> None:
    path = tmp_path / "000003.txt"
    path.write_text(f"0 0.500000 0.500000 0.100000 0.100000\n{line}\n")
    with pytest.raises(SourceError, match=r"000003\.txt:2: "):
        read_boxes(path, 100, 100)


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("0 0.5 0.5 0.1", "4 columns instead of 5"),
        ("0 0.5 0.5 0.1 0.1 0.9", "6 columns instead of 5"),
        ("", "0 columns instead of 5"),
        ("1 0.5 0.5 0.1 0.1", "class '1'; 0 (pile) is the only one"),
        ("0 0.5 0.5 0.1 wide", "'0.5 0.5 0.1 wide' are not four numbers"),
        ("0 0.5 0.5 0.1 nan", "not inside the picture"),
        ("0 0.5 0.5 0.1 inf", "not inside the picture"),
        ("0 0.98 0.5 0.1 0.1", "not inside the picture"),
        ("0 0.5 0.02 0.1 0.1", "not inside the picture"),
        ("0 0.5 0.5 0.0 0.1", "has no size"),
        ("0 0.5 0.5 -0.1 0.1", "has no size"),
    ],
)
def test_garbage_is_refused_with_its_file_and_line(tmp_path: Path, line: str, reason: str) -> None:
    path = tmp_path / "000003.txt"
    path.write_text(f"0 0.500000 0.500000 0.100000 0.100000\n{line}\n0 0.2 0.2 0.1 0.1\n")
    with pytest.raises(SourceError) as caught:
        read_boxes(path, 100, 100)
    assert str(caught.value).startswith(f"{path}:2: ") and reason in str(caught.value)


def test_a_missing_and_a_binary_label_file_are_reported_in_one_line(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match=r"none\.txt: cannot be read: No such file"):
        read_boxes(tmp_path / "none.txt", 100, 100)
    (tmp_path / "bytes.txt").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(SourceError, match=r"bytes\.txt: cannot be read: not a text"):
        read_boxes(tmp_path / "bytes.txt", 100, 100)


def test_dataset_yaml_names_only_its_own_folders() -> None:
    entries = [line for line in dataset_yaml().splitlines() if not line.startswith("#")]
    assert entries == ["train: images", "val: images", "names:", "  0: pile"]
    assert "real pictures" in dataset_yaml()
