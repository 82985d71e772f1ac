"""Splits stereo music into drums, bass, voice and rest, while it plays.

Drums are broad in frequency and short, tones are narrow and long: what is left of a bin by the
median over the last frames is a tone, what is left by the median over its neighbours is a drum
(FitzGerald, "Harmonic/percussive separation using median filtering", 2010; here without future
frames). A bin that stands out from its neighbours is a tone from its first frame on. In the lowest
octaves a kick is as narrow as a note, so there only time counts. Of the tones those in the lowest
octaves are bass; those that are equal left and right, in the range of a voice, are voice. The masks
are soft, and the rest is what remains: the four add up to the mean of left and right.

Problem: a bin must be narrow to tell a bass from a voice, but the sound must leave soon. Solution:
frames of 43 ms with an asymmetric window, and a synthesis window of the last 20 ms only (Mauler and
Martin, "A low delay, variable resolution, perfect reconstruction spectral analysis-synthesis
system", 2007). A sample leaves at most 20 ms after it came: a hop until its frame is full, and
another, because two frames overlap.
"""

from typing import Final

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from engine.audio.spectrum import spectrum_frames
from engine.values import CHANNELS

TONE_HOPS: Final = 17  # of the median over time, 0.17 s
BROAD_HZ: Final = 670.0  # of the median over frequency
PEAK: Final = 2.0  # times the median over frequency, above which a bin is a tone
LOW_HZ: Final = (150.0, 230.0)  # from here on the neighbours count, too
BASS_HZ: Final = (150.0, 210.0)  # up to here it is bass
VOICE_HZ: Final = (110.0, 170.0, 4500.0, 6000.0)
SIDE: Final = (
    6.0  # power of the middle that belongs to what is not in the centre, to its power in the side
)
TINY: Final = np.float32(1e-20)


class StemSplitter:
    """Splits sound into four stems, one hop of `hop_frames` after another. Analyser thread."""

    def __init__(self, sample_rate_hz: int, hop_frames: int) -> None:
        frames = spectrum_frames(sample_rate_hz) // 2
        hop = hop_frames
        self._frames = frames
        self._hop = hop
        rise = np.sin(0.5 * np.pi * (np.arange(frames - hop) + 0.5) / (frames - hop))
        window = np.concatenate([rise, np.cos(0.5 * np.pi * (np.arange(hop) + 0.5) / hop)])
        # two of them add up to 1
        overlapped = np.sin(0.5 * np.pi * (np.arange(2 * hop) + 0.5) / hop) ** 2
        self.window = window.astype(np.float32)
        """(frames,): of a frame, before its FFT."""
        self._synthesis = (overlapped / window[-2 * hop :]).astype(np.float32)
        hz = np.arange(frames // 2 + 1) * (sample_rate_hz / frames)
        self._is_high = _ramp(hz, *LOW_HZ)
        self._is_bass = 1 - _ramp(hz, *BASS_HZ)
        self._is_voice = _ramp(hz, *VOICE_HZ[:2]) * (1 - _ramp(hz, *VOICE_HZ[2:]))
        self._neighbours = round(BROAD_HZ * frames / sample_rate_hz) | 1
        self._recent = np.zeros((2, frames), np.float32)
        self._tail = np.zeros((CHANNELS - 1, hop), np.float32)
        self._magnitudes = np.zeros((frames // 2 + 1, TONE_HOPS), np.float32)
        self._hops = 0

    def split(self, pair: np.ndarray) -> np.ndarray:
        """The four stems, (4, hop) float32, of the hop before `pair`, (2, hop) float32: drums,
        bass, voice, rest."""
        hop = self._hop
        recent = self._recent
        recent[:, :-hop] = recent[:, hop:]
        recent[:, -hop:] = pair
        left, right = np.fft.rfft(recent * self.window)
        middle = 0.5 * (left + right)
        stems = self.synthesise(middle * self.masks(middle, 0.5 * (left - right))[:-1])
        stems[:, :hop] += self._tail
        self._tail = stems[:, hop:]
        rest = recent[:, -2 * hop : -hop].mean(axis=0) - stems[:, :hop].sum(axis=0)
        return np.concatenate([stems[:, :hop], rest[None]])

    def synthesise(self, spectra: np.ndarray) -> np.ndarray:
        """The last two hops of frames, (..., 2 hop), which overlap by one."""
        sound: np.ndarray = (
            np.fft.irfft(spectra, self._frames)[..., -2 * self._hop :] * self._synthesis
        )
        return sound

    def masks(self, middle: np.ndarray, side: np.ndarray) -> np.ndarray:
        """Which part of each bin of the next frame belongs to each stem: (4, bins) float32, which
        add up to 1. `middle` and `side`, (bins,): half the sum and half the difference of left and
        right."""
        middle_power, side_power = (
            np.real(part) ** 2 + np.imag(part) ** 2 for part in (middle, side)
        )
        magnitude = np.sqrt(middle_power + side_power)
        self._magnitudes[:, self._hops % TONE_HOPS] = magnitude
        self._hops += 1
        steady = np.partition(self._magnitudes, TONE_HOPS // 2, axis=1)[:, TONE_HOPS // 2]
        reach = self._neighbours // 2
        around = sliding_window_view(np.pad(magnitude, reach, mode="reflect"), self._neighbours)
        broad = np.partition(around, reach, axis=1)[:, reach]
        short = np.maximum(magnitude - steady, 0.0)
        drum = (short + self._is_high * (broad - short)) ** 2
        peak = np.maximum(steady, magnitude - PEAK * broad)
        tone = (steady + self._is_high * (peak - steady)) ** 2
        drums = drum / (drum + tone + TINY)
        bass = (1 - drums) * self._is_bass
        centre = np.maximum(middle_power - SIDE * side_power, 0.0) / (middle_power + TINY)
        voice = (1 - drums - bass) * centre * self._is_voice
        return np.stack([drums, bass, voice, 1 - drums - bass - voice])


def _ramp(hz: np.ndarray, low_hz: float, high_hz: float) -> np.ndarray:
    """0 up to `low_hz`, 1 from `high_hz` on, even between."""
    return np.clip((hz - low_hz) / (high_hz - low_hz), 0.0, 1.0).astype(np.float32)
