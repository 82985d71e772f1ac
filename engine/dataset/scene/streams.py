"""Random streams of a scene, one per named purpose, so that one more terrace does not move every
pile."""

import zlib

import numpy as np

from engine.errors import UsageError

UINT32_RANGE = 2**32
LARGE = 0x4C415247  # first word for seeds that hold a number of more than 32 bits
Seed = int | tuple[int, ...]
"""A number in recipe 1: base seed + index. In recipe 2 the base seed and the number of the scene,
which are hashed together, so that no two base seeds share a scene."""


def stream(seed: Seed, part: str) -> np.random.Generator:
    """The generator for a seed and a name. The seed may exceed 64 bits; UsageError if it is
    negative."""
    numbers = (seed,) if isinstance(seed, int) else seed
    if min(numbers) < 0:
        raise UsageError(f"--seed: {min(numbers)} is not 0 or more")
    key = (zlib.crc32(part.encode()),)
    entropy = seed if isinstance(seed, int) else _entropy_words(seed)
    return np.random.Generator(
        np.random.PCG64(np.random.SeedSequence(entropy=entropy, spawn_key=key))
    )


def smooth_noise(table: np.ndarray, positions: np.ndarray) -> np.ndarray:
    """Noise, (n, n), between the values of a square table, which repeats, at these (n,) positions
    along both axes."""
    first = np.floor(positions).astype(int)
    part = positions - first
    weight = part**3 * (part * (part * 6 - 15) + 10)
    low, high = first % len(table), (first + 1) % len(table)
    # Not a matrix product: its sums may be rounded differently on another processor.
    rows = table[low] * (1 - weight)[:, None] + table[high] * weight[:, None]
    return np.asarray(rows[:, low] * (1 - weight) + rows[:, high] * weight)


def _entropy_words(numbers: tuple[int, ...]) -> list[int]:
    """Words of 32 bits that no other numbers have: SeedSequence joins those of all numbers, so that
    (2**32 + 1, 0) would be (1, 1). Where one needs more than a word, all are preceded by their
    count, and each by that of its words."""
    if max(numbers) < UINT32_RANGE:
        return list(numbers)
    entropy = [LARGE, len(numbers)]
    for number in numbers:
        own = [
            number >> shift & UINT32_RANGE - 1
            for shift in range(0, max(number.bit_length(), 1), 32)
        ]
        entropy += [len(own), *own]
    return entropy
