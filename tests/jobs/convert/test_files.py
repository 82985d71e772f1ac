"""Conversion of files and folders: results, names, and errors for bad files."""

import os
import tempfile
import threading
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
import soundfile

from engine.errors import UsageError
from engine.jobs.convert.finishing import ConvertedVoice, FinishedVoice
from engine.jobs.convert.job import ConvertJob
from engine.jobs.convert.report import ConvertProgress, ConvertReport
from engine.jobs.convert.scratch import Scratch
from engine.jobs.convert.tasks import tasks_of
from engine.models.rvc import VoiceSettings, VoiceSpec
from engine.models.rvc.cutting import FULL, cut_into_spans
from tests.jobs.convert.voices import (
    ebur128,
    read_sound,
    span_of,
    spoken,
    tone,
    write_sound,
    write_track,
)
from tests.support.scanner import Scanner

NOBODY = 65534

Convert = Callable[..., ConvertReport]


def states(report: ConvertReport) -> list[str]:
    return [file.state for file in report.files]


def test_a_tone_file_comes_back_an_octave_higher_at_its_time_and_as_long_to_the_sample(
    convert: Convert, tmp_path: Path
) -> None:
    sound = tone(1.2, 44_100, silent_s=0.4)[:-7]
    report = convert(write_sound(tmp_path / "in.wav", sound, 44_100), tmp_path / "out.wav")
    converted, rate_hz = soundfile.read(tmp_path / "out.wav", dtype="float32")
    assert (rate_hz, len(converted)) == (44_100, len(sound)), "the source's rate"
    # a window of YIN
    assert span_of(converted, rate_hz, 440) == pytest.approx((0.4, 1.6), abs=0.03)
    within = converted[55_000:67_000] * np.hanning(12_000)  # of one piece
    assert np.argmax(np.abs(np.fft.rfft(within, 2**18))) * rate_hz / 2**18 == pytest.approx(
        440, rel=0.003
    )
    assert states(report) == ["converted"] and report.is_complete
    assert report.sound_s == pytest.approx(2.0, abs=0.05)


def test_a_film_sound_of_eight_channels_is_converted_like_the_rest_of_its_folder(
    convert: Convert, tmp_path: Path
) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    write_track(
        folder / "1.mp4", np.stack([tone(0.5, 48_000)] * 8), 48_000, layout="7.1", codec="aac"
    )
    write_sound(folder / "2.wav", np.stack([tone(0.5)] * 8, axis=1))
    write_sound(folder / "3.wav", tone(0.5))
    report = convert(folder, f"{tmp_path / 'out'}/")
    assert states(report) == ["converted"] * 3
    assert [file.notes[0] for file in report.files[:2]] == [
        "7.1, mixed to one voice that is as loud (ITU-R BS.775)",
        "8 channels without names of loudspeakers, taken as 7.1, mixed to one voice that is as "
        "loud (ITU-R BS.775)",
    ]


def test_a_name_that_is_as_long_as_a_folder_allows_is_written(
    convert: Convert, tmp_path: Path
) -> None:
    (file,) = convert(
        write_sound(tmp_path / "in.wav", tone(0.2)), tmp_path / f"{'n' * 251}.wav"
    ).files
    assert file.state == "converted"


@pytest.mark.parametrize("rms_mix", [0.0, 1.0])
def test_digital_silence_between_words_stays_silent_though_the_voice_breathes(
    convert: Convert, rms_mix: float, tmp_path: Path
) -> None:
    """The voice breathes at -18 dBFS where it hears no pitch. The source rumbles on until the
    silence begins."""
    burst = tone(1.0, 44_100) + tone(1.0, 44_100, hz=31.0)
    source = write_sound(
        tmp_path / "in.wav", np.concatenate((burst, np.zeros(22_050, np.float32), burst)), 44_100
    )
    convert(source, tmp_path / "out.wav", settings=VoiceSettings(pitch=12, rms_mix=rms_mix))
    sound, rate_hz = soundfile.read(tmp_path / "out.wav")

    def level_db(begin_s: float, end_s: float) -> float:
        return 20 * np.log10(
            np.abs(sound[round(begin_s * rate_hz) : round(end_s * rate_hz)]).max() + 1e-9
        )

    assert level_db(1.1, 1.4) < -60  # but for what rings in the high-pass filter, and the fades
    assert min(level_db(0.3, 0.35), level_db(2.1, 2.15)) > -16


