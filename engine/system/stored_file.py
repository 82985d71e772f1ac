"""A TOML file that the engine writes and people edit: a preset, banks, cues, a map, the
autosave."""

from pathlib import Path
from typing import Any

from engine.errors import MultiverseError
from engine.system.atomic_file import replace_file, write_atomic
from engine.system.small_file import read_toml
from engine.system.translate_errors import refused


class StoredFile:
    """Reads and writes one TOML file of the engine. It waits for the disk, and raises `error`. One
    thread at a time."""

    def __init__(
        self, path: Path, what: str, error: type[MultiverseError], *, previous: str = ""
    ) -> None:
        """`what`: the kind of file, for the message. `previous`: the name to which the first
        `write` renames the existing file, if it could not be read completely, or is the last run's;
        "": it is replaced."""
        self.path = path
        self.text: str | bytes | None = None
        """Its content, if this object has written it."""
        self._what = what
        self._error = error
        self._previous = previous
        self._written: tuple[int, int] | None = None  # the state of the file after the last `write`

    def read(self) -> dict[str, Any] | None:
        """The file's table; None if there is no such file."""
        try:
            return read_toml(self.path)
        except FileNotFoundError:
            return None
        except OSError as reason:
            raise self._error(
                f"{self.path}: cannot be read as a {self._what} ({reason.strerror or reason})"
            ) from None
        except ValueError as reason:
            raise self._error(
                f"{self.path}: is not valid TOML ({' '.join(str(reason).split())})"
            ) from None

    def read_list(self, key: str) -> tuple[list[Any] | None, list[str]]:
        """The list that its table has under this key only, and a line for each problem. Never
        raises; no file: None."""
        try:
            table = self.read()
        except MultiverseError as reason:
            return [], [str(reason)]
        if table is None:
            return None, []
        unknown = f"unknown key of a {self._what} (known: {key})"
        problems = [f"{self.path}: {other!r}: {unknown}" for other in table if other != key]
        entries = table.get(key, [])
        if isinstance(entries, list):
            return entries, problems
        return [], [*problems, f"{self.path}: {key} is not a list of {key}s"]

    def write(self, text: str | bytes) -> None:
        """Replace its content as a whole. Does nothing if the last `write` had this text and nobody
        has touched the file since: several changes are written once."""
        if text == self.text and self._written in (None, self._state()):
            return
        if self._previous and self.path.exists():
            with refused(f"{self.path}: cannot be renamed", self._error):
                replace_file(self.path, self.path.with_name(self._previous))
        self._previous = ""
        with refused(f"{self.path}: cannot be written", self._error):
            write_atomic(self.path, text)
        self.text = text
        self._written = self._state()

    def _state(self) -> tuple[int, int]:
        try:
            found = self.path.stat()
        except OSError:
            return 0, 0
        return found.st_mtime_ns, found.st_size
