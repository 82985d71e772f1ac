"""COCO's file, by pycocotools."""

import builtins
import io
import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from engine.dataset.labels import assemble, coco_part, find_instances, require_pycocotools, write_coco
from engine.errors import UsageError

mask = pytest.importorskip("pycocotools.mask")
COCO = pytest.importorskip("pycocotools.coco").COCO
# pycocotools' own way of turning a mask into an array, which NumPy will stop to allow.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")


def site(seed: int, height: int = 90, width: int = 120, piles: int = 12) -> np.ndarray:
    """Rings and rectangles over each other, some cut by the border: (height, width) uint16."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:height, :width]
    pixels = np.zeros((height, width), np.uint16)
    for number in rng.permutation(np.arange(1, piles + 1)).tolist():
        radius_px = np.hypot(x - rng.integers(width), y - rng.integers(height))
        pixels[(radius_px < 9) & (radius_px > (4 if number % 2 else -1))] = number
    return pixels


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
def test_a_code_decodes_to_the_mask_with_its_holes_and_disjoint_parts(seed: int) -> None:
    assert_codes_are_the_masks(site(seed))


@given(pixels=hnp.arrays(np.uint16, st.tuples(st.integers(1, 7), st.integers(1, 7)), elements=st.integers(0, 2)))
@settings(max_examples=150, deadline=None)
def test_every_picture_is_coded_as_pycocotools_codes_it(pixels: np.ndarray) -> None:
    assert_codes_are_the_masks(pixels)


@pytest.mark.parametrize("pixels", [np.ones((4, 3), np.uint16), np.array([[1, 0], [1, 1], [1, 1]], np.uint16)])
def test_a_pile_as_high_as_the_picture_runs_on_from_column_to_column(pixels: np.ndarray) -> None:
    assert_codes_are_the_masks(pixels)


def test_pycocotools_loads_the_file_and_finds_every_pile(tmp_path: Path) -> None:
    pictures = {0: site(1), 3: np.zeros((90, 120), np.uint16), 7: site(2)}
    path = tmp_path / "coco_annotations.json"
    path.write_text(assemble(coco_part(pixels, index, f"{index:06d}.png") for index, pixels in pictures.items()))
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


def test_the_file_is_the_same_whatever_the_order_of_the_parts() -> None:
    parts = [coco_part(site(index), index, f"{index:06d}.png") for index in range(4)]
    streamed = io.StringIO()
    write_coco(iter(parts), streamed)
    assert assemble(reversed(parts)) == assemble(parts) == streamed.getvalue()
    assert assemble(json.loads(json.dumps(parts))) == streamed.getvalue()


def test_a_file_that_is_streamed_takes_its_parts_in_order() -> None:
    part = coco_part(site(0), 4, "000004.png")
    with pytest.raises(ValueError, match="picture 4 after picture 4"):
        write_coco([part, part], io.StringIO())


def test_no_picture_at_all_is_still_a_file() -> None:
    assert json.loads(assemble([]))["images"] == json.loads(assemble([]))["annotations"] == []


def test_a_missing_pycocotools_is_told_with_what_brings_it(monkeypatch: pytest.MonkeyPatch) -> None:
    really_import = builtins.__import__

    def refuse(name: str, *rest, **kwargs):
        if name.startswith("pycocotools"):
            raise ImportError(name)
        return really_import(name, *rest, **kwargs)

    monkeypatch.setattr(builtins, "__import__", refuse)
    with pytest.raises(UsageError, match=r'pip install "multiverse-engine\[dataset\]"'):
        require_pycocotools()
