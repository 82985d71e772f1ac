"""Synthetic LTC with a known answer: the bits of SMPTE 12M-1, biphase mark, at any speed, forward
and backward.

Samples are averages over their sample period, as an ideal converter takes them, so an edge between
two samples can be found to a small part of one. The generator has its own label arithmetic, so it
can also check the engine's.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

SYNC = "0011111111111101"
FPS = {"24": 24.0, "25": 25.0, "29.97df": 30_000 / 1001, "30": 30.0}
COUNTS = {"24": 24, "25": 25, "29.97df": 30, "30": 30}

Label = tuple[int, int, int, int]


@dataclass(frozen=True)
class LtcSignal:
    samples: np.ndarray
    """(n,) float32."""
    labels: list[Label]
    """All frames on the tape, in tape order."""
    starts: np.ndarray
    """Sample position of the first edge of each of `labels`; NaN if it is missing. Sample n is the
    mean around n."""


def next_label(label: Label, rate: str) -> Label:
    """The label after this one; in drop frame, frames 0 and 1 of each minute but the tenth ones are
    left out."""
    hours, minutes, seconds, frames = label
    frames += 1
    if frames == COUNTS[rate]:
        frames, seconds = 0, seconds + 1
    if seconds == 60:
        seconds, minutes = 0, minutes + 1
        if rate == "29.97df" and minutes % 10:
            frames = 2
    if minutes == 60:
        minutes, hours = 0, hours + 1
    return hours % 24, minutes, seconds, frames


def labels_from(first: Label, frames: int, rate: str) -> list[Label]:
    labels = [first]
    while len(labels) < frames:
        labels.append(next_label(labels[-1], rate))
    return labels


def frame_bits(label: Label, *, is_drop: bool = False, user_bits: int = 0) -> list[int]:
    """The 80 bits of a frame in the order of transmission; `user_bits`: eight nibbles."""
    hours, minutes, seconds, frames = label
    fields = [(frames, 0, 8), (seconds, 16, 24), (minutes, 32, 40), (hours, 48, 56)]
    bits = [0] * 64
    for value, units_at, tens_at in fields:
        for number, at, width in ((value % 10, units_at, 4), (value // 10, tens_at, 3)):
            for bit in range(width):
                bits[at + bit] |= number >> bit & 1
    bits[10] = int(is_drop)
    for nibble in range(8):
        for bit in range(4):
            bits[4 + 8 * nibble + bit] = user_bits >> (4 * nibble + bit) & 1
    return [*bits, *map(int, SYNC)]


def ltc_signal(
    first: Label,
    frames: int,
    *,
    rate: str = "25",
    sample_rate_hz: int = 48_000,
    speed: float | Callable[[np.ndarray], np.ndarray] = 1.0,
    level: float = 0.5,
    user_bits: int = 0,
    lead_s: float = 0.0,
) -> LtcSignal:
    """LTC of `frames` frames. `speed` may be a function of the time in seconds (an array); below 0
    the tape is played from its end. `lead_s`: silence before it. `starts` hold for a tape that does
    not turn round."""
    labels = labels_from(first, frames, rate)
    bits = np.array(
        [frame_bits(label, is_drop=rate == "29.97df", user_bits=user_bits) for label in labels]
    ).ravel()
    # of the level, at the start of each half cell: always one at the cell's start
    flips = np.ones(2 * bits.size, int)
    flips[1::2] = bits
    levels = 1.0 - 2.0 * (np.cumsum(flips) % 2)
    fps = FPS[rate]
    speed_at = speed if callable(speed) else lambda times_s: np.full(times_s.shape, float(speed))
    is_backward = float(speed_at(np.zeros(1))[0]) < 0.0
    longest_s = frames / fps / 0.4 + 1.0
    times_s = np.arange(round(longest_s * sample_rate_hz)) / sample_rate_hz
    # in frames, at the end of each sample period
    moved = np.cumsum(speed_at(times_s)) * fps / sample_rate_hz
    position = np.concatenate([[0.0], moved]) + (frames if is_backward else 0.0)
    inside = (position >= 0.0) & (position <= frames)
    position = position[: int(np.argmin(inside)) if not inside.all() else None]
    total = np.concatenate([[0.0], np.cumsum(levels)])
    areas = np.interp(position * 160.0, np.arange(total.size), total)
    passed = np.diff(position * 160.0)
    is_moving = np.abs(passed) > 1e-9
    sound = level * np.divide(np.diff(areas), passed, out=np.zeros(passed.size), where=is_moving)
    lead = round(lead_s * sample_rate_hz)
    edges = np.arange(frames, dtype=float)
    ascending = position if not is_backward else position[::-1]
    numbers = (
        np.arange(position.size, dtype=float)
        if not is_backward
        else np.arange(position.size, dtype=float)[::-1]
    )
    # a sample's middle
    starts = np.interp(edges, ascending, numbers, left=np.nan, right=np.nan) + lead - 0.5
    return LtcSignal(np.concatenate([np.zeros(lead), sound]).astype(np.float32), labels, starts)


def wow(percent: float, rate_hz: float, speed: float = 1.0) -> Callable[[np.ndarray], np.ndarray]:
    """A speed that swings by `percent` at `rate_hz`."""
    return lambda times_s: speed * (1.0 + percent / 100.0 * np.sin(2.0 * np.pi * rate_hz * times_s))
