"""The state of the show on disk, at most 5 s old, for `--resume` after a crash."""

import logging
import threading
from collections.abc import Callable
from pathlib import Path

from engine.errors import PresetError
from engine.params.atomic_file import write_atomic
from engine.params.preset_file import LoadedPreset, preset_text, read_preset
from engine.params.store import ParamStore
from osc_schema import Param

FILE_NAME = ".autosave.toml"  # begins with a dot: no preset can have this name
INTERVAL_S = 5.0

_log = logging.getLogger(__name__)


def is_resumed(param: Param) -> bool:
    return param.resumed


def log_report(key: str, message: str) -> None:
    _log.warning("%s", message)


class Autosave:
    """Writes the store's resumed parameters to `folder` on a thread of its own, when they have changed."""

    def __init__(
        self, folder: str | Path, store: ParamStore, *, report: Callable[[str, str], None] = log_report
    ) -> None:
        self.path = Path(folder) / FILE_NAME
        self._store = store
        self._report = report
        self._next_s: float | None = None
        self._saved_version = store.version
        self._saved_text = ""
        self._is_due = threading.Event()
        self._is_closing = False
        self._thread: threading.Thread | None = None

    def load(self) -> LoadedPreset:
        """What the last run left. Never raises: a missing or corrupt file gives no values and one problem."""
        if not self.path.exists():
            return LoadedPreset(name="autosave", values=[], problems=[f"nothing to resume: no {self.path}"])
        try:
            return read_preset(self.path, holds=is_resumed)
        except PresetError as error:
            return LoadedPreset(name="autosave", values=[], problems=[f"nothing resumed: {error}"])

    def tick(self, now_s: float) -> None:
        """Once a frame: every 5 s, if anything has changed, the writer is woken. Never waits."""
        if self._next_s is None:
            self._next_s = now_s + INTERVAL_S
        if now_s < self._next_s:
            return
        self._next_s = now_s + INTERVAL_S
        if self._store.version == self._saved_version:
            return
        if self._thread is None:
            self._thread = threading.Thread(target=self._write_when_due, name="autosave", daemon=True)
            self._thread.start()
        self._is_due.set()

    def close(self) -> None:
        """Write what has changed since, and end the thread."""
        if self._thread is not None:
            self._is_closing = True
            self._is_due.set()
            self._thread.join()
            self._thread = None
        if self._store.version != self._saved_version:
            self._save()

    def _write_when_due(self) -> None:
        while True:
            self._is_due.wait()
            if self._is_closing:
                return
            self._is_due.clear()
            self._save()

    def _save(self) -> None:
        snapshot = self._store.snapshot()
        text = preset_text("autosave", snapshot, holds=is_resumed)
        try:
            if text != self._saved_text:  # else only something changed that is not resumed
                write_atomic(self.path, text)
        except OSError as error:
            self._report("autosave", f"{self.path}: cannot be written ({error.strerror or error})")
            return
        self._saved_text = text
        self._saved_version = snapshot.version
