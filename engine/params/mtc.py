"""Assembles MIDI timecode (MTC: MIDI 1.0 detailed specification, RP-004/008). Pure.

A label comes in eight quarter frame messages (0xF1), pieces 0 to 7, four a frame; backward from 7
to 0. A full frame message (system exclusive) marks a locate. When piece 7 arrives, the label is
almost two frames old. So it is dated back: piece 0 was sent when its frame began, and a line
through the eight arrivals gives that time, its jitter averaged.

Open Stage Control sends a text at each piece 7, 7/4 frames after the label's frame began, without
the rate.
"""

from collections import deque
from dataclasses import replace

from engine.params.timecode import RATES
from engine.params.timecode_clock import SPEEDS
from engine.values import TimecodeReading

PIECES = 8
TEXT_LEAD_FRAMES = 1.75
MAX_INTERVAL_S = (
    0.06  # at 0.6 times 24 fps a piece comes every 17 ms; above, the series was interrupted
)
MTC_RATES = ("24", "25", "29.97df", "30")
_TEXT_RATE_AT = 28  # above the hours


class MtcAssembler:
    """Assembles timecode readings from the quarter frames of MIDI timecode. One thread."""

    def __init__(self) -> None:
        self._series: deque[tuple[int, int, float]] = deque(maxlen=PIECES)
        """Piece, nibble and time of the newest quarter frames, in an unbroken ascending or
        descending series."""

    def quarter_frame(self, data: int, now_s: float) -> TimecodeReading | None:
        """Take the data byte of 0xF1; a reading once eight in a row are complete."""
        piece = data >> 4 & 7
        nibble = data & 15
        if series := self._series:
            is_next = (piece - series[-1][0]) % PIECES in (1, PIECES - 1)
            is_same_way = (
                len(series) < 2
                or (piece - series[-1][0]) % PIECES == (series[-1][0] - series[-2][0]) % PIECES
            )
            if not is_next or now_s - series[-1][2] > MAX_INTERVAL_S:
                series.clear()
            elif not is_same_way:  # the tape turned round
                newest = series[-1]
                series.clear()
                series.append(newest)
        series.append((piece, nibble, now_s))
        if (
            len(series) < PIECES
            or series[0][0] not in (0, PIECES - 1)
            or (series[-1][0] + series[0][0]) != PIECES - 1
        ):
            return None
        return self._complete(is_backward=piece == 0)

    def _complete(self, *, is_backward: bool) -> TimecodeReading | None:
        nibbles = [0] * PIECES
        for piece, nibble, _ in self._series:
            nibbles[piece] = nibble
        times = [at_s for _, _, at_s in self._series]
        mean_s = sum(times) / PIECES
        # the sum of (n - 3.5)^2
        interval_s = sum((n - 3.5) * at_s for n, at_s in enumerate(times)) / 42.0
        begun_s = mean_s + (3.5 if is_backward else -3.5) * interval_s
        rate = MTC_RATES[nibbles[7] >> 1 & 3]
        reading = _if_time(
            TimecodeReading(
                hours=nibbles[6] | (nibbles[7] & 1) << 4,
                minutes=nibbles[4] | (nibbles[5] & 3) << 4,
                seconds=nibbles[2] | (nibbles[3] & 3) << 4,
                frames=nibbles[0] | (nibbles[1] & 1) << 4,
                at_s=begun_s,
                rate=rate,
                frame_s=4.0 * interval_s,
                is_backward=is_backward,
            )
        )
        if reading is None or 4.0 * interval_s * RATES[rate].fps * SPEEDS[1] >= 1.0:
            return reading
        # The pieces were held back and came together: only the last one was on time.
        return (
            None
            if is_backward
            else replace(reading, at_s=times[-1], frame_s=0.0, lead_frames=TEXT_LEAD_FRAMES)
        )


def full_frame(packed: int, now_s: float) -> TimecodeReading | None:
    """The reading of a full frame message, packed as hours, minutes, seconds, frames of seven bits
    each, hours first. Bits 5 and 6 of the hours are the rate. None if it is not a time."""
    rate = MTC_RATES[packed >> 26 & 3]
    return _if_time(replace(_at(packed & ~(0b11 << 26), now_s), rate=rate, is_still=True))


def text_frame(packed: int, now_s: float) -> TimecodeReading | None:
    """The reading of a timecode text, packed like a full frame, but without a rate. With that of
    `text_rate` it names the frame that begins now; without, as from Open Stage Control, it is
    late."""
    reading = _at(packed, now_s)
    rate = packed >> _TEXT_RATE_AT
    if rate:
        return _if_time(replace(reading, rate=MTC_RATES[rate - 1]))
    return _if_time(replace(reading, lead_frames=TEXT_LEAD_FRAMES))


def text_rate(fps: object) -> int:
    """The bits for the frames per second of a text, 24, 25 or 30; 0 for any other."""
    rate = f"{fps:g}" if isinstance(fps, int | float) else ""
    return (1 + MTC_RATES.index(rate)) << _TEXT_RATE_AT if rate in MTC_RATES else 0


def _at(packed: int, now_s: float) -> TimecodeReading:
    hours, minutes, seconds, frames = (packed >> shift & 127 for shift in (21, 14, 7, 0))
    return TimecodeReading(hours=hours, minutes=minutes, seconds=seconds, frames=frames, at_s=now_s)


def _if_time(reading: TimecodeReading) -> TimecodeReading | None:
    labels = RATES[reading.rate].count if reading.rate else 30
    is_time = (
        reading.hours < 24
        and max(reading.minutes, reading.seconds) < 60
        and reading.frames < labels
    )
    return reading if is_time else None
