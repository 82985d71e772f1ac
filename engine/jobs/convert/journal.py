"""What is known of a file in work, so that it can go on where it was interrupted, even by a kill.

It lies in a hidden folder beside the output, with the sounds on the way. Written after what it tells of, and moved into
place whole. That both have reached the disk is not waited for, which would take as long as a span does on a GPU: what
a power cut or a failing disk has changed is found by its checksum, and made again.
"""

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import msgspec

from engine.errors import SinkError
from engine.system.atomic_file import MAX_HELD_JOB_S, replace_file
from engine.system.small_file import read_json

NAME = "journal.json"
FORM = 2  # of what is kept; another one is not read


@dataclass(slots=True, kw_only=True)
class Journal:
    key: dict[str, Any]
    """Source, settings and model: what comes out is the same where they are."""
    source_samples: int = 0
    """0 until the whole source has been heard."""
    peak: float = 0.0
    begins_s: str = "0"
    """A fraction, as text."""
    notes: list[str] = field(default_factory=list)
    heard_crc: int = 0
    """CRC-32 of what the model hears."""
    done: dict[int, int] = field(default_factory=dict)
    """Spans by their first frame, with the CRC-32 of what was made of them."""

    def save(self, folder: Path) -> None:
        """SinkError, in one line, where the disk is full or the folder gone."""
        new = folder / f"{NAME}.new"
        try:
            new.write_text(json.dumps({"form": FORM} | asdict(self)), encoding="utf-8")
            replace_file(new, folder / NAME, patience_s=MAX_HELD_JOB_S)
        except OSError as error:
            raise SinkError(f"{folder / NAME}: cannot be written ({error.strerror or error})") from error


def read_journal(folder: Path, key: dict[str, Any]) -> Journal | None:
    """None where there is none that tells of the same work."""
    try:
        kept = read_json(folder / NAME)
    except (OSError, ValueError):
        return None
    # As JSON has it: a tuple is a list there.
    if not isinstance(kept, dict) or kept.pop("form", None) != FORM or kept.get("key") != json.loads(json.dumps(key)):
        return None
    try:
        return msgspec.convert(kept, Journal, str_keys=True)  # JSON's keys are text
    except msgspec.ValidationError:
        return None
