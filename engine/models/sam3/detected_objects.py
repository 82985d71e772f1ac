"""Objects found in one picture, on the host. Does not load torch."""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, slots=True, kw_only=True)
class DetectedObjects:
    """n objects, best first."""

    scores: np.ndarray
    """(n,) float32, 0..1."""
    boxes: np.ndarray
    """(n, 4) float32: left, top, right and bottom in 0..1 of the picture; may extend beyond its edges."""
    prompts: np.ndarray
    """(n,) int64: index of the prompt in the given sequence."""
    masks: np.ndarray
    """(n, side, side) uint8: 255 x probability, rounded, halves down: above 127.5 where probability > 0.5."""
    ids: np.ndarray | None = None
    """(n,) int64 for tracked objects; otherwise None."""
    is_finite: bool = True
    """False if the model returned NaN or infinity; then there are no objects."""

    def __len__(self) -> int:
        return len(self.scores)

    @property
    def tracked_ids(self) -> np.ndarray:
        """The ids; ValueError if the objects are not tracked."""
        if self.ids is None:
            raise ValueError("objects that are not tracked have no ids")
        return self.ids

    def only(self, keep: np.ndarray) -> "DetectedObjects":
        """A selection: `keep` are indices, or (n,) bool."""
        return DetectedObjects(
            scores=self.scores[keep],
            boxes=self.boxes[keep],
            prompts=self.prompts[keep],
            masks=self.masks[keep],
            ids=None if self.ids is None else self.ids[keep],
            is_finite=self.is_finite,
        )


def no_objects(side: int, *, is_finite: bool = True) -> DetectedObjects:
    return DetectedObjects(
        scores=np.zeros(0, np.float32),
        boxes=np.zeros((0, 4), np.float32),
        prompts=np.zeros(0, np.int64),
        masks=np.zeros((0, side, side), np.uint8),
        is_finite=is_finite,
    )
