"""A ring can be found by name however long the show runs, although macOS cleans the folder of its
marker file."""

import os
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from engine.ipc import ring_folder
from engine.ipc.frame_ring import RingOwner
from engine.ipc.ring_folder import RingFolder, RingMarkers

FOUR_DAYS_S = 4 * 86_400.0


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> RingFolder:
    """A folder of marker files, as on a Mac, with a short interval instead of ten minutes."""
    monkeypatch.setattr(ring_folder, "REFRESH_S", 0.005)
    monkeypatch.setattr("engine.ipc.ring_folder._markers", RingMarkers())
    return RingFolder(tmp_path / "multiverse-rings", holds_segments=False)


def is_used(marker: Path) -> bool:
    """True if macOS's `dirhelper` counts this marker file as used: it looks at both times."""
    try:
        times = marker.stat()
    except FileNotFoundError:
        return False
    return min(times.st_atime, times.st_mtime) > time.time() - FOUR_DAYS_S / 2


def test_an_open_ring_touches_its_marker(
    folder: RingFolder, tmp_path: Path, wait_for: Callable[..., Any]
) -> None:
    before = set(threading.enumerate())
    ring = RingOwner("Multiverse", 6, 4, 3, 0.0, folder)
    marker = folder.path / ring.segment
    long_ago_s = time.time() - FOUR_DAYS_S
    os.utime(marker, (long_ago_s, long_ago_s))
    wait_for(lambda: is_used(marker), "a marker that was used lately")
    # all removed at once, as if cleaned while the machine slept
    folder.path.rename(tmp_path / "cleaned")
    wait_for(lambda: is_used(marker), "the recreated marker")
    ring.resize(8, 4)
    second = folder.path / ring.segment
    ring.close()
    other = RingOwner("Another", 6, 4, 3, 0.0, folder)
    os.utime(folder.path / other.segment, (long_ago_s, long_ago_s))
    wait_for(
        lambda: is_used(folder.path / other.segment), "a round after the first ring was closed"
    )
    assert not marker.exists() and not second.exists()
    other.close()
    wait_for(lambda: set(threading.enumerate()) <= before, "the thread's end")


def test_a_marker_locked_by_a_scanner_stops_no_picture(
    folder: RingFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Rings are resized and closed on the render thread."""
    ring = RingOwner("Multiverse", 6, 4, 3, 0.0, folder)

    def refuse(self: Path, missing_ok: bool = False) -> None:
        raise PermissionError(13, "The process cannot access the file", str(self))

    with monkeypatch.context() as patch:
        patch.setattr(Path, "unlink", refuse)
        ring.resize(8, 4)
        assert ring.shape == (4, 8, 3)
        ring.close()
