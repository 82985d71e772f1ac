"""Skips pictures that hardly differ from the last painted one, so that a still scene needs no
computation.

StreamDiffusion's stochastic filter (Kodaira et al. 2023, arXiv 2312.12491): the more similar a
picture is, the more likely it is skipped. A random choice instead of a hard threshold prevents
stutter in slowly changing scenes.
"""

import numpy as np

MAX_RUN = 10  # maximum number of pictures skipped in a row


class SimilarityFilter:
    """Decides which pictures to skip. Single thread. Deterministic for the same seed, threshold and
    pictures."""

    def __init__(self, threshold: float, seed: int) -> None:
        """`threshold` 0..1: the cosine similarity above which pictures may be skipped; 1: none is
        skipped."""
        self.threshold = threshold
        self._random = np.random.default_rng(seed)
        self._painted: np.ndarray | None = None
        self._run = 0

    def forget(self) -> None:
        """Paint the next picture, because the prompt or another setting has changed."""
        self._painted = None

    def should_skip(self, thumbnail: np.ndarray) -> bool:
        """True to skip this picture. `thumbnail`: (64, 64, 3) float32 in -1..1 of the picture to
        paint."""
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
    """Cosine similarity, -1..1. A uniform mid-grey picture is the zero vector: 1 with itself, else
    0."""
    size = float(np.sqrt((a @ a) * (b @ b)))
    if size == 0.0:
        return float(np.array_equal(a, b))
    return float(a @ b) / size


def skip_probability(similarity: float, threshold: float) -> float:
    """Probability to skip: 0 up to the threshold, then linear up to 1 for identical pictures."""
    if threshold >= 1.0:
        return 0.0
    return max(0.0, 1.0 - (1.0 - similarity) / (1.0 - threshold))
