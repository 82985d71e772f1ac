"""Inputs that can be read, and the errors of those that cannot."""

from pathlib import Path

import av
import numpy as np
import pytest

from engine.errors import AudioError, SinkError
from engine.jobs.convert.model_input import (
    FILTERED_AT_ONCE,
    filter_blocks,
    mono_blocks,
    write_input,
)
from engine.jobs.convert.scratch import Scratch
from engine.jobs.convert.sounds import open_sound
from tests.jobs.convert.voices import spoken, tone, write_sound, write_track
from tests.support.wav_sizes import sounds_of_no_size


def voice(path: Path) -> np.ndarray:
    return np.concatenate(list(mono_blocks(open_sound(path))))


@pytest.mark.parametrize(("rate_hz", "channels"), [(8000, 1), (44_100, 2), (192_000, 2)])
def test_a_voice_at_any_rate_on_one_or_two_channels_is_the_same_at_16_khz(
    rate_hz: int, channels: int, tmp_path: Path
) -> None:
    sound = spoken(1.0, rate_hz, hz=110)
    several = np.stack([sound] * channels, 1)
    sound_file = open_sound(write_sound(tmp_path / "in.wav", several, rate_hz, subtype="FLOAT"))
    scratch = Scratch(tmp_path / "heard")
    known = write_input(sound_file, scratch, lambda sound: sound, lambda: False)
    inputs = scratch.read(0, scratch.samples)
    scratch.close()
    assert known is not None and (known.source_samples, len(inputs)) == (rate_hz, 16_000)
    np.testing.assert_allclose(inputs[500:-500], spoken(1.0, hz=110)[500:-500], atol=0.005)
    assert known.peak == pytest.approx(np.abs(sound).max(), rel=0.02)
    mixed = ["stereo, mixed to one voice that is as loud (ITU-R BS.775)"]
    assert sound_file.notes == (mixed if channels > 1 else [])


@pytest.mark.parametrize(
    ("name", "codec"), [("in.m4a", "aac"), ("in.mka", "flac"), ("in.mp4", "aac"), ("in.ac3", "ac3")]
)
def test_formats_unknown_to_libsndfile_are_read_through_ffmpeg(
    name: str, codec: str, tmp_path: Path
) -> None:
    sound = tone(1.0, 48_000, silent_s=0.2)
    read = voice(write_track(tmp_path / name, sound[None], 48_000, codec=codec))
    assert 0 <= len(read) - len(sound) < 5000  # they fill their last block
    assert np.argmax(np.abs(np.fft.rfft(read))) * 48_000 / len(read) == pytest.approx(220, abs=1)


def test_gaps_in_a_recording_become_silence(tmp_path: Path) -> None:
    read = voice(
        write_track(tmp_path / "in.mkv", tone(2.0, 48_000)[None], 48_000, codec="flac", gap_s=0.5)
    )
    assert len(read) == pytest.approx(2.5 * 48_000, abs=100)
    silent = np.flatnonzero(np.abs(np.convolve(np.abs(read), np.ones(1000) / 1000, "same")) < 1e-4)
    # a block of FLAC
    assert [silent[0] / 48_000, silent[-1] / 48_000] == pytest.approx([1.0, 1.5], abs=0.1)


def test_nan_and_infinity_become_silence_and_are_counted(tmp_path: Path) -> None:
    sound = tone(0.1)
    sound[100:105], sound[105:110], sound[200] = np.nan, 1e30, np.inf
    read = open_sound(write_sound(tmp_path / "in.wav", sound, subtype="FLOAT"))
    converted = np.concatenate(list(mono_blocks(read)))
    assert np.isfinite(converted).all() and not converted[100:110].any() and converted[200] == 0
    assert read.notes == ["11 samples are NaN, infinite or above 1e10: replaced by silence"]


