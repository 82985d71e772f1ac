"""What a job notes of its input before hours of work, and the options that say how a source is
read."""

from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from engine.errors import SourceError
from engine.jobs.video.inputs import open_input
from engine.sources.video_file import VideoFile
from engine.system.clock import SteppedClock
from tests.jobs.video.numbered import HEIGHT, WIDTH, number_in, numbered

Movie = Callable[..., Path]
INTERLACED = {"x264-params": "interlaced=1"}


def bar_at(number: int) -> np.ndarray:
    """A white bar that goes 3 px to the right with each number."""
    picture = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
    picture[:, 6 + 3 * number : 18 + 3 * number] = 255
    return picture


def number_of_bar(pixels: np.ndarray) -> int:
    columns = pixels[HEIGHT // 2 - 4 : HEIGHT // 2 + 4, :, 0].astype(float).sum(axis=0)
    return round((np.average(np.arange(WIDTH) + 0.5, weights=columns) - 12) / 3)


def woven(first: int, second: int) -> np.ndarray:
    """A frame of two fields, the lower one first, as FFmpeg's x264 marks pictures without such
    information."""
    picture = bar_at(first)
    picture[::2] = bar_at(second)[::2]
    return picture


@pytest.mark.parametrize("name", ["in.mp4", "in.mkv", "in.ts"])
def test_each_field_or_frame_of_an_interlaced_video_becomes_a_picture(
    name: str, movie: Movie
) -> None:
    source = str(
        movie(name=name, pictures=[woven(2 * n, 2 * n + 1) for n in range(12)], options=INTERLACED)
    )
    pictures = open_input(source, deinterlace="field")
    read = list(pictures.read(1, None))
    assert [number_of_bar(picture.pixels) for picture in read] == list(range(24))
    tick_s = Fraction(1, 1000)  # Matroska's
    assert all(abs(picture.start_s - Fraction(picture.number, 60)) <= tick_s for picture in read)
    assert all(abs(picture.end_s - Fraction(picture.number + 1, 60)) <= tick_s for picture in read)
    assert pictures.video_format.rate == 60 and pictures.expected == 24
    assert pictures.counts.notes == [] and pictures.counts.decoded == 24
    ends = np.stack([picture.pixels[4:-4, :, 0].astype(int) for picture in read])
    assert np.abs(np.diff(ends, axis=1)).max() < 48  # no combs: rows beside each other are alike

    frames = open_input(source, deinterlace="frame")
    assert [number_of_bar(picture.pixels) for picture in frames.read(1, None)] == list(
        range(0, 24, 2)
    )
    assert frames.video_format.rate == 30
    assert open_input(source).counts.notes == [
        f"{name}: is interlaced, and moving edges have combs: --deinterlace field makes 60 "
        "pictures per second of it, "
        "--deinterlace frame 30"
    ]


@pytest.mark.parametrize("suffix", [".mp4", ".mov", ".mkv"])
def test_a_film_behind_the_first_of_a_file_is_read_or_told(
    suffix: str, movie: Movie, tmp_path: Path
) -> None:
    one = movie(3, name=f"one{suffix}")
    two = tmp_path / f"two{suffix}"
    two.write_bytes(2 * one.read_bytes())
    pictures = open_input(str(two))
    read = len(list(pictures.read(1, None)))
    assert read == (6 if suffix == ".mkv" else 3)
    joined = [
        f"two{suffix}: another file was appended at byte {one.stat().st_size} of "
        f"{two.stat().st_size}, and is left "
        f"out, or parts of it; join them by ffmpeg -f concat -i LIST -c copy WHOLE{suffix}, where "
        "LIST has a line for "
        f"each: file 'a{suffix}'"
    ]
    assert pictures.counts.notes == (joined if read == 3 else [])
    reported = []
    VideoFile(
        two, offline=True, clock=SteppedClock(), report=lambda topic, line: reported.append(line)
    ).close()
    assert reported == pictures.counts.notes


def test_a_folder_has_the_requested_rate(tmp_path: Path) -> None:
    for number in range(3):
        Image.fromarray(numbered(number)).save(tmp_path / f"{number}.png")
    pictures = open_input(str(tmp_path), fps=29.97)
    assert pictures.video_format.rate == Fraction(30000, 1001)
    assert [picture.start_s for picture in pictures.read(1, None)] == [
        Fraction(1001 * n, 30000) for n in range(3)
    ]


def test_omitted_files_of_a_folder_and_gaps_in_its_numbers_are_noted(tmp_path: Path) -> None:
    for number in (8, 9, 10, 13, 14):
        Image.new("RGB", (16, 16)).save(tmp_path / f"shot_{number:04d}.png")
    for name in ("a.exr", "b.EXR", "c.dpx", "d.tga", "e.jxl", "notes.txt"):
        (tmp_path / name).touch()
    assert open_input(str(tmp_path)).counts.notes == [
        f"{tmp_path}: left out: 1 .dpx, 2 .exr, 1 .jxl, 1 .tga, which cannot be read here; "
        "convert them to .png or .tif",
        f"{tmp_path}: 2 numbers of shot_0008..0014 are missing, the first is 0011",
    ]
    (tmp_path / "shot_0011.png").write_bytes(b"")
    assert (
        open_input(str(tmp_path)).counts.notes[-1]
        == f"{tmp_path}: 1 number of shot_0008..0014 is missing: 0012"
    )
    for file in tmp_path.glob("*.png"):
        file.write_bytes(b"no picture")
    with pytest.raises(SourceError, match=r"shot_0008\.png: the picture cannot be read"):
        open_input(str(tmp_path))
    for file in tmp_path.glob("*.png"):
        file.unlink()
    with pytest.raises(
        SourceError, match=r"left out: 1 \.dpx, 2 \.exr, .* convert them to \.png or \.tif$"
    ):
        open_input(str(tmp_path))


def test_what_is_transparent_and_becomes_black_is_noted_once(movie: Movie, tmp_path: Path) -> None:
    video = movie(2, name="in.mov", codec="qtrle", pixel_format="argb")
    assert open_input(str(video)).counts.notes == ["in.mov: what is transparent becomes black"]
    for name, colours in (("opaque.gif", ("red", "blue")), ("clear.gif", ("red", None))):
        frames = [Image.new("RGBA", (16, 16), colour or (0, 0, 0, 0)) for colour in colours]
        frames[-1].save(tmp_path / name, save_all=True, append_images=frames[:-1], disposal=2)
    # a GIF always has room for alpha
    assert open_input(str(tmp_path / "opaque.gif")).counts.notes == []
    assert open_input(str(tmp_path / "clear.gif")).counts.notes == [
        "clear.gif: what is transparent becomes black"
    ]
    folder = tmp_path / "pictures"
    folder.mkdir()
    for number, alpha in enumerate((255, 128, 0)):
        Image.new("RGBA", (16, 16), (200, 30, 90, alpha)).save(folder / f"{number}.png")
    pictures = open_input(str(folder))
    assert [int(picture.pixels[0, 0, 0]) for picture in pictures.read(1, None)] == [200, 100, 0]
    assert pictures.counts.notes == ["1.png: what is transparent becomes black"]  # 0.png is opaque


def test_a_video_that_is_still_being_recorded_is_noted(movie: Movie) -> None:
    source, rest = (
        movie(60, name="in.ts", options={"g": "5"}),
        movie(6, name="rest.ts").read_bytes(),
    )
    pictures = open_input(str(source))
    read = pictures.read(1, None)
    assert number_in(next(read).pixels) == 0
    with open(source, "ab") as recording:
        recording.write(rest)
    assert len(list(read)) >= 59
    assert (
        "in.ts: grew while it was read, so it was still being recorded; its end may be missing"
        in (pictures.counts.notes)
    )
    unfinished = source.with_name("unfinished.mp4")
    unfinished.write_bytes(movie(30).read_bytes()[:-1500])
    with pytest.raises(
        SourceError, match="it was written to just now: if it is being recorded, wait for its end"
    ):
        open_input(str(unfinished))


@pytest.mark.only_on("linux", "darwin", reason="Windows removes no file that is open")
def test_a_file_that_is_removed_meanwhile_is_read_to_its_end(movie: Movie) -> None:
    source = movie(60)
    read = open_input(str(source)).read(1, None)
    next(read)
    source.unlink()
    assert len(list(read)) >= 58


def test_dolby_vision_of_profile_5_is_noted(movie: Movie) -> None:
    source = movie(12, codec="libx265", options={"x265-params": "bframes=0:log-level=none"})
    assert open_input(str(source)).counts.notes == []
    data = source.read_bytes()
    assert data.count(b"hev1") >= 1
    source.write_bytes(data.replace(b"hev1", b"dvh1"))
    (note,) = open_input(str(source)).counts.notes
    assert note.startswith("in.mp4: Dolby Vision of profile 5, whose colours are read wrong")
