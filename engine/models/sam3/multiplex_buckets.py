"""The buckets of SAM 3.1's tracker: which objects share a memory, and what of it is remembered.

Objects found in the same picture join the fullest group of buckets with room for all, or begin a
new one. So a group's first picture is the only one that conditions it (as in Meta's program, until
a click). A slot is used once: what a bucket remembers of a removed object stays in its memory,
until all its objects are removed.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from engine.models.sam3 import MAX_MEMORIES
from engine.models.sam3.multiplex_model import BUCKET

# instead of an object's id, which is positive
FREE = 0
REMOVED = -1
Remembered = tuple[Tensor, Tensor, Tensor]
"""Pointers (B, 16, C) and memories (B, g * g, C) of B buckets in a picture, and its features (1, g
* g, C)."""


@dataclass(kw_only=True)
class Group:
    """Buckets that began in the same frame. One thread. No container changes: a shallow copy is
    independent."""

    first: int
    """The frame."""
    buckets: list[list[int]] = field(default_factory=list)
    """An id for each of 16 slots, FREE or REMOVED."""
    memories: dict[int, tuple[Tensor, Tensor]] = field(default_factory=dict)
    """With the features, by frame, like the next: of the first, and of those that a later frame
    reads."""
    pointers: dict[int, Tensor] = field(default_factory=dict)

    @property
    def free(self) -> int:
        return sum(bucket.count(FREE) for bucket in self.buckets)

    def join(self, ids: Sequence[int]) -> None:
        """Give the new objects free slots, in order, of new buckets if necessary."""
        missing = -(-max(len(ids) - self.free, 0) // BUCKET)
        buckets = [*self.buckets, *([FREE] * BUCKET for _ in range(missing))]
        coming = iter(ids)
        self.buckets = [
            [next(coming, FREE) if each == FREE else each for each in bucket] for bucket in buckets
        ]

    def drop(self, ids: set[int]) -> None:
        """Remove objects, and buckets without any."""
        buckets = [[REMOVED if each in ids else each for each in bucket] for bucket in self.buckets]
        remaining = [index for index, bucket in enumerate(buckets) if max(bucket) > FREE]
        self.buckets = [buckets[index] for index in remaining]
        if 0 < len(remaining) < len(buckets):
            self.pointers = {
                frame: torch.stack([each[n] for n in remaining])
                for frame, each in self.pointers.items()
            }
            stored = self.memories.items()
            self.memories = {
                frame: (torch.stack([each[n] for n in remaining]), seen)
                for frame, (each, seen) in stored
            }

    def read(
        self, frame: int, config: Any, most: int = MAX_MEMORIES
    ) -> list[tuple[int, Tensor, Tensor]]:
        """The memories that `frame` reads, each with the index of the encoding of its age (for the
        first frame that of another age: so it was trained). `config`: the tracker's; `most`: as
        `count` of `ObjectMemory.masks`."""
        count = config.num_maskmem
        since = frame - self.first
        chosen = {self.first: count - 1 - since if since < count else count - 1}
        chosen |= {
            frame - age: age - 1 for age in range(min(most, count) - 1, 0, -1) if age < since
        }
        return [(where, *self.memories[each]) for each, where in chosen.items()]

    def add(self, frame: int, remembered: Remembered, config: Any) -> None:
        """Add the newest frame, and drop everything that no later frame reads."""
        remaining = {self.first, *range(frame + 2 - config.max_object_pointers_in_encoder, frame)}
        pointers = {each: self.pointers[each] for each in self.pointers if each in remaining}
        remaining = {self.first, *range(frame + 2 - config.num_maskmem, frame)}
        memories = {each: self.memories[each] for each in self.memories if each in remaining}
        self.pointers = pointers | {frame: remembered[0]}
        self.memories = memories | {frame: remembered[1:]}


def join(groups: list[Group], ids: Sequence[int], frame: int) -> Group | None:
    """Let new objects of this frame join the fullest group with room for all, or a new one; returns
    it."""
    if not ids:
        return None
    room = [group for group in groups if group.free >= len(ids)]
    chosen = min(room, key=lambda group: group.free) if room else Group(first=frame)
    chosen.join(ids)
    if not room:
        groups.append(chosen)
    return chosen
