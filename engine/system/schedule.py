"""The frame rate and the due time of the next frame. Pure: time comes in as an argument.

Frames are due on a grid of one period. A loop that is late starts its next frame at once; if by
more than a period, it drops the missed due times (they are counted) and starts a new grid now. So a
hiccup loses only the frames during it, and is never followed by a burst, which looks like a jump.
"""

from fractions import Fraction
from functools import lru_cache

from engine.errors import UsageError

MIN_VIDEO_FPS, MAX_VIDEO_FPS = 0.1, 240.0  # of a folder of pictures
NTSC_RATES = (24, 30, 48, 60, 96, 120, 240)
"""Whole rates that are also used with a factor of 1000/1001: 23.976, 29.97, 47.952, 59.94, 95.904,
119.88, 239.76."""
MAX_NTSC_DIFFERENCE = 0.005  # 29.97 and 23.98 are rounded to two digits, OSC's are 32-bit floats


@lru_cache(maxsize=64)
def exact_rate(fps: float) -> Fraction:
    """The exact fraction of a rate: 29.97 is 30000/1001 (SMPTE 170M), 25.0 is 25; else the nearest
    fraction with a denominator of at most 1001. Idempotent: `exact_rate(float(exact_rate(fps)))` is
    the same."""
    for whole in NTSC_RATES:
        rate = Fraction(whole * 1000, 1001)
        if abs(fps - rate) < MAX_NTSC_DIFFERENCE:
            return rate
    return Fraction(fps).limit_denominator(1001)


def parse_rate(text: str) -> float:
    """Parse the frames per second of `--fps`, a number or a fraction. UsageError for anything
    else."""
    numerator, slash, denominator = text.partition("/")
    try:
        return float(Fraction(int(numerator), int(denominator))) if slash else float(text)
    except (ValueError, ZeroDivisionError, OverflowError):
        raise UsageError(
            f"--fps: {text!r} is not a rate (for example 30, 29.97 or 30000/1001)"
        ) from None


class Schedule:
    def __init__(self, fps: float) -> None:
        self.set_fps(fps)
        self.dropped = 0
        self._due_s: float | None = None

    def set_fps(self, fps: float) -> None:
        """Change the frame rate. The next frame is due one new period after the last."""
        self.fps = fps
        self.period_s = 1.0 / fps

    def next_due_s(self, now_s: float) -> float:
        """The due time of the next frame; the first is due now."""
        if self._due_s is None:
            self._due_s = now_s
            return now_s
        due_s = self._due_s + self.period_s
        behind_s = now_s - due_s
        if behind_s > self.period_s:
            self.dropped += int(behind_s / self.period_s)
            due_s = now_s
        self._due_s = due_s
        return due_s

    def is_late(self, published_s: float) -> bool:
        """True if the last frame was published more than one period after its due time."""
        return self._due_s is not None and published_s - self._due_s > self.period_s
