"""Reads LTC, the timecode that travels as sound (SMPTE 12M-1), from one channel.

LTC is a square wave of 80 bits per frame, in biphase mark code: the level flips at the start of
every bit, and once more in the middle of a 1. Nothing depends on polarity, and the code carries its
own clock. A frame ends with twelve ones between `00` and `01`, which cannot occur elsewhere in it.
Read backward they are between `10` and `00`, which shows the direction.

Problem: the tape runs at any speed from 0.6 to twice the nominal one. A half bit of a slow tape is
as long as a whole bit of a fast one (1/4800 s to 1/1150 s), so no fixed limit separates them.

Solution: intervals between edges come in two lengths, T and T/2. Until T is known, the last
INTERVALS ones are stored. In a frame at least one interval of eight is long, so the length that one
of eight exceeds is T. From then on, every interval is compared with 3/4 T, and T follows each whole
bit by a small part. An interval that is neither (a dropout, a click) clears the register, so that
only 80 good bits in a row make a frame. If many fit neither, T is searched again.

The frame's time is that of its first edge (the oldest forward, the newest backward), read from a
straight line through its edges: noise moves a single edge by up to a tenth of a bit. The label says
nothing about the rate but the drop frame flag; the listener counts frames
(`params/timecode_clock.py`). User bits, date and colour frame flag are ignored. The work per block
is some twenty NumPy calls and a short loop over the edges: 1 % of a core.
"""

from collections import deque
from collections.abc import Callable
from typing import Any

import numpy as np

from engine.values import TimecodeReading

# of the mean level: the short half bits of a band-limited tape reach half the height of the long
# ones
THRESHOLD = 0.3
MIN_LEVEL = 1e-3  # -60 dBFS: below, a channel counts as silent
LEVEL_S = 0.02  # memory of the level: a click is forgotten within a frame
MEAN_BITS = 4
SMOOTHED_BITS = 0.25

BITS = 80
# -40 % to +100 % and some reserve for wow
MAX_BITS_HZ = BITS * 30 * 2.1
MIN_BITS_HZ = BITS * 24 * 0.55
INTERVALS = 120  # a frame of zeros has 80 intervals, one of ones 160
FORWARD_SYNC = 0x3FFD
BACKWARD_SYNC = 0xBFFC
TRACKING = 1 / 12  # part of a bit's error that corrects T
MIN_FIT = 0.75  # fraction of the recent intervals that must fit T
FIT_INTERVALS = 32
_ALL = (1 << BITS) - 1
_CENTRED = np.arange(BITS + 1) - BITS / 2
_CENTRED_SQUARES = float(_CENTRED @ _CENTRED)
# in bits
_LONG = (0.75, 1.35)
_SHORT = (0.3, 0.75)
_DIGITS = (
    ("frames", 0, 2, 29),
    ("seconds", 16, 3, 59),
    ("minutes", 32, 3, 59),
    ("hours", 48, 2, 23),
)
"""Name, first bit of the units (the tens are 8 bits further), bits of the tens, highest value."""
MAX_READINGS = 256  # frames that nobody has taken: ten seconds


