"""Where every random number of a scene comes from: a stream for each thing drawn, named after it.

One stream for the whole scene would tie all to the order of drawing: one terrace more, and every pile stood elsewhere.
"""

import zlib

import numpy as np

from engine.errors import UsageError


def stream(seed: int, part: str) -> np.random.Generator:
    """Always the same for a seed (any int from 0 on, 2**64 and more too) and a name; UsageError for a negative one."""
    if seed < 0:
        raise UsageError(f"--seed: {seed} is not 0 or more")
    key = (zlib.crc32(part.encode()),)
    return np.random.Generator(np.random.PCG64(np.random.SeedSequence(entropy=seed, spawn_key=key)))
