"""A drum loop in four channels (drums, bass, pad, arpeggio), silence, and measures of how a picture
follows drums."""

from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Final

import numpy as np
import soundfile

from engine.audio import demo
from tests.benchmarks import beat_songs

RATE_HZ: Final = beat_songs.RATE_HZ
SILENT_RATE_HZ: Final = 8000  # costs half as much to analyse
BPM: Final = 125.0
DRUMS: Final = {"kick": "x...x...x...x...", "snare": "............x...", "hat": "..x...x...x...x."}
WINDOW: Final = 2048  # samples: 46 ms
OCTAVES_HZ: Final = (0, 60, 125, 250, 500, 1000, 2000, 4000, 8000, RATE_HZ)
FALL_S: Final = 0.12  # time constant: an onset is felt for about an eighth of a second
MAX_LAG_S: Final = 0.1  # a picture may answer that much later


@cache
def drum_loop(seconds: float) -> np.ndarray:
    """(frames, 4) float32 at RATE_HZ: drums from 0.35 s on, with the bass, pad and arpeggio of the
    demo loop."""
    score = beat_songs.Score(name="drum loop", pattern=DRUMS, bpm=BPM, level_db=-6.0)
    drums = beat_songs.compose(score, seconds).sound
    others = demo.synthesise_loop()[:, 1:]
    at = (np.arange(len(drums)) / RATE_HZ - beat_songs.LEAD_S) * demo.SAMPLE_RATE_HZ
    return np.column_stack((drums, others[at.astype(np.int64) % len(others)]))


def write_drum_loop(path: Path, seconds: float) -> Path:
    soundfile.write(path, drum_loop(seconds), RATE_HZ, subtype="FLOAT")
    return path


def write_silence(path: Path, seconds: float) -> Path:
    soundfile.write(
        path, np.zeros((round(seconds * SILENT_RATE_HZ), 4), np.float32), SILENT_RATE_HZ
    )
    return path


def onset_envelope(sound: np.ndarray, fps: float) -> np.ndarray:
    """(video frames,) >= 0, of (frames,) at RATE_HZ: how much the amplitude rises from one video
    frame to the next, in octaves and summed (spectral flux, Bello et al. 2005), falling with
    FALL_S."""
    count = int(len(sound) / RATE_HZ * fps)
    padded = np.concatenate([np.zeros(WINDOW, np.float32), sound])
    ends = ((np.arange(count) + 1) / fps * RATE_HZ).astype(int)
    windows = np.stack([padded[end : end + WINDOW] for end in ends]) * np.hanning(WINDOW)
    powers = np.abs(np.fft.rfft(windows)) ** 2
    first_bins = np.searchsorted(np.fft.rfftfreq(WINDOW, 1 / RATE_HZ), OCTAVES_HZ[:-1])
    levels = np.sqrt(np.add.reduceat(powers, first_bins, axis=1))  # (video frames, octaves)
    flux = np.maximum(np.diff(levels, axis=0, prepend=0.0), 0.0).sum(axis=1)
    decay, value, envelope = np.exp(-1.0 / fps / FALL_S), 0.0, np.zeros(count)
    for index, rise in enumerate(flux):
        value = envelope[index] = max(rise, value * decay)
    return envelope


def motion_energy(pictures: np.ndarray) -> np.ndarray:
    """(n,): mean absolute difference to the picture before; the first is 0. `pictures`: (n, height,
    width, 3) uint8."""
    pairs = pairwise(pictures)
    return np.array(
        [0.0, *(np.abs(after.astype(np.int16) - before).mean() for before, after in pairs)]
    )


def correlation(motion: np.ndarray, envelope: np.ndarray, fps: float) -> float:
    """Pearson's r of the motion, as the mean of two frames, with the envelope, at the best lag of
    0..MAX_LAG_S."""
    motion = np.convolve(motion, (0.5, 0.5))[: len(motion)]
    lags = range(int(MAX_LAG_S * fps) + 1)
    return max(
        float(np.corrcoef(motion[lag:], envelope[: len(envelope) - lag])[0, 1]) for lag in lags
    )
