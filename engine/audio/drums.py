"""Detects kick, snare and hat hits in the sum of all channels.

A bass note and a kick fill the same band, as do a sung s and a hat. So we measure the rise of
amplitude over 20 ms, uncompressed, in three regions, and look at its shape. Typical rises of drums
and of similar sounds, low : middle : high, as synthesised in `beat_songs`:

    kick          1 : 0.01-0.03 : 0.001-0.06   a click or a sweep splashes into the middle
    bass          1 : 0.003 : 0                a tone that starts within 6 ms does not
    bright bass   1 : 0.2   : 0                has partials there, but no noise above
    snare         - : 0.6   : 1                noise everywhere
    hat           - : 0.1   : 1                noise above
    vowel, pluck  - : 1     : 0                no noise

A hit is a rise that has stopped growing (10 ms later), is large compared with the greatest of the
last seconds, and has the right shape. It exceeds the noise floor, the level over 0.1 s, which falls
at once and rises in seconds. Low noise has few bands and rises by more. So a kick below -34 dBFS
needs sound that is at times twice as loud as its floor, or rises by four times the low one. Not
distinguished: a hat that coincides with a snare, a bass note that coincides with a hat and is half
as loud as the kicks.
"""

import math
from typing import Final

import numpy as np

REGIONS_HZ: Final = ((0.0, 160.0), (1000.0, 4500.0), (7000.0, math.inf))
RISE_HOPS: Final = 2
FALL_S: Final = 4.0  # of the greatest rise, and of the loudest level
MIN_RISES: Final = (0.56, 0.4, 0.2)  # of the greatest rise in its region, for kick, snare and hat
MASKED_KICK_RISE: Final = (
    0.68  # for a kick together with noise, which may be a bass note under a hat or snare
)
MIN_LEVELS: Final = (0.15, 0.08, 0.01)  # of the loudest level
MIN_LEVEL: Final = 1e-4  # -80 dBFS
MIN_SPLASH: Final = 0.006  # kick: middle and high to low
MAX_TONAL: Final = 0.12  # kick: above this, what is in the middle must be noise
MIN_NOISE: Final = 0.05  # high to middle
SNARE_HIGH: Final = 0.3  # snare: at least this, high to middle
HAT_MIDDLE: Final = 0.25  # hat: at most this, middle to high; snare: at least
# of the level and of its floor, which falls at once
SMOOTH_S = 0.1
FLOOR_S = 8.0
# of digital silence, after which the floor is measured again; a drum machine pauses for less
NEW_ROOM_S: Final = 2.0
OVER_FLOOR: Final = 0.5  # snare and hat: rise to the floor of their region
# kick: see above
LIVELY = 2.0
LOW_OVER_FLOOR = 4.0
LOUD_RISE = 0.02
MIN_GAP_S: Final = 0.06


class DrumDetector:
    """Detects drum hits, one step per hop of `hop_s`. `centres_hz` (bands,): those of the levels.
    Analyser thread."""

    def __init__(self, hop_s: float, centres_hz: np.ndarray) -> None:
        self._regions = np.array(
            [(centres_hz >= low) & (centres_hz < high) for low, high in REGIONS_HZ], np.float32
        )
        self._peak_decay = math.exp(-hop_s / FALL_S)
        self._levels = [(0.0, 0.0, 0.0)] * (RISE_HOPS + 1)
        """Level in each region, of the newest hop and those before."""
        self._rises = (0.0, 0.0, 0.0)
        self._peak_rises = [0.0, 0.0, 0.0]
        self._greatest = [0.0, 0.0, 0.0]
        self._loudest = MIN_LEVEL
        # of the regions and of all together
        self._smooth = np.zeros(4)
        self._floor = self._smooth
        self._lively = 0.0
        self._hops = 0
        self._floor_rates = np.array([hop_s / SMOOTH_S, hop_s / FLOOR_S])
        self._hop_s = hop_s
        self._silent_s = NEW_ROOM_S
        self._gap_hops = max(1, round(MIN_GAP_S / hop_s))
        self._since = [self._gap_hops] * 3

    def step(self, level: np.ndarray) -> tuple[bool, bool, bool]:
        """Detect hits in the next hop: kick, snare, hat. `level`, (bands,): linear RMS of each
        band."""
        power = level * level
        low, middle, high = np.sqrt(self._regions @ power).tolist()
        self._levels = [*self._levels[1:], (low, middle, high)]
        total = math.sqrt(float(power.sum()))
        self._loudest = max(MIN_LEVEL, self._loudest * self._peak_decay, total)
        over = self._above_floor(np.array([low, middle, high, total]))
        first, second, third = self._levels[0]
        rises = max(0.0, low - first), max(0.0, middle - second), max(0.0, high - third)
        before = self._rises
        self._rises = rises
        # Each region peaks in its own hop: the shape is that of the greatest rises of this attack.
        self._peak_rises = [
            max(rise, peak * 0.5) for rise, peak in zip(rises, self._peak_rises, strict=True)
        ]
        self._since = [hops + 1 for hops in self._since]
        hits = [False, False, False]
        fits = self._shape()
        for at in range(3):
            self._greatest[at] *= self._peak_decay
            has_peaked = before[at] > 0.0 and rises[at] <= before[at]
            if (
                not has_peaked
                or not fits[at]
                or before[at] < max(MIN_LEVELS[at] * self._loudest, over[at])
            ):
                continue
            fraction = MASKED_KICK_RISE if at == 0 and self._is_masked() else MIN_RISES[at]
            if before[at] >= fraction * self._greatest[at] and self._since[at] >= self._gap_hops:
                hits[at] = True
                self._since[at] = 0
            self._greatest[at] = max(self._greatest[at], before[at])
        return hits[0], hits[1], hits[2]

    def _above_floor(self, levels: np.ndarray) -> tuple[float, float, float]:
        """The rise that each drum needs in this room; `levels` (4,) are those of the regions and of
        all together."""
        is_silent = levels[3] <= MIN_LEVEL
        if not is_silent and self._silent_s >= NEW_ROOM_S:
            self._hops = 0
        self._silent_s = self._silent_s + self._hop_s if is_silent else 0.0
        self._hops += 1  # at first the floor is the mean: noise that begins a sound is no drum
        smooth, rise = np.maximum(self._floor_rates, 1.0 / self._hops if self._hops <= 20 else 0.0)
        self._smooth = self._smooth + smooth * (levels - self._smooth)
        self._floor = np.minimum(self._smooth, self._floor + rise * (self._smooth - self._floor))
        self._lively = max(self._lively * self._peak_decay, float(self._smooth[3]))
        low, middle, high, total = self._floor.tolist()
        is_lively = self._lively > LIVELY * total
        if self._hops <= 3:  # a drum may break the silence: the floor is still the drum itself
            return 0.0, 0.0, 0.0
        return (
            0.0 if is_lively else min(LOUD_RISE, LOW_OVER_FLOOR * low),
            OVER_FLOOR * middle,
            OVER_FLOOR * high,
        )

    def _is_masked(self) -> bool:
        low, middle, high = self._peak_rises
        return middle + high > MAX_TONAL * low

    def _shape(self) -> tuple[bool, bool, bool]:
        """True where the newest rises have the shape of a kick, a snare, a hat."""
        low, middle, high = self._peak_rises
        is_kick = middle + high >= MIN_SPLASH * low and (
            middle <= MAX_TONAL * low or high >= MIN_NOISE * middle
        )
        is_noise = high >= SNARE_HIGH * middle
        return (
            is_kick,
            is_noise and middle > HAT_MIDDLE * high,
            is_noise and middle <= HAT_MIDDLE * high,
        )
