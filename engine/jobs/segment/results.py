"""Results of the model, passed to the outputs; the masks of a picture are drawn once for all
outputs."""

from dataclasses import dataclass, field

import numpy as np

from engine.render.masks import encoded_id, mask_boxes, object_colours
from engine.sources.pictures import Batch, InputPicture
from engine.values import Segmentation

Rgb = np.ndarray  # (height, width, 3) uint8


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class BatchResult:
    segmentations: list[Segmentation]
    """One per picture of the batch."""
    not_finite: int
    """Pictures that the model answered with NaN."""
    stages_ms: dict[str, float] = field(default_factory=dict)
    """Time of the model's stages, for the whole batch."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SegmentedBatch:
    """One batch with its results, passed from the model to the writer."""

    batch: Batch
    result: BatchResult
    tracker: bytes | None = None
    """State of the tracker after this batch; None except at a checkpoint."""
    is_restored: bool = False
    """True if these are results of an interrupted run."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OverlayStyle:
    opacity: float
    is_hard: bool


class MaskedPicture:
    """A picture with its masks, drawn on first use. Single-threaded."""

    def __init__(
        self, picture: InputPicture, segmentation: Segmentation, style: OverlayStyle
    ) -> None:
        self.picture = picture
        self.segmentation = segmentation
        self._style = style
        self._boxes = mask_boxes(segmentation.masks)
        # one layout: Numba compiles once
        self._masks = np.require(segmentation.masks, requirements=["C", "W"])
        self._overlay: Rgb | None = None

    def overlay(self) -> Rgb:
        """The picture overlaid with each object's colour, chosen by its id."""
        from engine.render.numba_masks import paint_masks

        if self._overlay is None:
            source = self.picture.pixels
            if not self.segmentation.objects:
                return source
            self._overlay = np.empty_like(source)
            colours = object_colours([each.id for each in self.segmentation.objects])
            style = self._style
            paint_masks(
                self._overlay,
                source,
                self._masks,
                self._boxes,
                colours,
                style.opacity,
                style.is_hard,
            )
        return self._overlay

    def ids(self) -> np.ndarray:
        """Ids, (height, width): that of the object in front, 0 for none. uint16 if one is above
        255, else uint8. After 65535, the highest in a PNG, they begin again at 1."""
        ids = [
            0,
            *(encoded_id(each.id, np.iinfo(np.uint16).max) for each in self.segmentation.objects),
        ]
        indices = self._paint_ids(slice(None), list(range(1, len(ids))))  # up to MAX_OBJECTS
        numbers: np.ndarray = np.array(ids, np.uint8 if max(ids) < 256 else np.uint16)[indices]
        return numbers

    def mask(self, index: int) -> tuple[np.ndarray, int, int]:
        """Full mask of the object at `index`, with occluded pixels: (height, width) uint8, 1
        inside, cropped to the object's part of the picture; and the left and top of that part."""
        from engine.render.numba_masks import pixels_touching

        height, width = self.picture.pixels.shape[:2]
        side = self._masks.shape[1]
        left, top, right, bottom = self._boxes[index].tolist()
        left, right = pixels_touching(left, right, width, side)
        top, bottom = pixels_touching(top, bottom, height, side)
        return self._paint_ids(slice(index, index + 1), [1])[top:bottom, left:right], left, top

    def _paint_ids(self, indices: slice, reds: list[int]) -> np.ndarray:
        from engine.render.numba_masks import paint_ids

        height, width = self.picture.pixels.shape[:2]
        if not reds:
            return np.zeros((height, width), np.uint8)
        out = np.empty((height, width, 3), np.uint8)
        levels = np.zeros((len(reds), 2), np.uint8)
        levels[:, 0] = reds
        paint_ids(out, self._masks[indices], self._boxes[indices], levels)
        return out[..., 0]
