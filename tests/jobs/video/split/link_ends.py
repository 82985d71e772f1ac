"""The other end of a batch link, in a separate process."""

import sys

from engine.children.child_main import connection_of
from engine.jobs.video.split.link import Consumer, LinkPlan, Producer

FIELDS = (("rgb", (2, 5, 7, 3), "u1"), ("z", (2, 4, 1, 1), "<f4"), ("fates", (2,), "u1"))


def changing(segment: str, handle: int) -> None:
    """Take all batches to the end, and overwrite their slots with other numbers."""
    consumer = Consumer(LinkPlan(segment=segment, slots=2, fields=FIELDS), connection_of(handle))
    while (slot := consumer.take()) is not None:
        slot.arrays["z"][...] *= 2.0
        slot.arrays["rgb"][...] = 255 - slot.arrays["rgb"]
        slot.arrays["fates"][...] = slot.number
        consumer.give_back(slot)
    consumer.close()


def crowding(segment: str, handle: int) -> None:
    """Send ten batches as soon as there is room, then end the stream and wait until the neighbour is gone."""
    producer = Producer(LinkPlan(segment=segment, slots=2, fields=FIELDS), connection_of(handle))
    for number in range(10):
        slot = producer.room()
        slot.arrays["fates"][...] = number
        producer.give(slot, number=number, pictures=2 - number % 2, seconds={"encode": 0.5}, memory_mb=7.0)
    producer.end()
    while True:
        producer.room()


def crashing(segment: str, handle: int) -> None:
    """Exit without a message while holding a batch."""
    Consumer(LinkPlan(segment=segment, slots=2, fields=FIELDS), connection_of(handle)).take()
    sys.exit(3)
