"""How long after it was spoken the voice is heard: always the same, and where the time goes. Pure.

    spoken ── device ──► ring ── block, crossfade, search ── computing ──► mixed ── device ──► heard
              `device_s`         `algorithmic_s`             `compute_s`            `device_s`

A gap is worse than some milliseconds: a part grows at once by what was missing. Computing starts as what all but a
hundredth of the blocks took. The devices' part starts as GENEROUS_S; once they have run undisturbed for MEASURED_S,
what was left over beyond MARGIN_S is given up.

One bad minute must not cost delay for the rest of the night. When nothing was missing for CALM_S, what the devices left
over in that time is given up, and so is what computing no longer needs. Devices that were disturbed, as by being
reopened, are measured anew at once. Each change is heard as a crossfade: there is no more than one in CALM_S, and none
for less than MARGIN_S. Where it was wrong the next one takes twice as long: gaps that come back every few minutes make
the delay longer and leave it so.
"""

import math
from dataclasses import dataclass

from engine.children.voice_link import VoiceTiming

GENEROUS_S = 0.4
MARGIN_S = 0.01
MEASURED_S = 1.5
CALM_S = 60.0
LONGEST_CALM_S = 3600.0
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
    """One thread; its times go forward."""

    def __init__(self) -> None:
        self._timing: VoiceTiming | None = None
        self._allowance_s: float | None = None
        """None: not known yet, one block."""
        self._computing = _Patience()
        self._on_time_since_s = 0.0
        self._device_s = GENEROUS_S
        self._devices = _Patience()
        self._is_measured = False
        self._disturbances: int | None = None
        self._spare: tuple[float, float] | None = None
        """Since when it is looked at, and the least since then."""
        self._may_fall_s = -math.inf
        """No part is made shorter before."""
        self._asked_s = 0.0

    def follow(self, timing: VoiceTiming, asked_ms: float, now_s: float) -> None:
        """The child's times, and the whole delay that is asked for; 0: the shortest."""
        self._asked_s = asked_ms / 1000.0
        former, self._timing = self._timing, timing
        if former is None or (former.block_s, former.lag_s) != (timing.block_s, timing.lag_s):
            self._allowance_s = None
        if timing.work_p99_s is None:
            return
        needed_s = min(timing.work_p99_s + HAND_OVER_S, self._longest_compute_s)
        if self._allowance_s is None:
            self._allowance_s, self._on_time_since_s = needed_s, now_s
        elif (
            now_s >= max(self._on_time_since_s + self._computing.wait_s, self._may_fall_s)
            and self._allowance_s - needed_s >= MARGIN_S
        ):
            self._allowance_s = needed_s
            self._computing.gives_up()
            self._may_fall_s = now_s + CALM_S

    def was_late(self, late_s: float, now_s: float) -> None:
        """A block came this much after it was due."""
        self._allowance_s = min(self._shortest_compute_s + late_s + MARGIN_S, self._longest_compute_s)
        self._on_time_since_s = now_s
        self._computing.was_wrong()

    def was_spare(self, spare_s: float, disturbances: int, now_s: float) -> None:
        """The least that was left over lately between mixing and hearing; negative: that was missing.

        `disturbances` grows when a clock is disturbed.
        """
        if disturbances != self._disturbances:
            self._disturbances, self._is_measured, self._spare = disturbances, False, None
        if self._spare is None:
            self._spare = now_s, math.inf  # what was left over so far is of before
        elif spare_s < 0.0:
            if spare_s > -MOST_SHORT_S:
                self._device_s += MARGIN_S - spare_s
                self._devices.was_wrong()
            self._spare = None
        else:
            since_s, least_s = self._spare
            self._spare = since_s, min(least_s, spare_s)
            self._give_up_spare(now_s)

    def _give_up_spare(self, now_s: float) -> None:
        assert self._spare is not None
        since_s, least_s = self._spare
        lasts_s = self._devices.wait_s if self._is_measured else MEASURED_S
        if now_s < max(since_s + lasts_s, self._may_fall_s):
            return
        if least_s - MARGIN_S >= MARGIN_S:
            self._device_s -= least_s - MARGIN_S
            self._may_fall_s = now_s + CALM_S
            if self._is_measured:
                self._devices.gives_up()
        self._is_measured, self._spare = True, None

    @property
    def is_settled(self) -> bool:
        """Whether both were measured: what computing takes, and the devices as they are now."""
        return self._allowance_s is not None and self._is_measured

    @property
    def shortest_s(self) -> float:
        """The shortest whole delay that is kept now, whatever is asked for."""
        assert self._timing is not None
        return self._timing.block_s + self._timing.lag_s + self._shortest_compute_s + self._device_s

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


class _Patience:
    """How long nothing must have been missing before something is given up."""

    def __init__(self) -> None:
        self.wait_s = CALM_S
        self._has_given_up = False

    def gives_up(self) -> None:
        self._has_given_up = True

    def was_wrong(self) -> None:
        """Something was missing."""
        if self._has_given_up:
            self.wait_s = min(2.0 * self.wait_s, LONGEST_CALM_S)
        self._has_given_up = False
