"""Which sample a sound clock is at, as a smooth function of time, from marks that jitter.

The problem: a device says now and then "sample n sounded at t", some milliseconds wrong each time, and its crystal
is up to a few hundred ppm off. Two such clocks meet wherever a voice goes from one device to another; led by the
raw marks the pitch would tremble. The marks are therefore followed by a delay-locked loop (F. Adriaensen, Using a
DLL to filter time, 2005): a line that each mark moves by a little of its error, in place and in slope. The two
shares are those of the straight line fitted to all marks so far (expanding-memory filter: Morrison, Introduction to
Sequential Smoothing and Prediction, 1969), so that it settles as fast as can be, until MEMORY_S; from then on they
stay, and the line follows a crystal that warms up.

A device that was reopened, or a server that changed its buffers, is at another place for good: the line begins anew
there, and keeps its slope.
"""

MEMORY_S = 100.0  # marks that jitter by +-1 ms then move the line by less than a sample
OFF_RATE = 5e-4  # no crystal is further off
# Errors that stay beyond this are no jitter: the newest marks lead more then, but tell nothing of the slope. What
# PulseAudio says of its own delay wanders by milliseconds in its first half minute; the sound must not.
ASTRAY_S = 0.003
MOVED_S = 0.005  # and beyond this the line begins anew; one mark that is so far off moves nothing
STAY_S = 1.0
QUICK_MARKS = 100
SURE_MARKS = 1000  # a slope that rests on fewer is given up with the place: a server that wakes up tells nonsense
MAX_ERROR_S = 0.02  # one late mark must not look like a move


class ClockLine:
    """Pure; `add` in the order of time."""

    def __init__(self, rate_hz: int) -> None:
        self._nominal_hz = rate_hz
        self.disturbances = 0
        """Grows as long as the marks are not where they are expected."""
        self.age_s = 0.0
        """From the first mark to the newest."""
        self._rate_hz = float(rate_hz)
        self._all = 0  # marks that the slope rests on
        self._count = 0  # marks since it began anew
        self._number = self._marked = self._at_s = self._bias = 0.0

    def add(self, number: float, at_s: float) -> None:
        """A mark: sample `number` at `at_s`. One that is no further than the last is passed over."""
        if self._count == 0:
            self._begin(number, at_s)
            return
        span_s = (number - self._marked) / self._nominal_hz  # not of the marks' own times: those jitter with the errors
        if span_s <= 0.0:
            return
        self._marked = number
        self.age_s += span_s
        expected = self._number + self._rate_hz * (at_s - self._at_s)
        error = number - expected
        limit = MAX_ERROR_S * self._nominal_hz
        self._bias += (min(max(error, -limit), limit) - self._bias) * min(span_s / STAY_S, 1.0)
        if abs(self._bias) > ASTRAY_S * self._nominal_hz:
            self.disturbances += 1
            self._count = min(self._count, QUICK_MARKS)
        if abs(self._bias) > MOVED_S * self._nominal_hz:
            self._begin(number, at_s)
        elif abs(error) <= MOVED_S * self._nominal_hz:
            self._lead(expected, error, at_s, span_s)

    def _lead(self, expected: float, error: float, at_s: float, span_s: float) -> None:
        self._count += 1
        most = max(MEMORY_S / span_s, 2.0)
        count = min(self._count, most)
        self._number = expected + error * 2.0 * (2.0 * count - 1.0) / (count * (count + 1.0))
        self._at_s = at_s
        if abs(self._bias) > ASTRAY_S * self._nominal_hz:
            return
        self._all += 1
        count = min(self._all, most)
        self._rate_hz += error / span_s * 6.0 / (count * (count + 1.0))
        allowed = OFF_RATE * self._nominal_hz
        self._rate_hz = min(max(self._rate_hz, self._nominal_hz - allowed), self._nominal_hz + allowed)

    def number_at(self, at_s: float) -> float:
        """Of the sample, and fraction, that sounds at that time."""
        return self._number + (at_s - self._at_s) * self._rate_hz

    def time_of(self, number: float) -> float:
        """When that sample sounds."""
        return self._at_s + (number - self._number) / self._rate_hz

    def _begin(self, number: float, at_s: float) -> None:
        self._number = self._marked = number
        self._at_s = at_s
        self._bias = 0.0
        self._count = 1
        if self._all < SURE_MARKS:
            self._all = 1
            self._rate_hz = float(self._nominal_hz)
