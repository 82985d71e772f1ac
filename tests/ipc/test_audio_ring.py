"""The audio ring. Each sample's value is its number, so that every copy can be checked."""

from collections.abc import Iterator

import numpy as np
import pytest

from engine.errors import SharedMemoryError
from engine.ipc import AudioRing, AudioRingReader, AudioRingWriter
from engine.ipc.audio_ring import ANNOUNCED
from tests.support.long_form import IS_SOAK

CAPACITY = 100
Ring = tuple[AudioRingWriter, AudioRingReader]
CYCLE = 2**16
"""Period of the values in tests with real processes: longer than their rings."""
WRITE_NUMBERS = f"""
import sys, numpy as np
from engine.ipc import AudioRing
writer = AudioRing.write_to(sys.argv[1])
sizes = [480, 1, 4800, 37, 1024, 20_000]
values = ((np.arange({CYCLE} + 20_000) % {CYCLE})[:, None] + np.arange(writer.channels) / 4).astype(np.float32)
print(writer.end_sample, flush=True)
while True:
    for size in sizes:
        first = writer.end_sample % {CYCLE}
        writer.write(values[first : first + size])
"""


def numbered(first: int, frames: int, channels: int = 2) -> np.ndarray:
    """Sound that shows its position: (frames, channels) float32; sample s of channel c is s + c /
    4."""
    return (np.arange(first, first + frames)[:, None] + np.arange(channels) / 4).astype(np.float32)


@pytest.fixture
def ring() -> Iterator[Ring]:
    writer = AudioRing.create("voice", channels=2, rate_hz=1000, seconds=CAPACITY / 1000)
    reader = AudioRing.open(writer.segment)
    yield writer, reader
    reader.close()
    writer.close()


def test_blocks_of_every_length_arrive_as_written_also_across_the_end_of_the_ring(
    ring: Ring,
) -> None:
    writer, reader = ring
    end = 0
    for frames in [1, 99, 100, 33, 64, 7, 50, 100, 1] * 3:
        writer.write(numbered(end, frames))
        end += frames
        oldest = max(0, end - CAPACITY)
        for first in range(oldest, end):
            assert np.array_equal(reader.read(first, end - first), numbered(first, end - first))
        assert writer.end_sample == reader.end_sample == end


def test_samples_not_written_yet_or_overwritten_are_none(ring: Ring) -> None:
    writer, reader = ring
    assert reader.read(0, 1) is None
    writer.write(numbered(0, 90))
    assert reader.read(89, 2) is None and reader.read(-1, 2) is None
    writer.write(numbered(90, 30))
    assert reader.read(19, 1) is None
    assert np.array_equal(reader.read(20, 100), numbered(20, 100))
    writer.write(numbered(120, 250))  # longer than the ring: its end is kept
    assert reader.end_sample == 370
    assert np.array_equal(reader.read(270, CAPACITY), numbered(270, CAPACITY))
    assert reader.read(269, 1) is None


@pytest.mark.parametrize("gap", [50, 7 * CAPACITY + 3])
def test_skipped_samples_are_silence_and_later_ones_keep_their_numbers(
    ring: Ring, gap: int
) -> None:
    writer, reader = ring
    writer.write(numbered(1, 80))
    writer.skip_to(80 + gap)
    writer.write(numbered(0, 20))
    end = 100 + gap
    assert reader.end_sample == end
    assert np.array_equal(reader.read(end - 20, 20), numbered(0, 20))
    silent = min(gap, CAPACITY - 20)
    assert not reader.read(end - 20 - silent, silent).any()
    sounding = CAPACITY - 20 - silent
    assert sounding == 0 or np.array_equal(
        reader.read(end - CAPACITY, sounding), numbered(81 - sounding, sounding)
    )


def test_what_a_ring_cannot_take_or_give_is_refused_and_spoils_nothing(ring: Ring) -> None:
    writer, reader = ring
    writer.write(numbered(0, 100))
    for written_already in (100, 12):
        writer.skip_to(written_already)
    for wrong, message in (
        (np.zeros(10, np.float32), r"float32 \(10,\)"),
        (np.zeros((10, 3), np.float32), r"float32 \(10, 3\)"),
        (np.zeros((10, 2)), r"float64 \(10, 2\)"),
    ):
        with pytest.raises(SharedMemoryError, match=rf"{message} is not float32 \(frames, 2\)"):
            writer.write(wrong)
    for frames in (0, CAPACITY + 1):
        with pytest.raises(SharedMemoryError, match=f"holds 100 frames, {frames} are requested"):
            reader.read(0, frames)
    assert reader.end_sample == 100 and np.array_equal(reader.read(0, 100), numbered(0, 100))


def test_samples_being_overwritten_are_not_returned(ring: Ring) -> None:
    writer, reader = ring
    writer.write(numbered(0, 100))
    writer._fields[ANNOUNCED] = (
        130  # as the writer leaves it while samples 100 to 130 replace 0 to 30
    )
    assert reader.read(29, 1) is None
    assert np.array_equal(reader.read(30, 70), numbered(30, 70))


def test_samples_overwritten_by_a_killed_writer_stay_lost_when_the_next_one_writes_less(
    ring: Ring,
) -> None:
    writer, reader = ring
    writer.write(numbered(0, 100))
    writer._fields[ANNOUNCED] = 150  # killed in the middle of a block of 50
    successor = AudioRing.write_to(writer.segment)
    assert successor.end_sample == 100
    successor.write(numbered(100, 10))
    assert reader.read(49, 1) is None, "it may have been overwritten by the unfinished block"
    assert np.array_equal(reader.read(50, 60), numbered(50, 60))
    successor.write(numbered(110, 60))
    assert np.array_equal(reader.read(70, 100), numbered(70, 100))
    successor.close()
    assert reader.end_sample == 170
    AudioRing.open(writer.segment).close()


def assert_whole(copy: np.ndarray, first: int) -> None:
    expected = (np.arange(first, first + len(copy)) % CYCLE)[:, None] + np.arange(copy.shape[1]) / 4
    assert np.array_equal(copy, expected), f"samples from {first} on are torn"


@pytest.mark.soak
def test_no_copy_is_torn_while_a_child_writes_without_pause_and_is_killed(
    children, wait_for
) -> None:
    """Readers ask for the oldest samples, which the writer overwrites during many copies."""
    kills, min_copies = (100, 500) if IS_SOAK else (3, 40)
    owner = AudioRing.create("killed", channels=2, rate_hz=48_000, seconds=0.5)
    reader = AudioRing.open(owner.segment)
    for _ in range(kills):
        before = owner.end_sample
        child = children.start(WRITE_NUMBERS, owner.segment)
        assert int(child.stdout.readline()) == before
        copies = overtaken = 0

        def is_proven() -> bool:
            nonlocal copies, overtaken
            end = reader.end_sample
            frames = reader.capacity - copies % 500
            first = end - frames
            if first < 0:
                return False
            copy = reader.read(first, frames)
            if copy is None:
                overtaken += 1
            else:
                assert_whole(copy, first)
                copies += 1
            return copies >= min_copies and overtaken >= min_copies

        what = "copies enough, and overtaken ones among them"
        wait_for(lambda check=is_proven: any(check() for _ in range(1000)), what)
        children.kill(child)
        end = owner.end_sample
        readable = owner.capacity - (int(owner._fields[ANNOUNCED]) - end)
        copy = reader.read(end - readable, readable)
        assert copy is not None
        assert_whole(copy, end - readable)
    reader.close()
    owner.close()
