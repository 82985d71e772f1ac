"""Masks of the pictures in subfolders (`--recursive`) keep their subfolders."""

import json
from collections.abc import Callable
from pathlib import Path

import cv2
import pytest
from PIL import Image

from engine.errors import UsageError
from engine.jobs.segment.report import SegmentReport
from tests.jobs.folders import contents
from tests.jobs.segment.disc_movie import disc_picture

Segment = Callable[..., SegmentReport]
NAMES = ["1.png", "day 1/1.png", "day 2/1.png", "day 2/2.png"]


@pytest.fixture
def source(tmp_path: Path) -> Path:
    for number, name in enumerate(NAMES):
        file = tmp_path / "in" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(disc_picture(number)).save(file)
    return tmp_path / "in"


def test_masks_and_coco_name_the_subfolder_also_after_an_interruption(
    segment: Segment, source: Path, tmp_path: Path
) -> None:
    masks, coco = source / "masks", tmp_path / "found.json"
    for _ in range(2):  # the masks of the first are no pictures for the second
        assert segment(source, masks, coco, recursive=True, overwrite=True).written == len(NAMES)
    whole = contents(masks.rename(tmp_path / "masks"))
    assert sorted(whole) == NAMES and len(set(whole.values())) == len(NAMES)
    assert [image["file_name"] for image in json.loads(coco.read_bytes())["images"]] == NAMES
    assert b"\r" not in coco.read_bytes(), "the same bytes on every system"
    assert (
        cv2.imread(str(tmp_path / "masks" / "day 1" / "1.png"), cv2.IMREAD_UNCHANGED).shape
        == disc_picture(0).shape[:2]
    )
    again = tmp_path / "again"
    (again / "day 2").mkdir(parents=True)
    (again / "notes.txt").write_text("mine")
    (again / "day 2" / "1.png").write_text("mine")
    with pytest.raises(ZeroDivisionError):  # after two pictures
        segment(
            source,
            again,
            recursive=True,
            overwrite=True,
            on_progress=lambda now: 1 // (2 - now.done),
        )
    assert contents(again).keys() - {
        f".segment/{name}" for name in ("journal.jsonl", "lock", "masks.bin")
    } == {
        "notes.txt",
        "day 2/1.png",
    }
    report = segment(source, again, recursive=True, resume=True, overwrite=True)
    assert 0 < report.resumed < len(NAMES)
    assert report.notes == (f"{again}: 1 other files from before are still there",)
    assert contents(again) == whole | {"notes.txt": b"mine"}


def test_a_mask_never_replaces_a_picture(segment: Segment, source: Path, tmp_path: Path) -> None:
    (source / "in").mkdir()
    Image.fromarray(disc_picture(0)).save(source / "in" / "1.png")  # its mask would be in/1.png
    with pytest.raises(
        UsageError, match=r"in.1\.png is an input and would be replaced; name another output$"
    ):
        segment(source, tmp_path, recursive=True, overwrite=True)