class EdgeFinder:
    """Finds the edges of a biphase mark signal in sound, to a fraction of a sample. Audio thread.

    A cable adds hum and an offset, a recorder takes the corners off, a converter adds noise: a
    plain comparison with zero sees extra edges in the noise, and shifts the true ones by the hum.
    So, for a whole block in NumPy:

    1. The mean of the four bits around each sample is subtracted. A bit is as long above as below
       the middle, or the next one balances it, so this removes offset and hum and hardly touches
       the bits. A block may end anywhere, so the last two bits wait for the next block.
    2. A mean of a quarter bit removes noise above the band. Both means are symmetric: they do not
       shift an edge.
    3. An edge counts when the signal has gone from one threshold to the other (a Schmitt trigger).
       Both follow the level. Its time is where the signal crossed zero between them, by linear
       interpolation.

    Polarity does not matter. The caller knows how long a bit is and sets `bit_samples`."""

    def __init__(self, sample_rate_hz: int, max_bit_samples: float) -> None:
        self.bit_samples = max_bit_samples / 4.0
        """Current length of a bit; sets the widths of both means."""
        self._max_half = round(MEAN_BITS * max_bit_samples / 2.0) + 1
        self._level_samples = LEVEL_S * sample_rate_hz
        self._tail = np.zeros(2 * self._max_half)
        self._end = 0
        """Number of the sample after the tail."""
        self._level = 0.0
        self._is_high = False
        self._crossed = 0.0
        """Position of the newest zero crossing."""
        self._last = 0.0
        """The newest filtered sample."""

    @property
    def is_silent(self) -> bool:
        return self._level < MIN_LEVEL

    def feed(self, block: np.ndarray) -> np.ndarray:
        """Sample positions (float, ascending) of the edges that became certain with `block`, (n,)
        float32; numbers count from the first sample ever fed."""
        samples = np.concatenate([self._tail, block])
        first = self._end - self._tail.size  # number of samples[0]
        self._end += block.size
        self._tail = samples[samples.size - 2 * self._max_half :]
        half = min(round(MEAN_BITS * self.bit_samples / 2.0), self._max_half - 1)
        smoothed = round((SMOOTHED_BITS * self.bit_samples - 1.0) / 2.0)
        # Each sample is filtered once: always those that end `_max_half` before the newest.
        begin, end = self._max_half, samples.size - self._max_half
        total = np.concatenate([[0.0], np.cumsum(samples)])
        mean = (total[begin + half + 1 : end + half + 1] - total[begin - half : end - half]) / (
            2 * half + 1
        )
        if smoothed > 0:
            width = 2 * smoothed + 1
            low = (
                total[begin + smoothed + 1 : end + smoothed + 1]
                - total[begin - smoothed : end - smoothed]
            ) / width
        else:
            low = samples[begin:end]
        return self._edges(low - mean, first + begin)

    def _edges(self, filtered: np.ndarray, number: int) -> np.ndarray:
        """Edges in the next filtered samples; `number`: that of the first."""
        size = filtered.size
        if not size:
            return np.empty(0)
        self._level += min(size / self._level_samples, 1.0) * (
            float(np.abs(filtered).mean()) - self._level
        )
        signal = np.concatenate([[self._last], filtered])
        self._last = float(filtered[-1])
        is_above = signal >= 0.0
        at = np.flatnonzero(is_above[1:] != is_above[:-1])
        crossings = number - 1 + at + signal[at] / (signal[at] - signal[at + 1])
        crossings = np.concatenate([[self._crossed], crossings])
        self._crossed = float(crossings[-1])
        if self.is_silent:
            return np.empty(0)
        threshold = THRESHOLD * self._level
        decided = np.flatnonzero(np.abs(filtered) > threshold)
        if not decided.size:
            return np.empty(0)
        is_high = filtered[decided] > 0.0
        before = np.concatenate([[self._is_high], is_high[:-1]])
        self._is_high = bool(is_high[-1])
        turned = decided[is_high != before]
        edges: np.ndarray = crossings[np.searchsorted(at, turned, side="right")]
        return edges


