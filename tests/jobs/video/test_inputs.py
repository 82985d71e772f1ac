"""Sources of `--input`: every picture is returned or counted, and errors are one line."""

import io
import os
import re
import tempfile
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
import pytest
import soundfile
from PIL import Image

from engine.errors import SourceError
from engine.jobs.video.inputs import open_input
from engine.sources.pictures import fit_all
from tests.jobs.video.numbered import HEIGHT, WIDTH, number_in, numbered, read_all

NOBODY = 65534

Movie = Callable[..., Path]
X264 = {"g": "12", "bf": "2"}
X265 = {"x265-params": "keyint=12:log-level=none"}
VP9 = {"deadline": "realtime", "cpu-used": "8"}


def test_pictures_that_a_mac_could_not_distinguish_keep_their_whole_names(tmp_path: Path) -> None:
    for names, expected in (
        (("A.png", "a.jpg"), ["A.png", "a.jpg"]),
        (("A.png", "b.jpg"), ["A", "b"]),
    ):
        folder = tmp_path / names[1]
        folder.mkdir()
        for name in names:
            Image.new("RGB", (16, 16)).save(folder / name)
        assert sorted(picture.name for picture in read_all(folder)[1]) == expected
    # of the others the names stay as they were
    Image.new("RGB", (16, 16)).save(tmp_path / "a.jpg" / "c.png")
    assert sorted(picture.name for picture in read_all(tmp_path / "a.jpg")[1]) == [
        "A.png",
        "a.jpg",
        "c",
    ]


@pytest.mark.parametrize("name", ["f_%04d.png", "f_*.png"])
def test_a_pattern_of_names_is_answered_with_what_to_give(name: str, tmp_path: Path) -> None:
    with pytest.raises(SourceError) as caught:
        open_input(str(tmp_path / name))
    assert str(caught.value).endswith(
        f"no such file or folder; for many pictures name their folder, {tmp_path}"
    )


def test_an_m4a_with_a_cover_is_no_film(tmp_path: Path) -> None:
    cover = io.BytesIO()
    Image.new("RGB", (64, 64)).save(cover, "JPEG")
    with av.open(str(tmp_path / "a.m4a"), "w", format="mp4") as container:
        track = container.add_stream("aac", rate=48_000, layout="mono")
        picture = container.add_stream("mjpeg", width=64, height=64, pix_fmt="yuvj420p")
        picture.disposition = av.stream.Disposition.attached_pic
        packet = av.Packet(cover.getvalue())
        packet.stream, packet.pts, packet.dts, packet.time_base = picture, 0, 0, Fraction(1, 1000)
        container.mux(packet)
        frame = av.AudioFrame.from_ndarray(
            np.zeros((1, 4800), np.float32), format="fltp", layout="mono"
        )
        frame.sample_rate, frame.pts = 48_000, 0
        container.mux(track.encode(frame))
        container.mux(track.encode(None))
    with pytest.raises(SourceError, match=r"a\.m4a: a sound with a cover, not a video$"):
        open_input(str(tmp_path / "a.m4a"))


def test_a_picture_of_floats_with_exif_is_read(tmp_path: Path) -> None:
    """PyAV knows no side data of EXIF."""
    cv2.imwrite(str(tmp_path / "a.tif"), np.full((48, 64, 3), 1e30, np.float32))
    assert open_input(str(tmp_path / "a.tif")).first.pixels.min() == 255


def test_hidden_files_of_a_folder_are_no_pictures(tmp_path: Path) -> None:
    """macOS puts `._x.jpg`, which holds no picture, beside each `x.jpg` on a foreign disk."""
    Image.new("RGB", (16, 16)).save(tmp_path / "x.jpg")
    Image.new("RGB", (16, 16)).save(tmp_path / ".hidden.png")
    for name in ("._x.jpg", ".DS_Store"):
        (tmp_path / name).write_bytes(b"\0\5\x16\7")
    pictures, read = read_all(tmp_path)
    assert ([picture.name for picture in read], pictures.expected, pictures.counts.unreadable) == (
        ["x"],
        1,
        0,
    )
    assert pictures.files == (tmp_path / "x.jpg",)


