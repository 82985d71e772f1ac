"""Reads LTC from one channel of the sound that is analysed, and takes that channel out of it."""

from collections import deque
from collections.abc import Callable

import numpy as np

from engine.audio.ltc import LtcDecoder, LtcFrame
from engine.values import TimecodeReading

MAX_KEPT = 256  # frames that nobody took: ten seconds


class LtcTap:
    """`hear` on the analysis thread, `take` on any other."""

    def __init__(self, sample_rate_hz: int, sounded_s: Callable[[float], float | None]) -> None:
        """`sounded_s(sample)`: when a sample sounded, in seconds of the engine's clock; None if unknown."""
        self._rate_hz = sample_rate_hz
        self._sounded_s = sounded_s
        self._channel = 0
        self._decoder: LtcDecoder | None = None
        self._first_sample = 0
        """The source's number of the decoder's sample 0."""
        self._next_sample = 0
        self._readings: deque[TimecodeReading] = deque(maxlen=MAX_KEPT)

    def hear(self, block: np.ndarray, first_sample: int, channel: int) -> np.ndarray:
        """Decode `channel` (from 1; 0: none) of `block`, (frames, channels) float32. Returns it `without_ltc`."""
        if not 1 <= channel <= block.shape[1]:
            self._decoder = None
            return block
        if self._decoder is None or channel != self._channel or first_sample != self._next_sample:
            self._decoder, self._channel, self._first_sample = LtcDecoder(self._rate_hz), channel, first_sample
        self._next_sample = first_sample + len(block)
        for frame in self._decoder.feed(block[:, channel - 1]):
            at_s = self._sounded_s(self._first_sample + frame.sample)
            if at_s is not None:
                self._readings.append(_reading(frame, at_s, self._rate_hz))
        return without_ltc(block, channel)

    def take(self) -> list[TimecodeReading]:
        """The frames decoded since the last call."""
        return [self._readings.popleft() for _ in range(len(self._readings))]


def without_ltc(block: np.ndarray, channel: int) -> np.ndarray:
    """`block`, (frames, channels) float32, without LTC on `channel` (from 1; 0: none): of two channels the other takes
    its place, else it is silent."""
    if not 1 <= channel <= block.shape[1]:
        return block
    without = block.copy()
    without[:, channel - 1] = block[:, 2 - channel] if block.shape[1] == 2 else 0.0
    return without


def _reading(frame: LtcFrame, at_s: float, rate_hz: int) -> TimecodeReading:
    return TimecodeReading(
        hours=frame.hours,
        minutes=frame.minutes,
        seconds=frame.seconds,
        frames=frame.frames,
        at_s=at_s,
        rate="29.97df" if frame.is_drop else "",
        frame_s=frame.length_samples / rate_hz,
        is_backward=frame.is_backward,
    )
