"""Random streams of a scene, one per named purpose.

With one stream for the whole scene, every value would depend on the order in which values are drawn: one more terrace
would move every pile.
"""

import zlib

import numpy as np

from engine.errors import UsageError

Seed = int | tuple[int, ...]
"""A number in recipe 1: base seed + index. In recipe 2 the base seed and the number of the scene, which are hashed
together, so that no two base seeds share a scene."""


def stream(seed: Seed, part: str) -> np.random.Generator:
    """The generator for a seed and a name. The seed may exceed 64 bits; UsageError if it is negative."""
    numbers = (seed,) if isinstance(seed, int) else seed
    if min(numbers) < 0:
        raise UsageError(f"--seed: {min(numbers)} is not 0 or more")
    key = (zlib.crc32(part.encode()),)
    entropy = seed if isinstance(seed, int) else list(seed)
    return np.random.Generator(np.random.PCG64(np.random.SeedSequence(entropy=entropy, spawn_key=key)))