@pytest.mark.parametrize(
    ("suffix", "rate_hz", "extra"),
    [
        (".flac", 40_000, 0),
        (".ogg", 40_000, 0),
        (".mp3", 44_100, 0),
        (".opus", 48_000, 0),
        (".m4a", 44_100, 1023),  # AAC fills its last block
    ],
)
def test_every_format_holds_the_whole_voice(
    convert: Convert, suffix: str, rate_hz: int, extra: int, tmp_path: Path
) -> None:
    sound = spoken(0.5)
    report = convert(
        write_sound(tmp_path / "in.wav", sound), tmp_path / f"out{suffix}", rate_hz="model"
    )
    converted, written_hz = read_sound(tmp_path / f"out{suffix}")
    assert written_hz == rate_hz and converted.shape[1] == 1
    assert 0 <= len(converted) - rate_hz // 2 <= extra
    changed = f"{suffix} cannot have 40000 Hz: it has {rate_hz} Hz"
    assert report.files[0].notes == (() if rate_hz == 40_000 else (changed,))


def test_an_unsupported_rate_becomes_the_nearest_one_with_a_note(
    convert: Convert, tmp_path: Path
) -> None:
    source = write_sound(tmp_path / "in.wav", spoken(0.2, 384_000), 384_000)
    (file,) = convert(source, tmp_path / "out.ogg").files  # libvorbis crashes above
    assert file.notes == (".ogg cannot have 384000 Hz: it has 192000 Hz",)
    assert soundfile.info(tmp_path / "out.ogg").samplerate == 192_000
    assert soundfile.info(tmp_path / "out.ogg").frames == round(0.2 * 192_000)


def test_rate_is_checked_against_the_format(convert: Convert, tmp_path: Path) -> None:
    source = write_sound(tmp_path / "in.wav", spoken(0.3, 22_050), 22_050)
    convert(source, tmp_path / "new" / "out.flac", rate_hz=22_050)
    output, rate_hz = soundfile.read(tmp_path / "new" / "out.flac")
    assert (rate_hz, len(output)) == (22_050, round(0.3 * 22_050))
    with pytest.raises(UsageError, match=r"--rate: .mp3 takes 48000, .* Hz, not 40000"):
        convert(source, tmp_path / "out.mp3", rate_hz=40_000)


def samples_of(path: Path) -> tuple[str, str]:
    with av.open(str(path)) as container:
        track = container.streams.audio[0]
        return track.codec_context.name, track.format.name


def test_24_bits_stay_24_and_what_was_lossless_in_an_m4a_stays_lossless(
    convert: Convert, tmp_path: Path
) -> None:
    voice = spoken(0.2, 48_000)
    deep = write_sound(tmp_path / "in.wav", voice, 48_000, subtype="PCM_24")
    for suffix, name in (
        (".wav", "pcm_s24le"),
        (".aiff", "pcm_s24be"),
        (".flac", "flac"),
        (".mka", "flac"),
    ):
        convert(deep, tmp_path / f"out{suffix}")
        assert samples_of(tmp_path / f"out{suffix}") == (name, "s32")
    convert(tmp_path / "out.mka", tmp_path / "out.mov")
    assert samples_of(tmp_path / "out.mov") == ("pcm_s24le", "s32")
    alac = write_track(tmp_path / "in.m4a", voice[None], 48_000, codec="alac")  # in 24 bits
    convert(alac, tmp_path / "out.m4a")
    convert(alac, tmp_path / "alac.wav")
    assert samples_of(tmp_path / "out.m4a") == ("alac", "s32p")
    assert samples_of(tmp_path / "alac.wav") == ("pcm_s24le", "s32")
    convert(write_sound(tmp_path / "in16.wav", voice, 48_000), tmp_path / "out16.flac")
    assert samples_of(tmp_path / "out16.flac") == ("flac", "s16")


