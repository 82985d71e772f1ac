"""Growth of the sound in bands, of all source channels together: input of the beat tracker and the drum detector.

A spectrum of 23 ms each hop, in bands of a third of an octave or a bin. Levels are compressed, log(1 + 10 level /
peak), with `peak` the loudest band level of the last seconds, so that a quiet mix gives the same flux as a loud one.
Each band is compared with the loudest of its neighbours two hops (20 ms) before: a glide or vibrato is no attack
(SuperFlux, Böck and Widmer 2013). There is no look-ahead.
"""

import math
from typing import Final

import numpy as np

from engine.audio.spectrum import hann, spectrum_frames

MIN_HZ: Final = 35.0
MAX_HZ: Final = 16_000.0
BANDS_PER_OCTAVE: Final = 3
COMPRESSION: Final = 10.0
PEAK_FALL_S: Final = 8.0
MIN_PEAK: Final = 1e-4  # -80 dBFS: below, noise of a converter would become a rhythm
LAG_HOPS: Final = 2


class MonoFlux:
    """Analyser thread; one step per hop."""

    def __init__(self, sample_rate_hz: int, hop_frames: int) -> None:
        frames = spectrum_frames(sample_rate_hz) // 4
        self._window = hann(frames) * np.float32(4.0 / frames)  # a full-scale sine gives 1
        self._recent = np.zeros(frames + hop_frames, np.float32)
        self._hop_frames = hop_frames
        top_hz = min(MAX_HZ, sample_rate_hz / 2.0)
        edges_hz = MIN_HZ * 2.0 ** (np.arange(math.floor(math.log2(top_hz / MIN_HZ) * BANDS_PER_OCTAVE) + 1) / 3.0)
        edges = np.unique(np.maximum(1, np.round(edges_hz * frames / sample_rate_hz).astype(int)))
        self._starts, self._end = edges[:-1], int(edges[-1])
        self.centres_hz = np.sqrt(edges[:-1] * (edges[1:] - 0.5)) * sample_rate_hz / frames
        """(bands,): where each band lies."""
        self.level = np.zeros(len(self._starts), np.float32)
        """(bands,), linear: RMS in each band, of the newest hop."""
        self._logs = np.zeros((LAG_HOPS, len(self._starts)), np.float32)
        self._peak = MIN_PEAK
        self._peak_kept = math.exp(-hop_frames / sample_rate_hz / PEAK_FALL_S)

    def step(self, sound: np.ndarray) -> np.ndarray:
        """Flux per band, (bands,) float32, of the next hop `sound`, (hop_frames,) float32."""
        hop = self._hop_frames
        recent = self._recent
        recent[:-hop] = recent[hop:]
        recent[-hop:] = sound
        bins = np.fft.rfft(recent[hop:] * self._window)[: self._end]
        power = bins.real**2 + bins.imag**2
        self.level = np.sqrt(np.add.reduceat(power, self._starts))
        self._peak = max(MIN_PEAK, self._peak * self._peak_kept, float(self.level.max()))
        log = np.log1p(self.level * (COMPRESSION / self._peak))
        logs = self._logs
        before = logs[0].copy()
        np.maximum(before[1:], logs[0, :-1], out=before[1:])
        np.maximum(before[:-1], logs[0, 1:], out=before[:-1])
        logs[:-1] = logs[1:]
        logs[-1] = log
        flux: np.ndarray = np.maximum(log - before, 0.0)
        return flux
