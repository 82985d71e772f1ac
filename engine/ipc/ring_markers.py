"""Keeps this process's marker files in the temporary folder from being deleted by the system.

Problem: macOS deletes files that were not used for three days from $TMPDIR ("if they are not accessed in 3 days",
confstr(3), _CS_DARWIN_USER_TEMP_DIR) and from /tmp; Windows' Storage Sense cleans %TEMP%. A marker is written once and
never opened, so a show that runs for days would lose its rings' names. Solution: a thread touches the markers every ten
minutes, and makes missing ones again, because a machine that wakes up may clean the folder before the thread runs.
"""

import os
import threading
from contextlib import suppress
from pathlib import Path

REFRESH_S = 600.0


class RingMarkers:
    """Markers to keep, and the thread that touches them. `keep` and `forget` never wait; call them on any thread."""

    _changed: threading.Condition
    _paths: set[Path]
    _thread: threading.Thread | None

    def __init__(self) -> None:
        self._begin()

    def keep(self, path: Path) -> None:
        """Touch this marker from now on."""
        if self._pid != os.getpid():  # forked: the parent's markers and thread are not ours
            self._begin()
        with self._changed:
            self._paths.add(path)
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="ring markers", daemon=True)
                self._thread.start()
            self._changed.notify_all()

    def forget(self, path: Path) -> None:
        """Stop touching this marker; its owner removes it."""
        if self._pid == os.getpid():
            with self._changed:
                self._paths.discard(path)

    def _begin(self) -> None:
        self._pid = os.getpid()
        self._changed = threading.Condition()
        self._paths = set()
        self._thread = None

    def _run(self) -> None:
        while True:
            with self._changed:
                self._changed.wait(REFRESH_S)
                paths = tuple(self._paths)
                if not paths:
                    self._thread = None
                    return
            for path in paths:
                with suppress(OSError):  # a marker only helps to find a ring by name
                    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
                    path.touch(mode=0o600)
                    if path not in self._paths:  # it was removed meanwhile
                        path.unlink(missing_ok=True)