class LtcDecoder:
    """Decodes LTC frames from blocks of any size. Audio thread."""

    def __init__(self, sample_rate_hz: int, sounded_s: Callable[[float], float | None]) -> None:
        """`sounded_s(sample)`: when a sample, counted from the first one fed, sounded, in seconds
        of the engine's clock; None if unknown, then its frame is left out."""
        self._rate_hz = sample_rate_hz
        self._sounded_s = sounded_s
        self._max_bit = sample_rate_hz / MIN_BITS_HZ
        self._min_bit = sample_rate_hz / MAX_BITS_HZ
        self._finder = EdgeFinder(sample_rate_hz, self._max_bit)
        self._block = round(sample_rate_hz * 0.01)
        self._intervals: deque[float] = deque(maxlen=INTERVALS)
        self._edge: float | None = None
        """The newest edge."""
        self._bit = 0.0
        """T, the length of a bit in samples; 0 while it is unknown."""
        self._half: float | None = None
        """Start of a 1 of which the first half was received."""
        self._starts: deque[float] = deque(maxlen=BITS)
        """Start of each bit in the register."""
        self._register = 0
        """The newest bits, the newest in the lowest position."""
        self._fit = 1.0
        """Fraction of the recent intervals that fit T."""

    def feed(self, block: np.ndarray) -> list[TimecodeReading]:
        """Frames completed by `block`, (n,) float32 in [-1, 1], usually none or one."""
        readings: list[TimecodeReading] = []
        for begin in range(0, block.size, self._block):
            edges = self._finder.feed(block[begin : begin + self._block])
            if self._finder.is_silent:
                self._restart_search()
            for edge in edges.tolist():
                if self._edge is not None:
                    self._take_interval(self._edge, edge, readings)
                self._edge = edge
        return readings

    def _take_interval(self, start: float, end: float, readings: list[TimecodeReading]) -> None:
        """Take the interval between two edges."""
        length = end - start
        if not self._bit:
            self._search(length)
            return
        bits = length / self._bit
        fits = _SHORT[0] <= bits < _LONG[1]
        self._fit += (fits - self._fit) / FIT_INTERVALS
        if not fits:
            self._clear()
            if self._fit < MIN_FIT:
                self._restart_search()
        elif bits >= _LONG[0]:
            # a half without its other half: bits were counted from the middle
            if self._half is not None:
                self._clear()
            self._track(length)
            self._push(0, start, end, readings)
        elif self._half is None:
            self._half = start
        else:
            start = self._half
            self._half = None
            self._track(end - start)
            self._push(1, start, end, readings)

    def _search(self, length: float) -> None:
        """Find T in the recent intervals."""
        self._intervals.append(length)
        if len(self._intervals) < INTERVALS:
            return
        ordered = sorted(self._intervals)
        longest = ordered[-INTERVALS // 8]
        longs = [each for each in ordered if 0.75 * longest < each < 1.25 * longest]
        bit = sum(longs) / len(longs)
        shorts = [each for each in ordered if 0.375 * longest < each < 0.75 * longest]
        if (
            self._min_bit <= bit <= self._max_bit
            and len(longs) + len(shorts) >= MIN_FIT * INTERVALS
            and shorts
        ):
            self._bit = bit
            self._fit = 1.0
            self._finder.bit_samples = bit
            self._intervals.clear()
            self._clear()
            return
        for _ in range(INTERVALS // 4):  # not at every edge: noise has many
            self._intervals.popleft()

    def _track(self, length: float) -> None:
        self._bit = min(
            max(self._bit + TRACKING * (length - self._bit), self._min_bit), self._max_bit
        )
        self._finder.bit_samples = self._bit

    def _push(self, bit: int, start: float, end: float, readings: list[TimecodeReading]) -> None:
        self._register = (self._register << 1 | bit) & _ALL
        self._starts.append(start)
        if len(self._starts) < BITS:
            return
        if self._register & 0xFFFF == FORWARD_SYNC:
            bits = int(f"{self._register:0{BITS}b}"[::-1], 2)
            is_backward = False
        elif self._register >> BITS - 16 == BACKWARD_SYNC:
            bits = self._register
            is_backward = True
        else:
            return
        first, length = self._fit_frame(end)
        label = _label(bits)
        at_s = self._sounded_s(first + length if is_backward else first)
        if label is not None and at_s is not None:
            rate = "29.97df" if bits >> 10 & 1 else ""
            readings.append(
                TimecodeReading(
                    **label,
                    at_s=at_s,
                    rate=rate,
                    frame_s=length / self._rate_hz,
                    is_backward=is_backward,
                    is_sampled=True,
                )
            )

    def _fit_frame(self, end: float) -> tuple[float, float]:
        """Begin and length of the frame in the register, in samples, by a straight line through its
        edges."""
        edges = np.array([*self._starts, end])
        slope = float(_CENTRED @ edges) / _CENTRED_SQUARES
        return float(edges.mean()) - slope * BITS / 2, slope * BITS

    def _clear(self) -> None:
        """Forget the bits so far."""
        self._half = None
        self._starts.clear()

    def _restart_search(self) -> None:
        """Search T again."""
        self._clear()
        self._bit = 0.0
        self._edge = None
        self._intervals.clear()
        self._finder.bit_samples = self._max_bit / 4.0


def _label(bits: int) -> dict[str, Any] | None:
    """The time in 80 bits, bit 0 in the lowest position; None if they are no time."""
    label: dict[str, Any] = {}
    for name, units_at, tens_bits, highest in _DIGITS:
        units = bits >> units_at & 15
        tens = bits >> units_at + 8 & (1 << tens_bits) - 1
        label[name] = 10 * tens + units
        if units > 9 or label[name] > highest:
            return None
    return label


class LtcTap:
    """Decodes timecode from one channel of the sound. `decode` on the analysis thread, `take` on
    any other."""

    def __init__(self, sample_rate_hz: int, sounded_s: Callable[[float], float | None]) -> None:
        """`sounded_s(sample)`: when a sample sounded, in seconds of the engine's clock; None if
        unknown."""
        self._rate_hz = sample_rate_hz
        self._sounded_s = sounded_s
        self._channel = 0
        self._decoder: LtcDecoder | None = None
        self._next_sample = 0
        self._readings: deque[TimecodeReading] = deque(maxlen=MAX_READINGS)

    def decode(self, block: np.ndarray, first_sample: int, channel: int) -> np.ndarray:
        """Decode `channel` (from 1; 0: none) of `block`, (frames, channels) float32. Returns it
        `without_ltc`."""
        if not 1 <= channel <= block.shape[1]:
            self._decoder = None
            return block
        if self._decoder is None or channel != self._channel or first_sample != self._next_sample:
            self._decoder = LtcDecoder(
                self._rate_hz, lambda sample: self._sounded_s(first_sample + sample)
            )
            self._channel = channel
        self._next_sample = first_sample + len(block)
        self._readings.extend(self._decoder.feed(block[:, channel - 1]))
        return without_ltc(block, channel)

    def take(self) -> list[TimecodeReading]:
        """The frames decoded since the last call, at most 256."""
        return [self._readings.popleft() for _ in range(len(self._readings))]


def without_ltc(block: np.ndarray, channel: int) -> np.ndarray:
    """`block`, (frames, channels) float32, without LTC on `channel` (from 1; 0: none). Of two
    channels the other replaces it, else it is silent."""
    if not 1 <= channel <= block.shape[1]:
        return block
    without = block.copy()
    without[:, channel - 1] = block[:, 2 - channel] if block.shape[1] == 2 else 0.0
    return without
