"""The seeds that the noise is drawn from. Does not load torch."""

from dataclasses import dataclass
from typing import Literal

Blend = Literal["slerp", "linear"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Seeds:
    """One seed, or two and their mix. Ranges as in the schema's /sd parameters of the same
    names."""

    seed: int = 0
    """-1: new noise for each call."""
    seed_b: int = 0
    seed_mix: float = 0.0
    """0..1, from `seed` to `seed_b`."""
    blend: Blend = "slerp"

    @property
    def used(self) -> tuple[int, ...]:
        """The seeds that contribute to the noise."""
        if 0.0 < self.seed_mix < 1.0:
            return self.seed, self.seed_b
        return (self.seed_b if self.seed_mix else self.seed,)

    @classmethod
    def of(cls, seed: "int | Seeds") -> "Seeds":
        """One seed as a blend with itself."""
        return seed if isinstance(seed, Seeds) else cls(seed=seed)

    @property
    def is_fixed(self) -> bool:
        """True if each call has the same noise."""
        return min(self.used) >= 0
