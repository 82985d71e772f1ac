"""What is known of an output in work, so that it can go on where it was interrupted, even by a kill.

Lines of JSON: whose work it is, then what was done, each when it was done. A line at the end that a kill or a full disk
has torn tells of nothing. That a line has reached the disk is not waited for: what a power cut takes of the journal is
done again, and what it takes of the work is found by its SHA-256.
"""

import json
from collections.abc import Iterable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

from engine.sinks.whole_file import one_line
from engine.system.atomic_file import MAX_HELD_JOB_S, move_into_place, when_free

NAME = "journal.jsonl"
FORM = 2  # of what is kept; another one is not read


class Journal:
    """SinkError, in one line, where the disk is full or the folder gone; it names `shown`, the output."""

    def __init__(self, folder: Path, shown: Path) -> None:
        self._path = folder / NAME
        self._shown = shown

    @property
    def key(self) -> dict[str, Any] | None:
        """Whose work is told of; None where nothing is that can be read."""
        head = next(self._lines(), None)
        return head.get("key") if head is not None and head.get("form") == FORM else None

    def entries(self) -> Iterator[dict[str, Any]]:
        """What was done, in order; one at a time, for there may be many."""
        lines = self._lines()
        next(lines, None)
        yield from lines

    def begin(self, key: dict[str, Any], entries: Iterable[dict[str, Any]] = ()) -> None:
        """In the place of what was there; `entries` may come from it."""
        new = self._path.with_suffix(".new")
        with one_line(self._shown):
            with new.open("w", encoding="utf-8", newline="\n") as file:
                file.write(_line({"form": FORM, "key": key}))
                file.writelines(map(_line, entries))
            move_into_place(new, self._path, patience_s=MAX_HELD_JOB_S)

    def add(self, entry: dict[str, Any]) -> None:
        """Behind what it tells of: that is whole already."""
        with one_line(self._shown):
            open_file = partial(self._path.open, "a", encoding="utf-8", newline="\n")
            with when_free(open_file, self._path, patience_s=MAX_HELD_JOB_S) as file:
                file.write(_line(entry))

    def _lines(self) -> Iterator[dict[str, Any]]:
        try:
            with when_free(lambda: self._path.open(encoding="utf-8"), self._path) as file:
                for line in file:
                    values = json.loads(line)
                    if not isinstance(values, dict):
                        return
                    yield values
        except (OSError, ValueError, RecursionError):
            return


def _line(values: dict[str, Any]) -> str:
    return json.dumps(values) + "\n"
