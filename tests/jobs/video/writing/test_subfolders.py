"""Frames of the pictures in subfolders (`--recursive`) keep their subfolders."""

import os
import shutil
from pathlib import Path

import pytest
from PIL import Image

from engine.errors import SourceError, UsageError
from engine.jobs.video.inputs import open_input
from tests.jobs.folders import contents
from tests.jobs.segment.disc_movie import disc_picture
from tests.jobs.video.writing.written import opened, write

NAMES = ("1.png", "day 1/1.png", "day 1/2.jpg", "day 2/1.png", "day 2/deep/1.png", "day 10/1.png")
FRAMES = [f"{os.path.splitext(name)[0]}.png" for name in NAMES]


@pytest.fixture
def source(tmp_path: Path) -> Path:
    for number, name in enumerate(NAMES):
        file = tmp_path / "in" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(disc_picture(number, 64, 64, 12)).save(file)
    return tmp_path / "in"


def test_equal_names_in_two_subfolders_are_two_frames_and_a_resumed_run_writes_the_same(
    source: Path, tmp_path: Path
) -> None:
    write(source, tmp_path / "whole", recursive=True)
    whole = contents(tmp_path / "whole")
    assert sorted(whole) == sorted(FRAMES) and len(set(whole.values())) == len(NAMES)
    write(source, tmp_path / "out", recursive=True, stop=3)
    (tmp_path / "out" / "day 2").mkdir()
    (tmp_path / "out" / "day 2" / ".1.png.partial").write_bytes(b"killed here")
    output = write(source, tmp_path / "out", recursive=True, resume=True)
    assert output.done == 2 and output.notes == []
    assert contents(tmp_path / "out") == whole
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in", "out", "whole"]


def test_frames_in_the_source_are_not_painted_again_and_older_ones_are_noted(source: Path) -> None:
    write(source, source / "out", recursive=True)
    (source / "day 10" / "1.png").unlink()
    shorter = write(source, source / "out", recursive=True, overwrite=True)
    assert shorter.notes == [f"{source / 'out'}: 1 frames from before are still there"]
    assert sorted(contents(source / "out")) == sorted(FRAMES)


def test_a_source_in_its_output_is_not_overwritten(source: Path, tmp_path: Path) -> None:
    (source / "in").mkdir()
    shutil.copy(source / "1.png", source / "in" / "1.png")  # its frame would be in/1.png
    with pytest.raises(
        UsageError, match=r"in.1\.png is an input and would be replaced; name another output"
    ):
        opened(source, tmp_path, recursive=True, overwrite=True)


def test_subfolders_are_named_where_they_are_needed_and_refused_where_there_are_none(
    source: Path, tmp_path: Path
) -> None:
    (source / "1.png").unlink()
    with pytest.raises(
        SourceError,
        match=r"in: no pictures in this folder; --recursive takes those of its subfolders$",
    ):
        open_input(str(source))
    assert [picture.name for picture in open_input(str(source), is_recursive=True).read(1,
        None)] == [
        "day 1/1", "day 1/2", "day 2/1", "day 2/deep/1", "day 10/1",
    ]  # fmt: skip
    (tmp_path / "empty" / "er").mkdir(parents=True)
    for is_recursive in (False, True):
        with pytest.raises(SourceError, match=r"empty: no pictures in this folder$"):
            open_input(str(tmp_path / "empty"), is_recursive=is_recursive)
    for name in (str(source / "day 1" / "1.png"), "0", "rtsp://127.0.0.1:1/x"):
        with pytest.raises(UsageError, match=r"^--recursive: .* is not a folder$"):
            open_input(name, is_recursive=True)
