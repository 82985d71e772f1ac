"""Pictures that are the same or nearly so, and scenes in two places: a model would be tried on what it saw."""

import json
from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

MAX_NEAR_BITS = 20  # of 256; two pictures of the same ground, re-encoded or scaled, differ in fewer
MIN_VARIED_BITS = 24  # a picture with fewer set or unset bits is nearly empty, and like any other such picture
ROWS_AT_ONCE = 512


def near_pairs(prints: np.ndarray) -> Iterator[tuple[int, int]]:
    """Pairs (first, second) of rows of (n, 4) uint64 that differ in at most MAX_NEAR_BITS; first < second."""
    set_bits = np.bitwise_count(prints).sum(axis=1)
    is_varied = (set_bits >= MIN_VARIED_BITS) & (set_bits <= 256 - MIN_VARIED_BITS)
    chosen = np.flatnonzero(is_varied)
    varied = prints[chosen]
    for top in range(0, len(varied), ROWS_AT_ONCE):
        rows = varied[top : top + ROWS_AT_ONCE]
        others = varied[top:]
        differing = np.zeros((len(rows), len(others)), np.uint16)
        for word in range(prints.shape[1]):
            differing += np.bitwise_count(rows[:, None, word] ^ others[None, :, word])
        first, second = np.nonzero(differing <= MAX_NEAR_BITS)
        for one, other in zip(first.tolist(), second.tolist(), strict=True):
            if one < other:
                yield int(chosen[top + one]), int(chosen[top + other])


def same_files(digests: Sequence[str]) -> Iterator[tuple[int, int]]:
    """Pairs (first, again) of equal SHA-256, each later one with the first."""
    first: dict[str, int] = {}
    for place, digest in enumerate(digests):
        if digest in first:
            yield first[digest], place
        first.setdefault(digest, place)


def scene_key(entry: dict[str, Any]) -> str | None:
    """The seed of a manifest line's scene as text; None in a line without one, as of a scene from elsewhere."""
    seed = entry.get("seed")
    return None if seed in (None, []) else json.dumps([seed, (entry.get("options") or {}).get("recipe", 1)])


def shared_scenes(places: Sequence[tuple[str, str]]) -> dict[str, list[str]]:
    """Scene to the places in which it stands, of those in more than one. `places`: (scene, place) per picture."""
    found: dict[str, set[str]] = defaultdict(set)
    for scene, place in places:
        found[scene].add(place)
    return {scene: sorted(names) for scene, names in found.items() if len(names) > 1}
