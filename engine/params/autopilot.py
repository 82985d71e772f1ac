"""The autopilot's policy: when another look comes, and which one. Pure: times and bars are
arguments.

Another look comes when the section has changed, and after a longest stay. Its energy fits the
section; of those that fit it is one of the half that came on air the longest ago, at random, the
same in every run. A hand on the controls stops the autopilot for a while.
"""

import math
from collections.abc import Mapping
from random import Random
from typing import Final

from engine.values import Section

ENERGIES: Final[Mapping[Section, float]] = {
    "quiet": 0.15,
    "break": 0.35,
    "build": 0.6,
    "drop": 0.85,
}
FITS: Final = 0.2 + 1e-9
"""Distance of a look's energy from the section's up to which it fits."""
BREATH_S: Final = 2.0  # in which breathing begins and ends


class Autopilot:
    """Decides which look comes next. One per run; frames in order."""

    def __init__(self) -> None:
        self.touched_s = -math.inf
        """When a hand was on the controls last."""
        self.section: Section | None = None
        """The section for which the look on air was chosen; None: somebody else chose it."""
        self.breath = 0.0
        """How far macros breathe now, 0..1."""
        self._random = Random(0)
        self._on_air = ""
        self._came_bar: dict[str, float] = {"": 0.0}
        """The bar in which each look came on air last."""
        self._breathed_s: float | None = None

    def show(self, on_air: str, bar: float) -> None:
        """Note which look is on air in the frame at `bar`, whoever took it."""
        if on_air != self._on_air:
            self._on_air = on_air
            self._came_bar[on_air] = bar

    def wants_change(
        self, section: Section, bar: float, longest_bars: float, energy: float | None
    ) -> bool:
        """True if another look should come on the next bar. `energy`: of the look on air;
        `longest_bars`: 0: no end."""
        if self.section is None and distance(energy, section) <= FITS:
            self.section = section
        return (
            section != self.section
            or 0.0 < longest_bars <= bar - self._came_bar[self._on_air] + 0.5
        )

    def choose(self, looks: Mapping[str, float | None], section: Section) -> str:
        """The next of these looks, which have these energies; "" if there is none but the one on
        air."""
        far = {
            name: distance(energy, section)
            for name, energy in looks.items()
            if name != self._on_air
        }
        fitting = [name for name in far if far[name] <= FITS] or sorted(far, key=far.__getitem__)[
            :1
        ]
        oldest = sorted(fitting, key=lambda name: (self._came_bar.get(name, -math.inf), far[name]))
        return self._random.choice(oldest[: max(2, len(oldest) // 2)]) if oldest else ""

    def breathe(self, now_s: float, depth: float) -> None:
        """Let the breath grow or shrink to `depth` within some seconds."""
        passed_s = now_s - (now_s if self._breathed_s is None else self._breathed_s)
        self._breathed_s = now_s
        breath = self.breath + (depth - self.breath) * -math.expm1(-passed_s / BREATH_S)
        self.breath = 0.0 if depth == 0.0 and breath < 1e-3 else breath


def distance(energy: float | None, section: Section) -> float:
    """How far a look's energy is from that of a section; one without energy fits all."""
    return FITS if energy is None else abs(energy - ENERGIES[section])