def test_two_runs_write_the_same_bytes(convert: Convert, tmp_path: Path) -> None:
    plain = write_sound(tmp_path / "in.wav", spoken(0.2))
    loud = write_sound(tmp_path / "float.wav", spoken(0.2), subtype="FLOAT")
    for source, suffix in ((plain, ".ogg"), (plain, ".opus"), (plain, ".mp3"), (plain, ".flac"),
        (plain, ".mka"),
                           (loud, ".wav")):  # fmt: skip
        written = []
        for number in range(2):
            convert(source, tmp_path / f"{number}{suffix}")
            written.append((tmp_path / f"{number}{suffix}").read_bytes())
        assert written[0] == written[1], suffix
    assert b"PEAK" not in written[0], "it would hold the time of day"
    assert soundfile.info(tmp_path / "0.wav").subtype == "FLOAT"
    assert soundfile.info(tmp_path / "0.ogg").frames == 3200


def true_peak_db(path: Path) -> float:
    """True peak of a mono sound, in dBTP."""
    sound, rate_hz = read_sound(path)
    return float(20 * np.log10(max(ebur128(sound.T, rate_hz, "peak=true", "true_peaks_ch0"))))


def test_a_loud_voice_is_reported_as_softer_but_a_float_file_keeps_its_level(
    convert: Convert, tmp_path: Path
) -> None:
    loud = 10 * tone(1.0, 44_100, silent_s=0.2)
    source = write_sound(tmp_path / "in.wav", loud, 44_100, subtype="FLOAT")
    (plain,) = convert(source, tmp_path / "out.flac").files
    assert -1.2 < true_peak_db(tmp_path / "out.flac") <= -1.0
    assert [note.partition(" voice is ")[0] for note in plain.notes] == ["would clip: the"]
    (float_sound,) = convert(source, tmp_path / "out.wav").files
    sound, rate_hz = read_sound(tmp_path / "out.wav")
    middle = slice(rate_hz // 2, rate_hz)
    assert not float_sound.notes and sound[middle].std() == pytest.approx(
        loud[middle].std(), rel=0.1
    )


def test_names_are_kept_and_bad_files_are_reported_while_others_continue(
    convert: Convert, tmp_path: Path
) -> None:
    songs = tmp_path / "songs"
    (songs / "live").mkdir(parents=True)
    write_sound(songs / "2 b.wav", spoken(0.2))
    write_sound(songs / "10 a.flac", np.stack([spoken(0.2)] * 2, 1))
    write_sound(songs / "live" / "c.ogg", spoken(0.2))
    (songs / "cover.jpg").write_bytes(b"no sound")
    (songs / "broken.mp3").write_bytes(b"no sound at all" * 100)
    single = write_sound(tmp_path / "d.wav", spoken(0.2))
    reports = []
    report = convert(
        songs, single, tmp_path / "gone.wav", tmp_path / "out", on_file=reports.append, batch_size=4
    )
    written = sorted(
        path.relative_to(tmp_path / "out").as_posix() for path in (tmp_path / "out").rglob("*.*")
    )
    assert written == ["10 a.flac", "2 b.wav", "d.wav", "live/c.ogg"]
    assert [(Path(file.source).name, file.state) for file in report.files] == [
        ("2 b.wav", "converted"),
        ("10 a.flac", "converted"),
        ("broken.mp3", "failed"),
        ("c.ogg", "converted"),
        ("d.wav", "converted"),
        ("gone.wav", "failed"),
    ]
    assert [report.reason for report in reports[:2]] == [
        f"{songs / 'broken.mp3'}: not a readable sound or video (Invalid data found when "
        "processing input)",
        f"{tmp_path / 'gone.wav'}: no such file or folder",
    ]
    assert not report.is_complete and not report.is_interrupted
    assert report.files[1].notes == ("stereo, mixed to one voice that is as loud (ITU-R BS.775)",)


def test_a_file_found_damaged_while_reading_is_reported_and_leaves_nothing(
    convert: Convert, tmp_path: Path
) -> None:
    broken = write_sound(tmp_path / "broken.flac", spoken(1.0), subtype="PCM_16")
    broken.write_bytes(broken.read_bytes()[:200])  # its header is whole
    report = convert(broken, write_sound(tmp_path / "good.wav", spoken(0.2)), tmp_path / "out")
    assert states(report) == ["failed", "converted"]
    assert report.files[0].reason.startswith(f"{broken}: ") and "\n" not in report.files[0].reason
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["good.wav"]


def test_nothing_is_overwritten_without_the_option(convert: Convert, tmp_path: Path) -> None:
    source = write_sound(tmp_path / "in.wav", spoken(0.2))
    out = tmp_path / "out.wav"
    out.write_bytes(b"precious")
    with pytest.raises(
        UsageError, match=r"out.wav: exists already; --overwrite replaces it, --resume skips it"
    ):
        convert(source, out)
    assert states(convert(source, out, resume=True)) == ["kept"] and out.read_bytes() == b"precious"
    assert states(convert(source, out, overwrite=True)) == ["converted"]
    assert soundfile.info(out).duration == pytest.approx(0.2)


@pytest.mark.parametrize(
    ("paths", "reason"),
    [
        (("in.wav", "."), "in.wav: is the input; name another output"),
        (
            ("in.wav", "copy/in.wav", "out/"),
            f"in.wav: in.wav and {Path('copy/in.wav')} have the same output name; convert them "
            "separately",
        ),
        (
            ("in.wav", "copy/in.wav", "out.wav"),
            "out.wav: is a single file; several inputs need a folder",
        ),
        (("in.wav", "out.xyz"), "out.xyz: cannot write this format; an output is .wav"),
        (("in.wav", "-"), "-: stdin and stdout are not supported; name a file"),
        (("in.wav", "readme"), "readme: is a file in a format that cannot be written"),
        (("out/",), "out/: is taken as the output; name sound files, videos or folders before it"),
    ],
)
def test_contradictions_are_refused_before_any_work(
    convert: Convert,
    paths: tuple[str, ...],
    reason: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "copy").mkdir()
    (tmp_path / "readme").write_text("hello")
    for name in ("in.wav", "copy/in.wav"):
        write_sound(tmp_path / name, tone(0.1))
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(UsageError) as error:
        convert(*paths)
    assert reason in str(error.value) and sorted(tmp_path.rglob("*")) == before


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"settings": VoiceSettings(pitch=25)}, "--pitch: 25 is not -24 to 24"),
        ({"settings": VoiceSettings(protect=float("nan"))}, "--protect: nan is not 0 to 0.5"),
        ({"rate_hz": 100}, "--rate: 100 is not 8000 to 192000"),
        ({"batch_size": 0}, "--batch: 0 is not 1 to 64"),
        ({"overwrite": True, "resume": True}, "--overwrite and --resume contradict each other"),
    ],
)
def test_a_number_out_of_its_range_is_named(
    voice, options: dict, reason: str, tmp_path: Path
) -> None:
    with pytest.raises(UsageError, match=reason):
        ConvertJob(sources=(tmp_path,), output="out", spec=voice, **options).check()


