"""Saves the state of the show to disk every 5 s, for `--resume` after a crash."""

import logging
from collections.abc import Callable, Mapping
from pathlib import Path

from engine.errors import PresetError
from engine.params.preset_file import LoadedPreset, preset_text, read_preset
from engine.params.store import ParamStore
from engine.system.disk_store import DiskQueue, DiskStore
from engine.system.reporting import Report
from engine.system.stored_file import StoredFile
from osc_schema import Param, Value

FILE_NAME = ".autosave.toml"  # begins with a dot: no preset can have this name
PREVIOUS_NAME = ".autosave.previous.toml"
"""The last run's file, renamed to this when the present run saves for the first time."""
INTERVAL_S = 5.0

_log = logging.getLogger(__name__)


def is_resumed(param: Param) -> bool:
    return param.resumed


def log_report(key: str, message: str) -> None:
    _log.warning("%s", message)


class Autosave:
    """Saves changes of the parameters that `--resume` restores to a file, on the disk store's
    thread."""

    def __init__(
        self,
        folder: str | Path,
        store: ParamStore,
        *,
        report: Report = log_report,
        interval_s: float = INTERVAL_S,
        current: Callable[[], str] = str,
        input_names: Callable[[Mapping[str, Value]], Mapping[str, str]] = lambda values: {},
        disk: DiskStore | None = None,
    ) -> None:
        """`current()` returns the name of the current preset, or ""; `input_names(values)` the
        names of the shaders' inputs, by alias. `disk` None: use a new disk store."""
        self._current = current
        self._input_names = input_names
        self.path = Path(folder) / FILE_NAME
        self._file = StoredFile(self.path, "preset", PresetError, previous=PREVIOUS_NAME)
        self._store = store
        self._report = report
        self._interval_s = interval_s
        self._saved_state = (store.version, current())
        # A run without changes saves nothing, so `--resume` still works after a crash and one start
        # without it.
        self._file.text = self._current_text()
        self._disk = disk or DiskStore(report)
        self._queue: DiskQueue | None = None

    def load(self) -> LoadedPreset:
        """The values that the last run saved. Never raises: a missing or corrupt file gives no
        values, one problem."""
        self._file.text = None  # so that even the default values are saved
        if not self.path.exists():
            return _nothing(f"nothing to resume: no {self.path}")
        try:
            return read_preset(self.path, holds=is_resumed)
        except PresetError as error:
            return _nothing(f"nothing resumed: {error}")

    def start(self) -> None:
        """Start saving: after each interval in which something has changed."""
        self._queue = self._disk.open(
            "autosave",
            self.path.parent,
            poll=self.save_if_changed,
            poll_interval_s=self._interval_s,
            first_poll_s=self._interval_s,
        )

    def close(self) -> None:
        """Save the last changes; does nothing if `start` was not called. Idempotent. Waits 5 s at
        most: a disk that does not answer by then is reported."""
        queue = self._queue
        self._queue = None
        if queue is not None:
            queue.post(
                self.save_if_changed,
                lambda reason: self._report("autosave", f"{self.path}: {reason}"),
            )
            queue.close()

    def save_if_changed(self) -> None:
        """Write the file if its content has changed; a failure is reported, and the next call
        retries."""
        state = (self._store.version, self._current())
        if state == self._saved_state:
            return
        try:
            self._file.write(self._current_text())
        except PresetError as error:
            self._report("autosave", str(error))
        else:
            self._saved_state = state

    def _current_text(self) -> str:
        values = self._store.snapshot()
        return preset_text(
            "autosave",
            values,
            holds=is_resumed,
            inputs=self._input_names(values),
            current=self._current(),
        )


def _nothing(problem: str) -> LoadedPreset:
    return LoadedPreset(name="autosave", values=[], problems=[problem])