def test_each_of_509_pictures_comes_once_whatever_is_skipped(movie: Movie) -> None:
    source = movie(509, options={"preset": "ultrafast"})
    for every in range(1, 8):
        pictures, read = read_all(source, every)
        numbers = [number for number in range(509) if number % every == 0]
        assert (
            [number_in(picture.pixels) for picture in read]
            == [picture.number for picture in read]
            == numbers
        )
        assert (pictures.counts.decoded, pictures.counts.passed_over) == (509, 509 - len(numbers))
        assert (pictures.counts.unreadable, pictures.counts.notes) == (0, [])


@pytest.mark.parametrize("is_folder", [False, True])
def test_finished_batches_are_skipped_and_counted(
    is_folder: bool, movie: Movie, tmp_path: Path
) -> None:
    source = folder_of(tmp_path / "in", range(23)) if is_folder else movie(23)
    for every, limit, start in [(1, None, 7), (3, None, 4), (2, 9, 8), (2, 8, 8), (1, None, 23)]:
        _, whole = read_all(source, every, limit)
        pictures, rest = read_all(source, every, limit, start)
        assert [picture.name for picture in rest] == [picture.name for picture in whole[start:]]
        assert [(one.start_s, one.end_s) for one in rest] == [
            (one.start_s, one.end_s) for one in whole[start:]
        ]
        counts = pictures.counts
        assert counts.resumed == min(start, len(whole))
        assert counts.decoded == counts.passed_over + counts.resumed + len(rest)


def test_a_folder_is_sorted_by_number_with_notes_on_damage_and_other_sizes(tmp_path: Path) -> None:
    folder = folder_of(tmp_path / "in", (10, 2, 1))
    Image.fromarray(numbered(3, 64, 64)).save(folder / "3.jpg", quality=95)
    Image.fromarray(numbered(4, 33, 21)).save(folder / "4.png")
    (folder / "5.png").write_bytes(b"\x89PNG broken")
    (folder / "notes.txt").write_text("no picture")
    pictures = open_input(str(folder))
    read = list(fit_all(pictures.read(1, None), (WIDTH, HEIGHT), pictures.counts))
    assert [picture.file_name for picture in read] == ["1.png", "2.png", "3.jpg", "4.png", "10.png"]
    assert {picture.pixels.shape for picture in read} == {(HEIGHT, WIDTH, 3)}
    assert (pictures.counts.decoded, pictures.counts.unreadable, pictures.counts.refitted) == (
        5,
        1,
        2,
    )
    assert [note.split(": ")[0] for note in pictures.counts.notes] == [
        str(folder),  # numbers are missing
        "from 3 on pictures are 64x64",
        str(folder / "5.png"),
    ]


def folder_of(folder: Path, numbers: Any) -> Path:
    folder.mkdir()
    for number in numbers:
        Image.fromarray(numbered(number)).save(folder / f"{number}.png")
    return folder


@pytest.mark.parametrize("kind", ["noise", "sound", "no index", "empty folder", "missing", "long"])
def test_a_source_without_pictures_is_refused_in_one_line(
    kind: str, movie: Movie, tmp_path: Path
) -> None:
    source = tmp_path / "in.mp4"
    if kind == "noise":
        source.write_bytes(np.random.default_rng(1).bytes(100_000))
    elif kind == "sound":
        soundfile.write(tmp_path / "in.wav", np.zeros(800), 8000)
        (tmp_path / "in.wav").rename(source)
    elif kind == "no index":  # which an MP4 has at its end
        source.write_bytes(movie(30).read_bytes()[:-1500])
    elif kind == "empty folder":
        source.mkdir()
        (source / "notes.txt").touch()
    elif kind == "long":
        source = tmp_path / ("long" * 100)
    with pytest.raises(SourceError) as caught:
        open_input(str(source))
    assert str(caught.value).startswith(f"{source}: ") and "\n" not in str(caught.value)
    assert "no such file or folder" in str(caught.value) or kind != "missing"


