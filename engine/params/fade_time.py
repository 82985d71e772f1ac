"""The time of a fade: seconds, or beats and bars of the tempo. Pure.

    4.0, "4", "4s"   seconds
    "4b", "4 beats"  beats
    "2bars"          bars

A fade in beats follows the tempo, and ends on a beat: one that starts between two beats is up to
half a beat longer or shorter. If the beat count restarts meanwhile (reset, MIDI start), it
continues evenly.
"""

import math
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Literal, Self

MAX_S: Final = 3600.0
MAX_BEATS: Final = 4096.0
ROUNDING: Final = 1e-9  # due times are sums of periods
_FORMAT: Final = re.compile(r"([0-9]*\.?[0-9]+) ?(s|b|beats?|bars?)?")


@dataclass(frozen=True, slots=True)
class FadeTime:
    amount: float = 0.0
    unit: Literal["s", "b", "bars"] = "s"

    @classmethod
    def of(cls, value: object) -> Self:
        """Read a number of seconds, or a text. Raises ValueError: `takes 0..3600 s, or a time as 4b
        or 2bars`."""
        if isinstance(value, str) and (match := _FORMAT.fullmatch(value.strip())):
            amount = float(match[1])
            unit = match[2] or "s"
            read = cls(amount, "s" if unit == "s" else "bars" if unit.startswith("bar") else "b")
        elif isinstance(value, int | float) and not isinstance(value, bool):
            read = cls(float(value))
        else:
            read = cls(math.nan)
        if not 0.0 <= read.amount <= (MAX_S if read.unit == "s" else MAX_BEATS):
            raise ValueError(
                f"is not a time of 0..{MAX_S:g} s, nor one in beats or bars, such as 4b or 2bars"
            )
        return read

    @property
    def is_at_once(self) -> bool:
        return self.amount <= 0.0

    @property
    def written(self) -> float | str:
        """Seconds as a number; else a text that `of` reads."""
        return self.amount if self.unit == "s" else f"{self.amount:g}{self.unit}"

    def __str__(self) -> str:
        return f"{self.amount:g} s" if self.unit == "s" else str(self.written)

    def beats(self, beats_a_bar: int) -> float:
        """Length in beats; 0 for one in seconds."""
        return (
            0.0 if self.unit == "s" else self.amount * (beats_a_bar if self.unit == "bars" else 1)
        )

    def seconds(self, bpm: float, beats_a_bar: int) -> float:
        """Length in seconds at that tempo."""
        return self.amount if self.unit == "s" else self.beats(beats_a_bar) * 60.0 / bpm

    def shortened(self, by_s: float, bpm: float, beats_a_bar: int) -> Self:
        """The rest of this time after some seconds."""
        if self.unit == "s":
            return type(self)(max(self.amount - by_s, 0.0))
        return type(self)(max(self.beats(beats_a_bar) - by_s * bpm / 60.0, 0.0), "b")


AT_ONCE: Final = FadeTime()


@dataclass(frozen=True, slots=True, kw_only=True)
class Pulse:
    """The beat of one frame."""

    beat: float = 0.0
    """As the tempo counts: whole numbers are beats, and bars begin at multiples of
    `beats_a_bar`."""
    jumped: float = 0.0
    """Beats by which the count was moved since the start: `beat - jumped` continues through a
    reset."""
    step: float = 0.0
    """Beats since the frame before."""
    bpm: float = 120.0
    beats_a_bar: int = 4


ReadPulse = Callable[[], Pulse]


@dataclass(frozen=True, slots=True)
class FadeProgress:
    """The progress of a fade, as displayed to the performer."""

    passed: float
    """0..`length`."""
    length: float
    """In the unit; 1 by hand."""
    unit: Literal["s", "beats", "hand"]


class FadeTimer:
    """Measures how much of a FadeTime has passed, from the first frame that asks. Frames in
    order."""

    __slots__ = ("_begin", "_fraction", "_length", "_pulse", "time")

    def __init__(self, time: FadeTime, pulse: ReadPulse) -> None:
        self.time = time
        self._pulse = pulse
        self._begin: float | None = None
        self._length = 0.0
        self._fraction = 0.0

    @property
    def has_begun(self) -> bool:
        return self._begin is not None

    def fraction(self, now_s: float) -> float:
        """The fraction that has passed: 0 in the first frame, 1 from the end on. Never
        decreases."""
        pulse = self._pulse()
        at = now_s if self.time.unit == "s" else pulse.beat - pulse.jumped
        if self._begin is None:
            self._begin = at
            self._length = (
                self.time.amount if self.time.unit == "s" else _beats_to_end(self.time, pulse)
            )
        passed = at - self._begin
        if passed >= self._length - ROUNDING:
            self._fraction = 1.0
        else:
            self._fraction = max(self._fraction, passed / self._length)
        return self._fraction

    @property
    def progress(self) -> FadeProgress:
        """The progress in seconds or beats. Render thread."""
        return FadeProgress(
            self._fraction * self._length, self._length, "s" if self.time.unit == "s" else "beats"
        )

    def left_s(self) -> float:
        """Seconds until its end, at the present tempo."""
        pulse = self._pulse()
        if not self.has_begun:
            return self.time.seconds(pulse.bpm, pulse.beats_a_bar)
        left = (1.0 - self._fraction) * self._length
        return left if self.time.unit == "s" else left * 60.0 / pulse.bpm


def _beats_to_end(time: FadeTime, pulse: Pulse) -> float:
    """Beats from here to the beat on which the time ends."""
    beats = time.beats(pulse.beats_a_bar)
    return round(pulse.beat + beats) - pulse.beat if beats >= 1.0 else beats
