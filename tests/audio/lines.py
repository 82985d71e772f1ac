"""Runs a program that prints lines of JSON and reads lines of JSON.

PortAudio and ALSA read the environment that names the sound server once per process.
"""

import json
import subprocess
import sys
import threading
from pathlib import Path


class Program:
    """A running program that prints lines of JSON; `last_line` is the newest one."""

    def __init__(self, file: str, *arguments: str, environment: dict[str, str]) -> None:
        self.last_line: dict = {}
        self._process = subprocess.Popen(
            [sys.executable, str(Path(__file__).parent / file), *arguments],
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self._thread = threading.Thread(target=self._read)
        self._thread.start()

    def send(self, **values: object) -> None:
        self._process.stdin.write(json.dumps(values) + "\n")
        self._process.stdin.flush()

    def close(self) -> int:
        """Wait until it exits and return its exit code."""
        self._process.stdin.close()
        try:
            return self._process.wait(timeout=120)
        except subprocess.TimeoutExpired:
            self._process.kill()
            return self._process.wait()
        finally:
            self._thread.join()
            self._process.stdout.close()

    def _read(self) -> None:
        for line in self._process.stdout:
            self.last_line = json.loads(line)
