"""A frame ring within one process."""

import os
import re
import stat
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from engine.errors import SharedMemoryError
from engine.ipc import FrameRing, RingOwner, RingReader, RingWriter, layout
from engine.ipc.frame_ring import BEGIN, END, NEWEST
from engine.ipc.ring_folder import MAX_SEGMENT_NAME, RingFolder, find_ring, segment_name

Ring = tuple[RingWriter, RingReader]


def picture(value: int, height: int = 4, width: int = 6, channels: int = 4) -> np.ndarray:
    return np.full((height, width, channels), value, np.uint8)


@pytest.fixture
def ring() -> Iterator[Ring]:
    name = f"test {os.getpid()}"
    writer = FrameRing.create(name, 6, 4, fps=30)
    reader = FrameRing.open(name)
    yield writer, reader
    reader.close()
    writer.close()


def test_a_frame_arrives_whole_with_its_numbers(ring: Ring) -> None:
    writer, reader = ring
    sent = np.arange(96, dtype=np.uint8).reshape(4, 6, 4)
    writer.generation = 7
    writer.write(sent, index=41, time_s=1.5)
    frame = reader.latest()
    assert frame is not None
    assert np.array_equal(frame.pixels, sent)
    assert (frame.index, frame.time_s, frame.generation, frame.sequence) == (41, 1.5, 7, 1)
    assert (reader.shape, reader.fps, reader.state) == ((4, 6, 4), 30.0, "live")


def test_before_the_first_frame_there_is_none_and_afterwards_the_same_object_until_the_next(
    ring: Ring,
) -> None:
    writer, reader = ring
    assert reader.latest() is None
    writer.write(picture(1), index=0, time_s=0)
    first = reader.latest()
    assert reader.latest() is first
    for number in (2, 3):
        writer.write(picture(number), index=number, time_s=0)
    newest = reader.latest()
    assert newest is not None and (newest.index, newest.sequence) == (3, 3), (
        "a slow reader sees the gap"
    )


def test_frames_stay_valid_after_later_writes_and_after_both_sides_closed() -> None:
    writer = FrameRing.create("kept", 6, 4)
    reader = FrameRing.attach(writer.segment)
    writer.write(picture(9), index=0, time_s=0)
    frame = reader.latest()
    for number in range(3):
        writer.write(picture(number), index=0, time_s=0)
    reader.close()
    writer.close()
    assert frame is not None and (frame.pixels == 9).all()


@pytest.mark.parametrize("field", [BEGIN, END])
def test_a_slot_being_written_is_read_three_times_then_the_previous_frame_is_returned(
    ring: Ring, field: int
) -> None:
    writer, reader = ring
    writer.write(picture(1), index=0, time_s=0)
    before = reader.latest()
    writer.write(picture(2), index=1, time_s=0)
    writer._block.slots[2][0][field] = (
        5  # as the writer leaves it while frame 5 goes into the slot of frame 2
    )
    assert reader.latest() is before
    assert reader.torn == 3
    writer._block.slots[2][0][field] = 2
    frame = reader.latest()
    assert frame is not None and frame.index == 1


def test_a_spare_array_is_filled_when_it_fits_and_left_alone_when_not(ring: Ring) -> None:
    writer, reader = ring
    fitting, other = picture(0), picture(0, height=3)
    writer.write(picture(5), index=0, time_s=0)
    frame = reader.latest(other)
    assert frame is not None and frame.pixels is not other and not other.any()
    writer.write(picture(6), index=0, time_s=0)
    frame = reader.latest(fitting)
    assert frame is not None and frame.pixels is fitting and (fitting == 6).all()


def test_a_picture_of_another_shape_is_refused(ring: Ring) -> None:
    for wrong in (picture(0, height=1), picture(0, channels=3)):
        with pytest.raises(SharedMemoryError, match="does not fit ring"):
            ring[0].write(wrong, index=0, time_s=0)


