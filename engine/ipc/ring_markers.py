"""Keep this process's marker files in the temporary folder from being cleaned away.

Problem: macOS deletes what nobody has used for three days from $TMPDIR ("if they are not accessed in 3 days",
confstr(3), _CS_DARWIN_USER_TEMP_DIR) and from /tmp; Windows' Storage Sense cleans %TEMP%. A marker is written once and
never opened, so a show that runs for days would lose its rings' names. Solution: a thread touches the markers every ten
minutes, and makes again what is gone: a machine that slept may be cleaned before anything else runs.
"""

import os
import threading
from contextlib import suppress
from pathlib import Path

REFRESH_S = 600.0


class RingMarkers:
    """`keep` and `forget` on any thread; both return at once."""

    def __init__(self) -> None:
        self._begin()

    def keep(self, path: Path) -> None:
        """Touch this marker from now on."""
        if self._pid != os.getpid():  # forked: the parent's markers and its thread are not ours
            self._begin()
        with self._changed:
            self._paths.add(path)
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="ring markers", daemon=True)
                self._thread.start()
            self._changed.notify_all()

    def forget(self, path: Path) -> None:
        """Leave this marker to whoever removes it."""
        if self._pid == os.getpid():
            with self._changed:
                self._paths.discard(path)

    def _begin(self) -> None:
        self._pid = os.getpid()
        self._changed = threading.Condition()
        self._paths: set[Path] = set()
        self._thread: threading.Thread | None = None

    def _run(self) -> None:
        while True:
            with self._changed:
                self._changed.wait(REFRESH_S)
                paths = tuple(self._paths)
                if not paths:
                    self._thread = None
                    return
            for path in paths:
                with suppress(OSError):  # a marker is only a help to find a ring by its name
                    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
                    path.touch(mode=0o600)
                    if path not in self._paths:  # it was removed meanwhile
                        path.unlink(missing_ok=True)
