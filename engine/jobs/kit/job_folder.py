"""A hidden, locked working folder for an output, with the journal of what is finished in it."""

import contextlib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import av

from engine.errors import SinkError
from engine.jobs.kit.fingerprint import Fingerprint
from engine.jobs.kit.journal import NAME, Journal
from engine.system.atomic_file import remove_file
from engine.system.work_folder import LOCK, WorkFolder

GO_ON = "what is whole is kept: go on with --resume"


def work_folder_of(output: Path) -> Path:
    return output.with_name(f".{output.name}.partial")


class JobFolder:
    """Held by one run at a time, across processes. SinkError, in one line, if another run holds it or it cannot be
    written."""

    def __init__(
        self, output: Path, fingerprint: Fingerprint, *, at: Path | None = None, can_go_on: bool = True
    ) -> None:
        """Keeps what an interrupted run left until `begin`. `at`: the folder, if it is not the
        one beside the output. `can_go_on`: False for a live source, whose pictures do not come again."""
        self.output = output
        self.fingerprint = fingerprint
        self._can_go_on = can_go_on
        self._place = WorkFolder(output, at=at or work_folder_of(output))
        self._journal = Journal(self._place.path, output)
        self._is_begun = False

    @property
    def path(self) -> Path:
        return self._place.path

    @property
    def kept_fingerprint(self) -> Fingerprint | None:
        """The fingerprint of the run that was interrupted, or None if there was none."""
        return self._journal.fingerprint

    def kept(self) -> Iterator[dict[str, Any]]:
        """The entries of what is finished, as they were given to `keep`."""
        return self._journal.entries()

    @property
    def has_kept(self) -> bool:
        return next(self.kept(), None) is not None

    def begin(self) -> None:
        """Empty the folder and begin a new journal; does nothing after `go_on` or the first call."""
        if not self._is_begun:
            self._place.empty()
            self._journal.begin(self.fingerprint)
            self._is_begun = True

    def go_on(self, kept: Iterable[dict[str, Any]]) -> None:
        """Go on with those entries of the interrupted run whose work is still intact."""
        with self.one_line():
            self._journal.begin(self.fingerprint, kept)
        self._is_begun = True

    def keep(self, entry: dict[str, Any]) -> None:
        """Append to the journal; call it after the work it describes was written."""
        self._journal.add(entry)

    def remove_all_but(self, names: Iterable[str]) -> None:
        """Remove all files but these."""
        kept = {LOCK, NAME, *names}
        with self.one_line():
            for path in self.path.iterdir():
                if path.name not in kept:
                    remove_file(path)

    def close(self, *, is_wanted: bool = False) -> None:
        """Release the folder. It stays if there is something to go on with, if this run has not touched what an earlier
        one left, or if it `is_wanted` as a sign that a run was here."""
        is_wanted = is_wanted or self.has_kept
        if is_wanted and (self._can_go_on or not self._is_begun):
            self._place.close()
        else:
            self._place.remove()

    def leave(self) -> None:
        """Release the folder with all that is in it, also of a live source."""
        self._place.close()

    def remove(self) -> None:
        """Remove the folder: there is nothing left to do."""
        self._place.remove()

    @contextlib.contextmanager
    def one_line(self) -> Iterator[None]:
        """Turn every write error into a SinkError that says how to go on."""
        try:
            yield
        except (av.FFmpegError, OSError, SinkError) as error:
            text = str(error)
            if not isinstance(error, SinkError):
                text = f"{self.output}: cannot be written ({error.strerror or error})"
            raise SinkError(f"{text}; {GO_ON}" if self._can_go_on and "--resume" not in text else text) from error
