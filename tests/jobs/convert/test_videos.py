"""Videos keep their pictures unchanged; the voice is replaced at the same time."""

import os
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from engine.audio.file import FileFeed
from engine.jobs.convert.report import ConvertReport
from engine.jobs.convert.sounds import open_sound
from engine.sources.pictures import open_pictures
from tests.jobs.convert.voices import read_sound, span_of, spoken, tone, write_track
from tests.jobs.segment.disc_movie import times_of

Convert = Callable[..., ConvertReport]
FPS = 25


def write_video(
    path: Path,
    sounds: list[np.ndarray],
    *,
    pictures: str = "libx264",
    codec: str = "aac",
    rate_hz: int = 44_100,
    count: int = 25,
    late_s: float = 0.0,
    delay: int = 2,
    key_every: int = 250,
) -> Path:
    """Grey pictures that grow lighter, each sound in a separate stereo track that starts at
    `late_s`."""
    with av.open(str(path), "w") as container:
        container.metadata["title"] = "A talk"
        options = (
            {"bf": f"{delay}", "g": f"{key_every}", "preset": "ultrafast"}
            if pictures == "libx264"
            else {}
        )
        video = container.add_stream(pictures, rate=FPS, options=options)
        video.width, video.height, video.pix_fmt = 64, 48, "yuv420p"
        tracks = [container.add_stream(codec, rate=rate_hz, layout="stereo") for _ in sounds]
        for number in range(count):
            picture = np.full((48, 64, 3), min(5 * number, 255), np.uint8)
            frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
            frame.pts, frame.time_base = number, Fraction(1, FPS)
            container.mux(video.encode(frame))
        for track, sound in zip(tracks, sounds, strict=True):
            for begin in range(0, len(sound), 1024):
                both = np.ascontiguousarray(np.stack([sound[begin : begin + 1024]] * 2))
                block = av.AudioFrame.from_ndarray(both, format="fltp", layout="stereo")
                block.rate, block.time_base = rate_hz, Fraction(1, rate_hz)
                block.pts = begin + round(late_s * rate_hz)
                container.mux(track.encode(block))
        for stream in (video, *tracks):
            container.mux(stream.encode(None))
    if pictures == "libsvtav1" and hasattr(os, "sched_setscheduler"):
        # root's thread is a real-time one by SVT-AV1
        os.sched_setscheduler(0, os.SCHED_OTHER, os.sched_param(0))
    return path


def packets(path: Path, kind: str, number: int = 0) -> list[bytes]:
    with av.open(str(path)) as container:
        stream = getattr(container.streams, kind)[number]
        return [bytes(packet) for packet in container.demux(stream) if packet.size]


def voice_span(path: Path, hz: float) -> tuple[float, float]:
    """Start and end of `hz` in seconds, relative to the first picture."""
    with av.open(str(path)) as container:
        first = next(container.decode(audio=0))
        begins_s = float(first.pts * first.time_base)
    sound, rate_hz = read_sound(path)
    begin, end = span_of(sound[:, 0], rate_hz, hz)
    shift = begins_s - times_of(path)[0]
    return begin + shift, end + shift


@pytest.mark.parametrize(
    ("suffix", "options", "rate_hz"),
    [
        (".mp4", {}, 44_100),
        (".mov", {}, 44_100),
        (".mp4", {"pictures": "libsvtav1"}, 44_100),
        (".mkv", {}, 44_100),
        (".avi", {"pictures": "mpeg4", "codec": "pcm_s16le"}, 44_100),
        (".webm", {"pictures": "libvpx", "codec": "libopus", "rate_hz": 48_000}, 48_000),
    ],
)
def test_a_video_keeps_its_pictures_and_its_voice_is_another_at_the_same_time(
    convert: Convert, suffix: str, options: dict[str, Any], rate_hz: int, tmp_path: Path
) -> None:
    written_hz = options.get("rate_hz", 44_100)
    sound = tone(0.6, written_hz, silent_s=0.2)
    source = write_video(tmp_path / f"in{suffix}", [sound], **options)
    report = convert(source, tmp_path / f"out{suffix}")
    out = tmp_path / f"out{suffix}"
    assert report.is_complete, report.files
    assert packets(out, "video") == packets(source, "video")
    assert times_of(out) == pytest.approx(times_of(source), abs=0.0015)  # Matroska counts ms
    # a window of YIN
    assert voice_span(out, 440) == pytest.approx(voice_span(source, 220), abs=0.03)
    output, output_hz = read_sound(out)
    assert output_hz == rate_hz and output.shape[1] == 1
    extra = len(output) - round(len(read_sound(source)[0]) * rate_hz / written_hz)
    assert 0 <= extra <= (1023 if suffix == ".mp4" else 0)  # AAC fills its last block
    with av.open(str(out)) as container:
        assert container.metadata["title"] == "A talk"