@pytest.mark.only_on("linux", "darwin", reason="other permissions there")
def test_a_source_without_permission_says_so(movie: Movie) -> None:
    user = os.geteuid()
    with tempfile.TemporaryDirectory() as name:  # not in tmp_path, which other users cannot read
        Path(name).chmod(0o755)
        source = Path(name, "in.mp4")
        source.write_bytes(movie(1).read_bytes())
        source.chmod(0)
        if user == 0:  # root may read everything
            os.seteuid(NOBODY)
        try:
            with pytest.raises(SourceError) as caught:
                open_input(str(source))
        finally:
            os.seteuid(user)
            source.chmod(0o700)
    assert str(caught.value) == f"{source}: cannot be read (Permission denied)"


@pytest.mark.parametrize("name", ["in.mkv", "in.ts"])
def test_a_truncated_video_is_read_to_its_end(name: str, movie: Movie) -> None:
    source = movie(60, name=name, options={"g": "5"})
    data = source.read_bytes()
    source.write_bytes(data[: len(data) * 3 // 4])
    pictures, read = read_all(source)
    assert 10 < len(read) < 58
    assert [number_in(picture.pixels) for picture in read[:-3]] == list(range(len(read) - 3))
    assert pictures.counts.decoded == len(read)
    if name == "in.mkv":  # its length is known
        (note,) = [note for note in pictures.counts.notes if "truncated" in note]
        assert note.startswith("in.mkv: ends after ") and "but declares 2.00 s" in note


@pytest.mark.parametrize(
    ("name", "codec", "options", "offsets"),
    [
        ("in.mkv", "libx264", X264, (20, 21, 22)),
        ("in.mp4", "libx265", X265, (20, 21, 22)),  # whose decoder is silent about its losses
        ("in.webm", "libvpx-vp9", VP9, (20, 21, 22)),
        ("in.mp4", "libx265", X265, (57,)),  # where good ones are still on their way
    ],
)
def test_every_picture_of_a_damaged_video_is_accounted_for(
    name: str,
    codec: str,
    options: dict[str, str],
    offsets: tuple[int, ...],
    movie: Movie,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("engine.sources.pictures.ALL_CORES", 12)
    noise = np.random.default_rng(0)
    pictures = [
        numbered(number) ^ noise.integers(0, 32, (HEIGHT, WIDTH, 3), np.uint8)
        for number in range(60)
    ]
    source = movie(pictures=pictures, name=name, codec=codec, options=options)
    damage(source, offsets)
    read_from, read = read_all(source)
    counts = read_from.counts
    assert counts.decoded == len(read) and counts.decoded + counts.unreadable == 60
    assert (
        1
        <= counts.damaged + counts.unreadable
        <= (12 if codec == "libvpx-vp9" else 3 * len(offsets))
    )
    frames = [round(picture.start_s * 30) for picture in read]
    assert frames[:18] == list(range(18)) and frames == sorted(set(frames))
    assert frames[-1] == 59 or codec == "libvpx-vp9"  # all pictures lean on those before
    (note,) = counts.notes
    damage_s = float(re.fullmatch(rf"{name}: damaged; first error: at ([\d.]+) s: .+", note)[1])
    assert abs(damage_s - offsets[0] / 30) < 0.15


def damage(path: Path, offsets: tuple[int, ...]) -> None:
    """Overwrite these packets with noise, except for their first bytes."""
    with av.open(str(path)) as container:
        packets = [(packet.pos, packet.size) for packet in container.demux(video=0) if packet.size]
    data, noise = bytearray(path.read_bytes()), np.random.default_rng(1)
    for offset in offsets:
        at, size = packets[offset]
        data[at + 6 : at + size] = noise.bytes(size - 6)
    path.write_bytes(data)