def test_a_file_that_was_cut_off_is_read_as_far_as_it_goes(tmp_path: Path) -> None:
    whole = write_sound(tmp_path / "whole.flac", spoken(3.0), subtype="PCM_16").read_bytes()
    (tmp_path / "cut.flac").write_bytes(whole[: len(whole) // 2])
    sound = open_sound(tmp_path / "cut.flac")
    assert 0.5 < sum(map(len, mono_blocks(sound))) / 16_000 < 2.5
    assert len(sound.notes) == 1 and ("cut off" in sound.notes[0] or "damaged at" in sound.notes[0])


def test_a_sound_whose_size_was_never_written_is_read_to_its_end_without_a_note(
    tmp_path: Path,
) -> None:
    for number, name in enumerate(sounds_of_no_size(tmp_path, spoken(1.0))):
        sound = open_sound(name)
        assert (
            sum(map(len, mono_blocks(sound))) == 16_000
            and not sound.notes
            and sound.subtype == "PCM_16"
        ), number


@pytest.mark.parametrize("channels", [1, 6])
@pytest.mark.parametrize("form", ["WAV", "AIFF", "W64", "AU", "RF64"])
def test_a_plain_sound_that_was_cut_off_is_reported(
    form: str, channels: int, tmp_path: Path
) -> None:
    path = write_sound(
        tmp_path / "cut", np.zeros((48_000, channels), np.float32), format=form, subtype="PCM_16"
    )
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 3])
    sound = open_sound(path)
    assert sum(map(len, mono_blocks(sound))) == pytest.approx(16_000, abs=100)
    assert "ends after 1.0 s, though its header says 3.0 s; it seems to be cut off" in sound.notes


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("empty.wav", b"", "empty.wav: not a readable sound or video"),
        ("text.mp3", b"hello " * 200, "text.mp3: "),
        ("noise.flac", bytes(range(256)) * 64, "noise.flac: "),
    ],
)
def test_a_file_without_sound_is_refused_in_one_line(
    name: str, content: bytes, reason: str, tmp_path: Path
) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(AudioError) as error:
        list(mono_blocks(open_sound(tmp_path / name)))
    assert str(error.value).startswith(str(tmp_path / reason)) and "\n" not in str(error.value)


def test_an_empty_sound_and_a_silent_video_are_refused(tmp_path: Path) -> None:
    with pytest.raises(AudioError, match="there is no sound in it"):
        open_sound(write_sound(tmp_path / "none.wav", np.zeros(0, np.float32)))
    with av.open(str(tmp_path / "mute.mp4"), "w") as container:
        stream = container.add_stream("mpeg4", rate=25, width=32, height=32, pix_fmt="yuv420p")
        container.mux(stream.encode(av.VideoFrame(32, 32, "yuv420p")))
        container.mux(stream.encode(None))
    with pytest.raises(AudioError, match="it has no sound that can be decoded"):
        open_sound(tmp_path / "mute.mp4")


def test_filtering_in_blocks_equals_filtering_at_once() -> None:
    from engine.models.rvc.highpass import high_pass_on_host

    sound = (
        np.random.default_rng(0).normal(0, 0.2, 2 * FILTERED_AT_ONCE + 40_000).astype(np.float32)
    )
    blocks = iter(np.split(sound, [7000, 300_000, 300_001, 900_000]))
    parts = np.concatenate(list(filter_blocks(blocks, high_pass_on_host)))
    assert len(parts) == len(sound)
    np.testing.assert_allclose(parts, high_pass_on_host(sound), atol=1e-6)


@pytest.mark.only_on("linux", reason="only Linux has a device that is always full, /dev/full")
def test_a_full_disk_is_one_line() -> None:
    scratch = Scratch(Path("/dev/full"))
    with pytest.raises(
        SinkError, match=r"/dev/full: cannot be written \(No space left on device\)"
    ):
        scratch.append(np.zeros(10, np.float32))
    scratch.close()


def test_a_rate_and_channels_beyond_all_reason_are_refused(tmp_path: Path) -> None:
    with pytest.raises(AudioError, match=r"2000 Hz is outside 4000\.\.384000 Hz"):
        open_sound(write_sound(tmp_path / "slow.wav", tone(0.1), 2000))
    with pytest.raises(AudioError, match="65 channels; at most 64"):
        open_sound(write_sound(tmp_path / "wide.wav", np.zeros((100, 65), np.float32)))
