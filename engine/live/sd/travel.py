"""Computes the weights of the prompts 1 to 8 while `/sd/travel` moves through them, beat by beat.

The position counts the prompts that have a text: 0 is the first, 1.5 half-way from the second to
the third; after the last comes the first again. It moves by `/sd/travel/rate` prompts per bar. A
new rate begins on a bar line: with a whole number of prompts per bar, or of bars per prompt, each
prompt is then reached on a bar line.
"""

import math
from collections.abc import Mapping
from typing import Any, Final

from engine.params.fade_time import Pulse
from engine.values import UpcomingValues
from osc_schema.sd import PROMPTS

ROUNDING: Final = 1e-6  # tolerance of positions, which are sums


class PromptTravel:
    """The position in the list of prompts, updated in each frame. A frame counts for its nearest
    beat."""

    def __init__(self) -> None:
        self._position = 0.0
        self._rate = 0.0
        """Prompts per bar, in use since the last bar line."""
        self._set_position: float | None = None
        self._beats = 0.0
        self._bar = 0

    def follow(
        self, values: Mapping[str, Any], pulse: Pulse, lead_s: float
    ) -> tuple[Mapping[str, float], list[UpcomingValues]]:
        """The weights that apply in `lead_s`, by address, to be sent now; and the upcoming changes
        of prompt if they are abrupt (no glide). Empty while the travel is switched off."""
        self._move(values, pulse)
        if not values["/sd/travel/enable"] or not any(
            values[f"/sd/prompts/{n}/text"] for n in PROMPTS
        ):
            return {}, []
        ahead = lead_s * pulse.bpm / 60.0 / pulse.beats_a_bar  # bars
        beyond = max(0.0, ahead - (self._bar + 1 - _nearest_beat(pulse) / pulse.beats_a_bar))
        next_rate: float = values["/sd/travel/rate"]
        position = self._position + self._rate * (ahead - beyond) + next_rate * beyond
        rate = next_rate if beyond else self._rate
        weights = weights_at(values, position, is_backward=rate < 0.0)
        coming: list[UpcomingValues] = []
        if values["/sd/travel/glide"] <= 0.0:
            begin, end = sorted(_step(each, rate) for each in (self._position, position))
            coming = [
                UpcomingValues(key=("travel", step), values={}, is_due=step == begin)
                for step in range(begin, end + 1)
            ]
        return weights, coming

    def _move(self, values: Mapping[str, Any], pulse: Pulse) -> None:
        reached = _nearest_beat(pulse)
        beats = reached - pulse.jumped
        bar = math.floor((reached + ROUNDING) / pulse.beats_a_bar)
        moved = (beats - self._beats) / pulse.beats_a_bar
        self._position += self._rate * moved
        is_on = values["/sd/travel/enable"]
        if is_on and bar != self._bar:
            since = min(reached / pulse.beats_a_bar - bar, moved)
            self._position += (values["/sd/travel/rate"] - self._rate) * since
            self._rate = values["/sd/travel/rate"]
        elif not is_on:
            self._rate = 0.0
            self._set_position = None
        if is_on and values["/sd/travel/position"] != self._set_position:
            self._position = values["/sd/travel/position"]
            self._set_position = self._position
        self._beats = beats
        self._bar = bar


def weights_at(
    values: Mapping[str, Any], position: float, *, is_backward: bool = False
) -> dict[str, float]:
    """The weights of all prompts at a position of the list, by address. At least one prompt must
    have a text."""
    filled = [n for n in PROMPTS if values[f"/sd/prompts/{n}/text"]]
    glide: float = values["/sd/travel/glide"]
    at = math.floor(position + ROUNDING)
    on = max(0.0, position - at)  # of the way from this prompt to the next one
    if glide <= 0.0:
        next_weight = 1.0 if is_backward and on > ROUNDING else 0.0
    else:
        next_weight = (
            min(1.0, on / glide) if is_backward else max(0.0, (on - (1.0 - glide)) / glide)
        )
    weights = dict.fromkeys((f"/sd/prompts/{n}/weight" for n in PROMPTS), 0.0)
    for n, weight in (
        (filled[at % len(filled)], 1.0 - next_weight),
        (filled[(at + 1) % len(filled)], next_weight),
    ):
        weights[f"/sd/prompts/{n}/weight"] += weight
    return weights


def _step(position: float, rate: float) -> int:
    """Number of prompts reached, in the direction of the travel."""
    return math.floor(position + ROUNDING) if rate >= 0.0 else math.floor(-position + ROUNDING)


def _nearest_beat(pulse: Pulse) -> float:
    return pulse.beat + pulse.step / 2
