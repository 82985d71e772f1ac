"""Estimates the sample number of a sound clock as a smooth function of time, from timestamps that jitter.

Problem: a device reports marks ("sample n sounded at t") at intervals, each wrong by some milliseconds, and its crystal
is up to a few hundred ppm off. A voice that goes from one device to another involves two such clocks. Resampling by the
raw marks would make the pitch waver.

Solution: a delay-locked loop (F. Adriaensen, Using a DLL to filter time, 2005) follows the marks. It is a line; each
mark moves it by a fraction of its error, in position and in slope. Until MEMORY_S these fractions are those of a
straight line fitted to all marks so far (expanding-memory filter: Morrison, Introduction to Sequential Smoothing and
Prediction, 1969), which settles as fast as possible. After that they stay constant, so that the line follows a crystal
that warms up.

If a device is reopened, or a sound server changes its buffers, the clock jumps for good: the line restarts there and
keeps its slope.
"""

MEMORY_S = 100.0  # then marks with a jitter of +-1 ms move the line by less than a sample
MAX_RATE_ERROR = 5e-4  # maximum deviation of a crystal
# Errors that stay above this are not jitter. The newest marks then weigh more, but do not change the slope:
# PulseAudio's reported delay drifts by milliseconds in its first half minute, and the sound must not follow it.
MAX_JITTER_S = 0.003
JUMP_S = 0.005  # above this the line restarts; a single mark this far off is ignored
BIAS_S = 1.0
RESETTLE_MARKS = 100
MIN_SLOPE_MARKS = 1000  # a slope from fewer marks is discarded on a restart: a server waking up reports nonsense
MAX_ERROR_S = 0.02  # clipped to this, so that one late mark does not look like a jump


class ClockLine:
    """Pure. Call `add` in order of time."""

    def __init__(self, rate_hz: int) -> None:
        self._nominal_hz = rate_hz
        self.disturbances = 0
        """Number of marks far from their expected time; grows while a clock is disturbed."""
        self.age_s = 0.0
        """Seconds from the first mark to the newest."""
        self._rate_hz = float(rate_hz)
        self._all = 0  # marks that the slope is based on
        self._count = 0  # marks since the restart
        self._number = self._marked = self._at_s = self._bias = 0.0

    def add(self, number: float, at_s: float) -> None:
        """Add a mark: sample `number` sounded at `at_s`. Ignored unless its number is above the last one's."""
        if self._count == 0:
            self._begin(number, at_s)
            return
        span_s = (number - self._marked) / self._nominal_hz  # not from the jittering times
        if span_s <= 0.0:
            return
        self._marked = number
        self.age_s += span_s
        expected = self._number + self._rate_hz * (at_s - self._at_s)
        error = number - expected
        limit = MAX_ERROR_S * self._nominal_hz
        self._bias += (min(max(error, -limit), limit) - self._bias) * min(span_s / BIAS_S, 1.0)
        if abs(self._bias) > MAX_JITTER_S * self._nominal_hz:
            self.disturbances += 1
            self._count = min(self._count, RESETTLE_MARKS)
        if abs(self._bias) > JUMP_S * self._nominal_hz:
            self._begin(number, at_s)
        elif abs(error) <= JUMP_S * self._nominal_hz:
            self._correct(expected, error, at_s, span_s)

    def _correct(self, expected: float, error: float, at_s: float, span_s: float) -> None:
        self._count += 1
        max_count = max(MEMORY_S / span_s, 2.0)
        count = min(self._count, max_count)
        self._number = expected + error * 2.0 * (2.0 * count - 1.0) / (count * (count + 1.0))
        self._at_s = at_s
        if abs(self._bias) > MAX_JITTER_S * self._nominal_hz:
            return
        self._all += 1
        count = min(self._all, max_count)
        self._rate_hz += error / span_s * 6.0 / (count * (count + 1.0))
        allowed = MAX_RATE_ERROR * self._nominal_hz
        self._rate_hz = min(max(self._rate_hz, self._nominal_hz - allowed), self._nominal_hz + allowed)

    def number_at(self, at_s: float) -> float:
        """Number of the sample that sounds at that time, with its fraction."""
        return self._number + (at_s - self._at_s) * self._rate_hz

    def time_of(self, number: float) -> float:
        """Time at which that sample sounds."""
        return self._at_s + (number - self._number) / self._rate_hz

    def _begin(self, number: float, at_s: float) -> None:
        self._number = self._marked = number
        self._at_s = at_s
        self._bias = 0.0
        self._count = 1
        if self._all < MIN_SLOPE_MARKS:
            self._all = 1
            self._rate_hz = float(self._nominal_hz)
