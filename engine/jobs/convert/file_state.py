"""State of a file in work, as its journal has it: the source as it was heard, and the spans that are converted."""

from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, field
from typing import Any

import msgspec


@dataclass(slots=True, kw_only=True)
class FileState:
    """As read from the journal: the last `heard` entry, and all `done` entries together."""

    source_samples: int = 0
    """0 until the whole source has been heard."""
    peak: float = 0.0
    begins_s: str = "0"
    """A fraction, as text."""
    notes: list[str] = field(default_factory=list)
    heard_crc: int = 0
    """CRC-32 of what the model hears."""
    done: dict[int, int] = field(default_factory=dict)
    """CRC-32 of what was made of each span, by its first frame."""

    def entries(self) -> Iterator[dict[str, Any]]:
        """The journal entries that give this state."""
        values = asdict(self)
        done = values.pop("done")
        yield {"heard": values}
        yield {"done": done}


def read_state(entries: Iterable[dict[str, Any]]) -> FileState | None:
    """None if the entries are not those of a file."""
    values: dict[str, Any] = {"done": {}}
    try:
        for entry in entries:
            values |= entry.get("heard", {})
            values["done"] |= entry.get("done", {})
        return msgspec.convert(values, FileState, str_keys=True)  # JSON's keys are text
    except (TypeError, msgspec.ValidationError):
        return None