def test_short_files_are_converted_together_and_long_ones_in_pieces(
    convert: Convert, tmp_path: Path, wait_for: Callable[..., object]
) -> None:
    sources = [
        write_sound(tmp_path / f"{number}.wav", spoken(0.3, hz=200 + number)) for number in range(4)
    ]
    sources.append(write_sound(tmp_path / "long.wav", spoken(1.7)))
    progress = []

    def on_progress(report: ConvertProgress) -> None:
        """The first file is converted alone; then all others wait."""
        progress.append(report)
        wait_for(
            lambda: all(thread.name != "convert reader" for thread in threading.enumerate()),
            "all files to be read",
        )

    together = convert(*sources, tmp_path / "together", batch_size=4, on_progress=on_progress)
    batches = len(progress)
    progress.clear()
    convert(*sources, tmp_path / "alone", on_progress=progress.append)
    assert batches < len(progress)
    assert together.is_complete and together.sound_s == pytest.approx(2.9, abs=0.1)
    last = progress[-1]
    assert (last.files, last.done, last.seconds_left) == (
        5,
        pytest.approx(last.expected),
        pytest.approx(0, abs=0.1),
    )
    for source in sources:
        one, other = (
            soundfile.read(tmp_path / folder / source.name)[0] for folder in ("together", "alone")
        )
        np.testing.assert_allclose(one, other, atol=2e-4)


