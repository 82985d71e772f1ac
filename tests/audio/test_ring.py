"""The ring between the capture and its readers."""

import threading

import numpy as np

from engine.audio.ring import SampleRing


def numbered(first: int, frames: int, channels: int = 1) -> np.ndarray:
    return np.repeat(np.arange(first, first + frames, dtype=np.float32)[:, None], channels, axis=1)


def test_samples_come_out_in_order_across_the_wrap_and_overwritten_ones_are_skipped() -> None:
    ring = SampleRing(100, 2, seconds=1.0)
    for first in range(0, 240, 30):
        ring.write(numbered(first, 30, channels=2))
    first, samples = ring.read(200)
    assert first == 200
    assert np.array_equal(samples, numbered(200, 40, channels=2))
    ring = SampleRing(100, 1, seconds=1.0)
    for first in range(0, 250, 50):
        ring.write(numbered(first, 50))
    first, samples = ring.read(10)
    assert first == 150
    assert np.array_equal(samples[:, 0], np.arange(150, 250))


def test_readers_never_see_a_sample_in_the_wrong_place_while_the_writer_laps_them() -> None:
    # wide rows, so that copies are slow enough to be overtaken
    ring = SampleRing(4096, 16, seconds=1.0)
    blocks = [numbered(first, 1024, channels=16) for first in range(0, 1 << 16, 1024)]
    wrong: list[tuple[int, int]] = []
    reads = [0, 0]

    def write() -> None:
        while min(reads) < 300:
            ring.write(blocks[ring.newest // 1024 % len(blocks)])

    def read(reader: int) -> None:
        while min(reads) < 300:
            first, samples = ring.read(ring.newest - 4096)
            reads[reader] += 1
            expected = (first + np.arange(len(samples))) % (1 << 16)
            if not np.array_equal(samples[:, 0], expected) or np.ptp(samples, axis=1).any():
                wrong.append((first, len(samples)))

    threads = [
        threading.Thread(target=write),
        *(threading.Thread(target=read, args=(n,)) for n in range(2)),
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=120.0)
    assert min(reads) >= 300
    assert wrong == []