@pytest.mark.parametrize("suffix", [".mkv", ".mka"])
def test_two_runs_write_the_same_bytes(convert: Convert, suffix: str, tmp_path: Path) -> None:
    source = write_video(tmp_path / "in.mkv", [tone(0.3, 44_100)])
    one, other = tmp_path / f"one{suffix}", tmp_path / f"other{suffix}"
    convert(source, one)
    convert(source, other)
    assert one.read_bytes() == other.read_bytes()


def test_a_voice_that_begins_late_begins_as_late(convert: Convert, tmp_path: Path) -> None:
    source = write_video(tmp_path / "in.mp4", [tone(0.5, 44_100)], late_s=0.4)
    convert(source, tmp_path / "out.mp4")
    assert voice_span(source, 220)[0] == pytest.approx(0.4, abs=0.01)
    assert voice_span(tmp_path / "out.mp4", 440) == pytest.approx(voice_span(source, 220), abs=0.03)


def moved(source: Path, to: Path, early_s: Fraction = Fraction(0), **tags: str) -> Path:
    """Copy a video with all packets earlier by this time: .mp4 gets an edit list, Matroska times
    below 0. `tags` are those of its pictures."""
    options = {"avoid_negative_ts": "disabled", "use_editlist": "1"}
    with av.open(str(source)) as read, av.open(str(to), "w", options=options) as container:
        tracks = [container.add_stream_from_template(stream) for stream in read.streams]
        tracks[0].metadata.update(tags)
        for packet in (packet for packet in read.demux() if packet.size):
            shift = round(early_s / packet.time_base)
            packet.pts, packet.dts, packet.stream = (
                packet.pts - shift,
                packet.dts - shift,
                tracks[packet.stream.index],
            )
            container.mux(packet)
    return to


@pytest.mark.parametrize(
    ("name", "hours"),
    [("in.mkv", 0), ("in.mkv", 1), ("in.mka", 1), ("in.avi", 0), ("in.webm", 1), ("in.mp4", 0)],
)
def test_a_sound_that_ends_before_its_pictures_or_begins_at_an_hour_is_not_cut_off(
    name: str, hours: int, tmp_path: Path
) -> None:
    codecs = {".webm": ("libvpx", "libopus"), ".avi": ("mpeg4", "pcm_s16le")}
    pictures, codec = codecs.get(Path(name).suffix, ("mpeg4", "aac"))
    path = write_video(
        tmp_path / "at0.mkv",
        [tone(1.0, 48_000)],
        pictures=pictures,
        codec=codec,
        rate_hz=48_000,
        count=75,
    )
    if name.endswith(".mka"):
        path = write_track(tmp_path / "at0.mka", tone(1.0, 48_000)[None], 48_000, codec="flac")
    path = moved(path, tmp_path / name, Fraction(-3600 * hours))
    sound = open_sound(path)
    assert sum(map(len, sound.blocks())) == pytest.approx(48_000, abs=2048) and sound.notes == []
    reports: list[tuple[str, str]] = []
    feed = FileFeed(str(path), is_looped=False, report=lambda *line: reports.append(line))
    assert np.abs(feed.read(5 * 48_000)[10_000:40_000]).max() > 0.2 and feed.is_finished
    feed.close()
    assert reports == [] and feed.length_s is not None and feed.length_s < 3.1
    if not name.endswith(".mka"):
        pictures_read = open_pictures(path)
        assert len(list(pictures_read.read(1, None))) == 75 and pictures_read.counts.notes == []


def test_a_timecode_that_is_written_is_not_reported_as_left_out(
    convert: Convert, tmp_path: Path
) -> None:
    path = write_video(tmp_path / "plain.mov", [tone(0.3, 44_100)], pictures="mpeg4")
    moved(path, tmp_path / "in.mov", timecode="10:00:00:00")
    for suffix, notes in ((".mov", 0), (".mp4", 0), (".mkv", 0), (".avi", 1)):
        (file,) = convert(tmp_path / "in.mov", tmp_path / f"out{suffix}").files
        assert sum("data track 1" in note for note in file.notes) == notes, suffix
        with av.open(str(tmp_path / f"out{suffix}")) as container:
            tags = {
                name.lower(): text for name, text in container.streams.video[0].metadata.items()
            }
            assert tags.get("timecode", "").startswith("10:00:00") != bool(notes)


@pytest.mark.parametrize("suffix", [".mkv", ".mp4"])
def test_a_matroska_video_with_times_below_0_keeps_all_pictures_and_its_voice_in_sync(
    convert: Convert, suffix: str, tmp_path: Path
) -> None:
    whole = write_video(tmp_path / "whole.mp4", [tone(0.6, 44_100, silent_s=0.2)], delay=0)
    source, out = moved(whole, tmp_path / "in.mkv", Fraction(3, 25)), tmp_path / f"out{suffix}"
    report = convert(source, out)
    assert report.is_complete, report.files
    assert packets(out, "video") == packets(whole, "video")
    assert np.diff(times_of(out)) == pytest.approx(1 / FPS, abs=0.0011) and len(times_of(out)) == 25
    assert voice_span(out, 440) == pytest.approx(voice_span(whole, 220), abs=0.05)


