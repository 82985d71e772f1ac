"""What every job reports at its end."""

from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class JobReport:
    is_interrupted: bool
    """True if the run ended before everything was done; --resume goes on."""
    seconds: float
    """Of work, models loaded."""
    peak_memory_mb: float
    memory_of: str
    """device; process: main memory of this one; processes: of this one and those it started together."""
    notes: tuple[str, ...]
    """What the user should know, a line each."""

    def as_json(self) -> dict[str, Any]:
        """Plain values; seconds, rates and memory rounded to three digits."""
        return {name: round(value, 3) if isinstance(value, float) else value for name, value in asdict(self).items()}
