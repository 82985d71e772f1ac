"""A hidden, locked working folder for an output, with a journal of the finished work, so that an
interrupted run can be resumed, even after kill -9.

The journal is lines of JSON, appended: a head with the run's fingerprint, then one entry per
finished item, written after the item itself. A truncated last line is ignored, and removed when the
run is resumed. Nothing calls fsync: after a power cut the newest entries may be lost, or files
damaged, so entries carry a checksum of them.
"""

import contextlib
import json
import logging
from collections.abc import Iterable, Iterator, Mapping
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any

import av.error
import msgspec

from engine.errors import SinkError
from engine.jobs.kit.fingerprint import Fingerprint
from engine.system.atomic_file import MAX_JOB_WAIT_S, move_into_place, remove_file, when_free
from engine.system.small_file import open_regular
from engine.system.work_folder import LOCK, WorkFolder, hidden_beside, one_line

NAME = "journal.jsonl"
FORMAT = 3  # version of the file format; other versions are not read
MAX_LINE_BYTES = 64 << 20  # of one picture with all its objects
Shape = Mapping[str, Any]
"""The keys of an entry, and the types of their values, as msgspec takes them."""
log = logging.getLogger(__name__)
RESUME_HINT = "finished work is kept: continue with --resume"


def work_folder_of(output: Path) -> Path:
    return hidden_beside(output, ".partial")


class JobFolder:
    """The working folder of an output, locked by one run at a time, across processes.
    Single-threaded. SinkError, in one line that names the output, if another run has it or it
    cannot be written."""

    def __init__(
        self,
        output: Path,
        fingerprint: Fingerprint,
        *,
        shapes: tuple[Shape, ...],
        at: Path | None = None,
        can_resume: bool = True,
    ) -> None:
        """Keeps the files of an interrupted run until `begin`. `shapes`: of its journal entries.
        `at`: the folder, unless beside the output. `can_resume`: False for a live source, which
        cannot be read again."""
        self._shapes = shapes
        self._is_logged = False
        self.output = output
        self.fingerprint = fingerprint
        self._can_resume = can_resume
        self._folder = WorkFolder(output, at=at or work_folder_of(output))
        self.path = self._folder.path
        self._journal = self.path / NAME
        self._is_begun = False
        self.dtype = ""
        """The data type in which the model computes. `resume` sets that of the interrupted run, so
        that the rest is computed in the same one; otherwise whoever loads the model sets it, before
        the first result."""

    @property
    def stored_fingerprint(self) -> Fingerprint | None:
        """The fingerprint of the run that was interrupted, or None if there was none or its journal
        is unreadable."""
        head = next(self._lines(), {})
        fingerprint = head.get("fingerprint")
        return (
            fingerprint if head.get("format") == FORMAT and isinstance(fingerprint, dict) else None
        )

    def entries(self) -> Iterator[dict[str, Any]]:
        """The journal entries of the finished work, as passed to `append`; read lazily because
        there may be many. They end before the first that has another shape, which is told once."""
        for number, entry in enumerate(islice(self._lines(), 1, None), start=2):
            if not any(_has_shape(entry, shape) for shape in self._shapes):
                if not self._is_logged:
                    self._is_logged = True
                    what = "is no entry of this job; the work from there on is done again"
                    log.warning("%s: line %d %s", self._journal, number, what)
                return
            yield entry

    @property
    def has_entries(self) -> bool:
        return next(self.entries(), None) is not None

    def begin(self) -> None:
        """Empty the folder and begin a new journal; does nothing after `resume` or the first
        call."""
        if not self._is_begun:
            self._folder.empty()
            self._replace_journal(())

    def resume(self, entries: Iterable[dict[str, Any]]) -> None:
        """Resume the interrupted run with its intact `entries`, which may be an iterator over the
        old journal."""
        self.dtype = str(next(self._lines(), {}).get("dtype", ""))
        with self.one_line():
            self._replace_journal(entries)

    def append(self, entry: dict[str, Any]) -> None:
        """Append to the journal; call this after writing the work that `entry` describes."""
        with one_line(self.output):
            open_file = partial(self._journal.open, "a", encoding="utf-8", newline="\n")
            with when_free(open_file, self._journal, timeout_s=MAX_JOB_WAIT_S) as file:
                file.write(_line(entry))

    def remove_all_but(self, names: Iterable[str]) -> None:
        """Remove all files but these."""
        retained = {LOCK, NAME, *names}
        with self.one_line():
            for path in self.path.iterdir():
                if path.name not in retained:
                    remove_file(path)

    def close(self, *, keeps_files: bool = False) -> None:
        """Unlock the job's folder. Delete it unless there is something to resume, or this run has
        not touched what an earlier one left. `keeps_files`: keep it in any case, as a sign of the
        interrupted run."""
        keeps_files = keeps_files or self.has_entries
        if keeps_files and (self._can_resume or not self._is_begun):
            self._folder.close()
        else:
            self._folder.remove()

    def leave(self) -> None:
        """Unlock the folder and keep all its files, even for a live source."""
        self._folder.close()

    def remove(self) -> None:
        """Delete the folder after the output is complete."""
        self._folder.remove()

    def _replace_journal(self, entries: Iterable[dict[str, Any]]) -> None:
        new = self._journal.with_suffix(".new")
        with one_line(self.output):
            with new.open("w", encoding="utf-8", newline="\n") as file:
                file.write(
                    _line({"format": FORMAT, "fingerprint": self.fingerprint, "dtype": self.dtype})
                )
                file.writelines(map(_line, entries))
            move_into_place(new, self._journal, timeout_s=MAX_JOB_WAIT_S)
        self._is_begun = True

    def _lines(self) -> Iterator[dict[str, Any]]:
        try:
            with open_regular(self._journal) as file:
                while line := file.readline(MAX_LINE_BYTES):
                    values = json.loads(line)
                    if not isinstance(values, dict) or not line.endswith(b"\n"):
                        return
                    yield values
        except (OSError, ValueError, RecursionError):
            return

    @contextlib.contextmanager
    def one_line(self) -> Iterator[None]:
        """Turn every write error into a SinkError that says how to resume."""
        try:
            yield
        except (av.error.FFmpegError, OSError, SinkError) as error:
            text = str(error)
            if not isinstance(error, SinkError):
                text = f"{self.output}: cannot be written ({error.strerror or error})"
            hint = f"; {RESUME_HINT}" if self._can_resume and "--resume" not in text else ""
            raise SinkError(f"{text}{hint}") from error


def _has_shape(entry: dict[str, Any], shape: Shape) -> bool:
    try:
        for key, kind in shape.items():
            msgspec.convert(entry[key], kind)
    except (KeyError, msgspec.ValidationError):
        return False
    return entry.keys() == shape.keys()


def _line(values: dict[str, Any]) -> str:
    return json.dumps(values) + "\n"
