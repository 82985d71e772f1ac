"""Estimates the longest piece of a child's work, so that the engine does not take slow work for a hang. Pure.

A child renews its heartbeat between two pieces (the parts of a UNet call, the VAE). On a CPU one piece may take half a
minute, and the first call with larger pictures takes longer than any before it.
"""

from collections import deque

KEPT_PIECES = 64  # about ten pictures: a single long one, such as a capture, is forgotten


class PieceTimes:
    """Times of the newest pieces, each with the work of its call in pixels times rows."""

    def __init__(self) -> None:
        self._pieces: deque[tuple[float, float]] = deque(maxlen=KEPT_PIECES)

    def count(self, piece_s: float, work: float) -> None:
        """Count one piece of a call with this much `work`."""
        self._pieces.append((piece_s, work))

    def longest_s(self, work: float) -> float:
        """The estimate for a call of this `work`, scaled up if more than was measured; 0 before the first piece."""
        return max((piece_s * max(1.0, work / before) for piece_s, before in self._pieces), default=0.0)
