"""Timecode arithmetic (SMPTE 12M-1): labels hh:mm:ss:ff, frame numbers and seconds. Pure.

Drop frame: at 30000/1001 fps, labels that count 30 would fall behind by 3.6 s in an hour. So the
labels of frames 0 and 1 are left out at the start of every minute except minutes 0, 10, 20, 30, 40
and 50: 108 labels an hour. No frame is left out. The label 00:01:00:00 does not exist; it is read
as 00:01:00:02, the one that comes at that time.
"""

import math
import re
from dataclasses import dataclass
from typing import Final, NamedTuple

from engine.errors import CueError

DAY_S: Final = 86_400.0
_TEXT = re.compile(r"(\d{1,2}):(\d{1,2}):(\d{1,2})[:;.](\d{1,2})\Z")
_EARLIEST_S: Final = -DAY_S / 2  # further before an offset is taken as after it, past midnight
_ROUNDING = 1e-4  # of a frame: a time computed from a frame number must give that frame again


@dataclass(frozen=True, slots=True, kw_only=True)
class TimecodeRate:
    name: str
    count: int
    """Labels in a second."""
    fps: float
    """Frames in a second of real time."""
    is_drop: bool = False


RATES: Final = {
    rate.name: rate
    for rate in (
        TimecodeRate(name="24", count=24, fps=24.0),
        TimecodeRate(name="25", count=25, fps=25.0),
        TimecodeRate(name="29.97df", count=30, fps=30_000 / 1001, is_drop=True),
        TimecodeRate(name="30", count=30, fps=30.0),
    )
}


class Label(NamedTuple):
    hours: int
    minutes: int
    seconds: int
    frames: int


def frame_number(label: Label, rate: TimecodeRate) -> int:
    """Frames since 00:00:00:00. A label that drop frame leaves out counts as the next that
    exists."""
    minutes = 60 * label.hours + label.minutes
    frames = label.frames
    if not rate.is_drop:
        return (60 * minutes + label.seconds) * rate.count + frames
    if label.minutes % 10 and label.seconds == 0:
        frames = max(frames, 2)
    return (60 * minutes + label.seconds) * rate.count + frames - 2 * (minutes - minutes // 10)


def label_at(number: int, rate: TimecodeRate) -> Label:
    """The label of a frame number, 0 or above; wraps after a day."""
    if rate.is_drop:
        tens, rest = divmod(number, 17_982)  # frames in ten minutes: 10 x 1800 - 9 x 2
        number += 18 * tens + (2 * ((rest - 2) // 1798) if rest >= 1800 else 0)
    seconds, frames = divmod(number, rate.count)
    return Label(seconds // 3600 % 24, seconds // 60 % 60, seconds % 60, frames)


def seconds_of(label: Label, rate: TimecodeRate) -> float:
    """Real time from 00:00:00:00 to the start of this frame."""
    return frame_number(label, rate) / rate.fps


def text_at(seconds: float, rate: TimecodeRate) -> str:
    """The label of the frame at this time: `01:00:10:05`; `01:00:10;05` in drop frame,
    `-00:00:00:12` before zero."""
    number = math.floor(abs(seconds) * rate.fps + _ROUNDING)
    hours, minutes, whole, frames = label_at(number, rate)
    sign = "-" if seconds < 0.0 and number else ""
    return f"{sign}{hours:02}:{minutes:02}:{whole:02}{';' if rate.is_drop else ':'}{frames:02}"


def parse_label(text: str) -> Label | None:
    """The label in `1:00:10:05` or `01:00:10;05`; None if it is not one."""
    found = _TEXT.match(text.strip())
    label = Label(*map(int, found.groups())) if found else None
    return (
        label
        if label
        and label.hours < 24
        and max(label.minutes, label.seconds) < 60
        and label.frames < 30
        else None
    )


def canonical_label(text: object) -> str:
    """A cue's timecode, as `01:00:10:05`; "" stays "". CueError if it is neither."""
    if text == "":
        return ""
    label = parse_label(text) if isinstance(text, str) else None
    if label is None:
        short_text = repr(text)[:40]
        raise CueError(
            f'timecode {short_text} is not hh:mm:ss:ff, such as 01:00:10:05 (frames 0..29); "" '
            "removes it"
        )
    return "{:02}:{:02}:{:02}:{:02}".format(*label)


@dataclass(frozen=True, slots=True)
class Offset:
    """A timecode that counts as zero: a label, or seconds."""

    label: Label | None
    seconds: float

    def at(self, rate: TimecodeRate) -> float:
        """Seconds at this rate."""
        return self.seconds if self.label is None else seconds_of(self.label, rate)


def parse_offset(text: str) -> Offset | None:
    """An offset from `01:00:00:00`, `-0.25` or "" (0); None if it is neither, or a day or more."""
    label = parse_label(text)
    if label is not None:
        return Offset(label, 0.0)
    try:
        seconds = float(text) if text.strip() else 0.0
    except ValueError:
        return None
    return Offset(None, seconds) if abs(seconds) < DAY_S else None


def show_time(position_s: float, offset_s: float) -> float:
    """Seconds from the offset to a position, -12 h..24 h: a show may run past midnight."""
    seconds = position_s - offset_s
    return seconds + DAY_S if seconds < _EARLIEST_S else seconds


def fold_day(seconds: float) -> float:
    """A difference of two times of day, -12..12 h."""
    return math.remainder(seconds, DAY_S)
