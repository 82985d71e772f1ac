"""Tells programs from hands by the times at which a sender changes an address. Pure: times are
arguments.

A hand moves a control and lets go. What a sender changes for seconds without a rest is the stream
of a program: a patch that follows the sound, the effect of a lighting desk.
"""

from typing import Final

STREAM_S: Final = 5.0  # few hands move a control for longer; the page's say so (/gesture)
REST_S: Final = 1.0  # without a change, then a move has ended
_PRUNED_FROM: Final = 256  # addresses


class Motions:
    """For how long each address of a sender has moved without a rest. One thread at a time."""

    def __init__(self) -> None:
        self._times: dict[tuple[str, str], tuple[float, float]] = {}  # began, changed last

    def move(self, by: str, address: str, now_s: float) -> tuple[float, float]:
        """Note a change. Returns the seconds since the move began, and since its last change."""
        times = self._times
        began_s, changed_s = times.get((by, address), (now_s, now_s))
        if now_s - changed_s > REST_S:
            began_s = changed_s = now_s
        times[by, address] = (began_s, now_s)
        if len(times) > _PRUNED_FROM:
            self._times = {key: each for key, each in times.items() if now_s - each[1] <= REST_S}
        return now_s - began_s, now_s - changed_s
