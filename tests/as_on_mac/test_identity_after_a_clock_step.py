"""A live engine counts as alive, and keeps its rings, when the system clock is set.

psutil's `create_time()` changes with such a step in a process that has imported psutil: on macOS
since 7.1 (adjust_proc_create_time in psutil/_psosx.py), and on Linux through its `boot_time`
(Process.create_time in psutil/_pslinux.py). So psutil on Linux can simulate psutil on a Mac: real
processes, real calls, and a clock stepped by an hour.
"""

import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import psutil
import pytest

from engine.ipc import layout, sweep_dead_rings
from engine.ipc.frame_ring import RingReader
from engine.ipc.ring_folder import RingFolder, read_info
from engine.ipc.segment import map_segment, unlink_segment

pytestmark = pytest.mark.only_on("linux", reason="simulates a Mac on Linux")
REPOSITORY = Path(__file__).parents[2]
STEP_S = 3600.0

ENGINE = """
import pathlib, psutil, sys
from engine.ipc import frame_ring
from engine.ipc.ring_folder import RingFolder
sys.platform = "darwin"
folder = RingFolder(pathlib.Path(sys.argv[1]), holds_segments=False)
before = frame_ring.RingOwner("before", 6, 4, 3, 0, folder)
boot_time = psutil._pslinux.boot_time
psutil._pslinux.boot_time = lambda: boot_time() + 3600
after = frame_ring.RingOwner("after", 6, 4, 3, 0, folder)
print(before.segment, after.segment, flush=True)
sys.stdin.read()
"""


class Engine:
    """Another engine, with the clock set between its first and second ring."""

    def __init__(self, folder: Path) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-c", ENGINE, str(folder)],
            cwd=REPOSITORY,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self.segments = self.process.stdout.readline().split()  # type: ignore[union-attr]

    def kill(self) -> None:
        self.process.kill()
        self.process.communicate()


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    engine = Engine(tmp_path_factory.mktemp("rings"))
    yield engine
    engine.kill()
    for segment in engine.segments:
        unlink_segment(segment)


@pytest.fixture
def folder(tmp_path: Path, engine: Engine, monkeypatch: pytest.MonkeyPatch) -> RingFolder:
    """The marker files of that engine's rings, read as on a Mac."""
    monkeypatch.setattr(sys, "platform", "darwin")
    folder = RingFolder(tmp_path / "multiverse-rings", holds_segments=False)
    folder.path.mkdir()
    for segment in engine.segments:
        (folder.path / segment).touch()
    return folder


@pytest.fixture
def step(monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """Set the clock forward by an hour, as psutil sees it."""
    boot_time = psutil._pslinux.boot_time
    return lambda: monkeypatch.setattr(psutil._pslinux, "boot_time", lambda: boot_time() + STEP_S)


@pytest.fixture
def poke(engine: Engine) -> Iterator[Callable[[str, float], None]]:
    """Set a number in the header of the engine's first ring; undone at the end."""
    memory = map_segment(engine.segments[0], is_writable=True)
    before = bytes(memory.buf[: layout.HEADER_BYTES])

    def change(field: str, value: float) -> None:
        np.frombuffer(memory.buf[: layout.HEADER_BYTES], layout.FRAME_RING.header)[field] = value

    yield change
    memory.buf[: layout.HEADER_BYTES] = before
    memory.close()


@pytest.mark.parametrize("is_stepped", [False, True])
def test_a_second_engine_keeps_the_rings_of_a_live_one(
    engine: Engine,
    folder: RingFolder,
    step: Callable[[], None],
    poke: Callable[[str, float], None],
    is_stepped: bool,
) -> None:
    poke("heartbeat_ns", time.time_ns() - int(100e9))  # only its identity proves that it lives
    if is_stepped:
        step()
    assert sweep_dead_rings(folder) == []
    for segment in engine.segments:
        info = read_info(segment)
        assert info is not None and info.is_live
        reader = RingReader(segment, folder)
        assert reader.state == "live"
        reader.close()


@pytest.mark.parametrize(
    ("beat_s", "is_live"),
    [(-1, True), (-10, False), (300, False)],
    ids=["beats", "beats no more", "has beaten before the clock was set back"],
)
def test_a_reused_process_id_counts_as_dead_unless_the_ring_has_heartbeats(
    engine: Engine,
    folder: RingFolder,
    poke: Callable[[str, float], None],
    beat_s: float,
    is_live: bool,
) -> None:
    first = read_info(engine.segments[0])
    assert first is not None
    poke("writer_start", first.writer.start - STEP_S)
    poke("heartbeat_ns", time.time_ns() + int(beat_s * 1e9))
    info = read_info(engine.segments[0])
    assert info is not None and info.is_live == is_live
    if is_live:
        assert sweep_dead_rings(folder) == []
