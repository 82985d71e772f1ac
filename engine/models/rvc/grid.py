"""The block grid of a stream, aligned to sample 0. Plain numbers; does not load torch.

A hop is 10 ms: 160 samples at 16 kHz, one column of everything the model computes. A block is a
whole number of hops and of samples, a multiple of the `grain`, so positions stay exact for hours:
any number of hops at 44.1 and 48 kHz, an even number at 22.05 kHz.
"""

from dataclasses import dataclass
from math import gcd

from engine.errors import ModelError

HOPS_PER_SECOND = 100
RATES_HZ = 25
SEARCH_HOPS = 1
"""SOLA search range: the maximum shift of a join."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BlockGrid:
    rate_hz: int
    grain_hops: int
    """The smallest number of hops that is a whole number of samples: 1 at 48 and 44.1 kHz, 2 at
    22.05 kHz."""
    block_hops: int
    """A multiple of the grain."""
    crossfade: int
    """Number of samples by which two blocks overlap."""
    extra_hops: int
    """Context before the audible part; a multiple of the grain."""

    @classmethod
    def of(
        cls, rate_hz: int, *, block_ms: float, crossfade_ms: float, extra_ms: float
    ) -> "BlockGrid":
        """The grid whose lengths are nearest to the given ones; at least one grain, and one sample
        of crossfade. ModelError for a rate that is not a multiple of 25 Hz, which no audio device
        has."""
        if rate_hz <= 0 or rate_hz % RATES_HZ:
            raise ModelError(
                f"a voice at {rate_hz} Hz: must be a multiple of {RATES_HZ} Hz, as 44100 and "
                "48000 are"
            )
        grain = HOPS_PER_SECOND // gcd(rate_hz, HOPS_PER_SECOND)
        return cls(
            rate_hz=rate_hz,
            grain_hops=grain,
            block_hops=max(1, round(block_ms / 10.0 / grain)) * grain,
            crossfade=max(1, round(crossfade_ms * rate_hz / 1000.0)),
            extra_hops=max(1, round(extra_ms / 10.0 / grain)) * grain,
        )

    @property
    def grain(self) -> int:
        return self.samples(self.grain_hops)

    @property
    def block(self) -> int:
        return self.samples(self.block_hops)

    @property
    def search(self) -> int:
        return self.rate_hz * SEARCH_HOPS // HOPS_PER_SECOND

    @property
    def lag(self) -> int:
        """Number of samples by which the output lags behind the input."""
        return self.crossfade + self.search

    @property
    def audible_hops(self) -> int:
        """Number of audible hops of a window: the block and its lag, rounded up to the grain."""
        return -(-(self.block + self.lag) // self.grain) * self.grain_hops

    @property
    def window_hops(self) -> int:
        return self.extra_hops + self.audible_hops

    @property
    def block_s(self) -> float:
        return self.block / self.rate_hz

    @property
    def lag_s(self) -> float:
        return self.lag / self.rate_hz

    def samples(self, hops: int) -> int:
        """Samples in `hops`, a multiple of the grain."""
        return hops * self.rate_hz // HOPS_PER_SECOND

    def end_hop(self, first_sample: int) -> int:
        """The hop, counted from the start of the sound, at which the block that starts at
        `first_sample` ends."""
        return (first_sample + self.block) * HOPS_PER_SECOND // self.rate_hz
