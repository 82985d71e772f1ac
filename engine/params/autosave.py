"""The state of the show on disk, at most 5 s old, for `--resume` after a crash."""

import logging
import threading
from collections.abc import Callable
from pathlib import Path

from engine.errors import PresetError
from engine.params.preset_file import LoadedPreset, preset_text, read_preset
from engine.params.store import ParamStore
from engine.system.atomic_file import replace_file, write_atomic
from osc_schema import Param

FILE_NAME = ".autosave.toml"  # begins with a dot: no preset can have this name
PREVIOUS_NAME = ".autosave.previous.toml"
"""The last run's file, put aside when this one saves for the first time."""
INTERVAL_S = 5.0
MAX_S = 5.0  # that the end waits for the disk

_log = logging.getLogger(__name__)


def is_resumed(param: Param) -> bool:
    return param.resumed


def log_report(key: str, message: str) -> None:
    _log.warning("%s", message)


class Autosave:
    """Keeps the store's resumed parameters in a file, written by a thread of its own when they change."""

    def __init__(
        self,
        folder: str | Path,
        store: ParamStore,
        *,
        report: Callable[[str, str], None] = log_report,
        interval_s: float = INTERVAL_S,
        current: Callable[[], str] = str,
    ) -> None:
        """`current()`: the name of the preset that is on, "" where none is."""
        self._current = current
        self.path = Path(folder) / FILE_NAME
        self._store = store
        self._report = report
        self._interval_s = interval_s
        self._saved_state = (store.version, current())
        # A run in which nothing is touched saves nothing: after a crash and a hasty start, `--resume` still helps.
        self._saved_text = self._text_of_now()
        self._keeps_previous = True
        self._is_closing = threading.Event()
        self._thread: threading.Thread | None = None

    def load(self) -> LoadedPreset:
        """What the last run left. Never raises: a missing or corrupt file gives no values and one problem."""
        self._saved_text = ""  # from here on even the defaults are news
        if not self.path.exists():
            return _nothing(f"nothing to resume: no {self.path}")
        try:
            return read_preset(self.path, holds=is_resumed)
        except PresetError as error:
            return _nothing(f"nothing resumed: {error}")

    def start(self) -> None:
        """Save from now on, every interval in which something has changed."""
        self._thread = threading.Thread(target=self._run, name="autosave", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Save what has changed since the last time and end the thread; nothing, if it was never started.

        A disk that does not answer within 5 s is reported and left.
        """
        if self._thread is None:
            return
        self._is_closing.set()
        self._thread.join(MAX_S)
        if self._thread.is_alive():
            self._report("autosave", f"{self.path}: the disk has not answered for {MAX_S:g} s")
        self._thread = None

    def save_if_changed(self) -> None:
        """Write the file if its content has changed; a failure is reported, and tried again the next time."""
        state = (self._store.version, self._current())
        if state == self._saved_state:
            return
        text = self._text_of_now()
        try:
            if text != self._saved_text:  # else only something changed that is not resumed
                if self._keeps_previous and self.path.exists():
                    replace_file(self.path, self.path.with_name(PREVIOUS_NAME))
                write_atomic(self.path, text)
                self._keeps_previous = False
        except OSError as error:
            self._report("autosave", f"{self.path}: cannot be written ({error.strerror or error})")
            return
        self._saved_text = text
        self._saved_state = state

    def _text_of_now(self) -> str:
        return preset_text("autosave", self._store.snapshot(), holds=is_resumed, current=self._current())

    def _run(self) -> None:
        while not self._is_closing.wait(self._interval_s):
            self.save_if_changed()
        self.save_if_changed()


def _nothing(problem: str) -> LoadedPreset:
    return LoadedPreset(name="autosave", values=[], problems=[problem])
