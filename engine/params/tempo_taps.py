"""Tempo from taps: the mean of up to eight intervals.

An interval outside the tempo range 20..300 (a pause, a bounce of the finger), or more than a third off the mean so far
(another song), starts over with this tap; the tempo stays until the next tap.
"""

from collections import deque
from typing import Final

import osc_schema

TAP_INTERVALS: Final = 8
TAP_TOLERANCE: Final = 1 / 3

_BPM = osc_schema.lookup("/tempo/bpm")
assert _BPM is not None
_MAX_BEAT_S, _MIN_BEAT_S = 60.0 / _BPM.low, 60.0 / _BPM.high


class Taps:
    """Tempo from the latest taps. Pure: time is an argument."""

    def __init__(self) -> None:
        self._taps: deque[float] = deque(maxlen=TAP_INTERVALS + 1)

    def tap(self, now_s: float) -> float | None:
        """Add a tap. Beats per minute from the second tap on; None for the first of a series."""
        taps = self._taps
        if taps:
            interval = now_s - taps[-1]
            mean = (taps[-1] - taps[0]) / (len(taps) - 1) if len(taps) > 1 else interval
            is_beat = _MIN_BEAT_S * 0.99 <= interval <= _MAX_BEAT_S * 1.01  # tolerates rounding at the limits
            if not is_beat or abs(interval - mean) > TAP_TOLERANCE * mean:
                taps.clear()
        taps.append(now_s)
        return 60.0 * (len(taps) - 1) / (taps[-1] - taps[0]) if len(taps) > 1 else None
