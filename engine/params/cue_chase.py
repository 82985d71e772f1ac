"""Decides which cue a timecode starts. Pure.

- Running forward past a cue's time starts the cue, once. If one frame passes several, the last one
  starts.
- A jump of up to SMALL_JUMP_S, forward or backward, is a splice or a new lock: cues that it skips
  start, and cues that it repeats do not start again.
- A greater jump is a locate, and so is the first lock. It recalls the last cue before the new
  position, unless it is active; the caller shortens its fade by the time that has passed since, so
  that the picture is as if the show had run.
- Running backward starts nothing. Forward again after more than SMALL_JUMP_S counts as a locate.

All of it follows from one number: the latest position up to which cues have been dealt with.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

SMALL_JUMP_S: Final = 1.0
ROUNDING_S: Final = 1e-4  # a position made of sums may lie just before the cue's time


@dataclass(frozen=True, slots=True, kw_only=True)
class TimedCue:
    number: int
    at_s: float
    """Seconds of the show's timecode."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DueCue:
    number: int
    passed_s: float
    """Seconds since the cue's time, for a recall; 0 for a cue that was just passed."""


class CueChase:
    """Decides in every frame with a position which cue to start. One thread."""

    def __init__(self) -> None:
        self._reached_s: float | None = None

    def forget(self) -> None:
        """Treat the next position as the first: recall a cue."""
        self._reached_s = None

    def step(
        self, position_s: float, speed: float, cues: Iterable[TimedCue], active_number: int
    ) -> DueCue | None:
        """The cue to start now, or None. `active_number`: number of the cue that the timecode
        started last, 0 if another one was started since."""
        reached_s = self._reached_s
        if speed < 0.0:
            return None
        is_locate = reached_s is None or abs(position_s - reached_s) > SMALL_JUMP_S
        if reached_s is not None and not is_locate and position_s <= reached_s:
            return None
        self._reached_s = position_s
        begun = [cue for cue in cues if cue.at_s <= position_s + ROUNDING_S]
        if not begun:
            return None
        last = max(begun, key=lambda cue: (cue.at_s, cue.number))
        if reached_s is None or is_locate:
            passed_s = max(position_s - last.at_s, 0.0)
            return (
                None
                if last.number == active_number
                else DueCue(number=last.number, passed_s=passed_s)
            )
        return (
            DueCue(number=last.number, passed_s=0.0) if last.at_s > reached_s + ROUNDING_S else None
        )
