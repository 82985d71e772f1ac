"""A video in; an overlay video, masks and COCO out, with the tiny model that sees bright shapes."""

import json
import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from engine.jobs.segment.coco import run_lengths
from tests.jobs.segment.conftest import Segment
from tests.jobs.segment.disc_movie import disc_shape, overlap, pictures_of, sound_of, times_of

COUNT = 7


def masks_in(folder: Path) -> list[np.ndarray]:
    return [np.asarray(Image.open(file)) for file in sorted(folder.iterdir())]


def test_a_moving_disc_is_followed_into_overlay_masks_and_coco(
    segment: Segment, movie, tmp_path: Path
) -> None:
    source = movie(COUNT)
    overlay, folder, coco = tmp_path / "out.mp4", tmp_path / "masks", tmp_path / "out.json"
    report = segment(source, overlay, folder, coco, mode="track", edge="hard")
    assert (report.read, report.written, report.unwritten) == (COUNT, COUNT, 0)
    assert (report.objects, report.identities, report.most_objects) == (COUNT, 1, 1)

    masks = masks_in(folder)
    assert len(masks) == COUNT
    assert [file.name for file in sorted(folder.iterdir())][:2] == [
        "frame_000000.png",
        "frame_000001.png",
    ]
    # one id all the time
    assert {value for mask in masks for value in np.unique(mask).tolist()} == {0, 1}
    assert min(overlap(mask > 0, disc_shape(number)) for number, mask in enumerate(masks)) > 0.93

    assert times_of(overlay) == times_of(source) and sound_of(overlay) == sound_of(source)
    for number, picture in enumerate(pictures_of(overlay)):
        middle = disc_shape(number, radius=20)
        background = ~disc_shape(number, radius=50)
        red = picture[middle].mean(axis=0)
        assert np.abs(red - (250, 157, 157)).max() < 12, (
            "half of 250 and half of the first id's colour"
        )
        assert np.abs(picture[background].mean(axis=0) - (20, 24, 30)).max() < 6

    document = json.loads(coco.read_text())
    assert [(image["id"], image["file_name"], image["frame"]) for image in document["images"]][
        1
    ] == (
        2,
        "frame_000001.png",
        1,
    )
    assert document["categories"] == [{"id": 1, "name": "disc"}]
    assert {each["track_id"] for each in document["annotations"]} == {1}


def test_coco_loads_and_its_masks_areas_and_boxes_are_the_pictures(
    segment: Segment, movie, tmp_path: Path
) -> None:
    from pycocotools.coco import COCO

    source, out = movie(3), tmp_path / "new" / "folder"  # neither is there yet
    segment(source, tmp_path / "masks", out / "out.json", pictures=str(out / "frames"))
    coco = COCO(str(out / "out.json"))
    pictures = pictures_of(source)
    assert [image["file_name"] for image in coco.loadImgs(coco.getImgIds())] == sorted(
        os.listdir(out / "frames")
    )
    for image in coco.loadImgs(coco.getImgIds()):
        assert np.array_equal(
            np.asarray(Image.open(out / "frames" / image["file_name"])), pictures[image["frame"]]
        )
    for number, mask in enumerate(masks_in(tmp_path / "masks")):
        (annotation,) = coco.loadAnns(coco.getAnnIds(imgIds=[number + 1]))
        assert np.array_equal(coco.annToMask(annotation), mask)
        rows, columns = np.nonzero(mask)
        left, top = columns.min(), rows.min()
        assert annotation["bbox"] == [left, top, columns.max() + 1 - left, rows.max() + 1 - top]
        assert annotation["area"] == np.count_nonzero(mask)
        assert annotation["score"] > 0.5 and annotation["category_id"] == 1
        assert "track_id" not in annotation  # of single pictures


@pytest.mark.parametrize("density", [0.0, 0.05, 0.5, 0.97, 1.0])
def test_run_lengths_are_those_of_the_reference(density: float) -> None:
    from pycocotools import mask as rle

    noise = np.random.default_rng(3)
    for left, top, columns, rows in (
        (0, 0, 30, 20),
        (5, 0, 9, 20),
        (3, 4, 7, 6),
        (0, 0, 1, 1),
        (29, 19, 1, 1),
    ):
        whole = np.zeros((20, 30), np.uint8)
        part = (noise.random((rows, columns)) < density).astype(np.uint8)
        whole[top : top + rows, left : left + columns] = part
        counts = run_lengths(part, left, top, 20, 30)
        assert rle.frPyObjects({"size": [20, 30], "counts": counts}, 20, 30) == rle.encode(
            np.asfortranarray(whole)
        )


def test_every_third_picture_up_to_two_keeps_its_number_and_time(
    segment: Segment, movie, tmp_path: Path
) -> None:
    source = movie(12)
    report = segment(source, tmp_path / "masks", tmp_path / "out.mp4", every=3, frames=2)
    assert sorted(file.name for file in (tmp_path / "masks").iterdir()) == [
        "frame_000000.png",
        "frame_000003.png",
    ]
    assert times_of(tmp_path / "out.mp4") == [times_of(source)[0], times_of(source)[3]]
    assert (report.read, report.written, report.passed_over, report.unwritten) == (4, 2, 2, 0)
    end_s = 4 / 30
    progress = [pts / 48_000 for pts, _ in sound_of(tmp_path / "out.mp4")]
    assert 0 < max(progress) < end_s, "the sound ends with the pictures"


def test_nothing_found_leaves_the_picture_as_it_was(
    segment: Segment, movie, tmp_path: Path
) -> None:
    dark = [np.full((192, 320, 3), 20, np.uint8)] * 2
    report = segment(
        movie(pictures=dark), tmp_path / "out.mp4", tmp_path / "out.json", tmp_path / "masks"
    )
    assert (report.written, report.objects) == (2, 0)
    assert all(
        np.abs(picture.astype(int) - 20).max() <= 2 for picture in pictures_of(tmp_path / "out.mp4")
    )
    assert json.loads((tmp_path / "out.json").read_text())["annotations"] == []
    assert not any(mask.any() for mask in masks_in(tmp_path / "masks"))
