"""Options of the effects of lens, sensor and file."""

from dataclasses import dataclass

from engine.jobs.dataset.sensor.effects import parse_effects
from engine.jobs.kit.options import option


@dataclass(frozen=True, slots=True, kw_only=True)
class SensorOptions:
    camera_effects: str = option(
        "mild",
        "Effects of lens, sensor and file, such as mild,blur=2 or exposure=-1..0,jpeg=off.",
        metavar="none|mild|strong|NAME=RANGE[,...]",
    )

    def check(self) -> None:
        """Raise UsageError for an unknown effect, and for a range that is upside down or goes too far."""
        parse_effects(self.camera_effects)