def test_a_reader_follows_new_sizes_and_rates_and_knows_a_size_by_the_generation(
    ring: Ring,
) -> None:
    writer, reader = ring
    writer.write(picture(1), index=0, time_s=0)
    small = reader.latest()
    old_segment = writer.segment
    writer.fps = 59.94
    assert reader.fps == 59.94, "a rate alone stays in the same memory"
    writer.resize(8, 5, channels=3)
    assert writer.segment != old_segment
    assert reader.latest() is small, "until the first frame of the new size the old one stays"
    writer.write(picture(2, 5, 8, 3), index=1, time_s=0)
    frame = reader.latest()
    assert frame is not None and small is not None
    assert frame.pixels.shape == (5, 8, 3) == reader.shape and reader.fps == 59.94
    assert (small.generation, frame.generation) == (0, 1)
    assert (small.sequence, frame.sequence) == (1, 2)
    writer.resize(8, 5)
    writer.resize(10, 7)
    writer.write(picture(3, 7, 10, 3), index=2, time_s=0)
    frame = reader.latest()
    assert frame is not None and frame.pixels.shape == (7, 10, 3), (
        "after two changes that it missed"
    )
    writer.resize(8, 5)
    writer.close()
    assert reader.latest() is frame, "moved and closed"


def test_a_closed_ring_says_so_and_cannot_be_found_again() -> None:
    writer = FrameRing.create("short lived", 6, 4)
    reader = FrameRing.open("short lived")
    segment = writer.segment
    writer.close()
    writer.close()
    assert reader.state == "closed"
    reader.close()
    with pytest.raises(SharedMemoryError, match="no live ring is called 'short lived'"):
        FrameRing.open("short lived")
    with pytest.raises(SharedMemoryError, match=segment):
        FrameRing.attach(segment)


def test_a_reader_cannot_damage_a_ring(ring: Ring) -> None:
    with pytest.raises(ValueError, match="read-only"):
        ring[1]._block.fields[NEWEST] = 3


@pytest.mark.only_on("linux", reason="/dev/shm, a file system that can be full")
def test_memory_that_does_not_fit_is_refused_at_once_with_a_remedy_and_a_ring_stays_as_it_was(
    ring: Ring,
) -> None:
    writer, reader = ring
    room = os.statvfs("/dev/shm")
    height = room.f_blocks * room.f_frsize // (3 * 4 * 60_000) + 1000
    before = set(os.listdir("/dev/shm"))
    size_mib = layout.segment_bytes(60_000, height, 4) // 2**20
    with pytest.raises(
        SharedMemoryError, match=rf"no room for {size_mib}\d? MiB in /dev/shm.* --shm-size=1g"
    ):
        FrameRing.create("far too large", 60_000, height)
    with pytest.raises(SharedMemoryError):
        writer.resize(60_000, height)
    ours = f"multiverse-{os.getpid()}-"
    assert not [name for name in set(os.listdir("/dev/shm")) - before if name.startswith(ours)]
    writer.write(picture(8), index=5, time_s=0)
    frame = reader.latest()
    assert frame is not None and (frame.index, frame.generation) == (5, 0)


@pytest.mark.only_on("linux", reason="/dev/shm, where shared memory has the mode of a file")
def test_only_its_owner_may_open_a_ring(ring: Ring) -> None:
    assert stat.S_IMODE(os.stat(f"/dev/shm/{ring[0].segment}").st_mode) == 0o600


@pytest.mark.parametrize("name", ["", "x" * 65, "ü" * 33])
def test_a_name_outside_1_to_64_bytes_is_refused(name: str) -> None:
    with pytest.raises(SharedMemoryError, match="1 to 64 bytes"):
        FrameRing.create(name, 6, 4)


def test_segment_names_fit_macos_for_any_texture_name() -> None:
    for pid in (1, 99_999, 4_194_304):
        name = segment_name("Multiverse: Bühne / links", pid, 0xFFF)
        assert len(name) <= MAX_SEGMENT_NAME == 30
        assert re.fullmatch(rf"multiverse-{pid}-fff-[A-Za-z0-9_]+", name)


def test_markers_are_used_where_segments_cannot_be_listed(
    tmp_path: Path, wait_for: Callable[..., None]
) -> None:
    folder = RingFolder(tmp_path / "rings", holds_segments=False)
    assert folder.segments() == []
    writer = RingOwner("marked", 6, 4, 4, 0.0, folder)
    assert os.listdir(folder.path) == [writer.segment]
    found = find_ring("marked", folder)
    assert found is not None
    reader = RingReader(found.segment, folder)
    writer.resize(8, 5)
    assert os.listdir(folder.path) == [writer.segment]
    writer.close()
    reader.close()
    wait_for(
        lambda: os.listdir(folder.path) == [], "its end: Windows removes none that is being touched"
    )
