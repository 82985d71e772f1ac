"""Envelope follower: up in 5 ms, down in `decay_ms`. Sample by sample, without a loop over samples.

The decoupled peak detector of Giannoulis, Massberg and Reiss (2012): a peak hold that falls exponentially,
then a one-pole low-pass for the attack:
    held[n]     = max(|x[n]|, r held[n-1])              r = exp(-1 / (rate decay))
    envelope[n] = a envelope[n-1] + (1 - a) held[n]     a = exp(-1 / (rate 5 ms))
Divided by r^n the first is a running maximum; of the second only the last value is needed, which is a
weighted sum. Both equal the recursion exactly, at any block size. Blocks must be short against 700 decay
times (r^-n must stay finite): a hop is 10 ms, the shortest decay 10 ms.
"""

import numpy as np

from engine.values import CHANNELS

ATTACK_S = 0.005


class EnvelopeFollower:
    """Analyser thread; blocks of `frames` samples."""

    def __init__(self, sample_rate_hz: int, frames: int) -> None:
        self._rate_hz = sample_rate_hz
        self._held = np.zeros(CHANNELS)
        self._envelope = np.zeros(CHANNELS)
        attack = np.exp(-1.0 / (sample_rate_hz * ATTACK_S))
        self._carried = attack**frames
        self._weights = (1.0 - attack) * attack ** np.arange(frames - 1, -1, -1.0)
        self._ages = np.arange(1.0, frames + 1.0)
        self._decay_ms: tuple[float, ...] | None = None
        self._fall = np.empty(0)  # (4, frames) r^n
        self._lift = np.empty(0)  # (4, frames) r^-n

    def follow(self, loudness: np.ndarray, decay_ms: tuple[float, ...]) -> np.ndarray:
        """Envelope at the end of the block, (4,) linear, of `loudness` = |samples| (4, frames)."""
        if self._decay_ms != decay_ms:
            self._decay_ms = decay_ms
            per_sample = -1000.0 / (self._rate_hz * np.array(decay_ms))
            self._fall = np.exp(per_sample[:, None] * self._ages)
            self._lift = 1.0 / self._fall
        lifted = loudness * self._lift
        np.maximum(lifted[:, 0], self._held, out=lifted[:, 0])
        held = np.maximum.accumulate(lifted, axis=1)
        held *= self._fall
        self._held = held[:, -1].copy()
        self._envelope = self._carried * self._envelope + held @ self._weights
        return self._envelope
