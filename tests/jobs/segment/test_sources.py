"""Damaged, cut and odd sources, pictures and folders: every picture is accounted for."""

import json
import re
import shutil
import struct
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from engine.errors import ModelError, SinkError, UsageError
from engine.jobs.segment.job import NO_PROMPT, SegmentJob
from engine.jobs.segment.pictures import MaskFolder
from engine.jobs.segment.results import MaskedPicture, OverlayStyle
from engine.jobs.segment.run import mode_for, open_job
from engine.sources.pictures import Pictures, open_pictures
from engine.values import FoundObject, Segmentation
from tests.jobs.segment.conftest import Segment
from tests.jobs.segment.disc_movie import disc_picture, disc_shape, overlap, pictures_of, times_of


def test_damage_in_the_middle_is_counted_and_left_out(
    segment: Segment, movie, tmp_path: Path
) -> None:
    source = movie(8, name="in.avi", codec="mjpeg", pixel_format="yuvj420p", sound=None)
    data = bytearray(source.read_bytes())
    starts = [match.start() for match in re.finditer(b"00dc....\xff\xd8", data, re.DOTALL)]
    for start in starts[3:5]:
        (length,) = struct.unpack_from("<I", data, start + 4)
        data[start + 8 : start + 8 + length] = bytes(length)
    source.write_bytes(data)
    report = segment(source, tmp_path / "out.mkv")
    assert (report.read, report.written, report.unreadable) == (6, 6, 2)
    assert times_of(tmp_path / "out.mkv") == pytest.approx(
        [n / 30 for n in (0, 1, 2, 5, 6, 7)], abs=0.001
    )
    assert any("damaged; first error: " in note for note in report.notes)


def test_one_picture_becomes_one_picture_and_one_mask(segment: Segment, tmp_path: Path) -> None:
    Image.fromarray(disc_picture(0)).save(tmp_path / "disc.png")
    report = segment(tmp_path / "disc.png", tmp_path / "out.jpg", tmp_path / "masks/", mode=None)
    assert (report.mode, report.written, report.objects) == ("image", 1, 1)
    with Image.open(tmp_path / "out.jpg") as out:
        assert (out.format, out.size) == ("JPEG", (320, 192))
        assert np.abs(np.asarray(out)[96, 80].astype(int) - (250, 157, 157)).max() < 12
    assert (
        overlap(np.asarray(Image.open(tmp_path / "masks" / "disc.png")) > 0, disc_shape(0)) > 0.93
    )
    with pytest.raises(
        UsageError, match=r"--pictures: only for a video; COCO refers to the pictures of .* by"
    ):
        segment(tmp_path / "disc.png", tmp_path / "out.json", pictures=str(tmp_path / "frames"))


def test_a_folder_of_pictures_of_many_sizes_is_read_in_order(
    segment: Segment, tmp_path: Path
) -> None:
    folder = tmp_path / "pictures"
    folder.mkdir()
    sizes = {"shot2.png": (320, 192), "shot10.png": (240, 200), "Shot1.jpg": (320, 192)}
    for name, (width, height) in sizes.items():
        Image.fromarray(disc_picture(0, width, height)).save(folder / name, quality=95)
    (folder / "notes.txt").write_text("no picture")
    (folder / "shot3.png").write_bytes(b"\x89PNG broken")
    report = segment(
        folder, tmp_path / "masks", tmp_path / "out.json", tmp_path / "out.mp4", batch=4
    )
    assert (report.read, report.written, report.unreadable, report.refitted) == (3, 3, 1, 1)
    assert {picture.shape for picture in pictures_of(tmp_path / "out.mp4")} == {(192, 320, 3)}, (
        "a film has one size"
    )
    assert times_of(tmp_path / "out.mp4") == pytest.approx([0, 1 / 25, 3 / 25]), (
        "a broken one leaves its place"
    )
    assert (
        "from shot10 on pictures are 240x200: scaled to the first, 320x192 in the film"
        in report.notes
    )
    assert any("shot3.png" in note for note in report.notes)
    for name, size in sizes.items():
        mask = Image.open(tmp_path / "masks" / f"{Path(name).stem}.png")
        assert mask.size == size and overlap(np.asarray(mask) > 0, disc_shape(0, *size)) > 0.9
    images = json.loads((tmp_path / "out.json").read_text())["images"]
    assert [(image["file_name"], image["width"]) for image in images] == [
        ("Shot1.jpg", 320),
        ("shot2.png", 320),
        ("shot10.png", 240),
    ]


def opened(job: SegmentJob) -> Pictures:
    found = open_job(job)
    found.close()
    return found.pictures


