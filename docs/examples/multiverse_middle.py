"""A separator: what the four layers hear, here the middle, the sides, left and right.

    pip install --no-deps ./docs/examples
    multiverse run --set /audio/layout=middle

It is called on a thread of its own with 10 ms of sound at a time, which must not take longer than
that. One that needs more sound at once keeps it, and returns that of earlier calls.
"""

import numpy as np


class MiddleSeparator:
    latency_s = 0.0
    """How much later than the sound its stems are."""

    def __init__(self, sample_rate_hz: int) -> None:
        """What is raised here is shown in one line, and the engine uses its own stems."""

    def separate(self, block: np.ndarray) -> np.ndarray:
        """`block`: (n, 2) float32, left and right. The answer is (n, 4) float32."""
        left, right = block.T
        return np.stack([(left + right) / 2, (left - right) / 2, left, right], axis=1)
