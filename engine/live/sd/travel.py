"""The travel through the prompts 1 to 8: their weights at each beat.

A place in the list of the prompts that have a text: 0 is the first, 1.5 half-way from the second to the third, and
after the last comes the first. It moves by `/sd/travel/rate` prompts a bar. A new rate begins on a bar line, so that
with a whole number of prompts a bar, or of bars a prompt, each prompt arrives on one.
"""

import math
from collections.abc import Mapping
from typing import Any, Final

from engine.params.fade_time import Pulse
from engine.values import ComingValues
from osc_schema.sd import PROMPTS

ROUNDING: Final = 1e-6  # of places, which are sums


class Travel:
    """One frame after the other. The beat of a frame is the one to which it is nearest, as in `Launching`."""

    def __init__(self) -> None:
        self._place = 0.0
        self._rate = 0.0
        """Prompts a bar; in force since the last bar line."""
        self._position: float | None = None
        self._beats = 0.0
        self._bar = 0

    def follow(
        self, values: Mapping[str, Any], pulse: Pulse, lead_s: float
    ) -> tuple[Mapping[str, float], list[ComingValues]]:
        """The weights to send now, by address, which are those in `lead_s`; and the changes among them that are at
        once, up to the frame of each. Nothing while it is switched off."""
        self._move(values, pulse)
        if not values["/sd/travel/enable"] or not any(values[f"/sd/prompts/{n}/text"] for n in PROMPTS):
            return {}, []
        ahead = lead_s * pulse.bpm / 60.0 / pulse.beats_a_bar  # bars
        beyond = max(0.0, ahead - (self._bar + 1 - _reached(pulse) / pulse.beats_a_bar))
        next_rate: float = values["/sd/travel/rate"]
        place = self._place + self._rate * (ahead - beyond) + next_rate * beyond
        rate = next_rate if beyond else self._rate
        weights = weights_at(values, place, is_backward=rate < 0.0)
        coming: list[ComingValues] = []
        if values["/sd/travel/glide"] <= 0.0:
            begin, end = sorted(_step(each, rate) for each in (self._place, place))
            coming = [
                ComingValues(key=("travel", step), values={}, is_due=step == begin) for step in range(begin, end + 1)
            ]
        return weights, coming

    def _move(self, values: Mapping[str, Any], pulse: Pulse) -> None:
        reached = _reached(pulse)
        beats, bar = reached - pulse.jumped, math.floor((reached + ROUNDING) / pulse.beats_a_bar)
        moved = (beats - self._beats) / pulse.beats_a_bar
        self._place += self._rate * moved
        is_on = values["/sd/travel/enable"]
        if is_on and bar != self._bar:
            since = min(reached / pulse.beats_a_bar - bar, moved)
            self._place += (values["/sd/travel/rate"] - self._rate) * since
            self._rate = values["/sd/travel/rate"]
        elif not is_on:
            self._rate, self._position = 0.0, None
        if is_on and values["/sd/travel/position"] != self._position:
            self._place = self._position = values["/sd/travel/position"]
        self._beats, self._bar = beats, bar


def weights_at(values: Mapping[str, Any], place: float, *, is_backward: bool = False) -> dict[str, float]:
    """The weights of all prompts at a place of the list, by address. At least one prompt has a text."""
    filled = [n for n in PROMPTS if values[f"/sd/prompts/{n}/text"]]
    glide: float = values["/sd/travel/glide"]
    at = math.floor(place + ROUNDING)
    on = max(0.0, place - at)  # of the way from this prompt to the next one
    if glide <= 0.0:
        share = 1.0 if is_backward and on > ROUNDING else 0.0
    else:
        share = min(1.0, on / glide) if is_backward else max(0.0, (on - (1.0 - glide)) / glide)
    weights = dict.fromkeys((f"/sd/prompts/{n}/weight" for n in PROMPTS), 0.0)
    for n, weight in ((filled[at % len(filled)], 1.0 - share), (filled[(at + 1) % len(filled)], share)):
        weights[f"/sd/prompts/{n}/weight"] += weight
    return weights


def _step(place: float, rate: float) -> int:
    """Counts the prompts that were reached, in the direction of the travel."""
    return math.floor(place + ROUNDING) if rate >= 0.0 else math.floor(-place + ROUNDING)


def _reached(pulse: Pulse) -> float:
    """Beats to which this frame is the nearest, and those before."""
    return pulse.beat + pulse.step / 2
