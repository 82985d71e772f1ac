"""Splits a dataset into train, val and test, by scene: all views of a scene belong to the same
subset. Each scene goes to the subset with the largest deficit so far. So the choice depends on the
scene's number alone (a larger --count moves nothing), and each subset always differs from its
fraction by less than one scene."""

import math
from dataclasses import dataclass
from fractions import Fraction
from functools import cache

from engine.errors import UsageError

SUBSETS = ("train", "val", "test")
MAX_PERIOD = (
    100_000  # scenes after which the pattern repeats; fractions with three decimals need no more
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Split:
    # scenes of each subset in a period: (8, 1, 1) for 80/10/10; two or three, each 1 or more
    weights: tuple[int, ...]

    @property
    def subsets(self) -> tuple[str, ...]:
        return SUBSETS[: len(self.weights)]

    @property
    def text(self) -> str:
        """Percentages, such as `80/10/10`; equal for equal fractions, however they were given."""
        total = sum(self.weights)
        return "/".join(f"{100 * weight / total:.6g}" for weight in self.weights)

    def subset_of(self, scene_number: int) -> str:
        pattern = _pattern(self.weights)
        return SUBSETS[pattern[scene_number % len(pattern)]]


def parse_split(text: str) -> Split:
    """Parse `80/10/10`, `80/20` or `0.8/0.2`: fractions of train, val and perhaps test. UsageError
    otherwise."""
    try:
        fractions = [Fraction(part.strip()) for part in text.split("/")]
    except (ValueError, ZeroDivisionError):
        raise _refused(text, "these are not numbers") from None
    if len(fractions) not in (2, 3):
        raise _refused(text, f"{len(fractions)} share{'s' * (len(fractions) > 1)}")
    if min(fractions) <= 0:
        raise _refused(text, "a share is not above 0")
    total = sum(fractions)
    if total not in (1, 100):
        raise _refused(text, f"the sum is {float(total):g}, not 100 or 1")
    scale = math.lcm(*((fraction / total).denominator for fraction in fractions))
    if scale > MAX_PERIOD:
        raise _refused(text, "at most three decimals of a percentage")
    return Split(weights=tuple(int(fraction / total * scale) for fraction in fractions))


def _refused(text: str, reason: str) -> UsageError:
    return UsageError(
        f"--split {text}: {reason}; give train/val or train/val/test, such as 80/20 or 80/10/10"
    )


@cache
def _pattern(weights: tuple[int, ...]) -> bytes:
    """Number of the subset of each scene of a period: the one with the largest deficit, the first
    of equal ones."""
    total = sum(weights)
    counts = [0] * len(weights)
    pattern = bytearray()
    for scenes in range(1, total + 1):
        deficits = [
            weight * scenes - total * own for weight, own in zip(weights, counts, strict=True)
        ]
        chosen = deficits.index(max(deficits))
        counts[chosen] += 1
        pattern.append(chosen)
    return bytes(pattern)
