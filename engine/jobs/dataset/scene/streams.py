"""Random streams of a scene, one per named purpose.

With one stream for the whole scene, every value would depend on the order in which values are drawn: one more terrace
would move every pile.
"""

import zlib

import numpy as np

from engine.errors import UsageError


def stream(seed: int, part: str) -> np.random.Generator:
    """The generator for a seed and a name. The seed may exceed 64 bits; UsageError if it is negative."""
    if seed < 0:
        raise UsageError(f"--seed: {seed} is not 0 or more")
    key = (zlib.crc32(part.encode()),)
    return np.random.Generator(np.random.PCG64(np.random.SeedSequence(entropy=seed, spawn_key=key)))
