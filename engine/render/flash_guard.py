"""How much of a new picture may be shown, so that the show never flashes too often. Pure: times and levels come in.

Problem: strobing light can cause seizures. WCAG 2.3.1 allows at most three flashes in any second; the rule
here is stricter and simpler: at most three opposing changes of 10 % or more in any second, of full-picture
luminance or of saturated red.

Naive way: count jumps from frame to frame, and repeat the last picture when there are too many. A flash
spread over two frames is not counted then, and a repeated picture freezes the show although a small part of
the change is harmless.

Here: opposing changes are counted as an alternating sequence of highs and lows at least 10 % apart, however
many frames each takes, among the levels published in the last second and the new one. If showing the whole
new picture makes them too many, the largest share of it (mixed with the picture on screen) is shown that does
not. The share 0 repeats the last levels and adds no change, so there always is one. A steady picture, a slow
one, or one that flashes within the rule is shown untouched.

Left out: WCAG's flash area (full-picture means are taken) and its exception for pictures brighter than 80 %.
"""

from collections import deque
from collections.abc import Callable, Sequence

MOST_CHANGES = 3
WINDOW_S = 1.02  # any second, both ends included, and some jitter of the clock
CHANGE = 0.09  # WCAG's 10 %, less what a few thousand samples and rounding to 8 bits can miss
HALVINGS = 6  # the share is found to within 1/64

Levels = tuple[float, ...]
"""One level, 0..1, per thing that must not flash: luminance, display luma, saturated red."""


class FlashGuard:
    """Remembers the last second of published levels."""

    def __init__(self) -> None:
        self._history: deque[tuple[float, Levels]] = deque()

    def admit(self, levels_at: Callable[[float], Levels], time_s: float) -> float:
        """The largest share, 0..1, of the new picture that may go out, mixed with the published one; it is counted.

        `levels_at(share)` gives the levels of such a mixture. 1 is tried first, and on a calm picture alone.
        """
        self._forget(time_s)
        share, levels = 1.0, levels_at(1.0)
        if not self._allows(levels):
            share, levels = self._largest_allowed(levels_at)
        self._history.append((time_s, levels))
        return share

    def count(self, levels: Levels, time_s: float) -> None:
        """Remember what is on screen from `time_s` on, without a say in it."""
        self._forget(time_s)
        self._history.append((time_s, levels))

    def _largest_allowed(self, levels_at: Callable[[float], Levels]) -> tuple[float, Levels]:
        lowest, highest = 0.0, 1.0
        allowed = levels_at(0.0)
        for _ in range(HALVINGS):
            middle = (lowest + highest) / 2
            levels = levels_at(middle)
            if self._allows(levels):
                lowest, allowed = middle, levels
            else:
                highest = middle
        return lowest, allowed

    def _forget(self, time_s: float) -> None:
        if self._history and time_s < self._history[-1][0]:  # the clock was set back: a new show
            self._history.clear()
        while self._history and time_s - self._history[0][0] > WINDOW_S:
            self._history.popleft()

    def _allows(self, levels: Levels) -> bool:
        return all(
            opposing_changes([past[index] for _, past in self._history] + [level], CHANGE) <= MOST_CHANGES
            for index, level in enumerate(levels)
        )


def opposing_changes(levels: Sequence[float], least: float) -> int:
    """The most changes of at least `least`, each opposite to the one before, that can be found in a row of levels."""
    if max(levels) - min(levels) < least:
        return 0
    changes = 0
    low = high = levels[0]
    direction = 0  # +1 while the newest change is a rise, and `high` is the highest since; -1 a fall, `low`; 0 none yet
    for level in levels:
        if direction >= 0:
            high = max(high, level)
        if direction <= 0:
            low = min(low, level)
        if direction <= 0 and level - low >= least:
            direction, high = 1, level
            changes += 1
        elif direction >= 0 and high - level >= least:
            direction, low = -1, level
            changes += 1
    return changes
