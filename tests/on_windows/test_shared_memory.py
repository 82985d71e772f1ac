"""Named memory, which Windows takes from the paging file and frees with its last handle."""

import os
from pathlib import Path

import numpy as np
import pytest

from engine.errors import SharedMemoryError
from engine.ipc import FrameRing, sweep_dead_rings
from engine.ipc.ring_folder import system_folder

pytestmark = pytest.mark.only_on("win32", reason="named mappings of the paging file")


def test_memory_that_does_not_fit_is_refused_with_a_remedy_and_a_ring_stays_as_it_was() -> None:
    writer = FrameRing.create("stays", 6, 4)
    reader = FrameRing.attach(writer.segment)
    far_too_large = 60_000, 2**28
    with pytest.raises(
        SharedMemoryError,
        match=r"KiB refused by the system \(.+\); close .* enlarge the paging file",
    ):
        FrameRing.create("far too large", *far_too_large)
    with pytest.raises(SharedMemoryError):
        writer.resize(*far_too_large)
    assert [name for name in system_folder().segments() if f"-{os.getpid()}-" in name] == [
        writer.segment
    ]
    writer.write(np.full((4, 6, 4), 8, np.uint8), index=5, time_s=0)
    frame = reader.latest()
    assert frame is not None and (frame.index, frame.generation) == (5, 0)
    reader.close()
    writer.close()


def test_a_marker_that_another_program_holds_is_swept_by_a_later_start(tmp_path: Path) -> None:
    marker = system_folder().path / "multiverse-4294967-1-held"
    marker.parent.mkdir(exist_ok=True)
    with marker.open("wb"):
        sweep_dead_rings()
        assert marker.exists(), "Windows removes no open file"
    assert marker.name in sweep_dead_rings()
    assert not marker.exists()
