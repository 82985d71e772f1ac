"""Commands of `multiverse` in this process: torch and the like are imported once, not again for each."""

import signal
import sys
from collections.abc import Callable
from typing import NamedTuple

import pytest

from engine.cli.main import main


class Said(NamedTuple):
    code: int
    out: str
    err: str


@pytest.fixture
def say(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Callable[..., Said]:
    """`say("sd", "in.png", ...)`: what the command answers. That it runs as a process of its own is for one test of
    each command to show, and signals are for those that have a process."""

    def start(*arguments: object) -> Said:
        monkeypatch.setattr(sys, "argv", ["multiverse", *map(str, arguments)])
        numbers = [
            getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP", "SIGBREAK") if hasattr(signal, name)
        ]
        handlers = {number: signal.getsignal(number) for number in numbers}
        try:
            with pytest.raises(SystemExit) as ended:
                main()
        finally:
            for number, handler in handlers.items():
                if signal.getsignal(number) is not handler:
                    signal.signal(number, handler)
        return Said(int(ended.value.code or 0), *capsys.readouterr())

    return start
