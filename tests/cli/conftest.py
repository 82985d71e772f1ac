"""Runs `multiverse` commands in this process, so that torch and the like are imported only once."""

import importlib
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from types import ModuleType
from typing import NamedTuple

import pytest
import typer

from engine.cli.main import main


class CliResult(NamedTuple):
    code: int
    out: str
    err: str


Cli = Callable[..., CliResult]


@pytest.fixture
def cli(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Cli:
    """`cli("sd", "in.png", ...)` runs a command and returns its exit code and output. One test per command runs it as a
    process; tests of signals do so too."""

    def start(*arguments: object, commands: typer.Typer | None = None) -> CliResult:
        monkeypatch.setattr(sys, "argv", ["multiverse", *map(str, arguments)])
        numbers = [
            getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP", "SIGBREAK") if hasattr(signal, name)
        ]
        handlers = {number: signal.getsignal(number) for number in numbers}
        signal.signal(signal.SIGINT, signal.default_int_handler)  # as in a process of its own, whatever ran before
        try:
            with pytest.raises(SystemExit) as ended:
                main(commands)
        finally:
            for number, handler in handlers.items():
                if signal.getsignal(number) is not handler:
                    signal.signal(number, handler if handler is not None else signal.SIG_DFL)  # None: not Python's
        return CliResult(int(ended.value.code or 0), *capsys.readouterr())

    return start


class _CtrlC:
    """An import finder that finds nothing but raises a signal when the module is imported."""

    def __init__(self, module: str, number: int) -> None:
        self._module, self._number = module, number

    def find_spec(self, name: str, path: object = None, target: ModuleType | None = None) -> None:
        if name == self._module:
            sys.meta_path.remove(self)
            signal.raise_signal(self._number)


@pytest.fixture
def ctrl_c_at(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """`ctrl_c_at("engine.jobs.video.fused")`: raise SIGINT when a command of this test imports that module, which is
    removed from `sys.modules` first."""

    def prepare(module: str, number: int = signal.SIGINT) -> None:
        known = importlib.import_module(module)
        package, _, name = module.rpartition(".")
        monkeypatch.delitem(sys.modules, module)
        monkeypatch.setattr(sys.modules[package], name, known)  # undoes the test's own import afterwards
        monkeypatch.setattr(sys, "meta_path", [_CtrlC(module, number), *sys.meta_path])

    return prepare


@pytest.fixture
def ctrl_c_when() -> Callable[..., AbstractContextManager[None]]:
    """`with ctrl_c_when(condition):` raises SIGINT as soon as the condition holds, within the block."""

    @contextmanager
    def pressing(condition: Callable[[], object]) -> Iterator[None]:
        ended = threading.Event()

        def press() -> None:
            while not ended.wait(0.005):
                if condition():
                    if sys.platform == "win32":  # which has no signals to a process
                        signal.raise_signal(signal.SIGINT)
                    else:  # wakes the main thread
                        os.kill(os.getpid(), signal.SIGINT)
                    return

        thread = threading.Thread(target=press)
        thread.start()
        try:
            yield
        finally:
            ended.set()
            thread.join()

    return pressing
