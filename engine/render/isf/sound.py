"""The four channels as images for shaders: a column is a point in time or a frequency, a row is a channel."""

import numpy as np

from engine.values import WAVE_POINTS

BINS = WAVE_POINTS // 2
FLOOR_DB = -80.0  # shown as 0; a full-scale sine is shown as 1

_WINDOW = np.hanning(WAVE_POINTS + 1)[:-1].astype(np.float32)


def wave_image(waves: np.ndarray, columns: int = 0) -> np.ndarray:
    """(4, columns) float32, 0..1, silence is 0.5, oldest at the left; row 0 is channel 1. `columns` 0: all 1024.

    `waves`: (4, 1024) in [-1, 1]. The ISF convention for `audio` (https://docs.isf.video/primer_chapter_8).
    """
    shown = waves * 0.5 + 0.5
    if 0 < columns < WAVE_POINTS:
        shown = shown[:, np.linspace(0, WAVE_POINTS - 1, columns).round().astype(int)]
    return np.ascontiguousarray(shown, np.float32)


def spectrum_image(waves: np.ndarray, columns: int = 0) -> np.ndarray:
    """(4, columns) float32, 0..1, lowest frequency at the left; row 0 is channel 1. `columns` 0: all 512 bins.

    The level of each bin in dB, from -80 (0.0) to a full-scale sine (1.0), as Web Audio's AnalyserNode scales the
    spectra of ISF in the browser. It is the spectrum of the wave that is shown: at the usual window of 50 ms a bin is
    20 Hz wide. With fewer columns each has the strongest of its bins.
    """
    levels = np.abs(np.fft.rfft(waves * _WINDOW, axis=1))[:, :BINS] * (2 / _WINDOW.sum())
    if 0 < columns < BINS:
        edges = np.arange(columns) * BINS // columns
        levels = np.maximum.reduceat(levels, edges, axis=1)
    shown = 20 * np.log10(np.maximum(levels, 1e-9)) / -FLOOR_DB + 1
    return np.ascontiguousarray(shown.clip(0, 1), np.float32)
