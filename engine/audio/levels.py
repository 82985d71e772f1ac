"""Automatic gain, which slowly brings each channel's peaks to -12 dBFS, and an envelope follower.

The automatic gain measures before the set gain, so that `/audio/<n>/gain_db` still changes the
result. Its peak meter has a slow release (beats one second apart count as one level); the gain
moves quickly down and slowly up. Below
-55 dBFS meter and gain are frozen, so that a pause neither amplifies noise nor loses the level.
"""

import numpy as np

from engine.values import CHANNELS

TARGET_DB = -12.0
MAX_DB = 24.0
GATE_PEAK = 10.0 ** (-55.0 / 20.0)
METER_FALL_S = 5.0
RISE_S = 2.0
FALL_S = 0.3

ATTACK_S = 0.005


class AutoGain:
    """The automatic gain of the four channels; all arrays are (4,). Analyser thread."""

    def __init__(self, hop_s: float) -> None:
        self._meter = np.full(CHANNELS, GATE_PEAK)
        self._gain_db = np.zeros(CHANNELS)
        self._meter_decay = np.exp(-hop_s / METER_FALL_S)
        self._rise = 1.0 - np.exp(-hop_s / RISE_S)
        self._fall = 1.0 - np.exp(-hop_s / FALL_S)

    def step(self, peak: np.ndarray, is_auto: tuple[bool, ...]) -> np.ndarray:
        """Automatic gain in dB after one hop whose largest sample was `peak` (linear, before any
        gain). Never above +24 dB. Without `is_auto` the gain returns to 0 dB in 0.3 s, to avoid a
        jump."""
        is_audible = peak >= GATE_PEAK
        self._meter = np.where(
            is_audible, np.maximum(peak, self._meter * self._meter_decay), self._meter
        )
        target_db = np.minimum(TARGET_DB - 20.0 * np.log10(self._meter), MAX_DB)
        auto = np.asarray(is_auto)
        away_db = np.where(auto, target_db, 0.0) - self._gain_db
        step = np.where(auto & (away_db > 0), self._rise, self._fall)
        self._gain_db = self._gain_db + away_db * step * (is_audible | ~auto)
        return self._gain_db


class EnvelopeFollower:
    """Follows the envelope: up in 5 ms, down in `decay_ms`, without a loop over samples. Analyser
    thread; blocks of `frames` samples.

    The decoupled peak detector of Giannoulis, Massberg and Reiss (2012): a peak hold that falls
    exponentially, then a one-pole low-pass for the attack:
        hold[n]     = max(|x[n]|, r hold[n-1])              r = exp(-1 / (rate decay))
        envelope[n] = a envelope[n-1] + (1 - a) hold[n]     a = exp(-1 / (rate 5 ms))
    Divided by r^n the first is a running maximum; of the second only the last value is needed, a
    weighted sum. Both equal the recursion exactly, for blocks short against 700 decay times (r^-n
    must stay finite): a hop is 10 ms, the shortest decay 10 ms."""

    def __init__(self, sample_rate_hz: int, frames: int) -> None:
        self._rate_hz = sample_rate_hz
        self._peak_hold = np.zeros(CHANNELS)
        self._envelope = np.zeros(CHANNELS)
        attack = np.exp(-1.0 / (sample_rate_hz * ATTACK_S))
        self._decay = attack**frames
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
        np.maximum(lifted[:, 0], self._peak_hold, out=lifted[:, 0])
        peak_hold = np.maximum.accumulate(lifted, axis=1)
        peak_hold *= self._fall
        self._peak_hold = peak_hold[:, -1].copy()
        self._envelope = self._decay * self._envelope + peak_hold @ self._weights
        return self._envelope
