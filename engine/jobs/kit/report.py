"""The part of a report that is common to all jobs."""

from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class JobReport:
    is_interrupted: bool
    """True if the run ended before everything was done; --resume continues it."""
    seconds: float
    """Duration of the run, without the time to load the model."""
    peak_memory_mb: float
    memory_of: str
    """`device`, or `process`: main memory of this process."""
    notes: tuple[str, ...]
    """Notes for the user, one line each."""

    def as_json(self) -> dict[str, Any]:
        """Plain values; seconds, rates and memory rounded to three digits."""
        return {name: round(value, 3) if isinstance(value, float) else value for name, value in asdict(self).items()}
