"""NDI between processes of this machine: discovery over loopback, and sender and receiver programs
in child processes.

The library reads its configuration when it is loaded. Without an mDNS daemon it finds no senders
unless it is configured where to look.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from tests.support.programs import program

NDI_CLOSES = pytest.mark.only_on(
    "linux", "darwin", reason="Wine 8: NDI's library never returns from closing a sender"
)

RECEIVER = program("ndi_network_receiver")

SENDER = program("ndi_network_sender")


def use_loopback(folder: Path) -> None:
    """Make the library in this process and its children search for senders on 127.0.0.1. Call
    before it is loaded."""
    if "NDI_CONFIG_DIR" not in os.environ:
        configuration = {"ndi": {"machinename": "stage", "networks": {"ips": "127.0.0.1,"}}}
        (folder / "ndi-config.v1.json").write_text(json.dumps(configuration))
        os.environ["NDI_CONFIG_DIR"] = str(folder)


class NdiReceiver:
    """Another program that receives a source."""

    def __init__(self, name: str, folder: Path) -> None:
        self._target = folder / f"{name}.npy"
        self._process = subprocess.Popen(
            [sys.executable, "-c", RECEIVER, name, str(self._target)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def look(self) -> str:
        """`RGBX 64x48 30.000`, or `-` while there is no picture. Waits until the source was
        found."""
        assert self._process.stdin and self._process.stdout
        print("look", file=self._process.stdin, flush=True)
        return self._process.stdout.readline().strip()

    def seen(self) -> np.ndarray:
        """The picture of the last `look`, (height, width, 4) uint8."""
        return np.load(self._target)

    def end(self) -> None:
        if self._process.poll() is None:
            self._process.kill()
            self._process.communicate()


class NdiSender:
    """Another program that sends one picture, (height, width, 4) uint8, repeatedly."""

    def __init__(self, name: str, picture: np.ndarray, folder: Path, fourcc: str = "RGBX") -> None:
        source = folder / f"sent {name}.npy"
        np.save(source, picture)
        self._process = subprocess.Popen(
            [sys.executable, "-c", SENDER, name, str(source), fourcc],
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self._process.stdout
        self.full_name = self._process.stdout.readline().strip()

    def end(self) -> None:
        if self._process.poll() is None:
            self._process.kill()
            self._process.communicate()
