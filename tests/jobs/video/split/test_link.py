"""A batch link between two real processes. Torch is not needed."""

import os
import subprocess
from collections.abc import Callable, Iterator
from multiprocessing import resource_tracker
from multiprocessing.connection import Connection, Pipe
from typing import Any

import numpy as np
import pytest

from engine.errors import PipeClosedError, SharedMemoryError
from engine.ipc.ring_folder import system_folder
from engine.jobs.video.split.link import Consumer, LinkMemory, Producer
from engine.system.python_process import start_python
from tests.children.toys import descriptors, segments
from tests.jobs.video.split.link_ends import FIELDS

Start = Callable[[str], tuple["subprocess.Popen[bytes]", Connection]]


@pytest.fixture
def memory() -> Iterator[LinkMemory]:
    made = LinkMemory("link", FIELDS)
    yield made
    made.close()


@pytest.fixture
def start(memory: LinkMemory) -> Iterator[Start]:
    """`start(function)`: one of `link_ends` in another process, on `memory`, and our end of the pipe."""
    started: list[tuple[subprocess.Popen[bytes], Connection]] = []

    def run(function: str) -> tuple["subprocess.Popen[bytes]", Connection]:
        ours, theirs = Pipe()
        with theirs:
            call = f"{function}({memory.plan.segment!r}, {theirs.fileno()})"
            process = start_python(
                "tests.jobs.video.split.link_ends",
                call,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                handles=[theirs.fileno()],
            )
        started.append((process, ours))
        return process, ours

    yield run
    for process, ours in started:
        process.kill()
        process.wait()
        ours.close()


def test_batches_arrive_unchanged_and_slots_are_reused(memory: LinkMemory, start: Start) -> None:
    _, ours = start("changing")
    producer = Producer(memory.plan, ours, memory.memory)
    for number in range(7):
        slot = producer.room()
        assert {name: array.shape for name, array in slot.arrays.items()} == {name: shape for name, shape, _ in FIELDS}
        if number >= memory.plan.slots:  # written by the other process into the slot's previous batch
            before = number - memory.plan.slots
            assert (slot.arrays["z"] == 2.5 * 2 * before).all()
            assert (slot.arrays["rgb"] == 255 - before).all()
            assert (slot.arrays["fates"] == before).all()
        slot.arrays["z"][...] = 2.5 * number
        slot.arrays["rgb"][...] = number
        producer.give(slot, number=number, pictures=2)
    producer.end()
    producer.close()


def test_a_producer_stops_when_no_slot_is_free(memory: LinkMemory, start: Start, wait_for: Callable[..., Any]) -> None:
    _, ours = start("crowding")
    consumer = Consumer(memory.plan, ours, memory.memory)
    for number in range(10):
        ahead = min(number + memory.plan.slots, 10)
        wait_for(lambda ahead=ahead: memory.figures().given == ahead, "two batches ahead")
        slot = consumer.take()
        assert slot is not None and (slot.number, slot.pictures) == (number, 2 - number % 2)
        assert (slot.arrays["fates"] == number).all()
        assert memory.figures().given == ahead, "the one that is read still has its slot"
        consumer.give_back(slot)
    assert consumer.take() is None
    consumer.close()


def test_the_creator_of_a_link_reads_frames_seconds_and_queue_length(
    memory: LinkMemory, start: Start, wait_for: Callable[..., Any]
) -> None:
    _, ours = start("crowding")
    wait_for(lambda: memory.figures().waiting == 2, "two batches")
    consumer = Consumer(memory.plan, ours, memory.memory)
    for _ in range(10):
        slot = consumer.take()
        assert slot is not None
        consumer.give_back(slot)
    figures = memory.figures()
    assert (figures.given, figures.waiting, figures.frames, figures.memory_mb) == (10, 0, 15, 7.0)
    assert figures.seconds == {"encode": 5.0, "process": 0.0, "decode": 0.0}
    consumer.close()
    memory.close()
    assert memory.figures() == figures


def test_a_consumer_that_dies_is_noticed_by_one_that_waits_for_room(memory: LinkMemory, start: Start) -> None:
    _, ours = start("crashing")
    producer = Producer(memory.plan, ours, memory.memory)
    with pytest.raises(PipeClosedError, match="batch link: the other end is gone"):
        for number in range(4):
            producer.give(producer.room(), number=number, pictures=2)
    producer.close()


def test_a_killed_producer_is_noticed_after_its_last_batch(
    memory: LinkMemory, start: Start, wait_for: Callable[..., Any]
) -> None:
    process, ours = start("crowding")
    wait_for(lambda: memory.figures().waiting == 2, "two batches")
    process.kill()
    process.wait()
    consumer = Consumer(memory.plan, ours, memory.memory)
    taken = [consumer.take(), consumer.take()]
    assert [slot.number for slot in taken if slot] == [0, 1]
    with pytest.raises(PipeClosedError):
        consumer.take()
    del taken
    consumer.close()


def test_a_link_leaves_nothing_behind() -> None:
    resource_tracker.ensure_running()  # has a pipe, for ever
    before = segments(), descriptors()
    memory = LinkMemory("link", FIELDS)
    if os.path.isdir("/dev/shm"):
        assert os.stat(f"/dev/shm/{memory.plan.segment}").st_mode & 0o777 == 0o600
    assert memory.plan.segment in system_folder().segments()
    giving, taking = Pipe()
    producer = Producer(memory.plan, giving, memory.memory)
    consumer = Consumer(memory.plan, taking)  # mapped once more, as another process has it
    slot = producer.room()
    slot.arrays["z"][...] = 3.0
    producer.give(slot, number=0, pictures=1)
    taken = consumer.take()
    assert taken is not None and (taken.arrays["z"] == np.float32(3.0)).all()
    del slot, taken
    producer.close()
    consumer.close()
    memory.close()
    memory.close()
    assert (segments(), descriptors()) == before


def test_a_link_that_has_no_room_says_how_much_it_wants() -> None:
    before, side = segments(), 1 << 16
    with pytest.raises(SharedMemoryError, match="shared memory: ") as refusal:
        LinkMemory("link", (("rgb", (64, side, side, 3), "u1"),))
    assert "\n" not in str(refusal.value)
    assert segments() == before
