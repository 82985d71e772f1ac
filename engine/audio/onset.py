"""Onset detection: spectral flux over an adaptive median.

Flux is the growth of the log-compressed spectrum since the last hop, averaged over bands an eighth
of an octave wide. Each band is compared with the loudest of its neighbours a hop before, so that a
glide or vibrato is no new note (SuperFlux, Böck and Widmer 2013). An onset is flux above a multiple
of the median of the last half second, plus a floor, plus the masking by a strong onset just before.
The next one counts after the flux fell below the threshold and 50 ms have passed. No look-ahead: an
onset is reported in the hop that shows it.
"""

import math
from typing import Final

import numpy as np

from engine.audio.spectrum import greatest_nearby, hann, spectrum_frames
from engine.values import CHANNELS

COMPRESSION = 1000.0  # log(1 + 1000 level): loudness counts from about -60 dBFS
MEDIAN_S = 0.5
OVER_MEDIAN = 2.5
FLOOR = 0.05
MASKING = 0.2  # fraction of an onset's flux that masks the flux after it ...
MASKING_S = 0.15  # ... and its decay time, so that a noisy attack is one onset
MIN_GAP_S = 0.05

# Of the flux of all channels together
MIN_HZ: Final = 35.0
MAX_HZ: Final = 16_000.0
BANDS_PER_OCTAVE: Final = 3
FLUX_COMPRESSION: Final = 10.0
PEAK_FALL_S: Final = 8.0
MIN_PEAK: Final = 1e-4  # -80 dBFS: below, noise of a converter would become a rhythm
LAG_HOPS: Final = 2


class OnsetDetector:
    """Detects onsets on each channel, one step per hop. Analyser thread."""

    def __init__(self, bands: int, hop_s: float) -> None:
        self._before = np.zeros((CHANNELS, bands), np.float32)
        self._recent = np.zeros((round(MEDIAN_S / hop_s), CHANNELS), np.float32)
        self._masking = np.zeros(CHANNELS)
        self._masking_decay = np.exp(-hop_s / MASKING_S)
        self._hops = 0
        self._gap_hops = max(1, round(MIN_GAP_S / hop_s))
        self._since = np.full(CHANNELS, self._gap_hops)
        self._is_armed = np.ones(CHANNELS, bool)

    def step(self, level: np.ndarray, gain: np.ndarray, is_sounding: np.ndarray) -> np.ndarray:
        """Strength of an onset in this hop, (4,): flux / (flux + threshold), so 0.5..1; 0 without
        one. `level` (4, bands) is the RMS in each band, `gain` (4,) linear, `is_sounding` (4,)
        bool."""
        flux = spectral_flux(level, self._before, gain)
        self._before = level
        middle = len(self._recent) // 2
        threshold = (
            FLOOR + OVER_MEDIAN * np.partition(self._recent, middle, axis=0)[middle] + self._masking
        )
        self._masking = np.maximum(self._masking * self._masking_decay, MASKING * flux)
        self._recent[self._hops % len(self._recent)] = flux
        self._hops += 1
        is_above = flux > threshold
        starts = is_above & self._is_armed & is_sounding & (self._since >= self._gap_hops)
        self._is_armed = ~is_above | (self._is_armed & ~starts)
        self._since = np.where(starts, 1, self._since + 1)
        return np.where(starts, flux / (flux + threshold), 0.0)


def spectral_flux(level: np.ndarray, before: np.ndarray, gain: np.ndarray) -> np.ndarray:
    """Mean growth of log(1 + 1000 level) over the bands, (4,); `level` and `before` are (4, bands).
    Pure. Both use the current gain, so that moving a fader does not cause an onset."""
    scale = (COMPRESSION * gain)[:, None]
    growth = np.log1p(scale * level) - np.log1p(scale * greatest_nearby(before))
    flux: np.ndarray = np.maximum(growth, 0.0).mean(axis=1)
    return flux


class MonoFlux:
    """Spectral flux of all source channels together: the input of the beat tracker and the drum
    detector.

    A spectrum of 23 ms each hop, in bands of a third of an octave or a bin. Levels are compressed,
    log(1 + 10 level / peak). `peak` is the loudest band level of the last seconds, so that a quiet
    mix gives the same flux as a loud one. Each band is compared with the loudest of its neighbours
    two hops (20 ms) before: a glide or vibrato is no attack (SuperFlux, Böck and Widmer 2013).
    There is no look-ahead.

    Analyser thread; one step per hop."""

    def __init__(self, sample_rate_hz: int, hop_frames: int) -> None:
        frames = spectrum_frames(sample_rate_hz) // 4
        self._window = hann(frames) * np.float32(4.0 / frames)  # a full-scale sine gives 1
        self._recent = np.zeros(frames + hop_frames, np.float32)
        self._hop_frames = hop_frames
        top_hz = min(MAX_HZ, sample_rate_hz / 2.0)
        edges_hz = MIN_HZ * 2.0 ** (
            np.arange(math.floor(math.log2(top_hz / MIN_HZ) * BANDS_PER_OCTAVE) + 1) / 3.0
        )
        edges = np.unique(np.maximum(1, np.round(edges_hz * frames / sample_rate_hz).astype(int)))
        self._starts = edges[:-1]
        self._end = int(edges[-1])
        self.centres_hz = np.sqrt(edges[:-1] * (edges[1:] - 0.5)) * sample_rate_hz / frames
        """(bands,): where each band lies."""
        self.level = np.zeros(len(self._starts), np.float32)
        """(bands,), linear: RMS in each band, of the newest hop."""
        self._logs = np.zeros((LAG_HOPS, len(self._starts)), np.float32)
        self._peak = MIN_PEAK
        self._peak_decay = math.exp(-hop_frames / sample_rate_hz / PEAK_FALL_S)

    def step(self, sound: np.ndarray) -> np.ndarray:
        """Flux per band, (bands,) float32, of the next hop `sound`, (hop_frames,) float32."""
        hop = self._hop_frames
        recent = self._recent
        recent[:-hop] = recent[hop:]
        recent[-hop:] = sound
        bins = np.fft.rfft(recent[hop:] * self._window)[: self._end]
        power = bins.real**2 + bins.imag**2
        self.level = np.sqrt(np.add.reduceat(power, self._starts))
        self._peak = max(MIN_PEAK, self._peak * self._peak_decay, float(self.level.max()))
        log = np.log1p(self.level * (FLUX_COMPRESSION / self._peak))
        logs = self._logs
        before = greatest_nearby(logs[0])
        logs[:-1] = logs[1:]
        logs[-1] = log
        flux: np.ndarray = np.maximum(log - before, 0.0)
        return flux
