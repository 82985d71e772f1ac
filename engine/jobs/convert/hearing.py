"""Converts any sound to the model's input, on the disk: mono, 16 kHz, without rumble."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import chain

import numpy as np
import soxr

from engine.errors import AudioError
from engine.jobs.convert.mixing import voice_of
from engine.jobs.convert.scratch import Scratch
from engine.jobs.convert.sound import Sound
from engine.models.rvc.cutting import MAX_PEAK_IN, RATE_HZ

FILTERED_AT_ONCE = 8 * RATE_HZ
END = np.zeros(0, np.float32)
TOLD_DB = 1.0
HighPass = Callable[[np.ndarray], np.ndarray]


@dataclass(frozen=True, slots=True, kw_only=True)
class HeardSource:
    source_samples: int
    """At the source's rate."""
    peak: float
    """Peak at 16 kHz before the high-pass filter; RVC normalises by it."""


def hear(sound: Sound, into: Scratch, high_pass: HighPass, is_stopped: Callable[[], bool]) -> HeardSource | None:
    """None if it was stopped. AudioError if the source cannot be read, SinkError if the disk is full."""
    source_samples, peak = 0, 0.0
    resampler = soxr.ResampleStream(sound.rate_hz, RATE_HZ, 1)

    def at_16k() -> Iterator[np.ndarray]:
        nonlocal source_samples, peak
        for block in chain(voice_of(sound, is_stopped), (END,)):
            if is_stopped():
                return
            source_samples += len(block)
            made = resampler.resample_chunk(block, last=block is END)
            peak = max(peak, float(np.abs(made).max(initial=0.0)))
            yield made

    for block in filtered(at_16k(), high_pass):
        into.append(block)
    if is_stopped():
        return None
    if not source_samples:
        raise AudioError(f"{sound.path}: there is no sound in it")
    if not into.samples:  # a sample or two
        into.append(np.zeros(1, np.float32))
    too_loud_db = 20 * np.log10(max(peak, MAX_PEAK_IN) / MAX_PEAK_IN)
    if too_loud_db > TOLD_DB:
        sound.notes.append(f"would clip: the voice is {too_loud_db:.1f} dB softer than the source")
    return HeardSource(source_samples=source_samples, peak=peak)


def filtered(blocks: Iterator[np.ndarray], high_pass: HighPass) -> Iterator[np.ndarray]:
    """Filter block by block, with enough context that the result equals filtering everything at once."""
    from engine.models.rvc.highpass import REACH

    waiting, lead = np.zeros(0, np.float32), 0  # `lead` samples of it have been yielded already
    for block in blocks:
        waiting = np.concatenate((waiting, block))
        while len(waiting) >= lead + FILTERED_AT_ONCE + REACH:
            end = lead + FILTERED_AT_ONCE
            yield high_pass(waiting[: end + REACH])[lead:end]
            dropped = max(0, end - REACH)
            waiting, lead = waiting[dropped:], end - dropped
    if len(waiting) > lead:
        yield high_pass(waiting)[lead:]
