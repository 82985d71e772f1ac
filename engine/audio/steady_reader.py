"""Resamples a ring to another clock with a constant lag: the voice from the microphone's clock to
the speaker's.

One clock line gives the time at which each sample of the ring sounded, the other the time at which
each sample read will be heard. For time t we read the ring at t - lag, so that the lag is exact to
the sample however the two crystals drift. It includes everything in between: blocks, buffers,
threads. Values between samples come from a windowed sinc (J. O. Smith, Digital Audio Resampling:
Kaiser window, 32 samples), -80 dB beside its band.
"""

import numpy as np

from engine.audio.ring import SampleRing

MEMORY_S = 100.0  # then marks with a jitter of +-1 ms move the line by less than a sample
MAX_RATE_ERROR = 5e-4  # maximum deviation of a crystal
# Errors that stay above this are not jitter. The newest marks then weigh more, but do not change
# the slope: PulseAudio's reported delay drifts by milliseconds in its first half minute, and the
# sound must not follow it.
MAX_JITTER_S = 0.003
CLOCK_JUMP_S = 0.005  # above this the line restarts; a single mark this far off is ignored
BIAS_S = 1.0
RESETTLE_MARKS = 100
MIN_SLOPE_MARKS = (
    1000  # a slope from fewer marks is discarded on a restart: a server waking up reports nonsense
)
MAX_ERROR_S = 0.02  # clipped to this, so that one late mark does not look like a jump

# Of the interpolation
HALF_TAPS = 16
PHASES = 2048  # per sample: using the nearest one is an error of at most -80 dB at 10 kHz
KAISER_BETA = 8.0
SETTLED_S = 0.5
FADE_S = 0.004
JUMP_S = 0.001  # larger offsets are crossfaded, smaller ones glided
MAX_GLIDE = 2e-3  # maximum change of rate while gliding: 3 cents


class ClockLine:
    """Estimates the sample number of a sound clock as a smooth function of time. Pure. Call `add`
    in order of time.

    A device reports marks ("sample n sounded at t") that are wrong by some milliseconds, and its
    crystal is up to a few hundred ppm off: resampling by the raw marks would make the pitch waver.
    So a delay-locked loop follows the marks (F. Adriaensen, Using a DLL to filter time, 2005): a
    line, which each mark moves by a fraction of its error, in position and in slope. Until MEMORY_S
    the fractions are those of a straight line fitted to all marks so far (expanding-memory filter:
    Morrison, Introduction to Sequential Smoothing and Prediction, 1969), which settles as fast as
    possible. Then they stay constant, so that the line follows a crystal that warms up.

    If a device is reopened, or a server changes its buffers, the clock jumps: the line restarts and
    keeps its slope."""

    def __init__(self, rate_hz: int) -> None:
        self._nominal_hz = rate_hz
        self.disturbances = 0
        """Number of marks far from their expected time; grows while a clock is disturbed."""
        self.age_s = 0.0
        """Seconds from the first mark to the newest."""
        self._rate_hz = float(rate_hz)
        self._slope_marks = 0  # marks that the slope is based on
        self._position_marks = 0  # marks since the restart
        self._number = 0.0
        self._last_number = 0.0
        self._at_s = 0.0
        self._bias = 0.0

    def add(self, number: float, at_s: float) -> None:
        """Add a mark: sample `number` sounded at `at_s`. Ignored unless its number is above the
        last one's."""
        if self._position_marks == 0:
            self._begin(number, at_s)
            return
        span_s = (number - self._last_number) / self._nominal_hz  # not from the jittering times
        if span_s <= 0.0:
            return
        self._last_number = number
        self.age_s += span_s
        expected = self._number + self._rate_hz * (at_s - self._at_s)
        error = number - expected
        limit = MAX_ERROR_S * self._nominal_hz
        self._bias += (min(max(error, -limit), limit) - self._bias) * min(span_s / BIAS_S, 1.0)
        if abs(self._bias) > MAX_JITTER_S * self._nominal_hz:
            self.disturbances += 1
            self._position_marks = min(self._position_marks, RESETTLE_MARKS)
        if abs(self._bias) > CLOCK_JUMP_S * self._nominal_hz:
            self._begin(number, at_s)
        elif abs(error) <= CLOCK_JUMP_S * self._nominal_hz:
            self._correct(expected, error, at_s, span_s)

    def _correct(self, expected: float, error: float, at_s: float, span_s: float) -> None:
        self._position_marks += 1
        max_count = max(MEMORY_S / span_s, 2.0)
        count = min(self._position_marks, max_count)
        self._number = expected + error * 2.0 * (2.0 * count - 1.0) / (count * (count + 1.0))
        self._at_s = at_s
        if abs(self._bias) > MAX_JITTER_S * self._nominal_hz:
            return
        self._slope_marks += 1
        count = min(self._slope_marks, max_count)
        self._rate_hz += error / span_s * 6.0 / (count * (count + 1.0))
        allowed = MAX_RATE_ERROR * self._nominal_hz
        self._rate_hz = min(
            max(self._rate_hz, self._nominal_hz - allowed), self._nominal_hz + allowed
        )

    def number_at(self, at_s: float) -> float:
        """Number of the sample that sounds at that time, with its fractional part."""
        return self._number + (at_s - self._at_s) * self._rate_hz

    def time_of(self, number: float) -> float:
        """Time at which that sample sounds."""
        return self._at_s + (number - self._number) / self._rate_hz

    def _begin(self, number: float, at_s: float) -> None:
        self._number = number
        self._last_number = number
        self._at_s = at_s
        self._bias = 0.0
        self._position_marks = 1
        if self._slope_marks < MIN_SLOPE_MARKS:
            self._slope_marks = 1
            self._rate_hz = float(self._nominal_hz)


