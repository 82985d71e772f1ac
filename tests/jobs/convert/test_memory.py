"""Only a few seconds of a file are in memory, however long it is."""

import tracemalloc
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import numpy as np
import soundfile

from engine.jobs.convert.finishing import ConvertedVoice, FinishedVoice
from engine.jobs.convert.hearing import hear
from engine.jobs.convert.scratch import Scratch
from engine.jobs.convert.sounds import open_sound
from engine.models.rvc import VoiceSettings
from engine.models.rvc.cutting import Cutting, spans_of
from engine.models.rvc.highpass import high_pass_on_host
from tests.jobs.convert.voices import spoken

RATE_HZ = 24_000
CUTTING = Cutting(pad_s=0.2, query_s=1, center_s=4, max_s=5)


def write_talk(path: Path, seconds: int) -> Path:
    part = np.stack([spoken(10, RATE_HZ)] * 2, 1)
    with soundfile.SoundFile(path, "w", RATE_HZ, 2) as file:
        for _ in range(seconds // 10):
            file.write(part)
    return path


def peak_mb(act: Callable[[], object]) -> float:
    """Peak memory of Python and NumPy during `act`, in MiB."""
    tracemalloc.start()
    try:
        act()
        return tracemalloc.get_traced_memory()[1] / 2**20
    finally:
        tracemalloc.stop()


def test_four_times_as_long_a_sound_is_heard_and_finished_in_the_same_memory(tmp_path: Path) -> None:
    peaks = {}
    for seconds in (20, 80):
        sound = open_sound(write_talk(tmp_path / "in.wav", seconds))
        heard, converted = Scratch(tmp_path / f"{seconds}.heard"), Scratch(tmp_path / f"{seconds}.converted")
        hearing = peak_mb(lambda: hear(sound, heard, high_pass_on_host, lambda: False))  # noqa: B023
        spans = spans_of(heard.read, heard.samples, CUTTING)
        made = ConvertedVoice(
            heard=heard,
            source_peak=0.3,
            converted=converted,
            spans=spans,
            hop=400,
            rate_hz=40_000,
            source_s=Fraction(seconds),
        )
        for number, span in enumerate(spans):
            converted.write(made.place_of(number), np.full(span.frames * 400, 0.1, np.float32))
        settings = VoiceSettings()
        finishing = peak_mb(lambda: sum(map(len, FinishedVoice(made, settings=settings, rate_hz=RATE_HZ).blocks())))  # noqa: B023
        peaks[seconds] = hearing, finishing
        heard.close()
        converted.close()
    assert max(peaks[20]) > 1, "nothing was measured"
    for short, long in zip(peaks[20], peaks[80], strict=True):
        assert long < 1.2 * short + 0.5, peaks
