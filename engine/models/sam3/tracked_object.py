"""One tracked object, and the frames that the tracker remembers of it, with bounded size.

transformers' session stores every picture, every full-size mask and all bookkeeping of every frame
forever. According to the code of Sam3TrackerVideoModel most of it can be dropped, and a test checks
this. Let M = num_maskmem, P = max_object_pointers_in_encoder and C = max_cond_frame_num (7, 16 and
4 as published). Frame f + 1 reads for each object:

- mask memories of the frames after f + 1 - M, and of the C newest conditioning frames;
- object pointers of the frames after f + 1 - P, and of all conditioning frames so far.

The last item cannot be bounded exactly: a tracked object gets a conditioning frame whenever it is
reconditioned, every 16th frame. Here only the newest MAX_CONDITIONING are stored. For its first 240
frames an object's masks equal those of transformers. After that, 16 frames spread over about the
last 8 seconds (at 30 fps) are stored, while transformers would attend to more and more of them.
(The published SAM 2 reads C.)
"""

from dataclasses import dataclass, field
from typing import Any

from torch import Tensor

from engine.models.sam3 import MAX_MEMORIES

MAX_CONDITIONING = 16
NEVER = -1

FrameMemory = tuple[Tensor, Tensor | None]
"""A frame: the object's pointer (1, C), and its mask memory (g * g, 1, D) unless no later frame
reads it."""
Doubts = tuple[int, dict[int, int]]
"""Number of frames without a detection, and of detections shared with an older object, by its
id."""
AgedTensors = list[tuple[int, Tensor]]
"""Tensors with their age in frames."""


@dataclass(slots=True)
class ObjectMemory:
    """The frames of one object, by their index in the stream, in ascending order. One thread."""

    conditioning: dict[int, FrameMemory] = field(default_factory=dict)
    """Frames whose mask the detector has created or confirmed."""
    passing: dict[int, FrameMemory] = field(default_factory=dict)
    """The other frames, whose mask the tracker has propagated."""

    def masks(self, frame: int, config: Any, count: int = MAX_MEMORIES) -> AgedTensors:
        """The mask memories that `frame` reads; those of conditioning frames have age 0. `config`:
        the tracker's. `count`: `frame` and the newest frames that it reads, at most num_maskmem."""
        chosen = self._selected(config.max_cond_frame_num)
        found = [(0, self.conditioning[each][1]) for each in chosen]
        for age in range(min(count, config.num_maskmem) - 1, 0, -1):
            other = self.passing.get(frame - age)
            if other is None and frame - age not in chosen:
                other = self.conditioning.get(frame - age)
            if other is not None:
                found.append((age, other[1]))
        return [(age, mask) for age, mask in found if mask is not None]

    def pointers(self, frame: int, config: Any) -> AgedTensors:
        """The object pointers that `frame` reads: of all conditioning frames, then of the newest
        others."""
        found = [(frame - each, pointer) for each, (pointer, _) in self.conditioning.items()]
        recent = (
            (age, self.passing.get(frame - age))
            for age in range(1, config.max_object_pointers_in_encoder)
        )
        return found + [
            (age, frame_memory[0]) for age, frame_memory in recent if frame_memory is not None
        ]

    def add(
        self,
        frame: int,
        pointer: Tensor,
        mask: Tensor,
        config: Any,
        *,
        is_conditioning: bool,
    ) -> None:
        """Add the newest frame, and drop everything that no later frame reads."""
        if is_conditioning:  # stored for long: a slice would keep the tensor of all objects alive
            self.conditioning[frame] = (pointer.clone(), mask.clone())
        else:
            self.passing[frame] = (pointer, mask)
        masks_from = frame + 2 - config.num_maskmem
        oldest = min(masks_from, frame + 2 - config.max_object_pointers_in_encoder)
        newest = sorted(self.conditioning)[-MAX_CONDITIONING:]
        self.conditioning = {each: self.conditioning[each] for each in newest}
        read = {*self._selected(config.max_cond_frame_num), *range(masks_from, frame + 1)}
        self.passing = {
            each: frame_memory for each, frame_memory in self.passing.items() if each >= oldest
        }
        for frames in (self.conditioning, self.passing):
            for each in frames.keys() - read:
                frames[each] = (frames[each][0], None)

    def _selected(self, count: int) -> list[int]:
        """The conditioning frames whose masks are read: the newest `count`, or all for -1."""
        frames = list(self.conditioning)
        return frames if count == -1 or len(frames) <= count else frames[: -count - 1 : -1]


@dataclass(slots=True, kw_only=True)
class TrackedObject:
    """One object of a stream. One thread."""

    id: int
    prompt: int
    score: float
    """The detector's score from when it was found."""
    last_hidden: int = NEVER
    """The last frame in which it had no mask."""
    first: int = 0
    """The frame in which it was found."""
    doubts: Doubts = (0, {})  # of SAM 3.1, in its first frames
    memory: ObjectMemory = field(default_factory=ObjectMemory)

    def state(self) -> dict[str, Any]:
        """Everything, as tensors and plain values (not copied), for `restore_object`."""
        frames = {"conditioning": self.memory.conditioning, "passing": self.memory.passing}
        plain = ("id", "prompt", "score", "last_hidden", "first", "doubts")
        return {name: getattr(self, name) for name in plain} | frames


def restore_object(state: dict[str, Any]) -> TrackedObject:
    """The object with this state, which `TrackedObject.state` returned."""
    frames = {name: dict(state[name]) for name in ("conditioning", "passing")}
    plain = {name: value for name, value in state.items() if name not in frames}
    return TrackedObject(**plain, memory=ObjectMemory(**frames))
