"""Segmentations of COCO files: pycocotools' encodings have their known boxes, and damaged ones are
reported."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from engine.dataset.checking.check import check_folders
from engine.dataset.labels.reading import MaskExtent, read_extent
from tests.dataset.checking.folders import HEIGHT_PX, WIDTH_PX, write_dataset

RUNS = [2, 1, 3, 2, 4]  # of 3 columns of 4 px: (0, 2), and (1, 2) to (1, 3)


def extent_of(value: Any) -> MaskExtent | str | None:
    return read_extent(json.dumps(value).encode("ascii"))


@pytest.mark.parametrize("seed", range(8))
def test_encodings_of_pycocotools_have_their_boxes(seed: int) -> None:
    coco = pytest.importorskip("pycocotools.mask")
    random = np.random.default_rng(seed)
    height, width = random.integers(1, 4000 if seed == 0 else 60, 2).tolist()
    mask = np.zeros((height, width), np.uint8)
    x0, y0 = int(random.integers(width)), int(random.integers(height))
    x1, y1 = int(random.integers(x0, width)) + 1, int(random.integers(y0, height)) + 1
    mask[y0:y1, x0:x1] = random.random((y1 - y0, x1 - x0)) < 0.5
    mask[[y0, y1 - 1], [x0, x1 - 1]] = 1
    code = coco.encode(np.asfortranarray(mask))
    x, y, wide, high = coco.toBbox(code).tolist()
    extent = extent_of({"size": code["size"], "counts": code["counts"].decode("ascii")})
    assert extent == MaskExtent(size_px=(width, height), box=(x, y, x + wide, y + high))


def test_lists_of_runs_and_polygons_have_their_boxes() -> None:
    assert extent_of({"size": [4, 3], "counts": RUNS}) == MaskExtent(
        size_px=(3, 4), box=(0, 2, 2, 4)
    )
    assert extent_of([[1, 2, 5, 2.5, 3, 8], [0, 4, 1, 4, 1, 5]]) == MaskExtent(
        size_px=None, box=(0, 2, 5, 8)
    )
    assert extent_of([]) is None and extent_of(None) is None and read_extent(b"") is None


@pytest.mark.parametrize(
    ("value", "fault"),
    [
        ({"size": [4, 3], "counts": [2, 1]}, "encodes 3 px, not 3x4"),
        ({"size": [4, 3], "counts": [2, -1, 11]}, "cannot be decoded"),
        ({"size": [4, 3], "counts": [2**70]}, "cannot be decoded"),
        ({"size": [4, 3], "counts": [12]}, "is empty"),
        ({"size": [4, 3], "counts": ""}, "cannot be decoded"),
        ({"size": [4, 3], "counts": "P"}, "cannot be decoded"),  # the end is missing
        ({"size": [4, 3], "counts": "a b"}, "cannot be decoded"),
        ({"size": [4, 3], "counts": "o" * 40 + "0"}, "cannot be decoded"),
        ({"size": [4, 3]}, "is neither a run-length encoding nor polygons"),
        ([[1, 2, 3, 4]], "has a polygon without three points"),
        ("text", "is neither a run-length encoding nor polygons"),
    ],
)
def test_damaged_segmentations_are_reported(value: Any, fault: str) -> None:
    assert extent_of(value) == fault


def test_check_compares_segmentations_with_boxes_and_pictures(tmp_path: Path) -> None:
    path = write_dataset(tmp_path, [1]) / "coco_all.json"
    coco = json.loads(path.read_bytes())
    _, moved, foreign, cut, _ = coco["annotations"]

    def runs(x: int, y: int, width: int, height: int, tall: int = HEIGHT_PX) -> dict[str, Any]:
        counts = [x * tall + y, height] + [tall - height, height] * (width - 1)
        return {"size": [tall, WIDTH_PX], "counts": [*counts, tall * WIDTH_PX - sum(counts)]}

    def problems() -> list[tuple[str, str]]:
        path.write_text(json.dumps(coco), encoding="ascii")
        return [(each.kind, each.text) for each in check_folders([tmp_path]).problems]

    for each in coco["annotations"]:
        each["segmentation"] = runs(*each["bbox"])
    assert problems() == []
    x, y, width, height = moved["bbox"]
    moved["segmentation"] = runs(x, y + 3, width, height)
    foreign["segmentation"] = runs(*foreign["bbox"], tall=HEIGHT_PX * 2)
    cut["segmentation"]["counts"][-1] -= 1
    assert problems() == [
        ("disagree", "annotation 2: its box differs by 3.0 px from its segmentation's"),
        ("label", "annotation 3: its segmentation is of a picture of 160x240, not 160x120"),
        ("label", "annotation 4: its segmentation encodes 19199 px, not 160x120"),
    ]
