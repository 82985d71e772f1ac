"""The painter of the live page, and failures of its threads, which are reported and end the
server."""

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from engine.jobs.video.live.controls import started
from engine.jobs.video.live.fair_queue import Client, FairQueue
from engine.jobs.video.live.painting_threads import LivePainter, PaintingThreads
from engine.models.sd.painting import Painting
from engine.models.sd.spec import ModelSpec
from tests.jobs.video.live.client import card, frame

WaitFor = Callable[..., Any]


@pytest.fixture
def painting(tiny_sd: Path) -> Painting:
    return Painting(spec=ModelSpec(model=str(tiny_sd)), steps=1, strength=1.0, cfg=1.0)


def test_the_painter_keeps_at_most_the_given_number_of_sizes(painting: Painting) -> None:
    painter = LivePainter(painting, device="cpu", dtype="auto", threads=1, most_sizes=2)
    for side in (64, 72, 80, 64):
        assert painter.paint(card(), painting, (side, 64))[0].shape == (64, side, 3)
    assert list(painter._painters) == [(80, 64), (64, 64)]


def test_a_failed_encoder_ends_painting_with_a_report(
    painting: Painting, reports: Any, wait_for: WaitFor
) -> None:
    queue = FairQueue(most_clients=4, idle_s=30.0)
    threads = PaintingThreads(
        queue, lambda: LivePainter(painting, device="cpu", dtype="auto", threads=1), reports
    )
    threads.start(painting, (64, 64))

    def fail(*about: object) -> None:
        raise RuntimeError("no way to go")

    client = Client(
        settings=started(painting, 64),
        deliver=fail,
        lose=lambda *about: None,
        note=lambda line: None,
    )
    queue.join(client, 0.0)

    def is_ended() -> bool:
        queue.offer(client, frame(1, card()), 0.0)
        # as many as wait for an encoder, and one in hand
        return bool(threads.fault) or client.painted > 3

    wait_for(is_ended, "the end")
    closing = threading.Thread(target=threads.close, daemon=True)
    closing.start()
    closing.join(timeout=120)
    assert not closing.is_alive()
    assert threads.fault == "pictures cannot be encoded: RuntimeError: no way to go"
    assert reports.lines == [("live", f"page: {threads.fault}")]