@pytest.mark.only_on("win32", reason="other systems replace and delete open files")
def test_a_converted_sound_takes_its_name_while_a_scanner_holds_its_files(
    convert: Convert, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = write_sound(tmp_path / "in.wav", tone(1.2))
    scanner = Scanner.installed(monkeypatch)
    for name in ("journal.jsonl", "lock", "heard.f32"):
        scanner.hold(name, 3, from_opening=name == "heard.f32")
    assert (
        states(convert(source, tmp_path / "out.wav")) == ["converted"] and len(scanner.refused) == 9
    )
    scanner.hold("out.wav")
    report = convert(source, tmp_path / "out.wav", overwrite=True, settings=VoiceSettings(pitch=7))
    assert states(report) == ["failed"]
    assert "another program has had it open for 60 s" in report.files[0].reason
    assert report.files[0].notes == ("the converted part is kept; --resume continues from there",)
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        ".out.wav.partial",
        "in.wav",
        "out.wav",
    ]


@pytest.mark.only_on("linux", "darwin", reason="other permissions there")
def test_a_subfolder_that_cannot_be_read_is_reported_beside_the_files_of_the_others() -> None:
    user = os.geteuid()
    with tempfile.TemporaryDirectory() as name:  # not in tmp_path, which other users cannot read
        source, closed = Path(name, "in"), Path(name, "in", "closed")
        closed.mkdir(parents=True)
        (source / "1.wav").touch()
        closed.chmod(0)
        Path(name).chmod(0o777)
        if user == 0:  # root may read everything
            os.seteuid(NOBODY)
        try:
            tasks = tasks_of(
                ConvertJob(
                    sources=(source,), output=f"{name}/out/", spec=VoiceSpec(model="random:tiny")
                )
            )
        finally:
            os.seteuid(user)
            closed.chmod(0o700)
    assert [task.source.name for task in tasks if not task.problem] == ["1.wav"]
    assert [task.problem for task in tasks if task.problem] == [
        f"{closed}: cannot be read (Permission denied)"
    ]


def test_peaks_between_the_samples_stay_below_1_db_of_full_scale(tmp_path: Path) -> None:
    """A sine at a quarter of the rate, sampled at 45 degrees: its true peak is 3 dB above its
    samples."""
    source, converted = Scratch(tmp_path / "heard"), Scratch(tmp_path / "converted")
    source.append(tone(1.0))
    spans = cut_into_spans(source.read, source.samples, FULL)
    sine = (
        1.4
        * np.sin(np.pi * (np.arange(48_000) / 2 + 0.25))
        * np.minimum(1, np.arange(48_000) / 9600)
    )
    converted.write(0, sine.astype(np.float32))
    sound = ConvertedVoice(
        source_16k=source,
        source_peak=0.3,
        converted=converted,
        spans=spans,
        hop=480,
        rate_hz=48_000,
        source_s=Fraction(1),
    )
    finished = FinishedVoice(sound, settings=VoiceSettings(rms_mix=1.0), rate_hz=48_000)
    write_sound(
        tmp_path / "out.wav", np.concatenate(list(finished.blocks())), 48_000, subtype="FLOAT"
    )
    assert -1.2 < true_peak_db(tmp_path / "out.wav") <= -1.0
    source.close()
    converted.close()
