"""Options of the effects of lens, sensor and file."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class SensorOptions:
    def check(self) -> None:
        """Raise UsageError for an unknown effect or a range that is upside down."""
