"""The journal of a job: its finished work, so that an interrupted run can be resumed, even after kill -9.

Lines of JSON, appended: a head with the run's fingerprint, then one entry per finished item, written after the item
itself. A truncated last line, after a kill or on a full disk, is ignored, and removed when the run is resumed.

Appending does not call fsync: the operating system keeps what a killed process has written. A power cut may lose the
newest entries, and that work is done again; it may also damage the files, so entries carry a checksum of them.
"""

import json
from collections.abc import Iterable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

from engine.sinks.whole_file import one_line
from engine.system.atomic_file import MAX_HELD_JOB_S, move_into_place, when_free
from engine.system.small_file import open_regular

NAME = "journal.jsonl"
FORMAT = 3  # version of the file format; other versions are not read
MAX_LINE_BYTES = 64 << 20  # of one picture with all its objects


class Journal:
    """Single-threaded. SinkError, in one line that names the output, `shown`, if the disk is full or the folder is
    gone."""

    def __init__(self, folder: Path, shown: Path) -> None:
        self.path = folder / NAME
        self._shown = shown

    @property
    def fingerprint(self) -> dict[str, Any] | None:
        """The fingerprint of the run that wrote the journal, or None if it is missing or unreadable."""
        head = next(self._lines(), None)
        if head is None or head.get("format") != FORMAT:
            return None
        fingerprint = head.get("fingerprint")
        return fingerprint if isinstance(fingerprint, dict) else None

    def entries(self) -> Iterator[dict[str, Any]]:
        """The entries in order, read lazily because there may be many."""
        lines = self._lines()
        next(lines, None)
        yield from lines

    def begin(self, fingerprint: dict[str, Any], entries: Iterable[dict[str, Any]] = ()) -> None:
        """Replace the journal atomically. `entries` may be an iterator over the old one."""
        new = self.path.with_suffix(".new")
        with one_line(self._shown):
            with new.open("w", encoding="utf-8", newline="\n") as file:
                file.write(_line({"format": FORMAT, "fingerprint": fingerprint}))
                file.writelines(map(_line, entries))
            move_into_place(new, self.path, timeout_s=MAX_HELD_JOB_S)

    def add(self, entry: dict[str, Any]) -> None:
        """Append an entry; call this after writing the work that it describes."""
        with one_line(self._shown):
            open_file = partial(self.path.open, "a", encoding="utf-8", newline="\n")
            with when_free(open_file, self.path, timeout_s=MAX_HELD_JOB_S) as file:
                file.write(_line(entry))

    def _lines(self) -> Iterator[dict[str, Any]]:
        try:
            with open_regular(self.path) as file:
                while line := file.readline(MAX_LINE_BYTES):
                    values = json.loads(line)
                    if not isinstance(values, dict) or not line.endswith(b"\n"):
                        return
                    yield values
        except (OSError, ValueError, RecursionError):
            return


def _line(values: dict[str, Any]) -> str:
    return json.dumps(values) + "\n"
