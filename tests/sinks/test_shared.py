"""The shared sink, read by another program with only a copy of shared_reader.py."""

import ast
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from engine.ipc import FrameRing
from engine.ipc.ring_folder import find_ring, system_folder
from engine.sinks.sink import SinkSpec
from engine.sinks.sink_set import SinkSet
from engine.system.clock import SteppedClock

READER = Path(__file__).parents[2] / "engine/sinks/shared_reader.py"

FOREIGN = """
import sys
sys.path.insert(0, sys.argv[1])
from copied_reader import SharedReader
import numpy as np
def look():
    global reader  # which Python clears at exit in any order
    reader = SharedReader(sys.argv[2])
    for line in sys.stdin:
        before, picture = reader.picture, reader.latest()
        if picture is not None:
            np.save(sys.argv[1] + "/seen.npy", picture)
        print("nothing" if picture is None else "same" if picture is before else picture.shape, flush=True)
look()
"""
PUBLISHER = """
import sys
from engine.ipc import FrameRing
ring = FrameRing.create("Multiverse twice", 64, 48, fps=30)
print(flush=True)
sys.stdin.read()
"""


class Foreign:
    """An interpreter without the engine on its path, holding a copy of the reader."""

    def __init__(self, folder: Path, name: str) -> None:
        self.folder = folder
        (folder / "copied_reader.py").write_bytes(READER.read_bytes())
        self.process = subprocess.Popen(
            [sys.executable, "-I", "-c", FOREIGN, str(folder), name],
            cwd="/",
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def look(self) -> str:
        assert self.process.stdin and self.process.stdout
        print("look", file=self.process.stdin, flush=True)
        return self.process.stdout.readline().strip()

    def seen(self) -> np.ndarray:
        return np.load(self.folder / "seen.npy")

    def end(self) -> str:
        """End it and return its stderr."""
        return self.process.communicate()[1]


@pytest.fixture
def foreign(tmp_path: Path) -> Iterator[Foreign]:
    reader = Foreign(tmp_path, "Bühne links")
    yield reader
    reader.process.kill()
    reader.process.communicate()


def test_a_foreign_program_sees_the_picture_upright_follows_sizes_and_leaves_the_ring(
    foreign: Foreign, make_format, make_frame, f_card, reports, wait_for
) -> None:
    def shows(sinks: SinkSet, index: int, picture: np.ndarray) -> None:
        """Publish until it is seen: a reader ignores an engine without a heartbeat."""

        def is_seen() -> bool:
            sinks.publish(make_frame(index, picture))
            return foreign.look() == str(picture.shape)

        wait_for(is_seen, "the foreign program to see the picture")
        assert np.array_equal(foreign.seen(), picture)

    assert foreign.look() == "nothing"
    sinks = SinkSet(make_format(), SteppedClock(), reports)
    sinks.start(SinkSpec(kind="shared", argument="Bühne links"))
    assert foreign.look() == "nothing", "the ring exists, but no picture yet"
    card = f_card(64, 48)
    shows(sinks, 0, card)
    assert foreign.look() == "same"

    wide = f_card(120, 20)
    sinks.restart_all(make_format(width=120, height=20))
    assert foreign.look() == "same"
    shows(sinks, 1, wide)

    sinks.close()
    assert foreign.look() == "same", "the engine ended; its last picture stays"
    again = SinkSet(make_format(), SteppedClock(), reports)
    again.start(SinkSpec(kind="shared", argument="Bühne links"))
    shows(again, 0, card)

    assert foreign.end() == ""
    ring = find_ring("Bühne links", system_folder())
    assert ring is not None and ring.is_live, "the reader's exit removed the memory"
    again.close()


def test_a_torn_picture_is_not_returned(make_format, make_frame, reports) -> None:
    from engine.sinks.shared_reader import SharedReader

    sinks = SinkSet(make_format(), SteppedClock(), reports)
    sinks.start(SinkSpec(kind="shared", argument="torn"))
    sinks.publish(make_frame(0))
    reader = SharedReader("torn")
    whole = reader.latest()
    sinks.publish(make_frame(1))
    ring = sinks._entries[0].sink._ring
    for field in (0, 1):  # begin, end: as while frame 5 overwrites frame 2
        ring._block.slots[2][0][field] = 5
        assert reader.latest() is whole
        ring._block.slots[2][0][field] = 2
    assert reader.latest() is not whole
    del reader
    sinks.close()


def test_a_reader_that_waits_is_woken_by_each_picture_and_by_a_new_size() -> None:
    from engine.sinks.shared_reader import SharedReader

    reader, writer, requests = (
        SharedReader("woken"),
        FrameRing.create("woken", 4, 4),
        threading.Semaphore(0),
    )

    def read() -> None:
        for number in range(200):
            requests.release()
            while (picture := reader.latest()) is None or picture[0, 0, 0] != number:
                reader.wait(60.0)
        requests.release()

    threading.Thread(target=read, daemon=True).start()
    for number in range(200):
        assert requests.acquire(timeout=20.0), f"picture {number} did not wake it"
        if number % 20 == 19:
            writer.resize(number, 4)
        writer.write(np.full(writer.shape, number, np.uint8), index=number, time_s=0.0)
    assert requests.acquire(timeout=20.0)
    writer.close()


def test_the_reader_is_at_most_110_lines_and_needs_numpy_only() -> None:
    source = READER.read_text()
    assert len(source.splitlines()) <= 110
    imported = {
        (node.module if isinstance(node, ast.ImportFrom) else node.names[0].name).split(".")[0]
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.Import | ast.ImportFrom)
    }
    assert imported - sys.stdlib_module_names == {"numpy"}


def test_another_engine_with_the_same_name_is_reported(make_format, reports) -> None:
    sinks = SinkSet(make_format(), SteppedClock(), reports)
    command = [sys.executable, "-c", PUBLISHER]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=READER.parents[2]
    ) as other:
        other.stdout.readline()
        sinks.start(SinkSpec(kind="shared", argument="Multiverse once"))
        sinks.start(SinkSpec(kind="shared", argument="Multiverse twice"))
        other.communicate()
    line = (
        f"shared: another engine (process {other.pid}) also publishes 'Multiverse twice'; readers "
        "use the newer "
        "one; choose another name with --sink shared=NAME"
    )
    assert reports.lines == [("sink.shared", line)]
    again = SinkSet(make_format(), SteppedClock(), reports)
    again.start(SinkSpec(kind="shared", argument="Multiverse twice"))
    assert len(reports.lines) == 1, "the other engine ended, and our own ring does not count"
    again.close()
    sinks.close()