@pytest.mark.parametrize(
    ("outputs", "options", "reason"),
    [
        (["out.gif"], {}, "out.gif: an output is a video (.mp4"),
        (["out.json"], {"pictures": "full"}, "full: exists already; --overwrite replaces it"),
        (["out.json"], {"pictures": "out.json"}, "out.json: is given twice"),
        (
            ["2.png", "3.png", "full/"],
            {"overwrite": True},
            "3.png: a second .png; for many pictures name their folder",
        ),
        (["masks.png/", "3.png"], {"pictures": "full"}, "full: exists already"),
        (
            ["2.png", "full/"],
            {},
            "2.png: exists already; --overwrite replaces it; for many pictures name their folder",
        ),
        (["-"], {}, "-: stdin and stdout are not supported; name a file"),
        (["full/"], {}, "full/: exists already; --overwrite replaces it"),
        (["in.mp4"], {"overwrite": True}, "in.mp4: is the input"),
        (["there.mp4/"], {}, "there.mp4/: is a file"),
        (["out.png"], {}, "out.png: in.mp4 is not a single picture"),
        ([], {}, "no output: "),
        (["out.mp4"], {"prompts": (" ", "")}, NO_PROMPT),
        (
            ["out.mp4"],
            {"prompts": ("cat", "dog", "cat")},
            "--prompt: 'cat' is given twice; give each object once",
        ),
        (["out.mp4"], {"model": ""}, "no model: name one with --model"),
        (
            ["out.mp4"],
            {"batch": 2, "mode": "track"},
            "--batch: tracking takes one picture at a time",
        ),
        (
            ["out.mp4"],
            {"boxes": ((0.5, 0.5, 0.1, 0.1),), "mode": "track"},
            "--box: tracking takes no boxes",
        ),
        (
            ["out.mp4"],
            {"boxes": ((0.5, 2.0, 0.1, 0.1),)},
            "--box: 0.5,2.0,0.1,0.1: all four numbers are 0 to 1",
        ),
    ],
)
def test_invalid_jobs_are_refused_before_the_model_is_loaded(
    outputs: list[str], options: dict, reason: str, job, movie, monkeypatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    movie(2)
    Path("there.mp4").touch()
    Path("full").mkdir()
    Path("full/mine.png").touch()
    Path("2.png").touch()
    with pytest.raises(UsageError) as caught:
        open_job(job(Path("in.mp4"), *outputs, **options))
    assert str(caught.value).startswith(reason) and "\n" not in str(caught.value)
    assert sorted(file.name for file in tmp_path.iterdir()) == [
        "2.png",
        "full",
        "in.mp4",
        "there.mp4",
    ]


def test_a_picture_does_not_become_a_video(job, tmp_path: Path) -> None:
    Image.new("RGB", (32, 32)).save(tmp_path / "in.png")
    with pytest.raises(UsageError, match=r"is one picture; name one \(\.png \.jpg"):
        open_job(job(tmp_path / "in.png", tmp_path / "out.mp4"))


def test_a_model_that_cannot_follow_takes_pictures_one_by_one_unless_it_must(
    job, movie, seeing_sam3: Path, tmp_path: Path
) -> None:
    detector = tmp_path / "detector"
    shutil.copytree(seeing_sam3, detector)
    config = json.loads((detector / "config.json").read_text())
    (detector / "config.json").write_text(
        json.dumps(config["detector_config"] | {"model_type": "sam3"})
    )
    requested = job(movie(2), tmp_path / "out.mp4")
    assert mode_for(requested, opened(requested), can_follow=True) == "track"
    without = replace(requested, model=str(detector))
    assert mode_for(without, opened(without), can_follow=False) == "image"
    with pytest.raises(ModelError, match="no tracker: detects objects in each picture"):
        open_job(replace(without, mode="track"))


@pytest.mark.parametrize(("batch", "boxes"), [(2, ()), (1, ((0.5, 0.5, 0.1, 0.1),))])
def test_batches_and_boxes_make_single_pictures_of_a_video(
    batch: int, boxes: tuple, job, movie, tmp_path
) -> None:
    requested = job(movie(2), tmp_path / "out.mp4", batch=batch, boxes=boxes)
    assert mode_for(requested, opened(requested), can_follow=True) == "image"


def test_coco_without_its_package_says_how_to_get_it(
    job, movie, monkeypatch, tmp_path: Path
) -> None:
    monkeypatch.setitem(sys.modules, "pycocotools", None)
    with pytest.raises(SinkError, match=r"COCO needs pycocotools: .* -m pip install .*pycocotools"):
        open_job(job(movie(2), tmp_path / "out.json"))


def test_ids_above_255_are_whole_numbers_in_masks_of_16_bits(movie, tmp_path: Path) -> None:
    """From there on: hours of tracking reach them, and a viewer must not read two kinds in turn."""
    masks = np.zeros((2, 96, 96), np.uint8)
    masks[0, :, :48] = masks[1, :, 24:] = 255
    folder = MaskFolder(tmp_path / "masks", None)
    for picture, number in zip(open_pictures(movie(3)).read(1, 3), (254, 65_535, 1), strict=True):
        objects = tuple(
            FoundObject(id=number + more, prompt=1, score=0.9, box=(0.5, 0.5, 1, 1))
            for more in (0, 1)
        )
        size_px = picture.pixels.shape[1::-1]
        found = Segmentation(
            objects=objects, masks=masks, picture_px=size_px, index=picture.number, time_s=0.0
        )
        folder.add(MaskedPicture(picture, found, OverlayStyle(opacity=1.0, is_hard=True)))
    folder.finish(lambda unfinished: None)
    assert folder.notes == [
        f"{folder.path}: 16 bits from frame_000001.png on, because ids are above 255"
    ]
    read = [np.asarray(Image.open(file)) for file in sorted(folder.path.iterdir())]
    assert [(picture.dtype, set(np.unique(picture).tolist())) for picture in read] == [
        (np.uint8, {254, 255}),
        (np.uint16, {1, 65_535}),
        (np.uint16, {1, 2}),
    ]
