"""Fake DLLs of Windows for other systems, which record every call and return set answers; and
reserved ports."""

import ctypes
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest


@dataclass
class FakeWindows:
    """Use it as `windows = FakeWindows.installed(monkeypatch)`; then `engine.system.win32` calls
    this."""

    calls: list[tuple[Any, ...]] = field(default_factory=list)
    """(function, *arguments) in order; a handle as its number, a `byref` as the object it points
    to."""
    answers: dict[str, Any] = field(default_factory=dict)
    """Return value of each function: a value, or a callable that gets the arguments. Default: 0."""
    last_error: int = 0

    @classmethod
    def installed(cls, monkeypatch: pytest.MonkeyPatch) -> "FakeWindows":
        fake = cls()
        monkeypatch.setattr(
            ctypes, "WinDLL", lambda name, use_last_error=False: _Dll(fake), raising=False
        )
        monkeypatch.setattr(ctypes, "WINFUNCTYPE", ctypes.CFUNCTYPE, raising=False)
        monkeypatch.setattr(ctypes, "get_last_error", lambda: fake.last_error, raising=False)
        monkeypatch.setattr(ctypes, "FormatError", lambda code: f"error {code}", raising=False)
        return fake

    def console(self) -> Callable[[int], int]:
        """Give the process a console. Returns `press(event)`: what the handler returns that was
        added last. Under a lock that is needed to add and to remove one too, as in Windows
        (CtrlRoutine and SetConsoleCtrlHandler in Wine's dlls/kernelbase/console.c; libuv/libuv
        #1168)."""
        lock = threading.Lock()

        def set_handler(*_: Any) -> int:
            with lock:
                return 1

        def press(event: int) -> int:
            with lock:
                return [
                    handler
                    for handler, is_added in self.called("SetConsoleCtrlHandler")
                    if is_added
                ][-1](event)

        self.answers["SetConsoleCtrlHandler"] = set_handler
        return press

    def called(self, function: str) -> list[list[Any]]:
        return [arguments for name, *arguments in self.calls if name == function]


class _Dll:
    def __init__(self, fake: FakeWindows) -> None:
        self._fake = fake

    def __getattr__(self, name: str) -> "_Function":
        return _Function(self._fake, name)


class _Function:
    """Refuses what ctypes would have cut: a call without declared types, or with another number of
    arguments."""

    restype: Any = "undeclared"
    argtypes: list[Any] | None = None

    def __init__(self, fake: FakeWindows, name: str) -> None:
        self._fake, self._name = fake, name

    def __call__(self, *arguments: Any) -> Any:
        assert self.restype != "undeclared" and self.argtypes is not None, (
            f"{self._name}: its types are not declared"
        )
        assert len(arguments) == len(self.argtypes), (
            f"{self._name} takes {len(self.argtypes)} arguments"
        )
        plain = tuple(_plain(argument) for argument in arguments)
        self._fake.calls.append((self._name, *plain))
        answer = self._fake.answers.get(self._name, 0)
        return answer(*plain) if callable(answer) else answer


def _plain(argument: Any) -> Any:
    if hasattr(argument, "_obj"):  # byref
        return argument._obj
    return argument.value if isinstance(argument, ctypes._SimpleCData) else argument
