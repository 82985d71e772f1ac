"""Properties that an overlay video takes over from its source. No model: the found object is given.

Its times, colours and turns are those of `PictureVideo`; see tests/jobs/video/writing/test_joining.py.
"""

from collections.abc import Callable
from pathlib import Path

import av
import numpy as np
import pytest

from engine.jobs.segment.pictures import OverlayVideo
from engine.jobs.segment.results import PaintLook, Result
from engine.sources.pictures import InputPicture, fitted, open_pictures
from engine.values import FoundObject, Segmentation
from tests.jobs.segment.disc_movie import WIDTH, pictures_of, sound_of, times_of


def left_half(picture: InputPicture) -> Result:
    """One object, id 1, on the left half of the picture."""
    masks = np.zeros((1, 96, 96), np.uint8)
    masks[:, :, :48] = 255
    height, width = picture.pixels.shape[:2]
    found = Segmentation(
        objects=(FoundObject(id=1, prompt=1, score=0.9, box=(0.25, 0.5, 0.5, 1.0)),),
        masks=masks,
        picture_px=(width, height),
        index=picture.number,
        time_s=float(picture.start_s),
    )
    return Result(picture, found, PaintLook(opacity=1.0, is_hard=True))


def overlaid(source: Path, out: Path) -> OverlayVideo:
    pictures = open_pictures(source)
    output = OverlayVideo(out, pictures, None, every=1)
    height, width = pictures.first.pixels.shape[:2]
    for picture in fitted(pictures.read(1, None), (width, height), pictures.counts):
        output.add(left_half(picture))
    output.finish(lambda unfinished: None)
    return output


@pytest.mark.parametrize("suffix", [".mp4", ".m4v", ".mov", ".mkv", ".avi"])
def test_every_container_holds_all_pictures_and_the_sound_as_it_was(movie: Callable, tmp_path: Path, suffix) -> None:
    source, out = movie(5), tmp_path / f"out{suffix}"
    output = overlaid(source, out)
    pictures = pictures_of(out)
    assert len(pictures) == 5
    for picture in pictures:
        assert np.abs(picture[:, : WIDTH // 2 - 8].mean(axis=(0, 1)) - (255, 64, 64)).max() < 6
    assert times_of(out) - np.float64(times_of(out)[0]) == pytest.approx(times_of(source), abs=0.001)
    if suffix == ".avi":  # players read no AAC there
        assert output.notes == ["out.avi: its sound (aac) cannot be copied into this format: it is re-encoded as PCM"]
    else:
        assert [data for _, data in sound_of(out)] == [data for _, data in sound_of(source)]
        assert output.notes == []
    assert [file.name for file in sorted(tmp_path.iterdir())] == ["in.mp4", out.name]
    if suffix in (".mp4", ".mov"):  # a browser plays it before all of it is there
        assert out.read_bytes().index(b"moov") < out.read_bytes().index(b"mdat")


@pytest.mark.parametrize("height", [480, 720])
def test_an_untagged_video_keeps_its_colours_and_is_tagged(movie: Callable, tmp_path: Path, height: int) -> None:
    source = movie(pictures=[np.full((height, 64, 3), (200, 60, 20), np.uint8)], name="in.mkv", sound=None)
    overlaid(source, tmp_path / "out.mkv")
    with av.open(str(source)) as one, av.open(str(tmp_path / "out.mkv")) as other:
        before, after = next(one.decode(video=0)), next(other.decode(video=0))
        assert (before.colorspace, after.colorspace) == (2, 5 if height == 480 else 1)
        for plane, again in zip(before.planes, after.planes, strict=True):  # the right half, in YUV
            last = plane.width - 4
            assert abs(int(bytes(plane)[last]) - int(bytes(again)[last])) <= 2
