"""Sound files, normal and unusual."""

import os
from collections.abc import Callable, Iterator
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
import soundfile

from engine.audio.decoded_track import DecodedTrack
from engine.audio.file import FileFeed
from engine.audio.open import open_audio
from engine.errors import AudioError
from engine.jobs.convert.sounds import open_sound
from engine.system.clock import SteppedClock
from tests.jobs.convert.voices import write_track
from tests.support.wav_sizes import sounds_of_no_size


def write(path: Path, samples: np.ndarray, rate_hz: int = 48_000, **how: str) -> str:
    soundfile.write(path, samples, rate_hz, **how)
    return str(path)


@pytest.fixture
def open_feed(reports) -> Iterator[Callable[..., FileFeed]]:
    """`open_feed(path, is_looped=True)`: closed at the end."""
    feeds: list[FileFeed] = []

    def opened(path: Path | str, *, is_looped: bool = True) -> FileFeed:
        feeds.append(FileFeed(str(path), is_looped=is_looped, report=reports))
        return feeds[-1]

    yield opened
    for feed in feeds:
        feed.close()


@pytest.fixture
def noise() -> np.ndarray:
    return np.random.default_rng(10).uniform(-0.25, 0.25, (7001, 2)).astype(np.float32)


@pytest.mark.parametrize(
    ("name", "subtype", "channels"),
    [("a.wav", "FLOAT", 2), ("a.flac", "PCM_24", 2), ("a.aiff", "PCM_24", 2), ("a.ogg", "VORBIS",
        2),
     ("b.wav", "PCM_24", 4), ("b.flac", "PCM_16", 4), ("b.aiff", "FLOAT", 12), ("tagged.flac",
         "PCM_16", 2)],
)  # fmt: skip
def test_a_file_loops_without_a_gap_sample_for_sample(
    name, subtype, channels, tmp_path, open_feed, reports
) -> None:
    path = write(
        tmp_path / name,
        np.random.default_rng(10).uniform(-0.25, 0.25, (7001, channels)),
        subtype=subtype,
    )
    if name == "tagged.flac":  # ID3v1 behind the last frame
        Path(path).write_bytes(Path(path).read_bytes() + b"TAG".ljust(128, b"\0"))
    decoded, feed = soundfile.read(path, dtype="float32")[0], open_feed(path)
    sound = np.concatenate([feed.read(480) for _ in range(60)])
    assert np.array_equal(sound, np.tile(decoded, (5, 1))[: len(sound)])
    feed.seek(0.1)
    assert np.array_equal(feed.read(480), decoded[4800:5280])
    assert not feed.is_finished
    assert reports.lines == []


def test_an_mp3_plays(sine, tmp_path, open_feed) -> None:
    feed = open_feed(
        write(tmp_path / "a.mp3", sine(440.0, rate_hz=44_100), 44_100, format="MP3"),
        is_looped=False,
    )
    block = feed.read(22_050)
    assert (feed.sample_rate_hz, feed.channels) == (44_100, 1)
    assert np.sqrt((block[5000:] ** 2).mean()) == pytest.approx(0.354, rel=0.02)


def joined(
    tmp_path: Path, name: str, form: str, subtype: str, *, rates_hz: tuple[int, int] = (48_000,) * 2
) -> Path:
    """Two sounds in one file, as `cat` or an internet radio writes them: a second of 300 Hz, a
    second of 700 Hz. Their hiss makes the FLAC as long as music would."""
    both = b""
    for hz, rate_hz in zip((300, 700), rates_hz, strict=True):
        part = tmp_path / f"part.{name}"
        hiss = np.random.default_rng(10).uniform(-0.05, 0.05, rate_hz)
        tone = 0.3 * np.sin(2 * np.pi * hz * np.arange(rate_hz) / rate_hz)
        soundfile.write(part, tone + hiss, rate_hz, subtype, format=form)
        both += part.read_bytes()
    (tmp_path / name).write_bytes(both)
    return tmp_path / name


