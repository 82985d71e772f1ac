"""How long after it was spoken the voice is heard: always the same, and where the time goes. Pure.

    spoken ── device ──► ring ── block, crossfade, search ── computing ──► mixed ── device ──► heard
              `device_s`         `algorithmic_s`             `compute_s`            `device_s`

A gap is worse than some milliseconds. A part begins generous: computing with AT_FIRST times what the first blocks took
at most, the devices with GENEROUS_S until they have run undisturbed for MEASURED_S, then with what they needed and
ROOM_S. What is missing makes a part longer at once.

One bad minute must not cost delay for the rest of the night, and one good minute must not cost a gap: how much of it
each block and each read of a device needs is measured, and a part becomes shorter by its worst in CALM_S. Each change
is heard as a crossfade: two that make the whole shorter lie APART_S apart, and none is for less than MARGIN_S. Where
one was wrong it takes twice as long to the next: gaps that come back now and then make the delay longer and leave it
so.
"""

import math
from collections import deque
from dataclasses import dataclass

from engine.live.rvc.link import VoiceTiming

GENEROUS_S = 0.4
AT_FIRST = 4.0  # a machine that is busy with more stands still for several times what a block takes
MEASURED_S = 1.5
CALM_S = 600.0
MAX_CALM_S = 3600.0
APART_S = 60.0
MINUTE_S = 60.0
MARGIN_S = 0.01
ROOM_S = 0.03  # beyond the worst of so short a while as MEASURED_S is
HAND_OVER_S = 0.03  # a block's last sample waits for the device's next delivery, the desk's look and the child's
MAX_SHORT_S = 0.1  # what is missing beyond that was a standstill, and none that a longer delay would cover
MAX_BLOCKS = 2.0  # of allowance: a child that needs more is no longer in time at all


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
        self._computing: _Part | None = None
        """None: nothing is known yet, one block."""
        self._devices = _Part(GENEROUS_S, measured_s=MEASURED_S)
        self._disturbances: int | None = None
        self._may_fall_s = -math.inf
        """No part is made shorter before."""
        self._asked_s = 0.0

    def follow(self, timing: VoiceTiming, asked_ms: float) -> None:
        """The child's times, and the whole delay that is asked for; 0: the shortest."""
        self._asked_s = asked_ms / 1000.0
        former, self._timing = self._timing, timing
        if former is None or (former.block_s, former.lag_s) != (timing.block_s, timing.lag_s):
            self._computing = None
        if timing.work_p99_s is not None and self._computing is None:
            first_s = AT_FIRST * timing.work_p99_s + HAND_OVER_S
            self._computing = _Part(min(first_s, self._longest_compute_s))

    def was_in_time(self, spare_s: float, now_s: float) -> None:
        """A block came this long before it was due."""
        if self._computing is not None:
            self._needed(self._computing, self.parts.compute_s - spare_s, now_s)

    def was_late(self, late_s: float, now_s: float) -> None:
        """A block came this much after it was due."""
        if self._computing is None:
            self._computing = _Part(self._shortest_compute_s)
        self._computing.was_short(self.parts.compute_s + late_s, now_s, longest_s=self._longest_compute_s)

    def was_spare(self, spare_s: float, disturbances: int, now_s: float) -> None:
        """The least that was left over lately between mixing and hearing; negative: that was missing.

        `disturbances` grows when a clock is disturbed.
        """
        if disturbances != self._disturbances:  # what was left over so far is of before
            self._disturbances = disturbances
            self._devices.measure_anew()
        elif spare_s >= 0.0:
            self._needed(self._devices, self._devices.length_s - spare_s, now_s)
        elif spare_s > -MAX_SHORT_S:
            self._devices.was_short(self._devices.length_s - spare_s, now_s)

    def _needed(self, part: "_Part", need_s: float, now_s: float) -> None:
        part.was_enough(need_s, now_s)
        if now_s >= self._may_fall_s and part.becomes_shorter(now_s):
            self._may_fall_s = now_s + APART_S

    @property
    def is_settled(self) -> bool:
        """Whether both were measured: what computing takes, and the devices as they are now."""
        return self._computing is not None and self._devices.is_measured

    @property
    def shortest_s(self) -> float:
        """The shortest whole delay that is kept now, whatever is asked for."""
        assert self._timing is not None
        return self._timing.block_s + self._timing.lag_s + self._shortest_compute_s + self._devices.length_s

    @property
    def parts(self) -> DelayParts:
        assert self._timing is not None
        algorithmic_s = self._timing.block_s + self._timing.lag_s
        asked_s = self._asked_s - self._devices.length_s - algorithmic_s
        return DelayParts(
            algorithmic_s=algorithmic_s,
            compute_s=max(self._shortest_compute_s, asked_s),
            device_s=self._devices.length_s,
        )

    @property
    def _longest_compute_s(self) -> float:
        assert self._timing is not None
        return MAX_BLOCKS * self._timing.block_s + HAND_OVER_S

    @property
    def _shortest_compute_s(self) -> float:
        assert self._timing is not None
        return self._timing.block_s + HAND_OVER_S if self._computing is None else self._computing.length_s


