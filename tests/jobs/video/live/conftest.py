"""The real server with a tiny model."""

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from engine.jobs.video.live import LiveLimits, LiveServer
from engine.models.sd.painting import Painting
from engine.models.sd.spec import ModelSpec
from tests.jobs.video.live.client import LiveClient

Serve = Callable[..., LiveServer]
Connect = Callable[..., LiveClient]


def open_server(model: Path, report: Callable[[str, str], None], **options: Any) -> LiveServer:
    """A started server at a free port of 127.0.0.1: 64 px, one step without guidance."""
    limits = {
        name: options.pop(name)
        for name in ("most_clients", "idle_s", "most_bytes")
        if name in options
    }
    spec = ModelSpec(model=str(model), **options.pop("spec", {}))
    painting = Painting(
        spec=spec, **{"steps": 1, "strength": 1.0, "cfg": 1.0, **options.pop("painting", {})}
    )
    server = LiveServer(
        painting,
        **{"host": "127.0.0.1", "port": 0, "side_px": 64, "device": "cpu", "threads": 1, **options},
        limits=LiveLimits(longest_side_px=256, **limits),
        report=report,
    )
    server.start()
    return server


@pytest.fixture
def serve(tiny_sd: Path, reports: Any) -> Iterator[Serve]:
    """`serve(**options)` is a running server of the tiny model: options of LiveServer and
    LiveLimits, `painting` and `spec` as what is in them."""
    with contextlib.ExitStack() as stack:

        def start(model: Path = tiny_sd, **options: Any) -> LiveServer:
            server = open_server(model, reports, **options)
            stack.callback(server.close)
            return server

        yield start


@pytest.fixture
def connect() -> Iterator[Connect]:
    """`connect(server, path, **headers)` is a client that was greeted."""
    with contextlib.ExitStack() as stack:

        def open_client(
            server: LiveServer, path: str = "/live/socket", **headers: str
        ) -> LiveClient:
            return stack.enter_context(
                contextlib.closing(LiveClient(server.address, path, **headers))
            )

        yield open_client
