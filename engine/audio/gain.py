"""Automatic gain: brings each channel's peaks to -12 dBFS, slowly.

It measures before the set gain, so that `/audio/<n>/gain_db` still changes the result. A peak meter with a slow
release (beats a second apart count as one level) measures the channel; the gain moves to where the peak would be
-12 dBFS, quickly down and slowly up. Below -55 dBFS meter and gain are frozen, so that a pause neither amplifies
noise nor loses the level.
"""

import numpy as np

from engine.values import CHANNELS

TARGET_DB = -12.0
MAX_DB = 24.0
GATE_PEAK = 10.0 ** (-55.0 / 20.0)
METER_FALL_S = 5.0
RISE_S = 2.0
FALL_S = 0.3


class AutoGain:
    """Analyser thread. All arrays are (4,)."""

    def __init__(self, hop_s: float) -> None:
        self._meter = np.full(CHANNELS, GATE_PEAK)
        self._gain_db = np.zeros(CHANNELS)
        self._kept = np.exp(-hop_s / METER_FALL_S)
        self._rise, self._fall = 1.0 - np.exp(-hop_s / RISE_S), 1.0 - np.exp(-hop_s / FALL_S)

    def step(self, peak: np.ndarray, is_auto: tuple[bool, ...]) -> np.ndarray:
        """Automatic gain in dB after one hop whose largest sample was `peak` (linear, before any gain).

        Never above +24 dB. Without `is_auto` the gain returns to 0 dB in 0.3 s, to avoid a jump.
        """
        is_heard = peak >= GATE_PEAK
        self._meter = np.where(is_heard, np.maximum(peak, self._meter * self._kept), self._meter)
        wanted_db = np.minimum(TARGET_DB - 20.0 * np.log10(self._meter), MAX_DB)
        auto = np.asarray(is_auto)
        away_db = np.where(auto, wanted_db, 0.0) - self._gain_db
        step = np.where(auto & (away_db > 0), self._rise, self._fall)
        self._gain_db = self._gain_db + away_db * step * (is_heard | ~auto)
        return self._gain_db
