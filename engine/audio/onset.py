"""When something starts to sound: spectral flux over an adaptive median.

Flux is how much the log-compressed spectrum grew since the last hop, averaged over bands an eighth of an
octave wide; each band is compared with the loudest of its neighbourhood a hop before, so that a glide or
vibrato is not taken for new notes (SuperFlux, Böck and Widmer 2013). An onset is flux that rises above a
multiple of the median of the last half second, plus a floor, plus what a strong onset just before hides. The
next one counts when the flux has been below the threshold in between and 50 ms have passed. No look-ahead: an
onset is told in the hop that shows it.
"""

import numpy as np

from engine.values import CHANNELS

COMPRESSION = 1000.0  # log(1 + 1000 level): -60 dBFS is where loudness starts to count
MEDIAN_S = 0.5
OVER_MEDIAN = 2.5
FLOOR = 0.05
MASKING = 0.2  # how much of a strong onset's flux hides what follows it, at once ...
MASKING_S = 0.15  # ... and how fast that fades: the noisy beginning of a sound is one onset
MIN_GAP_S = 0.05


class OnsetDetector:
    """Analyser thread; one step a hop."""

    def __init__(self, bands: int, hop_s: float) -> None:
        self._before = np.zeros((CHANNELS, bands), np.float32)
        self._recent = np.zeros((round(MEDIAN_S / hop_s), CHANNELS), np.float32)
        self._masking = np.zeros(CHANNELS)
        self._masking_kept = np.exp(-hop_s / MASKING_S)
        self._hops = 0
        self._gap_hops = max(1, round(MIN_GAP_S / hop_s))
        self._since = np.full(CHANNELS, self._gap_hops)
        self._is_armed = np.ones(CHANNELS, bool)

    def step(self, level: np.ndarray, gain: np.ndarray, is_sounding: np.ndarray) -> np.ndarray:
        """Strength of an onset in this hop, (4,): flux / (flux + threshold), so 0.5..1; 0 without one.

        `level` (4, bands) is the RMS in each band, `gain` (4,) linear, `is_sounding` (4,) bool.
        """
        flux = spectral_flux(level, self._before, gain)
        self._before = level
        middle = len(self._recent) // 2
        median = np.partition(self._recent, middle, axis=0)[middle]
        threshold = FLOOR + OVER_MEDIAN * median + self._masking
        self._masking = np.maximum(self._masking * self._masking_kept, MASKING * flux)
        self._recent[self._hops % len(self._recent)] = flux
        self._hops += 1
        is_above = flux > threshold
        starts = is_above & self._is_armed & is_sounding & (self._since >= self._gap_hops)
        self._is_armed = ~is_above | (self._is_armed & ~starts)
        self._since = np.where(starts, 1, self._since + 1)
        return np.where(starts, flux / (flux + threshold), 0.0)


def spectral_flux(level: np.ndarray, before: np.ndarray, gain: np.ndarray) -> np.ndarray:
    """Mean growth of log(1 + 1000 level) over the bands, (4,); `level` and `before` are (4, bands). Pure.

    Both are taken with the gain of now: a moved fader is no onset.
    """
    loudest = before.copy()
    np.maximum(loudest[:, 1:], before[:, :-1], out=loudest[:, 1:])
    np.maximum(loudest[:, :-1], before[:, 1:], out=loudest[:, :-1])
    scale = (COMPRESSION * gain)[:, None]
    growth = np.log1p(scale * level) - np.log1p(scale * loudest)
    return np.maximum(growth, 0.0).mean(axis=1)
