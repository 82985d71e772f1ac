"""Another engine's picture as a source: a separate process creates the ring, is killed and
restarted."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest

from engine.errors import SharedMemoryError, SourceError
from engine.ipc import FrameRing, layout
from engine.sources.opening import open_source
from engine.sources.published import list_shared
from engine.sources.shared_ring import SharedRing
from engine.sources.source import Source
from engine.system.clock import SystemClock

PUBLISHER = """
import sys, time
import numpy as np
from engine.ipc import FrameRing
name, width, height, fps, level = sys.argv[1], *map(int, sys.argv[2:])
ring = FrameRing.create(name, width, height, fps=fps)
picture = np.zeros((height, width, 4), np.uint8)
picture[: height // 2] = (level, 20, 30, 255)
print("ready", flush=True)
index = 0
for line in sys.stdin:
    if line.startswith("end"):
        break
    if line.startswith("size"):
        ring.resize(width * 2, height)
        picture = np.repeat(picture, 2, axis=1)
    ring.write(picture, index=index, time_s=index / 30)
    index += 1
    print("written", flush=True)
ring.close()
"""


class Publisher:
    def __init__(self, name: str, level: int = 100, fps: int = 30) -> None:
        self.name = name
        self._process = subprocess.Popen(
            [sys.executable, "-c", PUBLISHER, name, "64", "48", str(fps), str(level)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self.pid = self._process.pid
        assert self._process.stdout and self._process.stdout.readline() == "ready\n"

    def command(self, name: str = "write") -> None:
        assert self._process.stdin and self._process.stdout
        print(name, file=self._process.stdin, flush=True)
        self._process.stdout.readline()

    def end(self) -> None:
        assert self._process.stdin and self._process.stdout
        if self._process.poll() is None:
            print("end", file=self._process.stdin, flush=True)
            self._process.wait()
        self._process.stdin.close()
        self._process.stdout.close()

    def kill(self) -> None:
        self._process.kill()
        self._process.wait()


@pytest.fixture
def publish() -> Iterator[Callable[..., Publisher]]:
    publishers: list[Publisher] = []

    def start(name: str, **options: int) -> Publisher:
        publishers.append(Publisher(name, **options))
        return publishers[-1]

    yield start
    for publisher in publishers:
        publisher.end()


def received(source: Source, publisher: Publisher) -> tuple[int, ...] | None:
    """Publish again; returns (height, width, red at the top, red at the bottom) of the source's
    picture."""
    publisher.command()
    frame = source.latest_frame()
    return (
        None if frame is None else (*frame.pixels.shape[:2], *frame.pixels[[0, -1], 0, 0].tolist())
    )


def test_another_engines_picture_is_upright_and_follows_its_size(publish, watch, wait_for) -> None:
    publisher = publish("stage left")
    source = watch("shared:stage left")
    wait_for(lambda: received(source, publisher) == (48, 64, 100, 0), "the picture")
    publisher.command("size")
    wait_for(lambda: received(source, publisher) == (48, 128, 100, 0), "the new size")
    assert source.status().state == "playing"


@pytest.mark.parametrize("ending", ["end", "kill"])
def test_it_reconnects_when_the_other_engine_restarts(
    ending: str, publish, watch, wait_for, reports
) -> None:
    first = publish("comeback", level=100)
    source = watch("shared:comeback")
    wait_for(lambda: received(source, first) == (48, 64, 100, 0), "the first picture")
    getattr(first, ending)()
    wait_for(lambda: source.status().state == "lost", "the loss")
    second = publish("comeback", level=200)
    wait_for(
        lambda: received(source, second) == (48, 64, 200, 0), "the picture of the second engine"
    )
    assert source.status().lost == 1


def test_neither_our_own_picture_nor_one_for_a_child_is_taken(publish, watch, wait_for) -> None:
    own = FrameRing.create("mirror", 32, 32, fps=30)
    for_a_child = publish("mirror of a child", fps=0)
    source = watch("shared:mirror")
    wait_for(lambda: "not found" in source.status().description, "the look")
    for_a_child.command()
    assert "mirror of a child" not in [picture.name for picture in list_shared()]
    assert source.latest_frame() is None
    own.close()


def test_pictures_of_other_programs_cannot_be_used_offline(reports) -> None:
    for spec in ("0", "shared:a", "ndi:a", "spout:a", "syphon:a", "rtsp://user:secret@a/b"):
        with pytest.raises(SourceError, match="a live source cannot be used offline") as caught:
            open_source(spec, offline=True, clock=SystemClock(), report=reports)
        assert "secret" not in str(caught.value)


def test_a_picture_wider_than_a_renderer_takes_is_reduced_and_told_once(reports, wait_for) -> None:
    source = SharedRing("panorama", clock=SystemClock(), report=reports)
    for level in (10, 20):
        source.take(np.full((2, 16384, 3), level, np.uint8))
    frame = source.latest_frame()
    assert frame is not None and frame.pixels.shape == (1, 4096, 3) and frame.pixels.max() == 20
    ((_, line),) = reports.lines
    assert line.startswith(
        "shared panorama: 16384x2 px, shown with 4096x1: 4096 px a side are the most; choose"
    )


LIES: list[dict[str, object]] = [
    {"width": 1 << 31},
    {"channels": 2},
    {"channels": 0},
    {"height": 0},
    {"slot_stride": (1 << 64) - 1},
    {"slot_stride": 0},
    {"first_slot": 1 << 40},
    {"first_slot": 0},
    {"name": b"\xff\xfe"},
    {"successor": b"\xff", "state": 3},
]
READ = """
import sys
from engine.sinks.shared_reader import SharedReader
reader = SharedReader(sys.argv[1])
print(reader.latest().max())
"""


@pytest.mark.only_on("linux", reason="elsewhere a marker file would be needed beside each segment")
def test_segments_whose_headers_lie_hide_no_other_picture() -> None:
    mine = FrameRing.create("mine", 8, 6, fps=30.0)
    mine.write(np.full((6, 8, 4), 9, np.uint8), index=0, time_s=0.0)
    whole = Path("/dev/shm", mine.segment).read_bytes()
    liars = []
    try:
        for number, lie in enumerate(LIES):
            header = np.frombuffer(
                bytearray(whole[: layout.HEADER_BYTES]), layout.FRAME_RING.header
            )
            header[0]["created_ns"] += 10**9
            for field, value in lie.items():
                header[0][field] = value
            for end in (len(whole), 300):
                liar = Path("/dev/shm", f"multiverse-{os.getpid()}-{number:x}{end:x}-liar")
                liar.write_bytes((header.tobytes() + whole[layout.HEADER_BYTES :])[:end])
                liars.append(liar)
                with suppress(SharedMemoryError):
                    attached = FrameRing.attach(liar.name)
                    attached.latest()
                    attached.close()
        assert mine.segment in [picture.segment for picture in list_shared()]
        mine.beat()
        done = subprocess.run(
            [sys.executable, "-c", READ, "mine"], capture_output=True, text=True, timeout=120
        )
        assert done.stdout == "9\n", done.stderr
    finally:
        for liar in liars:
            liar.unlink()
        mine.close()
