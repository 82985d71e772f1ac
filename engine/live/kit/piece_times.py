"""Estimates the longest uninterrupted piece of a child's work, so that slow work is not mistaken for a hang. Pure.

A child sends its heartbeat between pieces (the parts of a UNet call, the VAE). On a CPU one piece may take half a
minute, and the first call with larger pictures takes longer than any before it.
"""

from collections import deque

KEPT_PIECES = 64  # about seven pictures of SD; after that a single long piece, such as a capture, is forgotten


class PieceTimes:
    """Durations of the newest pieces, each with the amount of work of its call."""

    def __init__(self) -> None:
        self._pieces: deque[tuple[float, float]] = deque(maxlen=KEPT_PIECES)

    def count(self, piece_s: float, work: float) -> None:
        """Record one piece of a call with this amount of work."""
        self._pieces.append((piece_s, work))

    def longest_s(self, work: float) -> float:
        """The longest expected piece in a call with this amount of work; scaled up if it exceeds the measured amounts.
        0 before the first piece."""
        return max((piece_s * max(1.0, work / before) for piece_s, before in self._pieces), default=0.0)
