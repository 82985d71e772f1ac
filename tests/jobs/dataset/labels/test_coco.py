"""The COCO file, checked with pycocotools."""

import builtins
import io
import json
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from engine.errors import SourceError, UsageError
from engine.jobs.dataset.labels import coco_part, find_instances, read_part, require_pycocotools, write_coco

mask = pytest.importorskip("pycocotools.mask")
COCO = pytest.importorskip("pycocotools.coco").COCO


def site(seed: int, height: int = 90, width: int = 120, piles: int = 12) -> np.ndarray:
    """Overlapping rings and rectangles, some clipped by the border: (height, width) uint16."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:height, :width]
    pixels = np.zeros((height, width), np.uint16)
    for number in rng.permutation(np.arange(1, piles + 1)).tolist():
        radius_px = np.hypot(x - rng.integers(width), y - rng.integers(height))
        pixels[(radius_px < 9) & (radius_px > (4 if number % 2 else -1))] = number
    return pixels


def written(parts: Iterable[dict[str, Any]]) -> str:
    file = io.StringIO()
    write_coco(parts, file)
    return file.getvalue()


def assert_codes_are_the_masks(pixels: np.ndarray) -> None:
    part = coco_part(pixels, 0, "000000.png")
    numbers = find_instances(pixels).numbers.tolist()
    assert len(part["annotations"]) == len(numbers)
    for number, annotation in zip(numbers, part["annotations"], strict=True):
        seen = (pixels == number).astype(np.uint8)
        code = annotation["segmentation"]
        assert np.array_equal(mask.decode(code), seen)
        assert code["counts"].encode() == mask.encode(np.asfortranarray(seen))["counts"]
        assert annotation["area"] == mask.area(code) == seen.sum()
        assert annotation["bbox"] == mask.toBbox(code).tolist()


@pytest.mark.parametrize("seed", range(3))
def test_an_encoding_decodes_to_the_mask_with_its_holes_and_disjoint_parts(seed: int) -> None:
    assert_codes_are_the_masks(site(seed))


@given(pixels=hnp.arrays(np.uint16, st.tuples(st.integers(1, 7), st.integers(1, 7)), elements=st.integers(0, 2)))
@settings(max_examples=150)
def test_the_encoding_equals_that_of_pycocotools(pixels: np.ndarray) -> None:
    assert_codes_are_the_masks(pixels)


@pytest.mark.parametrize("pixels", [np.ones((4, 3), np.uint16), np.array([[1, 0], [1, 1], [1, 1]], np.uint16)])
def test_a_pile_as_high_as_the_picture_runs_on_from_column_to_column(pixels: np.ndarray) -> None:
    assert_codes_are_the_masks(pixels)


def test_pycocotools_loads_the_file_and_finds_every_pile(tmp_path: Path) -> None:
    pictures = {0: site(1), 3: np.zeros((90, 120), np.uint16), 7: site(2)}
    path = tmp_path / "coco_annotations.json"
    path.write_text(written(coco_part(pixels, index, f"{index:06d}.png") for index, pixels in pictures.items()))
    coco = COCO(str(path))
    assert coco.getImgIds() == [0, 3, 7]
    assert coco.loadImgs([7])[0] == {"id": 7, "width": 120, "height": 90, "file_name": "000007.png"}
    assert [category["name"] for category in coco.loadCats(coco.getCatIds())] == ["pile"]
    for index, pixels in pictures.items():
        annotations = coco.loadAnns(coco.getAnnIds(imgIds=[index], catIds=[1]))
        numbers = find_instances(pixels).numbers.tolist()
        for number, annotation in zip(numbers, annotations, strict=True):
            assert np.array_equal(coco.annToMask(annotation), pixels == number)
    assert sorted(coco.anns) == list(range(1, len(coco.anns) + 1))


def test_parts_read_from_the_disk_make_the_same_file(tmp_path: Path) -> None:
    parts = [coco_part(site(index), index, f"{index:06d}.png") for index in (0, 2, 1_000_000)]
    parts.insert(1, coco_part(np.zeros((90, 120), np.uint16), 1, "000001.png"))
    paths = [tmp_path / f"{part['image']['id']:06d}.json" for part in parts]
    for path, part in zip(paths, parts, strict=True):
        path.write_text(json.dumps(part))
    assert written(map(read_part, paths)) == written(parts)


Edit = Callable[[dict[str, Any]], object]
EDITS: dict[str, Edit] = {
    "no image": lambda part: part.pop("image"),
    "an image that is a list": lambda part: part.update(image=[5]),
    "an image without height": lambda part: part["image"].pop("height"),
    "an image of no width": lambda part: part["image"].update(width=0),
    "another picture's": lambda part: part["image"].update(id=6),
    "an index of the wrong type": lambda part: part["image"].update(id="5"),
    "another file's name": lambda part: part["image"].update(file_name="000006.png"),
    "annotations that are a number": lambda part: part.update(annotations=3),
    "annotations that are an object": lambda part: part.update(annotations={"0": 1}),
    "an annotation that is null": lambda part: part["annotations"].append(None),
    "an annotation of another picture": lambda part: part["annotations"][0].update(image_id=6),
    "an annotation with an id": lambda part: part["annotations"][0].update(id=1),
    "an area that is a truth": lambda part: part["annotations"][0].update(area=True),
    "an area that is a fraction": lambda part: part["annotations"][0].update(area=0.5),
    "a box of three": lambda part: part["annotations"][0]["bbox"].pop(),
    "a box of words": lambda part: part["annotations"][0].update(bbox=["a", "b", "c", "d"]),
    "a code of another size": lambda part: part["annotations"][0]["segmentation"].update(size=[9, 9]),
    "a code of a size in fractions": lambda part: part["annotations"][0]["segmentation"].update(size=[90.0, 120.0]),
    "a code that is a list": lambda part: part["annotations"][0]["segmentation"].update(counts=[1, 2]),
    "a polygon": lambda part: part["annotations"][0].update(segmentation=[[0, 0, 1, 1]]),
    "another class": lambda part: part["annotations"][0].update(category_id=2),
}


@pytest.mark.parametrize("edit", EDITS.values(), ids=EDITS)
def test_an_edited_part_is_refused_with_its_file(tmp_path: Path, edit: Edit) -> None:
    part = coco_part(site(0), 5, "000005.png")
    edit(part)
    assert_refused(tmp_path / "000005.json", json.dumps(part).encode(), "not the COCO part of picture 000005")


def test_a_truncated_part_is_refused_with_its_file(tmp_path: Path) -> None:
    whole = json.dumps(coco_part(site(0), 5, "000005.png")).encode()
    for content in (b"", whole[:-1], whole[: len(whole) // 2], whole + b"}", b"\xff\xfe", b"[" * 100_000, b"[]", b"7"):
        assert_refused(tmp_path / "000005.json", content, "not the COCO part of picture 000005")
    with pytest.raises(SourceError, match=r"000007\.json: cannot be read: No such file"):
        read_part(tmp_path / "000007.json")


def assert_refused(path: Path, content: bytes, reason: str) -> None:
    path.write_bytes(content)
    with pytest.raises(SourceError) as caught:
        read_part(path)
    assert str(caught.value).startswith(f"{path}: {reason}") and "\n" not in str(caught.value)


def test_a_file_that_is_streamed_takes_its_parts_in_order() -> None:
    part = coco_part(site(0), 4, "000004.png")
    with pytest.raises(ValueError, match="picture 4 after picture 4"):
        write_coco([part, part], io.StringIO())


def test_no_picture_at_all_is_still_a_file() -> None:
    assert json.loads(written([]))["images"] == json.loads(written([]))["annotations"] == []


def test_without_pycocotools_the_error_says_how_to_install_it(monkeypatch: pytest.MonkeyPatch) -> None:
    really_import = builtins.__import__

    def refuse(name: str, *rest, **kwargs):
        if name.startswith("pycocotools"):
            raise ImportError(name)
        return really_import(name, *rest, **kwargs)

    monkeypatch.setattr(builtins, "__import__", refuse)
    with pytest.raises(UsageError, match=r'pip install "multiverse-engine\[dataset\]"'):
        require_pycocotools()
