"""Decides the delay from microphone to output, as the sum of three parts. Pure.

    spoken ─ device ─► ring ─ block, crossfade, search ─ computing ─► mixed ─ device ─► output
              `device_s`         `algorithmic_s`             `compute_s`            `device_s`

A gap is worse than a few more milliseconds of delay, so each part starts long: computing with
AT_FIRST times the longest of the first blocks, the devices with GENEROUS_S until they have run
undisturbed for MEASURED_S, then with their measured need plus ROOM_S. A part that proves too short
is lengthened immediately, and shrinks to its worst measurement of the last ten minutes (CALM_S).
Each change is audible as a crossfade, so reductions are at least APART_S apart and at least
MARGIN_S long. The wait before the next one doubles if a part proves too short after it was
shortened.
"""

import math
from collections import deque
from dataclasses import dataclass

from engine.live.rvc.link import VoiceTiming

GENEROUS_S = 0.4
AT_FIRST = 4.0  # a busy machine may stall for several times the work on a block
MEASURED_S = 1.5
CALM_S = 600.0
MAX_CALM_S = 3600.0
APART_S = 60.0
MINUTE_S = 60.0
MARGIN_S = 0.01
ROOM_S = 0.03  # added to the worst case, because MEASURED_S is short
# a block's last sample waits for the next device buffer, the pipeline's poll and the child's poll
HAND_OVER_S = 0.03
MAX_SHORT_S = 0.1  # a longer shortage was a stall, which a longer delay would not prevent
MAX_BLOCKS = 2.0  # a child that needs more is too slow at any delay


@dataclass(frozen=True, slots=True, kw_only=True)
class DelayParts:
    algorithmic_s: float
    """Block, crossfade and search."""
    compute_s: float
    """Time allowed for the conversion, plus padding up to the requested delay."""
    device_s: float
    """Input and output devices, and the buffers between threads."""

    @property
    def mixed_s(self) -> float:
        """Delay until a sample is mixed: the voice that must have arrived after it."""
        return self.algorithmic_s + self.compute_s

    @property
    def total_s(self) -> float:
        return self.mixed_s + self.device_s


class VoiceDelay:
    """Adapts the delay to measurements. `now_s` must not decrease. Single thread."""

    def __init__(self) -> None:
        self._timing: VoiceTiming | None = None
        self._computing: _DelayPart | None = None
        """None while it is unknown; then the length of one block is used."""
        self._devices = _DelayPart(GENEROUS_S, measured_s=MEASURED_S)
        self._disturbances: int | None = None
        self._may_fall_s = -math.inf
        """No part may be shortened before this time."""
        self._requested_s = 0.0

    def follow(self, timing: VoiceTiming, requested_ms: float) -> None:
        """Use the child's timing and the requested total delay; 0: as short as possible."""
        self._requested_s = requested_ms / 1000.0
        former = self._timing
        self._timing = timing
        if former is None or (former.block_s, former.lag_s) != (timing.block_s, timing.lag_s):
            self._computing = None
        if timing.work_p99_s is not None and self._computing is None:
            first_s = AT_FIRST * timing.work_p99_s + HAND_OVER_S
            self._computing = _DelayPart(min(first_s, self._longest_compute_s))

    def was_in_time(self, spare_s: float, now_s: float) -> None:
        """Record that a block arrived this long before it was due."""
        if self._computing is not None:
            self._needed(self._computing, self.parts.compute_s - spare_s, now_s)

    def was_late(self, late_s: float, now_s: float) -> None:
        """Record that a block arrived this long after it was due."""
        if self._computing is None:
            self._computing = _DelayPart(self._shortest_compute_s)
        self._computing.was_short(
            self.parts.compute_s + late_s, now_s, longest_s=self._longest_compute_s
        )

    def had_spare(self, spare_s: float, disturbances: int, now_s: float) -> None:
        """Record the smallest recent margin between mixing and playback; negative: samples were
        missing. `disturbances` is the running count of clock disturbances."""
        if disturbances != self._disturbances:  # margins measured so far no longer apply
            self._disturbances = disturbances
            self._devices.restart_measurement()
        elif spare_s >= 0.0:
            self._needed(self._devices, self._devices.length_s - spare_s, now_s)
        elif spare_s > -MAX_SHORT_S:
            self._devices.was_short(self._devices.length_s - spare_s, now_s)

    def _needed(self, part: "_DelayPart", need_s: float, now_s: float) -> None:
        part.was_enough(need_s, now_s)
        if now_s >= self._may_fall_s and part.shorten(now_s):
            self._may_fall_s = now_s + APART_S

    @property
    def is_settled(self) -> bool:
        """True if both computing and the devices have been measured."""
        return self._computing is not None and self._devices.is_measured

    @property
    def shortest_s(self) -> float:
        """The shortest total delay that is possible now."""
        assert self._timing is not None
        return (
            self._timing.block_s
            + self._timing.lag_s
            + self._shortest_compute_s
            + self._devices.length_s
        )

    @property
    def parts(self) -> DelayParts:
        assert self._timing is not None
        algorithmic_s = self._timing.block_s + self._timing.lag_s
        requested_s = self._requested_s - self._devices.length_s - algorithmic_s
        return DelayParts(
            algorithmic_s=algorithmic_s,
            compute_s=max(self._shortest_compute_s, requested_s),
            device_s=self._devices.length_s,
        )

    @property
    def _longest_compute_s(self) -> float:
        assert self._timing is not None
        return MAX_BLOCKS * self._timing.block_s + HAND_OVER_S

    @property
    def _shortest_compute_s(self) -> float:
        assert self._timing is not None
        return (
            self._timing.block_s + HAND_OVER_S
            if self._computing is None
            else self._computing.length_s
        )


