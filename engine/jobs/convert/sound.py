"""The interface of an input: its sound in blocks, and notes about it."""

from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Protocol

import numpy as np

BLOCK_S = 1.0
MISSING_END_S = 0.5  # a file shorter than promised by this was cut off; rounding is less


class Sound(Protocol):
    """AudioError, in one line, from the constructor and from `blocks`."""

    path: Path
    rate_hz: int
    channels: int
    promised_s: float | None
    """Length according to its header."""
    has_video: bool
    index: int
    """Index of its track among all streams of the file."""
    subtype: str
    """libsndfile's name of the sample format; "" if FFmpeg reads."""
    begins_s: Fraction
    """When its first sample is heard, from the start of the file. Known after the first block."""
    notes: list[str]
    """Notes for the user, without the file's name."""

    def blocks(self) -> Iterator[np.ndarray]:
        """Blocks of (n, channels) float32, n > 0; may be outside -1..1 or NaN."""
        ...


def note_missing_end(sound: Sound, read_s: float) -> None:
    if sound.promised_s and read_s < sound.promised_s - MISSING_END_S:
        sound.notes.append(
            f"ends after {read_s:.1f} s, though it promises {sound.promised_s:.1f} s; it seems to be cut off"
        )
