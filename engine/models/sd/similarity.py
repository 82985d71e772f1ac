"""Leaves pictures out that hardly differ from the last one painted, so that a still scene costs nothing.

StreamDiffusion's stochastic filter (Kodaira et al. 2023, arXiv 2312.12491): the likelier the more alike, by chance and
not by a hard limit, so that a slowly changing scene does not stutter.
"""

import numpy as np

MAX_RUN = 10  # pictures left out in a row, after which one is painted come what may


class SimilarityFilter:
    """One thread. Same seed, threshold and pictures: same answers."""

    def __init__(self, threshold: float, seed: int) -> None:
        """`threshold` 0..1: the cosine from which on pictures may be left out; at 1 none is."""
        self.threshold = threshold
        self._random = np.random.default_rng(seed)
        self._painted: np.ndarray | None = None
        self._run = 0

    def forget(self) -> None:
        """The next picture is painted: the prompt or another setting has changed."""
        self._painted = None

    def should_skip(self, thumbnail: np.ndarray) -> bool:
        """Whether to leave this picture out; `thumbnail` (64, 64, 3) float32 in -1..1 of what would be painted."""
        current = np.array(thumbnail, np.float64).ravel()
        if self._painted is not None and self._run < MAX_RUN:
            probability = skip_probability(cosine(self._painted, current), self.threshold)
            if self._random.random() < probability:
                self._run += 1
                return True
        self._painted = current
        self._run = 0
        return False


def cosine(a: np.ndarray, b: np.ndarray) -> float:
    """-1..1; of a picture that is mid-grey all over, which has no direction: 1 with itself, else 0."""
    size = float(np.sqrt((a @ a) * (b @ b)))
    if size == 0.0:
        return float(np.array_equal(a, b))
    return float(a @ b) / size


def skip_probability(similarity: float, threshold: float) -> float:
    """0 up to the threshold, from there evenly up to 1 for the same picture."""
    if threshold >= 1.0:
        return 0.0
    return max(0.0, 1.0 - (1.0 - similarity) / (1.0 - threshold))
