"""One spectrum per hop and channel, and its bands: levels for modulation, finer bands for onsets.

Normalisation: Hann window (Harris 1978), real FFT of n samples, power |X|². By Parseval the mean
square of the windowed samples is 2 sum |X|² / (n sum w²); for bins above 0, below n/2 this is
16 / (3 n²) sum |X|². So the level of a band is the RMS of the sound in it: a full-scale sine gives
0.7071 in its own band.
"""

from itertools import pairwise

import numpy as np

SPECTRUM_S = 4096 / 48_000
MIN_HZ = 20.0
MAX_HZ = 20_000.0
BAND_EDGES_HZ = (MIN_HZ, 250.0, 4000.0, MAX_HZ)  # low, mid, high
_BANDS_PER_OCTAVE = 8  # fine bands for onset detection


def spectrum_frames(sample_rate_hz: int) -> int:
    """Length of the spectrum: 4096 at 44.1 and 48 kHz, at other rates the power of two of similar
    duration."""
    return 1 << max(8, (round(sample_rate_hz * SPECTRUM_S) - 1).bit_length())


def hann(frames: int) -> np.ndarray:
    """The periodic Hann window, (frames,) float32; sums to frames / 2, its squares to 3 frames /
    8."""
    return (0.5 - 0.5 * np.cos(2 * np.pi * np.arange(frames) / frames)).astype(np.float32)


def power_spectrum(samples: np.ndarray, window: np.ndarray) -> np.ndarray:
    """|X|² of `samples` (channels, n) times `window` (n,): (channels, n/2 + 1) float32. A sine of
    amplitude A at a bin's centre gives (A n / 4)² there."""
    bins = np.fft.rfft(samples * window, axis=1)
    return bins.real**2 + bins.imag**2


def greatest_nearby(bands: np.ndarray) -> np.ndarray:
    """The greatest of each value and its two neighbours, along the last axis."""
    greatest = bands.copy()
    np.maximum(greatest[..., 1:], bands[..., :-1], out=greatest[..., 1:])
    np.maximum(greatest[..., :-1], bands[..., 1:], out=greatest[..., :-1])
    return greatest


class BandPlan:
    """Assignment of bins to bands, for one rate and length. A bin at f belongs to [low, high). Fine
    bands are an eighth of an octave wide, at least a bin; low, mid and high consist of whole fine
    bands."""

    def __init__(self, sample_rate_hz: int, frames: int) -> None:
        bins_per_hz = frames / sample_rate_hz
        last = frames // 2  # the bin at half the sample rate, not used
        coarse = [min(last, int(np.ceil(edge * bins_per_hz))) for edge in BAND_EDGES_HZ]
        fine_hz = np.geomspace(MIN_HZ, MAX_HZ, round(np.log2(MAX_HZ / MIN_HZ) * _BANDS_PER_OCTAVE))
        fine = np.ceil(fine_hz * bins_per_hz).astype(int)
        edges = np.unique(np.concatenate([coarse, fine[fine < coarse[-1]]]))
        self._starts = edges[:-1]
        self._end = int(edges[-1])
        self._coarse = [slice(*np.searchsorted(edges, pair)) for pair in pairwise(coarse)]
        self._mean_square = 16.0 / (3.0 * frames**2)
        self.count = len(self._starts)
        """Number of fine bands."""

    def mean_squares(self, power: np.ndarray) -> np.ndarray:
        """Mean square in each fine band, (channels, count) float32, of `power` (channels, n/2 +
        1)."""
        return np.add.reduceat(power[:, : self._end], self._starts, axis=1) * np.float32(
            self._mean_square
        )

    def low_mid_high(self, mean_squares: np.ndarray) -> np.ndarray:
        """RMS in 20-250, 250-4000 and 4000-20 000 Hz, (3, channels); 0 above half the sample
        rate."""
        bands: np.ndarray = np.sqrt(
            np.stack([mean_squares[:, fine].sum(axis=1) for fine in self._coarse])
        )
        return bands
