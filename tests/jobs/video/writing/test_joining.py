"""Properties that a painted video takes over from its source: times, colours, and sound in sync."""

from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from engine.errors import SourceError
from engine.sources.pictures import open_pictures
from tests.jobs.segment.disc_movie import RATE, disc_picture, pictures_of, sound_of, times_of
from tests.jobs.video.writing.clapper import bang_s, flash_s, sound_end_s, write_clapper
from tests.jobs.video.writing.test_lost_packets import in_segment
from tests.jobs.video.writing.written import opened, write
from tests.sources.test_video_file import rotate_in_place
from tests.support.long_form import in_long_form

Clip = Callable[..., Path]
SUFFIXES = (".mp4", ".mkv", ".mov", ".webm", ".avi")
UNEVEN = [0, 1, 7, 8, 20, 21, 22, 40, 41, 60, 61, 90]
REENCODED = {".webm": "Opus", ".avi": "PCM"}


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_every_container_holds_all_pictures_at_their_times_and_the_sound_in_step(
    tmp_path: Path, suffix: str
) -> None:
    source, out = write_clapper(tmp_path / "in.mp4"), tmp_path / f"out{suffix}"
    written = write(source, out)
    assert len(pictures_of(out)) == 30
    first = times_of(out)[0]
    assert first < 1 / RATE
    assert times_of(out) - np.float64(first) == pytest.approx(times_of(source), abs=0.001)
    assert flash_s(out) - bang_s(out) == pytest.approx(flash_s(source) - bang_s(source), abs=0.003)
    assert bang_s(source) == pytest.approx(18 / RATE, abs=0.03), "the test itself"
    reencoded = REENCODED.get(suffix)
    if reencoded is None:
        assert written.notes == []
        assert [data for _, data in sound_of(out)] == [data for _, data in sound_of(source)]
    else:
        assert written.notes == [
            f"out{suffix}: its sound (aac) cannot be copied into this format: it is re-encoded as "
            f"{reencoded}"
        ]
        assert sound_end_s(out) == pytest.approx(1.0, abs=0.03)


def test_raw_samples_stay_as_they_are(tmp_path: Path) -> None:
    source = write_clapper(tmp_path / "in.mov", codec="pcm_s24le")
    for suffix in (".mov", ".avi", ".mkv"):
        assert write(source, tmp_path / f"out{suffix}").notes == []
        samples = [
            b"".join(data for _, data in sound_of(path))
            for path in (source, tmp_path / f"out{suffix}")
        ]
        assert samples[0] == samples[1] and len(samples[0]) == 6 * 48_000


@pytest.mark.parametrize("suffix", [".mkv", ".webm"])
def test_a_broadcast_that_was_cut_together_stays_in_step(tmp_path: Path, suffix: str) -> None:
    # the times of the second begin 67 ms before the end of the first, and it has one channel
    parts = [
        write_clapper(tmp_path / "1.ts", 15, at=99, codec="mp2"),
        write_clapper(tmp_path / "2.ts", 15, at=9, codec="mp2", layout="mono", begins_s=0.5),
    ]
    source, out = tmp_path / "in.ts", tmp_path / f"out{suffix}"
    source.write_bytes(b"".join(part.read_bytes() for part in parts))
    write(source, out)
    assert len(pictures_of(out)) == 30 and flash_s(out) - bang_s(out) == pytest.approx(0, abs=0.006)
    assert sound_end_s(out) == pytest.approx(1.0, abs=0.05)


def test_sound_that_begins_before_the_pictures_stays_with_them(clip: Clip, tmp_path: Path) -> None:
    source = clip(4, name="in.ts")  # its clock starts at 1.4 s
    for suffix in (".mkv", ".webm"):
        write(source, tmp_path / f"out{suffix}")
        assert times_of(tmp_path / f"out{suffix}")[0] < 0.1
    offset_s = times_of(source)[0] - sound_of(source)[0][0] / 90_000
    out = tmp_path / "out.mkv"
    assert times_of(out)[0] - sound_of(out)[0][0] / 1000 == pytest.approx(offset_s, abs=0.002)


@pytest.mark.parametrize("suffix", [".mp4", ".mkv", ".avi", *in_long_form(".mov", ".webm")])
def test_skipping_shows_pictures_longer_and_keeps_the_sound(
    clip: Clip, tmp_path: Path, suffix: str
) -> None:
    source, out = clip(23), tmp_path / f"out{suffix}"
    write(source, out, every=4)
    assert times_of(out) - np.float64(times_of(out)[0]) == pytest.approx(
        times_of(source)[::4], abs=0.001
    )
    if suffix not in REENCODED:
        assert [data for _, data in sound_of(out)] == [data for _, data in sound_of(source)]
    if suffix in (".mp4", ".mov"):
        with av.open(str(out)) as container:
            stream = container.streams.video[0]
            assert stream.duration * stream.time_base == Fraction(23, RATE), (
                "the last one covers the pictures after it"
            )


@pytest.mark.parametrize(
    ("suffix", "how"), [*((each, "limited") for each in SUFFIXES), (".mp4", "stopped")]
)
def test_a_run_that_ends_early_ends_its_sound_with_its_pictures(
    clip: Clip, tmp_path: Path, suffix: str, how: str
) -> None:
    source, out = clip(40), tmp_path / f"out{suffix}"
    write(source, out, **{"frames": 15} if how == "limited" else {"stop": 15})
    assert len(pictures_of(out)) == 15 and 0.5 <= sound_end_s(out) - times_of(out)[0] < 0.53


