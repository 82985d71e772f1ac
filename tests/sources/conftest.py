"""Small videos in which every picture shows its number, a camera, a clock."""

import socket
import threading
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import av
import numpy as np
import pytest
import simplejpeg

from engine.errors import SourceError
from engine.sources.opening import open_source
from engine.sources.source import Source
from engine.system.clock import SystemClock
from tests.jobs.video import numbered
from tests.support.ndi_network import use_loopback


@pytest.fixture(scope="session", autouse=True)
def ndi_on_loopback(tmp_path_factory: pytest.TempPathFactory) -> None:
    use_loopback(tmp_path_factory.mktemp("ndi"))


@pytest.fixture
def number_in() -> Callable[[np.ndarray], int]:
    return numbered.number_in


@pytest.fixture
def write_video(tmp_path: Path) -> Callable[..., Path]:
    """`write_video(count)`, and options of `write_numbered`."""
    return partial(numbered.write_numbered, tmp_path)


@pytest.fixture(autouse=True)
def retries_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Reopen failed sources without a delay."""
    for module in ("live", "live_pictures", "playout"):
        monkeypatch.setattr(f"engine.sources.{module}.next_delay_s", lambda failures: 0.01)


class PipedCamera:
    """A camera at the other end of a connection, plugged and unplugged by the test."""

    def __init__(self) -> None:
        self.is_plugged = True
        self._writer = None

    def open(self) -> av.container.InputContainer:
        if not self.is_plugged:
            raise SourceError("camera piped: not found (available: none)")
        with socket.create_server(("127.0.0.1", 0)) as server:
            answering = threading.Thread(target=self._answer, args=(server,))
            answering.start()
            # FFmpeg reads ahead to probe a stream; keep that minimal.
            options = {"probesize": "32", "fpsprobesize": "0"}
            container = av.open(
                f"tcp://127.0.0.1:{server.getsockname()[1]}", format="mjpeg", options=options
            )
            answering.join()
        return container

    def _answer(self, server: socket.socket) -> None:
        self._writer = server.accept()[0]
        self.send(1)
        self.send(1)

    def send(self, level: int) -> None:
        self._writer.sendall(
            simplejpeg.encode_jpeg(np.full((32, 48, 3), level, np.uint8), quality=95)
        )

    def unplug(self) -> None:
        self.is_plugged = False
        self.close()

    def close(self) -> None:
        if self._writer is not None:
            self._writer.close()

    def send_noise(self) -> None:
        self._writer.sendall(b"\xff\xd8" + bytes(100) + b"\xff\xd9")


@pytest.fixture
def device() -> Iterator[PipedCamera]:
    device = PipedCamera()
    yield device
    device.close()


@pytest.fixture
def watch(reports) -> Iterator[Callable[[str], Source]]:
    """`watch(spec)` opens and starts this source."""
    sources: list[Source] = []

    def start(spec: str) -> Source:
        source = open_source(spec, offline=False, clock=SystemClock(), report=reports)
        assert source is not None
        source.start()
        sources.append(source)
        return source

    yield start
    for source in sources:
        source.close()
