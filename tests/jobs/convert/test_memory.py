"""Only a few seconds of a file are in memory, however long it is."""

import tracemalloc
from collections.abc import Callable
from pathlib import Path

import numpy as np
import soundfile

from engine.jobs.convert.model_input import write_input
from engine.jobs.convert.scratch import Scratch
from engine.jobs.convert.sounds import open_sound
from engine.models.rvc.highpass import high_pass_on_host
from tests.jobs.convert.voices import spoken

RATE_HZ = 24_000


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


def test_four_times_as_long_a_sound_is_read_in_the_same_memory(tmp_path: Path) -> None:
    peaks = []
    for seconds in (20, 80):
        sound, facts = (
            open_sound(write_talk(tmp_path / "in.wav", seconds)),
            Scratch(tmp_path / f"{seconds}.heard"),
        )
        peaks.append(peak_mb(lambda: write_input(sound, facts, high_pass_on_host, lambda: False)))
        facts.close()
    assert peaks[0] > 1, "nothing was measured"
    assert peaks[1] < 1.2 * peaks[0] + 0.5, peaks