def sinc_table(bandwidth: float) -> np.ndarray:
    """Weights of 32 samples for a position between the 16th and the 17th, by phase: (PHASES + 1,
    32) float32.

    `bandwidth`: passed fraction of the band below half the sample rate. Rows sum to 1: a constant
    is unchanged."""
    offsets = (
        np.arange(2 * HALF_TAPS) - (HALF_TAPS - 1) - np.linspace(0.0, 1.0, PHASES + 1)[:, None]
    )
    inside = np.clip(1.0 - (offsets / HALF_TAPS) ** 2, 0.0, None)
    weights = np.sinc(offsets * bandwidth) * np.i0(KAISER_BETA * np.sqrt(inside))
    rows: np.ndarray = (weights / weights.sum(axis=1, keepdims=True)).astype(np.float32)
    return rows


class SteadyReader:
    """Reads a ring at another clock's rate with a constant lag, on one thread. All times are
    arguments."""

    def __init__(self, ring: SampleRing, to_hz: int, lag_s: float) -> None:
        self.to_hz = to_hz
        self.lag_s = lag_s
        """Time from a sample's mark in the ring until it is heard. A change fades in at the next
        read."""
        self.gaps = 0
        """Number of underruns."""
        self.least_spare_s = float("inf")
        """Smallest reserve in the ring since the last reset, in seconds; reset by the code that
        sets the lag."""
        self._ring = ring
        self._table = sinc_table(min(1.0, to_hz / ring.sample_rate_hz))
        self._source_clock = ClockLine(ring.sample_rate_hz)
        self._playback_clock = ClockLine(to_hz)
        self._frames_read = 0
        self._position = 0.0  # position of the next frame in the ring
        self._is_audible = False

    @property
    def is_settled(self) -> bool:
        """True once both clocks are known; before that it is silent."""
        return min(self._source_clock.age_s, self._playback_clock.age_s) >= SETTLED_S

    @property
    def disturbances(self) -> int:
        """Counter that grows while one of the clocks is off its prediction, as after a dropout."""
        return self._source_clock.disturbances + self._playback_clock.disturbances

    def read(self, frames: int, audible_s: float) -> np.ndarray:
        """The next (frames, channels) float32, the first audible at `audible_s`; silence if the
        ring is empty."""
        # audio thread: no lock, no logging
        mark = self._ring.mark
        if mark is not None:
            self._source_clock.add(*mark)
        self._playback_clock.add(self._frames_read, audible_s)
        first_s = self._playback_clock.time_of(self._frames_read)
        self._frames_read += frames
        if not self.is_settled:
            self._is_audible = False
            return np.zeros((frames, self._ring.channels), np.float32)
        rate_hz = self._ring.sample_rate_hz
        begins = self._source_clock.number_at(first_s - self.lag_s)
        ends = self._source_clock.number_at(
            self._playback_clock.time_of(self._frames_read) - self.lag_s
        )
        if not self._is_audible:
            self._position = begins
        if abs(begins - self._position) <= JUMP_S * rate_hz:
            nominal = frames * rate_hz / self.to_hz
            step = min(
                max(ends - self._position, nominal * (1.0 - MAX_GLIDE)), nominal * (1.0 + MAX_GLIDE)
            )
            begins = self._position
            ends = self._position + step
            former = None
        else:
            former = self._interpolate(frames, self._position, self._position + (ends - begins))
        self._position = ends
        return self._fade(frames, begins, ends, former)

    def _fade(
        self, frames: int, begins: float, ends: float, former: np.ndarray | None
    ) -> np.ndarray:
        """The sound between two positions of the ring; faded out before an underrun."""
        rate_hz = self._ring.sample_rate_hz
        spare = self._ring.newest - (ends + HALF_TAPS + FADE_S * rate_hz)
        self.least_spare_s = min(self.least_spare_s, spare / rate_hz)
        sound = self._interpolate(frames, begins, ends)
        if former is not None:
            sound = former + (sound - former) * _rise(frames)
        was_audible = self._is_audible
        self._is_audible = spare >= 0.0
        fade = min(frames, round(FADE_S * self.to_hz))
        if self._is_audible and not was_audible:
            sound[:fade] *= _rise(fade)
        elif was_audible and not self._is_audible:
            self.gaps += 1
            sound[:fade] *= _rise(fade)[::-1]
            sound[fade:] = 0.0
        elif not was_audible:
            sound[:] = 0.0
        return sound

    def _interpolate(self, frames: int, begins: float, ends: float) -> np.ndarray:
        """(frames, channels) at `frames` positions from `begins` to before `ends`; zeros for
        missing samples."""
        positions = begins + (ends - begins) / frames * np.arange(frames)
        before = np.floor(positions).astype(np.int64)
        first = int(before[0]) - (HALF_TAPS - 1)
        end = int(before[-1]) + HALF_TAPS + 1
        samples = np.zeros((end - first, self._ring.channels), np.float32)
        found_at, found = self._ring.read(first, end)
        if len(found):
            samples[found_at - first : found_at - first + len(found)] = found
        # (frames, 32)
        weights = self._table.take(np.rint((positions - before) * PHASES).astype(np.int64), axis=0)
        windows = np.lib.stride_tricks.sliding_window_view(samples, 2 * HALF_TAPS, axis=0)
        read: np.ndarray = np.einsum("ft,fct->fc", weights, windows[before - before[0]])
        return read


def _rise(frames: int) -> np.ndarray:
    """(frames, 1) from 0 to 1, smooth at both ends."""
    return (np.sin(np.linspace(0.0, np.pi / 2.0, frames, dtype=np.float32)) ** 2)[:, None]
