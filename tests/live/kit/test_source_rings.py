"""Pictures of any shape are sent to a child; the frame loop never waits for memory."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from engine.errors import SharedMemoryError
from engine.ipc import FrameRing
from engine.live.kit.picture_rings import MAX_CACHED_SHAPES, SourceRings
from engine.system.daemon_worker import DaemonWorker
from engine.values import FrameId

TICK = FrameId(index=7, time_s=0.5)


@pytest.fixture
def connected() -> list[str]:
    return []


@pytest.fixture
def rings(connected: list[str], reports: Any) -> Iterator[SourceRings]:
    worker = DaemonWorker("rings")
    rings = SourceRings("test source", worker, connected.append, reports)
    yield rings
    worker.shutdown()
    rings.close()


def picture(width: int, channels: int = 3) -> np.ndarray:
    return np.full((8, width, channels), width, np.uint8)


def test_the_first_picture_is_dropped_and_the_next_arrives(
    rings: SourceRings, connected: list[str], wait_for
) -> None:
    assert not rings.write(picture(16), TICK, 0.0)
    wait_for(lambda: rings.write(picture(16), TICK, 0.0), "a ring")
    reader = FrameRing.attach(connected[0])
    frame = reader.latest()
    assert (frame.pixels == 16).all() and (frame.index, frame.time_s) == (7, 0.5)
    reader.close()


def test_the_rings_of_old_shapes_are_closed(
    rings: SourceRings, connected: list[str], wait_for
) -> None:
    for width in range(8, 8 + MAX_CACHED_SHAPES + 1):
        wait_for(lambda width=width: rings.write(picture(width), TICK, 0.0), "a ring")
    FrameRing.attach(connected[-1]).close()

    def is_removed() -> bool:
        try:
            FrameRing.attach(connected[0]).close()
        except SharedMemoryError:
            return True
        return False

    wait_for(is_removed, "the first ring to go")


def test_without_memory_it_reports_once_a_second_and_retries(
    rings: SourceRings, reports: Any, wait_for
) -> None:
    # a view of one byte; its ring would take 800 GB
    enormous = np.broadcast_to(np.uint8(0), (300_000, 300_000, 3))
    wait_for(lambda: not rings.write(enormous, TICK, 10.0) and reports.lines, "the report")
    assert reports.keys == ["test.source"] and "shared memory" in reports.lines[0][1]
    for _ in range(100):
        assert not rings.write(enormous, TICK, 10.9)
    assert len(reports.lines) == 1
    wait_for(
        lambda: not rings.write(enormous, TICK, 11.1) and len(reports.lines) > 1, "another attempt"
    )
    wait_for(lambda: rings.write(picture(16), TICK, 20.0), "a ring that fits")
