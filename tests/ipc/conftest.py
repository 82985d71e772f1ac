"""Real child processes for tests of shared memory, each in its own session, killed when the test
ends."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from engine.ipc import sweep_dead_rings

REPOSITORY = Path(__file__).parents[2]


class Children:
    def __init__(self) -> None:
        self._children: list[subprocess.Popen[str]] = []

    def start(self, code: str, *arguments: object) -> subprocess.Popen[str]:
        """Start Python with `code`; its stdin and stdout are text pipes."""
        child = subprocess.Popen(
            [sys.executable, "-c", code, *map(str, arguments)],
            cwd=REPOSITORY,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        self._children.append(child)
        return child

    def kill(self, child: subprocess.Popen[str]) -> None:
        """Kill -9 the child, and its resource tracker (none on Windows), which would clean up after
        it."""
        child.kill()
        with suppress(ProcessLookupError, AttributeError):
            os.killpg(child.pid, signal.SIGKILL)
        child.wait()
        for stream in (child.stdin, child.stdout):
            if stream:
                stream.close()

    def kill_all(self) -> None:
        for child in self._children:
            self.kill(child)
        sweep_dead_rings()


@pytest.fixture
def children() -> Iterator[Children]:
    started = Children()
    yield started
    started.kill_all()
