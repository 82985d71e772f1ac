"""Reproducible random weights and noise."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch


@contextmanager
def seeded(seed: int) -> Iterator[None]:
    """Seed torch's random state inside the `with` block, and turn gradients off. Restores the state afterwards."""
    with torch.random.fork_rng(), torch.no_grad():
        torch.manual_seed(seed)
        yield