@pytest.mark.parametrize("suffix", [".mp4", ".mkv", ".mov", ".webm"])
def test_uneven_times_are_kept(clip: Clip, tmp_path: Path, suffix: str) -> None:
    source = clip(
        times=UNEVEN, pictures=[disc_picture(n, 96, 64, 12) for n in range(12)], sound=None
    )
    write(source, tmp_path / f"out{suffix}")
    tolerance = 0 if suffix in (".mp4", ".mov") else 0.0005  # Matroska's millisecond
    assert times_of(tmp_path / f"out{suffix}") == pytest.approx(
        [at / RATE for at in UNEVEN], abs=tolerance
    )


def test_uneven_times_in_a_constant_rate_file_are_reported(clip: Clip, tmp_path: Path) -> None:
    source = clip(
        times=UNEVEN, pictures=[disc_picture(n, 96, 64, 12) for n in range(12)], sound=None
    )
    assert write(source, tmp_path / "out.avi").notes == [
        "out.avi: has one rate, and the source's pictures come unevenly: some are shown up to 0.4 "
        "s late; .mkv keeps "
        "their times"
    ]


@pytest.mark.parametrize(
    ("colours", "pixels"),
    [
        ((1, 1, 1, 1), "yuv420p"),
        ((6, 6, 6, 2), "yuv420p"),
        ((9, 9, 16, 1), "yuv420p10le"),
        ((9, 9, 18, 1), "yuv420p10le"),
    ],
)
@pytest.mark.parametrize("suffix", SUFFIXES)
def test_colours_are_tagged_as_the_sources_and_look_the_same_and_hdr_as_bt709(
    clip: Clip, tmp_path: Path, suffix: str, colours: tuple[int, int, int, int], pixels: str
) -> None:
    source = clip(
        2,
        name="in.mkv",
        colours=colours,
        pixel_format=pixels,
        pixel_aspect=Fraction(4, 3),
        sound=None,
    )
    out = tmp_path / f"out{suffix}"
    written = write(source, out)
    with av.open(str(out)) as container:
        frame = next(container.decode(video=0))
        tags = frame.colorspace, frame.color_primaries, frame.color_trc, frame.color_range
        aspect = container.streams.video[0].sample_aspect_ratio
    has_same_tags = (1, 1, 1, colours[3]) if colours[2] in (16, 18) else colours
    expected = {
        ".mov": (*has_same_tags[:2], 1, 1),  # 6 and 1 are the same, and ProRes is never full
        ".avi": (5, 2, 2, 2),  # JPEG's own
    }
    assert tags == expected.get(suffix, has_same_tags)
    if suffix == ".webm":
        assert written.notes == [
            "out.webm: its pixels are square, the source's have the aspect 4/3; .mkv keeps that"
        ]
    else:
        assert aspect == Fraction(4, 3) and written.notes == []
    for before, after in zip(open_pictures(source).read(1, None), pictures_of(out), strict=True):
        assert np.abs(255 - before.pixels.astype(int) - after).mean() < 4


def test_a_turned_video_is_written_upright(clip: Clip, tmp_path: Path) -> None:
    source = clip(2, sound=None)
    rotate_in_place(source, (0, 1, -1, 0))
    write(source, tmp_path / "out.mp4")
    with av.open(str(tmp_path / "out.mp4")) as container:
        frame = next(container.decode(video=0))
        assert (frame.width, frame.height, frame.rotation) == (64, 96, 0)


def test_its_title_stays_and_a_browser_can_begin_before_it_has_all(tmp_path: Path) -> None:
    source = write_clapper(tmp_path / "in.mp4", tags={"title": "Glass", "artist": "nobody"})
    write(source, tmp_path / "out.mp4")
    with av.open(str(tmp_path / "out.mp4")) as container:
        assert (container.metadata["title"], container.metadata["artist"]) == ("Glass", "nobody")
        assert container.streams.audio[0].metadata["language"] == "fra"
    content = (tmp_path / "out.mp4").read_bytes()
    assert content.index(b"moov") < content.index(b"mdat")


def test_a_source_that_is_missing_when_its_sound_is_copied_is_named_and_the_pictures_stay(
    clip: Clip, tmp_path: Path
) -> None:
    source, out = clip(10), tmp_path / "out.mp4"
    write(source, out, stop=8, end="abandon")
    aside = tmp_path / "aside.mp4"
    output, pictures = opened(source, out, resume=True)
    for picture in pictures:
        output.add(picture, picture.pixels)
    source.rename(aside)
    with pytest.raises(
        SourceError, match=r"in\.mp4: its sound cannot be read \([\w ]+\); the pictures are kept"
    ):
        output.finish(is_whole=True)
    output.abandon()
    aside.rename(source)
    assert write(source, out, resume=True).done == 10 and len(pictures_of(out)) == 10


@pytest.mark.parametrize("height", [480, 720])
def test_an_untagged_video_keeps_its_colours_and_is_tagged(
    clip: Clip, tmp_path: Path, height: int
) -> None:
    source = clip(
        pictures=[np.full((height, 64, 3), (200, 60, 20), np.uint8)], name="in.mkv", sound=None
    )
    in_segment(source, tmp_path / "out.mkv")
    with av.open(str(source)) as one, av.open(str(tmp_path / "out.mkv")) as other:
        before, after = next(one.decode(video=0)), next(other.decode(video=0))
        assert (before.colorspace, after.colorspace) == (2, 5 if height == 480 else 1)
        for plane, again in zip(before.planes, after.planes, strict=True):  # the right half, in YUV
            last = plane.width - 4
            assert abs(int(bytes(plane)[last]) - int(bytes(again)[last])) <= 2