def loudest_hz(sound: np.ndarray) -> list[int]:
    """Of each half second at 48 kHz."""
    halves = sound[: len(sound) // 24_000 * 24_000].reshape(-1, 24_000)
    return [2 * round(float(each.argmax()), -1) for each in np.abs(np.fft.rfft(halves))]


FORMATS_WITHOUT_AN_END = [("a.ogg", "OGG", "VORBIS"), ("a.opus", "OGG", "OPUS"), ("a.mp3", "MP3",
    "MPEG_LAYER_III"),
                          ("a.flac", "FLAC", "PCM_16")]  # fmt: skip


@pytest.mark.parametrize(("name", "form", "subtype"), FORMATS_WITHOUT_AN_END)
def test_sounds_joined_in_one_file_play_one_after_the_other(
    name, form, subtype, tmp_path, open_feed, reports
) -> None:
    feed = open_feed(joined(tmp_path, name, form, subtype), is_looped=False)
    assert loudest_hz(feed.read(96_000)[:, 0]) == [300, 300, 700, 700]
    feed.seek(1.25)
    assert loudest_hz(feed.read(24_000)[:, 0]) == [700]
    converted = np.concatenate(list(open_sound(tmp_path / name).blocks()))
    assert loudest_hz(converted[:, 0])[:4] == [300, 300, 700, 700]
    assert reports.lines == []


def test_a_joined_sound_of_another_rate_that_cannot_be_read_is_told(
    tmp_path, open_feed, reports
) -> None:
    path = joined(tmp_path, "a.ogg", "OGG", "VORBIS", rates_hz=(48_000, 44_100))
    feed = open_feed(path, is_looped=False)
    assert loudest_hz(feed.read(96_000)[:, 0]) == [300, 300, 0, 0] and feed.is_finished
    assert ["several sounds are joined in it" in line for _, line in reports.lines] == [True]


def appended_line(path: Path, first_bytes: int) -> str:
    return (
        f"another file was appended at byte {first_bytes} of {path.stat().st_size}, and is left "
        "out, or parts of it; "
        f"join them by ffmpeg -f concat -i LIST -c copy WHOLE{path.suffix}, where LIST has a line "
        "for each: "
        f"file 'a{path.suffix}'"
    )


@pytest.mark.parametrize("kind", ["WAV", "RF64", "AIFF", "M4A"])
def test_a_sound_behind_the_first_of_a_file_is_told_where_it_is_not_read(
    kind, tmp_path, open_feed, reports
) -> None:
    part = tmp_path / f"part.{kind.lower()}"
    if kind == "M4A":
        write_track(part, np.zeros((1, 48_000), np.float32), 48_000, codec="aac")
    else:
        write(part, np.zeros(48_000), format=kind)
    open_feed(part)
    assert reports.lines == [] and open_sound(part).notes == []

    path = tmp_path / f"both.{kind.lower()}"
    path.write_bytes(2 * part.read_bytes())
    line = appended_line(path, part.stat().st_size)
    feed = open_feed(path)
    feed.read(120_000)
    assert reports.lines == [("audio.file", f"{path}: {line}")], "once, however often it is looped"
    assert open_sound(path).notes == [line]


def test_an_mp3_that_does_not_tell_its_length_plays_to_its_end(tmp_path, open_feed) -> None:
    # whose bit rate is that of its first frame no more
    sound = 0.3 * np.sin(0.04 * np.arange(96_000))
    sound[:9000] += np.random.default_rng(1).uniform(-0.5, 0.5, 9000)
    path = Path(write(tmp_path / "a.mp3", sound, format="MP3"))
    data = path.read_bytes()
    second = data.index(b"\xff\xfb", 4)
    path.write_bytes(data[second:])  # without the frame that tells it
    feed = open_feed(path, is_looped=False)
    assert np.flatnonzero(feed.read(120_000)).max() == pytest.approx(96_000, abs=4000)


def write_through_ffmpeg(
    path: Path,
    samples: np.ndarray,
    rate_hz: int,
    codec: str,
    *,
    has_pictures: bool,
    begins_s: int = 0,
) -> str:
    """Write samples, (frames, 2) float32, with FFmpeg from `begins_s` on, and maybe a second of
    black video from 0."""
    with av.open(str(path), "w") as movie:
        video = movie.add_stream("mpeg4", rate=10) if has_pictures else None
        sound = movie.add_stream(codec, rate=rate_hz, layout="stereo")
        sound.bit_rate = 192_000
        if video is not None:
            video.width, video.height, video.pix_fmt = 64, 48, "yuv420p"
            for _ in range(10):
                movie.mux(video.encode(av.VideoFrame(64, 48, "yuv420p")))
            movie.mux(video.encode(None))
        block = av.AudioFrame.from_ndarray(
            np.ascontiguousarray(samples.T), format="fltp", layout="stereo"
        )
        block.sample_rate, block.time_base, block.pts = (
            rate_hz,
            Fraction(1, rate_hz),
            begins_s * rate_hz,
        )
        movie.mux(sound.encode(block))
        movie.mux(sound.encode(None))
    return str(path)


@pytest.mark.parametrize(
    ("name", "codec", "rate_hz", "has_pictures"),
    [("a.m4a", "aac", 44_100, False), ("a.aac", "aac", 48_000, False), ("a.mp4", "aac", 32_000,
        True),
     ("a.wma", "wmav2", 44_100, False), ("a.mkv", "ac3", 48_000, True)],
)  # fmt: skip
def test_other_formats_are_decoded_by_ffmpeg_at_their_own_rate_in_both_channels(
    name, codec, rate_hz, has_pictures, sine, tmp_path, open_feed, reports
) -> None:
    left, right = (0.5 * sine(hz, 1.0, rate_hz=rate_hz) for hz in (440.0, 1000.0))
    path = write_through_ffmpeg(
        tmp_path / name, np.stack([left, right], 1), rate_hz, codec, has_pictures=has_pictures
    )
    with pytest.raises(soundfile.LibsndfileError):
        soundfile.SoundFile(path)
    feed = open_feed(path, is_looped=False)
    sound = np.concatenate([feed.read(480) for _ in range(rate_hz // 480)])
    rest = feed.read(rate_hz)
    assert (feed.sample_rate_hz, feed.channels, feed.is_finished) == (rate_hz, 2, True)
    assert not rest[rate_hz // 2 :].any()
    middle = sound[rate_hz // 4 : rate_hz // 4 * 3]
    spectrum = np.abs(np.fft.rfft(middle * np.hanning(len(middle))[:, None], axis=0))
    assert (spectrum.argmax(axis=0) * rate_hz / len(middle)).tolist() == pytest.approx(
        [440, 1000], abs=3
    )
    assert np.abs(middle).max(axis=0).tolist() == pytest.approx([0.25, 0.25], rel=0.1)
    if feed.length_s is not None:
        assert feed.length_s == pytest.approx(1.0, abs=0.05)
    assert reports.lines == []


@pytest.mark.parametrize(
    ("name", "codec", "has_pictures"),
    [
        ("a.mkv", "pcm_s16le", True),
        ("a.mka", "pcm_s16le", False),
        ("a.mp4", "aac", True),
        ("a.m4a", "aac", False),
    ],
)
def test_a_song_that_begins_late_keeps_its_length(
    name, codec, has_pictures, sine, tmp_path, open_feed, reports
) -> None:
    tone = 0.5 * sine(440.0, 1.0, rate_hz=44_100)
    path = write_through_ffmpeg(
        tmp_path / name,
        np.stack([tone, tone], 1),
        44_100,
        codec,
        has_pictures=has_pictures,
        begins_s=2,
    )
    feed = open_feed(path, is_looped=False)
    sound = feed.read(4 * 44_100)
    assert feed._file.position == pytest.approx(3 * 44_100, abs=2500)  # AAC fills its last frame
    assert not sound[: 2 * 44_100 - 2500].any()
    assert np.abs(sound[2 * 44_100 + 2500 : 3 * 44_100 - 2500]).max() == pytest.approx(
        0.25, rel=0.1
    )
    assert feed.length_s == pytest.approx(3.0, abs=0.06)
    assert reports.lines == []


LAYOUTS = {
    1: "mono",
    2: "stereo",
    3: "3.0",
    4: "quad",
    5: "5.0",
    6: "5.1",
    7: "6.1",
    8: "7.1",
    16: "hexadecagonal",
}
"""FFmpeg's names; of other numbers the loudspeakers have no names."""


@pytest.mark.parametrize(
    ("name", "codec", "counts"),
    [("a.wav", "pcm_s24le", range(1, 17)), ("a.flac", "flac", range(1, 9)), ("a.mkv", "pcm_f32le",
        range(1, 17)),
     ("a.mp4", "flac", range(1, 9)), ("a.m4a", "aac", (*range(1, 9), 16)), ("a.opus", "libopus",
         range(1, 9))],
)  # fmt: skip
def test_one_to_sixteen_channels_play(name, codec, counts, tmp_path, open_feed, reports) -> None:
    """PyAV's crash on a planar frame of eight channels ended the process."""
    is_lossless = codec not in ("aac", "libopus")
    for count in counts:
        sound = np.random.default_rng(count).uniform(-0.25, 0.25, (2880, count)).astype(np.float32)
        path, layout = tmp_path / f"{count}{name}", LAYOUTS.get(count, f"{count} channels")
        with av.open(str(path), "w") as container:
            stream = container.add_stream(codec, rate=48_000, layout=layout)
            frame = av.AudioFrame.from_ndarray(sound.reshape(1, -1), format="flt", layout=layout)
            frame.sample_rate, frame.time_base, frame.pts = 48_000, Fraction(1, 48_000), 0
            container.mux(stream.encode(frame))
            container.mux(stream.encode(None))
        by_ffmpeg = np.concatenate(list(DecodedTrack(path).pieces()), axis=1).T
        feed = open_feed(path, is_looped=False)
        played = feed.read(len(by_ffmpeg))
        assert played.shape == by_ffmpeg.shape == (len(by_ffmpeg), count) and len(by_ffmpeg) >= 2880
        assert played.any(axis=0).all() and feed.channels == count
        if is_lossless:
            np.testing.assert_allclose(by_ffmpeg[:2880], sound, atol=1e-4)
            np.testing.assert_allclose(played[:2880], sound, atol=1e-4)
    assert reports.lines == []


def test_files_decoded_by_ffmpeg_loop_without_a_gap(sine, tmp_path, open_feed) -> None:
    tone = 0.5 * sine(440.0, 1.0, rate_hz=44_100)
    path = write_through_ffmpeg(
        tmp_path / "a.m4a", np.stack([tone, tone], 1), 44_100, "aac", has_pictures=False
    )
    feed, once = open_feed(path), open_feed(path, is_looped=False)
    whole = once.read(2 * 44_100)
    whole = whole[: once._file.position]
    assert len(whole) == pytest.approx(44_100, abs=1100)
    sound = np.concatenate([feed.read(480) for _ in range(300)])
    assert np.array_equal(sound, np.tile(whole, (4, 1))[: len(sound)])
    assert not feed.is_finished


def test_a_video_without_sound_is_an_error_and_one_that_is_emptied_silent(
    sine, tmp_path, open_feed
) -> None:
    silent = tmp_path / "silent.mp4"
    with av.open(str(silent), "w") as movie:
        video = movie.add_stream("mpeg4", rate=10)
        video.width, video.height, video.pix_fmt = 64, 48, "yuv420p"
        movie.mux(video.encode(av.VideoFrame(64, 48, "yuv420p")))
        movie.mux(video.encode(None))
    with pytest.raises(AudioError, match=r"silent\.mp4: it has no sound that can be decoded"):
        open_feed(silent)
    tone = sine(440.0, 1.0, rate_hz=44_100)
    path = write_through_ffmpeg(
        tmp_path / "a.m4a", np.stack([tone, tone], 1), 44_100, "aac", has_pictures=False
    )
    feed = open_feed(path)
    feed.read(480)
    Path(path).write_bytes(b"")
    assert not [feed.read(44_100) for _ in range(4)][-1].any()


@pytest.mark.only_on("linux", reason="file names are Unicode there")
def test_a_file_name_that_is_not_utf_8_is_played(noise, tmp_path, open_feed) -> None:
    path = tmp_path / os.fsdecode(b"song \xff.wav")
    Path(write(tmp_path / "a.wav", noise, subtype="FLOAT")).rename(path)
    assert np.array_equal(open_feed(path, is_looped=False).read(7001), noise)


@pytest.mark.parametrize(
    ("rate_hz", "channels"), [(8000, 1), (96_000, 2), (44_100, 6), (192_000, 1), (11_025, 64)]
)
def test_files_of_any_rate_and_width_are_analysed_as_they_are(
    rate_hz, channels, sine, tmp_path, reports
) -> None:
    tone = np.repeat(sine(440.0, rate_hz=rate_hz)[:, None], channels, axis=1)
    path = write(tmp_path / "a.wav", tone, rate_hz, subtype="FLOAT")
    audio = open_audio(path, offline=True, clock=SteppedClock(), report=reports)
    features = audio.advance_to(0.9)
    audio.close()
    assert (audio.sample_rate_hz, audio.source_channels) == (rate_hz, channels)
    assert f"{rate_hz} Hz" in audio.choice
    own = features.channels[1 if channels == 1 else 0]  # for mono, the band from 250 to 1000 Hz
    assert own.pitch_hz == pytest.approx(440.0, rel=0.003)


def test_nan_overshoot_and_a_truncated_file_play_what_can_be_heard(tmp_path, open_feed) -> None:
    samples = np.zeros((480, 1), np.float32)
    samples[:4, 0] = [np.nan, np.inf, -np.inf, 3.0]
    feed = open_feed(write(tmp_path / "a.wav", samples, subtype="FLOAT"), is_looped=False)
    assert feed.read(5)[:, 0].tolist() == [0.0, 1.0, -1.0, 1.0, 0.0]


def unplayable(tmp_path: Path) -> dict[str, str]:
    text = tmp_path / "text.wav"
    text.write_text("this is no sound at all")
    nothing = tmp_path / "nothing.wav"
    nothing.touch()
    header = tmp_path / "header.wav"
    soundfile.write(header, np.zeros((0, 2)), 48_000)
    cut = tmp_path / "cut.flac"
    soundfile.write(cut, np.random.default_rng(1).uniform(-1, 1, 48_000), 48_000)
    cut.write_bytes(cut.read_bytes()[:60])
    slow = tmp_path / "slow.wav"
    soundfile.write(slow, np.zeros(100), 1000)
    return {
        str(tmp_path / "missing.wav"): "no such file",
        str(text): "not a readable sound or video",
        str(nothing): "not a readable sound or video",
        str(header): "no sound",
        str(cut): "cut.flac",
        str(slow): "1000 Hz is outside",
    }


def test_an_unplayable_file_is_an_error_of_one_line_with_its_name(tmp_path, reports) -> None:
    for path, reason in unplayable(tmp_path).items():
        with pytest.raises(AudioError) as error:
            open_audio(path, offline=True, clock=SteppedClock(), report=reports)
        assert str(error.value).startswith(path)
        assert reason in str(error.value)
        assert "\n" not in str(error.value)


@pytest.mark.parametrize(("form", "channels"), [("WAV", 1), ("AIFF", 1), ("WAV", 6)])
@pytest.mark.parametrize("is_looped", [False, True])
def test_a_recording_that_was_cut_off_is_reported_once_at_its_end(
    form, channels, is_looped, tmp_path, open_feed, reports
) -> None:
    path = Path(
        write(tmp_path / "a", np.zeros((48_000, channels)), 16_000, format=form, subtype="PCM_16")
    )
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 3])
    feed = open_feed(path, is_looped=is_looped)
    for _ in range(40):
        feed.read(1000)
    cut = "ends after 1.0 s, though its header says 3.0 s; it seems to be cut off"
    assert reports.lines == [("audio.file", f"{path}: {cut}")]


def test_a_sound_whose_size_was_never_written_plays_to_its_end(
    tmp_path, open_feed, reports
) -> None:
    sound = np.round(np.random.default_rng(3).uniform(-0.5, 0.5, 9000) * 32768) / 32768
    for path in sounds_of_no_size(tmp_path, sound):
        feed = open_feed(path, is_looped=False)
        assert feed.length_s is None or feed.length_s == pytest.approx(9000 / 16_000)
        assert (
            np.array_equal(feed.read(9000)[:, 0], sound.astype(np.float32)) and feed.is_finished
        ), path
    assert not reports.lines


@pytest.mark.parametrize("after", [b"", bytes(50_000)])
def test_a_damaged_flac_plays_what_remains_with_a_report_and_loops(
    after, tmp_path, open_feed, reports
) -> None:
    noise = np.random.default_rng(11).uniform(-0.5, 0.5, 48_000)
    path = Path(write(tmp_path / "a.flac", noise))
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2] + after)
    feed = open_feed(path)
    sound = np.concatenate([feed.read(480) for _ in range(200)])
    assert np.sqrt((sound.reshape(-1, 4800) ** 2).mean(axis=1)).min() > 0.2
    assert set(reports.keys) == {"audio.file"}
    assert "damaged" in reports.lines[0][1] and len(reports.lines) == len(set(reports.lines)), (
        "each line once"
    )


def read_until(feed: FileFeed, what: Callable[[np.ndarray], bool]) -> int:
    """Read blocks of 10 ms until one is as wanted; the number of blocks before it."""
    for number in range(1000):
        if what(feed.read(480)):
            return number
    raise AssertionError("10 s of other sound")


NOT_ON_WINDOWS = pytest.mark.only_on(
    "linux", "darwin", reason="Windows keeps a file that is open from being replaced"
)


@pytest.mark.parametrize(
    "how", ["in place", pytest.param("as a new file", marks=NOT_ON_WINDOWS), "emptied first"]
)
def test_a_file_written_again_plays_again_from_its_beginning(
    how, noise, tmp_path, open_feed, reports
) -> None:
    path = Path(write(tmp_path / "a.wav", noise, subtype="FLOAT"))
    feed = open_feed(path)
    feed.read(7000)
    other = np.random.default_rng(12).uniform(-0.5, 0.5, (9000, 2)).astype(np.float32)
    if how == "as a new file":
        Path(write(tmp_path / "b.wav", other, subtype="FLOAT")).replace(path)
    else:
        if how == "emptied first":
            path.write_bytes(b"")
            read_until(feed, lambda block: not block.any())
            for _ in range(300):
                assert not feed.read(480).any()
        write(path, other, subtype="FLOAT")
    read_until(feed, lambda block: np.array_equal(block, other[:480]))
    assert np.array_equal(feed.read(9000), np.concatenate([other[480:], other[:480]]))
    assert not feed.is_finished
    assert [line for key, line in reports.lines if key == "audio.file.back"] == [
        f"{path}: was written again and plays from its beginning"
    ]


def test_a_file_that_is_still_being_written_is_not_opened(
    noise, tmp_path, open_feed, reports
) -> None:
    path = Path(write(tmp_path / "a.wav", noise, subtype="FLOAT"))
    whole, feed = path.read_bytes(), open_feed(path)
    feed.read(480)
    for size in range(1000, len(whole), 1000):  # one piece every 0.5 s: 28 s
        path.write_bytes(whole[:size])
        for _ in range(50):
            feed.read(480)
    assert "audio.file.back" not in reports.keys
    path.write_bytes(whole)
    read_until(feed, lambda block: np.array_equal(block, noise[:480]))