def test_pictures_that_an_edit_list_hides_stay_hidden_or_are_refused(
    convert: Convert, tmp_path: Path
) -> None:
    whole = write_video(
        tmp_path / "whole.mp4", [tone(0.6, 44_100, silent_s=0.2)] * 2, delay=0, key_every=5
    )
    at_key = moved(whole, tmp_path / "key.mp4", Fraction(5, 25))
    between = moved(whole, tmp_path / "between.mp4", Fraction(7, 25))
    for source, suffix, count in (
        (at_key, ".mkv", 20),
        (at_key, ".mp4", 20),
        (between, ".mp4", 18),
    ):
        out = tmp_path / f"out {source.stem}{suffix}"
        report = convert(source, out)
        assert report.is_complete, report.files
        assert len(times_of(out)) == count and times_of(out)[0] < 0.05, out
        assert voice_span(out, 440) == pytest.approx(voice_span(source, 220), abs=0.05)
    (refused,) = convert(between, tmp_path / "out.mkv").files
    assert refused.reason == (
        f"{tmp_path / 'out.mkv'}: {between} begins with a cut between two key frames (an edit "
        "list), which this format "
        "cannot hold; name an .mp4 or .mov"
    )


@pytest.mark.only_on("linux", "darwin", reason="Windows allows no colon in a name")
@pytest.mark.parametrize("output", ["22:10.mkv", "22:10.m4a"])
def test_a_name_with_a_time_of_day_is_a_file_and_no_protocol(
    convert: Convert, monkeypatch: pytest.MonkeyPatch, output: str, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    write_video(Path("film.mkv"), [spoken(0.2)]).rename("21:30.mkv")
    report = convert(Path("21:30.mkv"), Path(output))
    assert report.is_complete and Path(output).is_file(), report.files


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("out.mkv", ["sound track 2 (deu, aac, 2 channels) is copied, not converted"]),
        (
            "out.mp4",
            [
                "sound track 2 (deu, aac, 2 channels) is copied, not converted",
                "subtitle track 1 (eng, subrip) cannot be copied into this format: it is left out",
            ],
        ),
        (
            "out.flac",
            [
                "sound track 2 (deu, aac, 2 channels), subtitle track 1 (eng, subrip): left out "
                "of a sound file"
            ],
        ),
    ],
)
def test_a_second_sound_track_and_subtitles_that_are_left_out_are_reported(
    convert: Convert, name: str, expected: list[str], tmp_path: Path
) -> None:
    plain = write_video(tmp_path / "plain.mkv", [tone(0.5, 44_100), tone(0.5, 44_100, hz=700)])
    (tmp_path / "words.srt").write_text("1\n00:00:00,100 --> 00:00:00,400\nA word.\n")
    with (
        av.open(str(plain)) as video,
        av.open(str(tmp_path / "words.srt")) as text,
        av.open(str(tmp_path / "in.mkv"), "w") as written,
    ):
        tracks = {
            stream: written.add_stream_from_template(stream)
            for stream in (*video.streams, *text.streams)
        }
        for stream, language in zip(tracks, (None, None, "deu", "eng"), strict=True):
            if language:
                tracks[stream].metadata["language"] = language
        for packet in (*text.demux(), *video.demux()):
            if packet.size and packet.dts is not None:
                packet.stream = tracks[packet.stream]
                written.mux(packet)
    (file,) = convert(tmp_path / "in.mkv", tmp_path / name).files
    assert (file.state, file.reason) == ("converted", "")
    assert [note for note in file.notes if "track" in note] == expected
    if name == "out.mkv":
        assert (
            packets(tmp_path / name, "subtitles")
            == packets(tmp_path / "in.mkv", "subtitles")
            == [b"A word."]
        )


def test_a_video_may_become_a_sound_and_an_unsupported_codec_is_refused(
    convert: Convert, tmp_path: Path
) -> None:
    source = write_video(tmp_path / "in.mp4", [spoken(0.5, 44_100)])
    report = convert(source, tmp_path / "out.flac")
    assert report.is_complete and len(read_sound(tmp_path / "out.flac")[0]) >= 20_000
    report = convert(source, tmp_path / "out.webm")
    (file,) = report.files
    assert (file.state, report.sound_s) == ("failed", 0.0), "converted before the error"
    assert file.reason == (
        f"{tmp_path / 'out.webm'}: the pictures of {source} (h264) cannot be copied into this "
        "format; "
        "name an .mkv, which holds any"
    )
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in.mp4", "out.flac"]


def test_a_video_that_is_replaced_meanwhile_is_refused(convert: Convert, tmp_path: Path) -> None:
    source = write_video(tmp_path / "in.mkv", [spoken(0.3, 44_100)], count=8)
    other = write_video(tmp_path / "other.mkv", [spoken(0.3, 44_100, hz=150)], count=9)
    (file,) = convert(
        source, tmp_path / "out.mkv", as_it_converts=lambda: other.replace(source)
    ).files
    assert file.state == "failed" and not any("--resume" in note for note in file.notes)
    assert file.reason == f"{source}: changed during the conversion; convert it again"
    assert [path.name for path in tmp_path.iterdir()] == ["in.mkv"]
