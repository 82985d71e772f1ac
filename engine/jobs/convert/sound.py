"""The interface of an input file: its sound in blocks, and notes about problems."""

from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Protocol

import numpy as np

BLOCK_S = 1.0
MISSING_END_S = 0.5  # a file that ends this much early was truncated; rounding errors are smaller


class Sound(Protocol):
    """The constructor and `blocks` raise AudioError, in one line."""

    path: Path
    rate_hz: int
    channels: int
    layout: str
    """FFmpeg's name of its channel layout: mono, stereo, 5.1(side); 6 channels, if they name no loudspeakers."""
    promised_s: float | None
    """Length according to its header."""
    has_video: bool
    index: int
    """Index of the audio track among all streams of the file."""
    subtype: str
    """libsndfile's name of the sample format; "" if it cannot read the file."""
    begins_s: Fraction
    """Time of the first sample from the start of the file. Valid after the first block."""
    notes: list[str]
    """Notes for the user, without the file's name."""

    def blocks(self) -> Iterator[np.ndarray]:
        """Blocks of (n, channels) float32, n > 0; may be outside -1..1 or NaN."""
        ...


def note_missing_end(sound: Sound, read_s: float) -> None:
    if sound.promised_s and read_s < sound.promised_s - MISSING_END_S:
        sound.notes.append(
            f"ends after {read_s:.1f} s, though its header says {sound.promised_s:.1f} s; it seems to be cut off"
        )
