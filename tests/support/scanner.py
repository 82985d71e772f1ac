"""The effect of a virus scanner on Windows: files that it has open can be neither replaced nor
deleted.

It opens them for real, as CreateFileW does without FILE_SHARE_DELETE, so Windows itself refuses:
MoveFileExW and DeleteFileW fail with ERROR_SHARING_VIOLATION (32) or ERROR_ACCESS_DENIED (5), which
CPython makes PermissionError.
"""

import builtins
import ctypes
import io
import itertools
import math
import os
from collections.abc import Callable, Iterator
from fnmatch import fnmatch
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from engine.system import atomic_file

GENERIC_READ = 0x80000000
SHARE_READ_AND_WRITE = 3
OPEN_EXISTING = 3
BACKUP_SEMANTICS = 0x02000000  # so that folders can be opened, too
INVALID = ctypes.c_void_p(-1).value


class Scanner:
    """Use it as `scanner = Scanner.installed(monkeypatch)`, on Windows. What it holds is open
    during each call of ours that replaces, deletes or opens the file. Waiting takes no time; it is
    added up in `waited_s`."""

    def __init__(self) -> None:
        self.refused: list[str] = []
        """Refused calls in order: the name of the call and of the file."""
        self.waited_s = 0.0
        self._times: dict[str, float] = {}
        self._share_modes: dict[str, int] = {}
        self._create = ctypes.WinDLL("kernel32").CreateFileW  # type: ignore[attr-defined,unused-ignore]
        self._create.restype = ctypes.c_void_p
        self._close = ctypes.WinDLL("kernel32").CloseHandle  # type: ignore[attr-defined,unused-ignore]

    @classmethod
    def installed(cls, monkeypatch: pytest.MonkeyPatch) -> "Scanner":
        scanner = cls()
        monkeypatch.setattr(atomic_file, "time", SimpleNamespace(sleep=scanner._sleep))
        for name in ("replace", "unlink", "rmdir"):
            monkeypatch.setattr(os, name, scanner._guarded(name, getattr(os, name)))
        opened = scanner._guarded("open", io.open)
        monkeypatch.setattr(io, "open", opened)
        monkeypatch.setattr(builtins, "open", opened)
        return scanner

    def hold(self, name: str, times: float = math.inf, *, from_opening: bool = False) -> None:
        """Hold files whose name matches during this many calls; `from_opening`: nobody else can
        open them either."""
        self._times[name] = times
        self._share_modes[name] = 0 if from_opening else SHARE_READ_AND_WRITE

    def _sleep(self, seconds: float) -> None:
        self.waited_s += seconds

    def _guarded(self, call: str, real: Callable[..., Any]) -> Callable[..., Any]:
        def guarded(*arguments: Any, **options: Any) -> Any:
            paths = [
                Path(path)
                for path in arguments[: 1 + (call == "replace")]
                if isinstance(path, str | os.PathLike)
            ]
            pattern, path, handle = next(self._open_files(call, paths), ("", Path(), 0))
            if not handle:
                return real(*arguments, **options)
            self._times[pattern] -= 1
            try:
                return real(*arguments, **options)
            except PermissionError:
                self.refused.append(f"{call} {path.name}")
                raise
            finally:
                self._close(ctypes.c_void_p(handle))

        return guarded

    def _open_files(self, call: str, paths: list[Path]) -> Iterator[tuple[str, Path, int]]:
        for (pattern, left), path in itertools.product(self._times.items(), paths):
            share_mode = self._share_modes[pattern]
            if left > 0 and fnmatch(path.name, pattern) and (call != "open" or share_mode == 0):
                access = ctypes.c_uint32(GENERIC_READ)
                handle = self._create(
                    str(path), access, share_mode, None, OPEN_EXISTING, BACKUP_SEMANTICS, None
                )
                if handle != INVALID:  # it is there
                    yield pattern, path, handle
