"""The colours of films that we write, read as players do: by the tags of the file, and by BT.601
without them."""

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from av.video.reformatter import ColorRange, Colorspace

from engine.sinks.movie_file import FORMATS, MovieFile
from engine.sinks.picture_video import VIDEO_FORMATS, PictureVideo
from engine.sources.pictures import open_pictures
from engine.sources.pixels import UNTAGGED, VideoFormat
from tests.jobs.segment.disc_movie import write_movie
from tests.jobs.video.writing.written import write

# up to 576 lines players take BT.601 for granted, some of them above, too
HEIGHTS = (480, 576, 578, 1080)
COLOURS = np.array([(255, 0, 0), (0, 200, 30), (20, 40, 230), (200, 60, 20)], np.uint8)
MATRICES = {1: Colorspace.ITU709, 2: Colorspace.ITU601, 5: Colorspace.ITU601, 6: Colorspace.ITU601}


def stripes(height: int) -> np.ndarray:
    """(height, 64, 3) uint8: each colour 16 px wide."""
    return np.ascontiguousarray(np.broadcast_to(COLOURS.repeat(16, axis=0), (height, 64, 3)))


def played(path: Path) -> np.ndarray:
    """Colours in the middle of the stripes, (4, 3), decoded by the tags that ffprobe reports of the
    file."""
    with av.open(str(path)) as container:
        codec = container.streams.video[0].codec_context
        frame = next(container.decode(video=0))
        pixels = frame.to_ndarray(
            format="rgb24",
            src_colorspace=MATRICES[codec.colorspace],
            src_color_range=ColorRange.JPEG
            if codec.color_range == ColorRange.JPEG
            else ColorRange.MPEG,
        )
    return pixels[240, 8::16].astype(int)


def test_videos_made_from_rgb_play_in_the_colours_of_their_pictures(tmp_path: Path) -> None:
    look = VideoFormat(
        rate=Fraction(25),
        time_base=Fraction(1, 25),
        pixel_aspect=Fraction(1),
        tags=UNTAGGED,
        has_tracks=False,
    )
    for suffix in VIDEO_FORMATS:
        for height in HEIGHTS:
            path = tmp_path / f"{height}{suffix}"
            video = PictureVideo(path, size=(64, height), video_format=look)
            video.add(stripes(height), Fraction(0), Fraction(1, 25))
            video.finish()
            assert np.abs(played(path) - COLOURS).max() < 8, path.name


def test_recordings_play_in_the_colours_of_their_pictures(tmp_path: Path) -> None:
    for suffix in FORMATS:
        for height in HEIGHTS:
            path = tmp_path / f"{height}{suffix}"
            movie = MovieFile(
                path,
                width=64,
                height=height,
                fps=25,
                sample_rate_hz=0,
                sound_channels=0,
                is_offline=True,
            )
            movie.add_picture(
                np.dstack([stripes(height), np.full((height, 64), 255, np.uint8)]), 0.0
            )
            movie.close()
            assert np.abs(played(path) - COLOURS).max() < 8, path.name


@pytest.mark.parametrize(
    ("codec", "pixels", "colours"), [("qtrle", "rgb24", None), ("libx264", "yuv444p", (6, 2, 2, 1))]
)
def test_a_painted_video_plays_in_the_colours_of_its_source(
    tmp_path: Path, codec: str, pixels: str, colours: tuple[int, int, int, int] | None
) -> None:
    source = write_movie(
        tmp_path / "in.mov",
        [stripes(720)],
        codec=codec,
        pixel_format=pixels,
        colours=colours,
        sound=None,
    )
    before = open_pictures(source).first.pixels[240, 8::16].astype(int)
    for suffix in (".mp4", ".mkv", ".webm"):
        write(source, tmp_path / f"out{suffix}")  # with inverted colours
        assert np.abs(255 - played(tmp_path / f"out{suffix}") - before).max() < 8, suffix
