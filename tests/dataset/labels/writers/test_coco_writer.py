"""COCO JSON, read and evaluated with pycocotools."""

import io
import sys
from contextlib import redirect_stdout
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from engine.dataset.labels.options import LabelOptions
from engine.dataset.labels.record import DatasetContents, FinishedPicture, LabelledThing
from engine.dataset.labels.recording import find_instances
from engine.dataset.labels.writers import writers_of
from engine.dataset.labels.writers.coco import coco_part
from engine.errors import SourceError, UsageError
from tests.dataset.labels.records import disc, finished, source_of, source_of_piles, thing
from tests.support.long_form import IS_SOAK

mask = pytest.importorskip("pycocotools.mask")
COCO = pytest.importorskip("pycocotools.coco").COCO
COCOeval = pytest.importorskip("pycocotools.cocoeval").COCOeval
OPTIONS = LabelOptions(classes=("pile", "machine"), write=("coco",))
SUBSETS = ("train", "val")
FILES = tuple(f"coco_annotations_{subset}.json" for subset in SUBSETS)


def things() -> tuple[LabelledThing, ...]:
    """121 piles in rows, two of them hidden in part; a machine; a sliver of a pile at the edge; a
    bag."""
    row = [
        thing(disc(6), 10 + 14 * (k % 11), 10 + 14 * (k // 11), number=k + 1, is_head_visible=k > 1,
              is_hidden=k < 2, visible_share=0.6 if k < 2 else 1.0)
        for k in range(121)
    ]  # fmt: skip
    machine = thing(np.ones((20, 9), bool), 180, 60, number=200, category="machine", class_id=1,
                    head_px=None, is_head_visible=False)  # fmt: skip
    sliver = thing(np.ones((5, 1), bool), 199, 150, number=201, is_crowd=True, visible_share=0.1,
                   is_cut=True, whole_box=(199.0, 148.0, 206.0, 156.0), head_px=None,
                   is_head_visible=False)  # fmt: skip
    bag = thing(disc(8), 180, 10, number=202, category="bag", class_id=-1, head_px=None)
    return (*row, machine, sliver, bag)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished dataset: one picture in each part of the split."""
    path: Path = tmp_path_factory.mktemp("coco")
    (writer,) = writers_of(["coco"])
    pictures = []
    for index, subset in enumerate(SUBSETS):
        source = source_of(*things(), options=OPTIONS, index=index, subset=subset, size=200)
        assert writer.paths(source.task) == (f"annotations/{subset}/00000{index}.json",)
        pictures.append(finished(path, writer, source))
    assert (
        writer.finish(
            DatasetContents(folder=path, options=OPTIONS, subsets=SUBSETS, pictures=pictures)
        )
        == FILES
    )
    return path


def read(path: Path) -> Any:
    with redirect_stdout(io.StringIO()):
        return COCO(str(path))


def precision(truth: Any, found: list[dict[str, Any]], kind: str) -> np.ndarray:
    """(10, 101, 2) precision by overlap, recall and category, with up to 1000 detections per
    picture."""
    with redirect_stdout(io.StringIO()):
        evaluation = COCOeval(truth, truth.loadRes(found), kind)
        evaluation.params.maxDets = [1, 10, 1000] if kind != "keypoints" else [1000]
        evaluation.params.kpt_oks_sigmas = np.array([0.05])
        evaluation.evaluate()
        evaluation.accumulate()
    values: np.ndarray = evaluation.eval["precision"][..., 0, -1]
    return values


@pytest.mark.parametrize(
    ("kind", "field"), [("bbox", "bbox"), ("segm", "segmentation"), ("keypoints", "keypoints")]
)
def test_perfect_detections_have_a_precision_of_one(folder: Path, kind: str, field: str) -> None:
    truth = read(folder / FILES[1])
    found = [
        {
            "image_id": each["image_id"],
            "category_id": each["category_id"],
            "score": 0.9,
            field: each[field],
        }
        for each in truth.dataset["annotations"]
        if not each["iscrowd"] and (kind != "keypoints" or each["num_keypoints"])
    ]
    assert len(found) == (121 + (kind != "keypoints"))
    values = precision(truth, found, kind)
    assert np.allclose(values[..., 0], 1)
    assert np.allclose(values[..., 1], -1 if kind == "keypoints" else 1)  # machines have no head


def test_a_detection_of_a_sliver_is_neither_right_nor_wrong(folder: Path) -> None:
    truth = read(folder / FILES[0])
    (sliver,) = (each for each in truth.dataset["annotations"] if each["iscrowd"])
    assert (sliver["number"], sliver["visible_share"], sliver["is_cut"]) == (201, 0.1, True)
    right = [each for each in truth.dataset["annotations"] if not each["iscrowd"]]
    found = [
        {
            "image_id": 0,
            "category_id": one["category_id"],
            "score": 0.5 if one in right else 0.9,
            "bbox": one["bbox"],
        }
        for one in (*right, sliver)
    ]
    assert np.allclose(precision(truth, found, "bbox"), 1)
    found[-1]["bbox"] = [100.0, 190.0, 5.0, 5.0]  # elsewhere it is wrong, and comes first
    assert precision(truth, found, "bbox")[..., 0].max() < 0.999


def test_an_annotation_has_what_the_scene_knows(folder: Path) -> None:
    truth = read(folder / FILES[0])
    assert truth.dataset["categories"] == [
        {"id": 1, "name": "pile", "supercategory": "site", "keypoints": ["head"], "skeleton": []},
        {"id": 2, "name": "machine", "supercategory": "site"},
    ]
    # no picture is in both parts
    images = [*truth.dataset["images"], *read(folder / FILES[1]).dataset["images"]]
    assert [image["file_name"] for image in images] == ["train/000000.png", "val/000001.png"]
    assert [(image["scene_number"], image["view"], image["camera"]) for image in images] == [
        (index, 0, {"model": "pinhole"}) for index in range(2)
    ]
    first = truth.loadAnns(truth.getAnnIds([0]))[0]
    assert {name: first[name] for name in first if name not in ("id", "segmentation")} == {
        "image_id": 0,
        "category_id": 1,
        "area": 32,
        "bbox": [10, 10, 6, 6],
        "iscrowd": 0,
        "keypoints": [13.0, 13.0, 1],
        "num_keypoints": 1,
        "amodal_bbox": [10, 10, 6, 6],
        "number": 1,
        "kind": "phc",
        "diameter_m": 0.4,
        "exposed_m": 0.7,
        "tilt_deg": 0.3,
        "place_m": [1.0, 2.0, 0.5],
        "visible_share": 0.6,
        "is_cut": False,
        "is_hidden": True,
    }
    assert np.array_equal(truth.annToMask(first)[10:16, 10:16], disc(6))


def test_the_file_is_there_and_right_before_the_first_picture(tmp_path: Path) -> None:
    (writer,) = writers_of(["coco"])
    writer.finish(DatasetContents(folder=tmp_path, options=OPTIONS, subsets=SUBSETS, pictures=()))
    for name in FILES:
        empty = read(tmp_path / name)
        assert empty.getImgIds() == empty.getAnnIds() == [] and empty.getCatIds() == [1, 2]


def test_a_damaged_part_is_reported_and_the_old_file_stays(folder: Path, tmp_path: Path) -> None:
    (writer,) = writers_of(["coco"])
    (tmp_path / "coco_annotations.json").write_text("old", encoding="ascii")
    whole = (folder / "annotations/train/000000.json").read_text(encoding="ascii")
    (tmp_path / "annotations").mkdir()
    picture = FinishedPicture(index=3, paths=("annotations/000003.json", "images/000003.png"))
    contents = DatasetContents(folder=tmp_path, options=OPTIONS, subsets=(), pictures=[picture])
    damaged = [
        "",
        whole[:-1],
        whole[:99],
        whole + "}",
        "[" * 100_000,
        "[]",
        "7",
        '{"image": [5], "annotations": []}',
    ]
    null = '{"image": {"id": 3}, "annotations": [null]}'
    for content in (whole, *damaged, null):
        (tmp_path / "annotations/000003.json").write_text(content, encoding="ascii")
        with pytest.raises(SourceError, match=r"000003\.json: is not the COCO part of picture 3"):
            writer.finish(contents)
    assert (tmp_path / "coco_annotations.json").read_text(encoding="ascii") == "old"
    assert {path.name for path in tmp_path.iterdir()} == {"coco_annotations.json", "annotations"}


def site(seed: int, height: int = 90, width: int = 120, piles: int = 12) -> np.ndarray:
    """Overlapping rings and rectangles, some clipped by the border: (height, width) uint16."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:height, :width]
    pixels = np.zeros((height, width), np.uint16)
    for number in rng.permutation(np.arange(1, piles + 1)).tolist():
        radius_px = np.hypot(x - rng.integers(width), y - rng.integers(height))
        pixels[(radius_px < 9) & (radius_px > (4 if number % 2 else -1))] = number
    return pixels


def assert_codes_are_the_masks(pixels: np.ndarray) -> None:
    part = coco_part(source_of_piles(pixels))
    numbers = find_instances(pixels).numbers.tolist()
    assert len(part["annotations"]) == len(numbers)
    for number, annotation in zip(numbers, part["annotations"], strict=True):
        seen = (pixels == number).astype(np.uint8)
        code = annotation["segmentation"]
        assert np.array_equal(mask.decode(code), seen)
        assert code["counts"].encode() == mask.encode(np.asfortranarray(seen))["counts"]
        assert annotation["area"] == mask.area(code) == seen.sum()
        assert annotation["bbox"] == mask.toBbox(code).tolist()


@given(
    pixels=hnp.arrays(
        np.uint16, st.tuples(st.integers(1, 7), st.integers(1, 7)), elements=st.integers(0, 2)
    )
)
@settings(max_examples=60 if IS_SOAK else 30)
def test_the_encoding_equals_that_of_pycocotools(pixels: np.ndarray) -> None:
    assert_codes_are_the_masks(pixels)


def test_pycocotools_loads_the_file_of_recipe_1_and_finds_every_pile(tmp_path: Path) -> None:
    pictures = {0: site(1), 3: np.zeros((90, 120), np.uint16), 7: site(2)}
    (writer,) = writers_of(["coco"])
    written = [
        finished(tmp_path, writer, source_of_piles(pixels, index))
        for index, pixels in pictures.items()
    ]
    contents = DatasetContents(
        folder=tmp_path, recipe=1, options=LabelOptions(), subsets=(), pictures=written
    )
    assert writer.finish(contents) == ("coco_annotations.json",)
    coco = read(tmp_path / "coco_annotations.json")
    assert coco.getImgIds() == [0, 3, 7]
    assert coco.loadImgs([7])[0] == {"id": 7, "width": 120, "height": 90, "file_name": "000007.png"}
    assert coco.dataset["categories"] == [{"id": 1, "name": "pile", "supercategory": "foundation"}]
    for index, pixels in pictures.items():
        annotations = coco.loadAnns(coco.getAnnIds(imgIds=[index], catIds=[1]))
        numbers = find_instances(pixels).numbers.tolist()
        for number, annotation in zip(numbers, annotations, strict=True):
            assert np.array_equal(coco.annToMask(annotation), pixels == number)
    assert sorted(coco.anns) == list(range(1, len(coco.anns) + 1))
    with pytest.raises(ValueError, match="picture 7 after picture 7"):
        writer.finish(replace(contents, pictures=[written[2], written[2]]))


def test_without_its_package_a_format_says_how_to_install_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "pycocotools", None)  # an import raises ImportError
    with pytest.raises(UsageError, match=r'pip install .*\[dataset\]"'):
        writers_of(["coco"])[0].check()
