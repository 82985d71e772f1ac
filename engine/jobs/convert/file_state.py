"""The resumable state of a file, as stored in its journal: facts about the source, and the converted spans."""

from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, field
from typing import Any

import msgspec


@dataclass(slots=True, kw_only=True)
class FileState:
    """Read from the journal: the last `heard` entry, and all `done` entries combined."""

    source_samples: int = 0
    """0 until the whole source has been read."""
    peak: float = 0.0
    begins_s: str = "0"
    """A fraction, as text."""
    notes: list[str] = field(default_factory=list)
    heard_crc: int = 0
    """CRC-32 of the model's input."""
    done: dict[int, int] = field(default_factory=dict)
    """CRC-32 of each converted span, keyed by its first frame."""

    def entries(self) -> Iterator[dict[str, Any]]:
        """The journal entries that represent this state."""
        values = asdict(self)
        done = values.pop("done")
        yield {"heard": values}
        yield {"done": done}


def read_state(entries: Iterable[dict[str, Any]]) -> FileState | None:
    """None if the entries do not describe a file's state."""
    values: dict[str, Any] = {"done": {}}
    try:
        for entry in entries:
            values |= entry.get("heard", {})
            values["done"] |= entry.get("done", {})
        return msgspec.convert(values, FileState, str_keys=True)  # JSON keys are strings
    except (TypeError, msgspec.ValidationError):
        return None
