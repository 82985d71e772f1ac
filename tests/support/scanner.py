"""The effect of a virus scanner on Windows: files that it is reading can be neither replaced nor deleted.

CPython raises PermissionError there: MoveFileExW and DeleteFileW fail with WinError 5 (ERROR_ACCESS_DENIED) or 32
(ERROR_SHARING_VIOLATION), and PC/errmap.h maps both to EACCES (python/cpython).
"""

import builtins
import errno
import io
import math
import os
import time
from collections.abc import Callable
from fnmatch import fnmatch
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from engine.system import atomic_file


class Scanner:
    """Use it as `scanner = Scanner.installed(monkeypatch)`; `atomic_file` then behaves as on Windows. Waiting takes no
    real time; it is added up in `waited_s`."""

    def __init__(self) -> None:
        self.refused: list[str] = []
        """Refused calls in order: the name of the call and of the file."""
        self.waited_s = 0.0
        self._pressed: dict[str, float] = {}
        self._opens: set[str] = set()

    @classmethod
    def installed(cls, monkeypatch: pytest.MonkeyPatch) -> "Scanner":
        scanner = cls()
        monkeypatch.setattr(atomic_file, "sys", SimpleNamespace(platform="win32"))
        monkeypatch.setattr(atomic_file, "time", SimpleNamespace(sleep=scanner._sleep))
        for name in ("replace", "unlink", "rmdir"):
            monkeypatch.setattr(os, name, scanner._guarded(name, getattr(os, name)))
        opened = scanner._guarded("open", io.open)
        monkeypatch.setattr(io, "open", opened)
        monkeypatch.setattr(builtins, "open", opened)
        return scanner

    def hold(self, name: str, times: float = math.inf, *, from_opening: bool = False) -> None:
        """Refuse this many calls on files whose name matches; `from_opening`: also refuse to open them."""
        self._pressed[name] = times
        if from_opening:
            self._opens.add(name)

    def _sleep(self, seconds: float) -> None:
        self.waited_s += seconds
        time.sleep(0)

    def _guarded(self, call: str, real: Callable[..., Any]) -> Callable[..., Any]:
        def guarded(*arguments: Any, **options: Any) -> Any:
            paths = arguments[:2] if call == "replace" else arguments[:1]
            for path in paths:
                if isinstance(path, str | os.PathLike):
                    self._refuse(call, Path(path))
            return real(*arguments, **options)

        return guarded

    def _refuse(self, call: str, path: Path) -> None:
        for name, left in self._pressed.items():
            is_affected = call != "open" or (name in self._opens and path.exists())
            if left > 0 and is_affected and fnmatch(path.name, name):
                self._pressed[name] = left - 1
                self.refused.append(f"{call} {path.name}")
                raise PermissionError(errno.EACCES, "The process cannot access the file", str(path))
