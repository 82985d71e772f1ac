"""How long the longest piece of a child's work takes: what the engine is told before it calls a child hung. Pure.

A child shows that it moves between two pieces (the parts of a UNet call, the VAE). On a CPU one piece may honestly
take half a minute, and the first call with larger pictures takes longer than any before it.
"""

from collections import deque

KEPT_PIECES = 64  # some ten pictures: what took long once, a capture say, is forgotten


class PieceTimes:
    """Times of the newest pieces, each with the amount of work of its call: pixels times rows."""

    def __init__(self) -> None:
        self._pieces: deque[tuple[float, float]] = deque(maxlen=KEPT_PIECES)

    def count(self, piece_s: float, work: float) -> None:
        """One piece of a call of so much `work`."""
        self._pieces.append((piece_s, work))

    def longest_s(self, work: float) -> float:
        """Of a call of so much `work`: in proportion where it is more than was measured; 0 before the first piece."""
        return max((piece_s * max(1.0, work / before) for piece_s, before in self._pieces), default=0.0)