class _Part:
    """As long as was needed lately, and some room. Its times go forward."""

    def __init__(self, length_s: float, *, measured_s: float | None = None) -> None:
        """`measured_s`: how soon it is known to be far too generous; None: never."""
        self.length_s = length_s
        self._measured_s = measured_s
        """None: it was measured."""
        self._calm_s = CALM_S
        self._has_become_shorter = False
        self._minutes: deque[_Minute] = deque()
        """What was needed, since it is measured or in the newest MAX_CALM_S."""

    @property
    def is_measured(self) -> bool:
        return self._measured_s is None

    def measure_anew(self) -> None:
        """What was needed so far says nothing about what comes. Once it was measured there is no hurry."""
        self._minutes.clear()

    def was_enough(self, need_s: float, now_s: float) -> None:
        if not self._minutes or now_s >= self._minutes[-1].since_s + MINUTE_S:
            self._minutes.append(_Minute(now_s))
            if now_s - self._minutes[0].since_s > MAX_CALM_S + MINUTE_S:
                self._minutes.popleft()
        self._minutes[-1].add(need_s)

    def was_short(self, need_s: float, now_s: float, *, longest_s: float = math.inf) -> None:
        self.length_s = min(max(self.length_s, need_s + MARGIN_S), longest_s)
        self.was_enough(self.length_s - MARGIN_S, now_s)
        if self._has_become_shorter:
            self._calm_s = min(2.0 * self._calm_s, MAX_CALM_S)
        self._has_become_shorter = False

    def becomes_shorter(self, now_s: float) -> bool:
        """Whether it is time to, and worth it: then it has."""
        lasts_s, room_s = (self._calm_s, MARGIN_S) if self._measured_s is None else (self._measured_s, ROOM_S)
        if now_s < self._minutes[0].since_s + lasts_s:
            return False
        recent = [minute for minute in self._minutes if minute.since_s > now_s - lasts_s - MINUTE_S]
        worst_s = max(minute.worst_s for minute in recent)
        mean_s = sum(minute.sum_s for minute in recent) / sum(minute.count for minute in recent)
        wanted_s = worst_s + max(room_s, (worst_s - mean_s) / 2.0)  # a while does not show the worst of a night
        was_measured, self._measured_s = self.is_measured, None
        if self.length_s - wanted_s < MARGIN_S:
            return False
        self.length_s = wanted_s
        self._has_become_shorter = was_measured
        return True


class _Minute:
    """How much of a part was needed in it."""

    def __init__(self, since_s: float) -> None:
        self.since_s = since_s
        self.worst_s = self.sum_s = 0.0
        self.count = 0

    def add(self, need_s: float) -> None:
        self.worst_s = max(self.worst_s, need_s)
        self.sum_s += need_s
        self.count += 1
