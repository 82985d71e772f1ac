"""How long after it was spoken the voice is heard: always the same, and where the time goes. Pure.

    spoken ── device ──► ring ── block, crossfade, search ── computing ──► mixed ── device ──► heard
              `device_s`         `algorithmic_s`             `compute_s`            `device_s`

A gap is worse than some milliseconds: each part is as long as was ever needed, and nothing else moves it. Computing
starts as what all but a hundredth of the blocks took, and grows when one came too late. The devices' part starts as
GENEROUS_S; once they have run undisturbed for MEASURED_S, what was left over beyond MARGIN_S is given up.
"""

import math
from dataclasses import dataclass

from engine.children.voice_link import VoiceTiming

GENEROUS_S = 0.4
MARGIN_S = 0.01
MEASURED_S = 1.5
HAND_OVER_S = 0.03  # a block's last sample waits for the device's next delivery, the desk's look and the child's
MOST_SHORT_S = 0.1  # what is missing beyond that was a standstill, and none that a longer delay would cover
MOST_BLOCKS = 2.0  # of allowance: a child that needs more is no longer in time at all


@dataclass(frozen=True, slots=True, kw_only=True)
class DelayParts:
    algorithmic_s: float
    """Block, crossfade and search."""
    compute_s: float
    """What converting may take; and what is waited besides, where a longer delay is asked for."""
    device_s: float
    """From the microphone and to the loudspeaker, and what is kept between threads."""

    @property
    def mixed_s(self) -> float:
        """After this much newer voice is there, a sample is mixed."""
        return self.algorithmic_s + self.compute_s

    @property
    def total_s(self) -> float:
        return self.mixed_s + self.device_s


class VoiceDelay:
    """One thread."""

    def __init__(self) -> None:
        self._timing: VoiceTiming | None = None
        self._allowance_s: float | None = None
        """None: not known yet, one block."""
        self._device_s = GENEROUS_S
        self._is_measured = False
        self._undisturbed: tuple[int, float, float] | None = None
        """Disturbances so far, since when there were no more, and the least that was left over since then."""
        self._asked_s = 0.0

    def follow(self, timing: VoiceTiming, asked_ms: float) -> None:
        """The child's times, and the whole delay that is asked for; 0: the shortest."""
        self._asked_s = asked_ms / 1000.0
        former, self._timing = self._timing, timing
        if former is None or (former.block_s, former.lag_s) != (timing.block_s, timing.lag_s):
            self._allowance_s = None
        if self._allowance_s is None and timing.work_p99_s is not None:
            self._allowance_s = min(timing.work_p99_s + HAND_OVER_S, self._longest_compute_s)

    def was_late(self, late_s: float) -> None:
        """A block came this much after it was due."""
        self._allowance_s = min(self._shortest_compute_s + late_s + MARGIN_S, self._longest_compute_s)

    def was_spare(self, spare_s: float, disturbances: int, now_s: float) -> None:
        """The least that was left over lately between mixing and hearing; negative: that was missing.

        `disturbances` grows when a clock is disturbed.
        """
        if self._undisturbed is None or self._undisturbed[0] != disturbances:
            self._undisturbed = disturbances, now_s, math.inf  # what was left over so far is of before
            return
        _, since_s, least_s = self._undisturbed
        least_s = min(least_s, spare_s)
        self._undisturbed = disturbances, since_s, least_s
        if -MOST_SHORT_S < spare_s < 0.0:
            self._device_s += MARGIN_S - spare_s
            self._undisturbed = None
        elif not self._is_measured and now_s - since_s >= MEASURED_S:
            self._is_measured = True
            self._device_s -= max(least_s - MARGIN_S, 0.0)

    @property
    def parts(self) -> DelayParts:
        assert self._timing is not None
        algorithmic_s = self._timing.block_s + self._timing.lag_s
        asked_s = self._asked_s - self._device_s - algorithmic_s
        return DelayParts(
            algorithmic_s=algorithmic_s,
            compute_s=max(self._shortest_compute_s, asked_s),
            device_s=self._device_s,
        )

    @property
    def _longest_compute_s(self) -> float:
        assert self._timing is not None
        return MOST_BLOCKS * self._timing.block_s + HAND_OVER_S

    @property
    def _shortest_compute_s(self) -> float:
        assert self._timing is not None
        return self._timing.block_s + HAND_OVER_S if self._allowance_s is None else self._allowance_s
