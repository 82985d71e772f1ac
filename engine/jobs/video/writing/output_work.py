"""The hidden folder in which an output is made, held by one run, with a journal of what is whole."""

import contextlib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import av

from engine.errors import SinkError
from engine.jobs.video.writing.journal import NAME, Journal
from engine.system.atomic_file import remove_file
from engine.system.work_folder import LOCK, WorkFolder

GO_ON = "what is whole is kept: go on with --resume"


class OutputWork:
    """SinkError, in one line, where another run holds it or it cannot be written."""

    def __init__(self, output: Path, key: dict[str, Any], *, is_live: bool) -> None:
        """What an interrupted run has left stays until `begin`. `key` tells whose work it is; what is live cannot be
        gone on with."""
        self.output = output
        self.key = key
        self._is_live = is_live
        self._place = WorkFolder(output)
        self._journal = Journal(self._place.path, output)
        self._is_begun = False

    @property
    def folder(self) -> Path:
        return self._place.path

    @property
    def kept_key(self) -> dict[str, Any] | None:
        """Of the run that was interrupted; None where there was none."""
        return self._journal.key

    def kept(self) -> Iterator[dict[str, Any]]:
        """What is whole, as it was told to `keep`."""
        return self._journal.entries()

    def begin(self) -> None:
        """At the first call, with nothing; not where it was gone on with."""
        if not self._is_begun:
            self._place.empty()
            self._journal.begin(self.key)
            self._is_begun = True

    def go_on(self, kept: Iterable[dict[str, Any]]) -> None:
        """With what of it is still as it was."""
        with self.one_line():
            self._journal.begin(self.key, kept)
        self._is_begun = True

    def keep(self, entry: dict[str, Any]) -> None:
        self._journal.add(entry)

    def remove_all_but(self, names: Iterable[str]) -> None:
        """Of files."""
        kept = {LOCK, NAME, *names}
        with self.one_line():
            for path in self.folder.iterdir():
                if path.name not in kept:
                    remove_file(path)

    def close(self, *, is_wanted: bool = False) -> None:
        """Held no longer. What is whole stays to be gone on from, and where it `is_wanted`, that a run was here; what
        an earlier run has left and this one has not touched stays too."""
        is_wanted = is_wanted or next(self.kept(), None) is not None
        if is_wanted and not (self._is_begun and self._is_live):
            self._place.close()
        else:
            self._place.remove()

    def leave(self) -> None:
        """Held no longer, and all that is in it stays, of what is live too."""
        self._place.close()

    def remove(self) -> None:
        """There is nothing more to do."""
        self._place.remove()

    @contextlib.contextmanager
    def one_line(self) -> Iterator[None]:
        """All that fails, as SinkError that says how to go on."""
        try:
            yield
        except (av.FFmpegError, OSError, SinkError) as error:
            is_told = isinstance(error, SinkError)
            text = str(error) if is_told else f"{self.output}: cannot be written ({error.strerror or error})"
            raise SinkError(text if self._is_live or "--resume" in text else f"{text}; {GO_ON}") from error
