"""The MIDI clock and MIDI timecode that the engine sends: the messages due at a beat or a position.
Pure."""

import math
from typing import Final

from engine.params.mtc import MTC_RATES, PIECES
from engine.params.tempo_sources import TICKS_PER_BEAT
from engine.params.timecode import TimecodeRate, label_at

CLOCK = b"\xf8"
START = b"\xfa"
STOP = b"\xfc"
MAX_LATE_TICKS: Final = 6  # a quarter of a beat: more is a jump of the beat, not a late thread
_ROUNDING = 1e-6
MAX_LATE_PIECES: Final = 8  # two frames


class ClockOut:
    """Generates MIDI clock: 24 ticks per beat, and a start on the first beat of a bar. Receivers
    set their tempo by the ticks and their bar by the start, which means that the next tick is beat
    one. When the beat jumps (a tap, a reset, a clock that moved to another position), they are
    started again at the next bar; until then they run on. A receiver that connects later is started
    by itself (`for_late`)."""

    def __init__(self) -> None:
        self._tick: int | None = None
        """Number of the latest tick; None while switched off."""
        self._is_started = False
        self._bar_at: int | None = None
        """Index of the first tick of a bar among the messages of the last `due`, or None."""

    def due(self, beat: float, beats_a_bar: int = 4) -> list[bytes]:
        """The messages to send at this beat."""
        self._bar_at = None
        ticks_a_bar = beats_a_bar * TICKS_PER_BEAT
        tick = math.floor(beat * TICKS_PER_BEAT + _ROUNDING)
        before = self._tick
        self._tick = tick
        if before is None or not 0 <= tick - before <= MAX_LATE_TICKS:
            self._is_started = False
            # A reset goes to beat 0, which may be seen a tick late.
            before = tick - 1 - (tick % ticks_a_bar if tick % ticks_a_bar <= 2 else 0)
        messages = []
        for number in range(before + 1, tick + 1):
            if number % ticks_a_bar == 0:
                if not self._is_started:
                    self._is_started = True
                    messages.append(START)
                self._bar_at = len(messages)
            messages.append(CLOCK)
        return messages

    def for_late(self, due: list[bytes]) -> list[bytes]:
        """The messages of the last `due` for a receiver that connected later: it gets a start on
        this bar, too."""
        at = self._bar_at
        return due if at is None or START in due else [*due[:at], START, *due[at:]]

    def wait_s(self, beat: float, bpm: float) -> float:
        """Seconds until the next tick."""
        passed = beat * TICKS_PER_BEAT
        return (math.floor(passed + _ROUNDING) + 1 - passed) * 60.0 / (TICKS_PER_BEAT * bpm)

    def stop(self) -> list[bytes]:
        """The messages to send when it is switched off; empty if it was not on."""
        was_on = self._tick is not None
        self._tick = None
        self._is_started = False
        self._bar_at = None
        return [STOP] if was_on else []


class TimecodeOut:
    """Generates MIDI timecode: quarter frames while it runs forward, eight for every two frames.
    Sends a full frame where it stands, when it jumps, and at most ten times per second while it
    runs backward."""

    FULL_INTERVAL_S: Final = 0.1

    def __init__(self) -> None:
        self._quarter: int | None = None
        """The latest quarter frame, counted from 00:00:00:00."""
        self._is_in_step = False
        """True after a piece 0, so that receivers get whole labels."""
        self._full_frame: bytes = b""
        self._full_s = float("-inf")

    def due(self, seconds: float, speed: float, rate: TimecodeRate, now_s: float) -> list[bytes]:
        """The messages to send at this position; none for `seconds` below 0, before the show."""
        if seconds < 0.0:
            self._quarter = None
            return []
        quarter = math.floor(seconds * rate.fps * 4 + _ROUNDING)
        before = self._quarter
        self._quarter = quarter
        if speed <= 0.0 or before is None or not 0 <= quarter - before <= MAX_LATE_PIECES:
            self._is_in_step = False
            return self._full(quarter // 4, rate, now_s)
        messages = []
        for number in range(before + 1, quarter + 1):
            self._is_in_step = self._is_in_step or number % PIECES == 0
            if self._is_in_step:
                messages.append(_quarter_frame(number, rate))
        return messages

    def wait_s(self, seconds: float, speed: float, rate: TimecodeRate) -> float:
        """Seconds until the next quarter frame; infinite where it stands."""
        if speed <= 0.0:
            return float("inf")
        passed = seconds * rate.fps * 4
        return (math.floor(passed + _ROUNDING) + 1 - passed) / (4 * rate.fps * speed)

    def stop(self) -> None:
        """Forget the position, so that the next one is sent as a full frame."""
        self._quarter = None
        self._full_frame = b""

    def _full(self, frame: int, rate: TimecodeRate, now_s: float) -> list[bytes]:
        label = label_at(frame, rate)
        hours = label.hours | MTC_RATES.index(rate.name) << 5
        full = bytes((0xF0, 0x7F, 0x7F, 0x01, 0x01, hours, *label[1:], 0xF7))
        if full == self._full_frame or now_s - self._full_s < self.FULL_INTERVAL_S:
            return []
        self._full_frame = full
        self._full_s = now_s
        return [full]


def _quarter_frame(number: int, rate: TimecodeRate) -> bytes:
    """The quarter frame of that number; its label is that of the frame in which its piece 0 is
    sent."""
    piece = number % PIECES
    hours, minutes, seconds, frames = label_at((number - piece) // 4, rate)
    value = (frames, seconds, minutes, hours | MTC_RATES.index(rate.name) << 5)[piece // 2]
    return bytes((0xF1, piece << 4 | (value >> 4 if piece % 2 else value & 15)))
