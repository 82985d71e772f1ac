"""What was found in one picture, on the host. Does not load torch."""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """n objects, best first."""

    scores: np.ndarray
    """(n,) float32, 0..1."""
    boxes: np.ndarray
    """(n, 4) float32: left, top, right and bottom in 0..1 of the picture; may reach over its edges."""
    prompts: np.ndarray
    """(n,) int64: place of the prompt in the sequence that was given."""
    masks: np.ndarray
    """(n, side, side) uint8: 255 x probability, rounded, a half downwards: above 127.5 where probability > 0.5."""
    ids: np.ndarray | None = None
    """(n,) int64, of followed objects; else None."""
    is_finite: bool = True
    """False where the model's numbers were none (NaN, infinity); then nothing was found."""

    def __len__(self) -> int:
        return len(self.scores)

    def only(self, keep: np.ndarray) -> "Found":
        """Those at `keep`: places, or (n,) bool."""
        return Found(
            scores=self.scores[keep],
            boxes=self.boxes[keep],
            prompts=self.prompts[keep],
            masks=self.masks[keep],
            ids=None if self.ids is None else self.ids[keep],
            is_finite=self.is_finite,
        )


def nothing_found(side: int, *, is_finite: bool = True) -> Found:
    return Found(
        scores=np.zeros(0, np.float32),
        boxes=np.zeros((0, 4), np.float32),
        prompts=np.zeros(0, np.int64),
        masks=np.zeros((0, side, side), np.uint8),
        is_finite=is_finite,
    )