class _DelayPart:
    """One part of the delay: the recent worst-case need plus a margin."""

    def __init__(self, length_s: float, *, measured_s: float | None = None) -> None:
        """`measured_s`: time after which the generous initial length is replaced by a measured one;
        None: never."""
        self.length_s = length_s
        self._measured_s = measured_s
        """None once the length has been measured."""
        self._calm_s = CALM_S
        self._was_shortened = False
        self._minutes: deque[_Minute] = deque()
        """Needs recorded since the last measurement began, at most MAX_CALM_S back."""

    @property
    def is_measured(self) -> bool:
        return self._measured_s is None

    def restart_measurement(self) -> None:
        """Discard the recorded needs, because they no longer apply. A measured part keeps its
        length."""
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
        if self._was_shortened:
            self._calm_s = min(2.0 * self._calm_s, MAX_CALM_S)
        self._was_shortened = False

    def shorten(self, now_s: float) -> bool:
        """Shorten the part if enough time has passed and it saves enough. True if it was
        shortened."""
        lasts_s, room_s = (
            (self._calm_s, MARGIN_S) if self._measured_s is None else (self._measured_s, ROOM_S)
        )
        if now_s < self._minutes[0].since_s + lasts_s:
            return False
        recent = [minute for minute in self._minutes if minute.since_s > now_s - lasts_s - MINUTE_S]
        worst_s = max(minute.worst_s for minute in recent)
        mean_s = sum(minute.sum_s for minute in recent) / sum(minute.count for minute in recent)
        # a short measurement does not show the worst case
        shorter_s = worst_s + max(room_s, (worst_s - mean_s) / 2.0)
        was_measured = self.is_measured
        self._measured_s = None
        if self.length_s - shorter_s < MARGIN_S:
            return False
        self.length_s = shorter_s
        self._was_shortened = was_measured
        return True


class _Minute:
    """Statistics of the needs recorded within one minute."""

    def __init__(self, since_s: float) -> None:
        self.since_s = since_s
        self.worst_s = 0.0
        self.sum_s = 0.0
        self.count = 0

    def add(self, need_s: float) -> None:
        self.worst_s = max(self.worst_s, need_s)
        self.sum_s += need_s
        self.count += 1
