"""Runs `multiverse` commands in this process, so that torch and the like are imported only once."""

import importlib
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
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
CEILING_S = 120.0
_IS_RUNNING = threading.Event()
"""Set while a command of `cli` runs."""


@pytest.fixture
def cli(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Cli:
    """`cli("sd", "in.png", ...)` runs a command and returns its exit code and output. One test per
    command runs it as a process; tests of signals do so too."""

    def start(*arguments: object, commands: typer.Typer | None = None) -> CliResult:
        monkeypatch.setattr(sys, "argv", ["multiverse", *map(str, arguments)])
        numbers = [
            getattr(signal, name)
            for name in ("SIGINT", "SIGTERM", "SIGHUP", "SIGBREAK")
            if hasattr(signal, name)
        ]
        handlers = {number: signal.getsignal(number) for number in numbers}
        # as in a process of its own, whatever ran before
        signal.signal(signal.SIGINT, signal.default_int_handler)
        _IS_RUNNING.set()
        try:
            with pytest.raises(SystemExit) as ended:
                main(commands)
        finally:
            _IS_RUNNING.clear()
            for number, handler in handlers.items():
                if signal.getsignal(number) is not handler:
                    # None: not Python's
                    signal.signal(number, handler if handler is not None else signal.SIG_DFL)
        return CliResult(int(ended.value.code or 0), *capsys.readouterr())

    return start


def press(number: int = signal.SIGINT) -> None:
    """Press Ctrl-C for the command that runs in this process. Without one it does nothing: it would
    end the tests."""
    if not _IS_RUNNING.is_set():
        return
    if sys.platform == "win32":  # which has no signals to a process
        signal.raise_signal(number)
    else:  # wakes the main thread
        os.kill(os.getpid(), number)


class _CtrlC:
    """An import finder that finds nothing but raises a signal when the module is imported."""

    def __init__(self, module: str, number: int) -> None:
        self._module, self._number = module, number

    def find_spec(self, name: str, path: object = None, target: ModuleType | None = None) -> None:
        if name == self._module:
            sys.meta_path.remove(self)
            press(self._number)


@pytest.fixture
def ctrl_c_at(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """`ctrl_c_at("engine.jobs.video.fused")`: raise SIGINT when a command of this test imports that
    module, which is removed from `sys.modules` first."""

    def prepare(module: str, number: int = signal.SIGINT) -> None:
        known = importlib.import_module(module)
        package, _, name = module.rpartition(".")
        monkeypatch.delitem(sys.modules, module)
        # undoes the test's own import afterwards
        monkeypatch.setattr(sys.modules[package], name, known)
        monkeypatch.setattr(sys, "meta_path", [_CtrlC(module, number), *sys.meta_path])

    return prepare


@pytest.fixture
def ctrl_c_when() -> Callable[..., AbstractContextManager[None]]:
    """`with ctrl_c_when(condition):` raises SIGINT as soon as the condition holds, within the
    block."""

    @contextmanager
    def pressing(condition: Callable[[], object]) -> Iterator[None]:
        ended = threading.Event()

        def watch() -> None:
            end_s = time.monotonic() + CEILING_S
            try:
                while not ended.wait(0.005) and not condition():
                    if time.monotonic() > end_s:
                        pytest.fail(f"waited {CEILING_S:.0f} s to press Ctrl-C")
            finally:  # also then: the command may run for an hour
                press()

        # for one that comes after the command's end
        before = signal.signal(signal.SIGINT, lambda number, frame: None)
        thread = threading.Thread(target=watch)
        thread.start()
        try:
            yield
        finally:
            ended.set()
            thread.join()
            signal.signal(signal.SIGINT, before)

    return pressing


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The user's data folder and the working folder for the commands of a test."""
    monkeypatch.setenv("MULTIVERSE_HOME", str(tmp_path / "home"))
    return tmp_path
