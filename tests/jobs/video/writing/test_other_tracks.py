"""Other tracks of a video: kept where the container supports them, noted where not."""

from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from engine.sources.stream_copy import timecode_of
from tests.jobs.video.writing.clapper import RATE, write_clapper
from tests.jobs.video.writing.test_lost_packets import in_segment
from tests.jobs.video.writing.written import packets_of, write

SUBTITLES = (
    "1\n00:00:00,500 --> 00:00:01,000\nA word.\n\n2\n00:00:02,500 --> 00:00:02,900\nThe last.\n"
)
TIMECODE = "10:00:05:13"


def edited(path: Path) -> Path:
    """A video of three seconds with three chapters, subtitles (.mkv) and timecode."""
    plain = write_clapper(path.with_name("plain.mov"), 3 * RATE)
    path.with_name("words.srt").write_text(SUBTITLES)
    with (
        av.open(str(plain)) as video,
        av.open(str(path.with_name("words.srt"))) as subtitles,
        av.open(str(path), "w") as written,
    ):
        inputs = (video, subtitles) if path.suffix == ".mkv" else (video,)
        tracks = {
            stream: written.add_stream_from_template(stream)
            for each in inputs
            for stream in each.streams
        }
        written.streams.video[0].metadata["timecode"] = TIMECODE
        for stream in written.streams.subtitles:
            stream.metadata["language"] = "deu"
        written.set_chapters(
            [
                {
                    "id": n,
                    "start": n,
                    "end": n + 1,
                    "time_base": Fraction(1),
                    "metadata": {"title": name},
                }
                for n, name in enumerate(("One", "Two", "Three"))
            ]
        )
        # all subtitles come first
        for packet in (packet for each in reversed(inputs) for packet in each.demux()):
            if packet.size and packet.dts is not None:
                packet.stream = tracks[packet.stream]
                written.mux(packet)
    return path


def chapters(container: Any) -> list[tuple[str, float]]:
    return [
        (each["metadata"]["title"], float(each["end"] * each["time_base"]))
        for each in container.chapters()
    ]


@pytest.mark.parametrize(
    ("name", "suffix", "left_out", "job"),
    [
        ("in.mkv", ".mkv", "", write),
        ("in.mov", ".mov", "", write),
        ("in.mov", ".mp4", "", in_segment),
        ("in.mkv", ".mp4", "subtitle track 1 (deu, subrip)", write),
        (
            "in.mkv",
            ".avi",
            f"subtitle track 1 (deu, subrip), chapters, timecode {TIMECODE}",
            in_segment,
        ),
    ],
)
def test_subtitles_chapters_and_timecode_are_copied_or_noted(
    tmp_path: Path, name: str, suffix: str, left_out: str, job: Any
) -> None:
    source, out = edited(tmp_path / name), tmp_path / f"out{suffix}"
    line = f"out{suffix}: leaves out: {left_out}"
    assert [note for note in job(source, out).notes if "its sound" not in note] == [line] * bool(
        left_out
    )
    with av.open(str(out)) as container:
        tracks = chapters(container), timecode_of(container)
    assert tracks == (
        ([], "") if suffix == ".avi" else ([("One", 1), ("Two", 2), ("Three", 3)], TIMECODE)
    )
    if name == "in.mkv" and suffix == ".mkv":
        assert packets_of(out, "subtitles") == packets_of(source, "subtitles")


@pytest.mark.parametrize("job", [write, in_segment])
def test_a_video_that_ends_early_has_no_chapters_and_subtitles_after_its_end(
    tmp_path: Path, job: Any
) -> None:
    source, out = edited(tmp_path / "in.mkv"), tmp_path / "out.mkv"
    assert job(source, out, frames=45).notes == []
    with av.open(str(out)) as container:
        assert chapters(container) == [("One", 1), ("Two", pytest.approx(1.5, abs=0.03))]
    assert len(packets_of(out, "subtitles")) == 1
    assert len(packets_of(out, "audio")) == pytest.approx(
        len(packets_of(source, "audio")) / 2, abs=2
    )


@pytest.mark.parametrize(
    ("suffix", "name", "text"), [(".mov", "pcm_s24le", "PCM in 24 bits"), (".mp4", "flac", "")]
)
def test_lossless_sound_of_24_bits_and_eight_channels_stays_so(
    tmp_path: Path, suffix: str, name: str, text: str
) -> None:
    with av.open(str(tmp_path / "in.mkv"), "w") as container:
        video = container.add_stream("mpeg4", rate=25, width=64, height=48, pix_fmt="yuv420p")
        track = container.add_stream("flac", rate=48_000, layout="7.1")
        track.format = "s32"
        for _ in range(5):
            container.mux(video.encode(av.VideoFrame(64, 48, "yuv420p")))
        sound = np.random.default_rng(0).uniform(-0.5, 0.5, (1, 9600 * 8)).astype(np.float32)
        frame = av.AudioFrame.from_ndarray(sound, format="flt", layout="7.1")
        frame.sample_rate, frame.pts, frame.time_base = 48_000, 0, Fraction(1, 48_000)
        container.mux(track.encode(frame))
        for stream in (video, track):
            container.mux(stream.encode(None))
    notes = [
        note
        for note in write(tmp_path / "in.mkv", tmp_path / f"out{suffix}").notes
        if "its sound" in note
    ]
    line = (
        f"out{suffix}: its sound (flac) cannot be copied into this format: it is re-encoded as "
        f"{text}"
    )
    assert notes == [line] * bool(text)
    with av.open(str(tmp_path / f"out{suffix}")) as container:
        track = container.streams.audio[0]
        assert (track.codec_context.name, track.channels, track.format.name) == (name, 8, "s32")
