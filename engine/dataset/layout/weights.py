"""Weights of several kinds, as written on the command line: `none,spoil` (equal), or
`none=0.7,spoil=0.3`."""

import math
from collections.abc import Callable, Iterable, Sequence

import numpy as np

from engine.errors import UsageError

Weights = tuple[tuple[str, float], ...]  # kinds and their weights; the weights add up to 1


def weights_parser(option: str, kinds: Iterable[str]) -> Callable[[str], Weights]:
    """A parser for an option that takes these kinds. It raises UsageError for unknown kinds and
    impossible shares."""
    known = tuple(kinds)

    def parse(text: str) -> Weights:
        found: dict[str, float] = {}
        for part in filter(None, (part.strip() for part in text.split(","))):
            name, separator, number = part.partition("=")
            if name not in known:
                raise UsageError(f"{option} {name}: unknown; choose from {', '.join(known)}")
            try:
                weight = float(number) if separator else 1.0
            except ValueError:
                weight = math.nan
            if not (math.isfinite(weight) and weight >= 0):
                raise UsageError(
                    f"{option} {part}: the share is not a number of 0 or more, such as {name}=0.3"
                )
            if name in found:
                raise UsageError(f"{option} {text}: {name} is given twice")
            found[name] = weight
        total = sum(found.values())
        if total <= 0:
            raise UsageError(
                f"{option} {text!r}: no kind has a share; choose from {', '.join(known)}"
            )
        return tuple((name, weight / total) for name, weight in found.items())

    return parse


def pick(weights: Sequence[tuple[str, float]], roll: float) -> str:
    """The kind for a roll of 0..1."""
    return weights[pick_index([weight for _, weight in weights], roll)][0]


def pick_index(weights: Sequence[float], roll: float) -> int:
    """Index of a weight for a roll of 0..1."""
    ends = np.cumsum(weights)
    return min(int(np.searchsorted(ends, roll * ends[-1], side="right")), len(ends) - 1)
