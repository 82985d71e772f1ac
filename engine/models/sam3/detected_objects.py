"""Objects detected in one picture, on the host, and `tidy`, which removes duplicates, holes and
specks. No torch.

transformers does this for videos only, with a package that it downloads, and silently skips it
without that package; `post_process_instance_segmentation` does not do it.

Its NMS drops a mask that overlaps a better one by more than 0.1, because in a video the tracker
recovers occluded objects. For a single picture that would lose objects, so here only an object
found twice is dropped: IoU above 0.7 for results of one prompt; above 0.9 for two prompts, because
a jacket may cover most of its wearer.

A hole or a speck is a component (8 neighbours) of at most 16 px at a side of 288; a speck also has
at most half the pixels of its mask. Changed pixels get a value just above or below the threshold,
like transformers' logits of 0.1 and
-0.1.
"""

from dataclasses import dataclass

import cv2
import numpy as np

SAME_IOU = 0.7
SAME_IOU_ACROSS = 0.9
SMALL_PX = 16
SMALL_AT_SIDE = 288
INSIDE = 127  # pixels above this value are inside
# 255 sigmoid(0.1) and 255 sigmoid(-0.1)
FILLED = 134
REMOVED = 121


@dataclass(frozen=True, slots=True, kw_only=True)
class DetectedObjects:
    """n detected objects, best first."""

    scores: np.ndarray
    """(n,) float32, 0..1."""
    boxes: np.ndarray
    """(n, 4) float32: left, top, right and bottom in 0..1 of the picture; may extend beyond its
    edges."""
    prompts: np.ndarray
    """(n,) int64: index of the prompt in the given sequence."""
    masks: np.ndarray
    """(n, side, side) uint8: 255 x probability, rounded, halves down: above 127.5 where probability
    > 0.5."""
    ids: np.ndarray | None = None
    """(n,) int64 for tracked objects; otherwise None."""
    shared: np.ndarray | None = None
    """(n, n) float32: pixels that two masks shared before the device cleaned them; None: `tidy`
    cleans them."""
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

    def select(self, keep: np.ndarray) -> "DetectedObjects":
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


def tidy(objects: DetectedObjects) -> DetectedObjects:
    """A copy of `objects` without duplicates, holes and specks."""
    if not len(objects):
        return objects
    cleaned = objects.select(nms_indices(objects, SAME_IOU))
    if objects.shared is None:
        for mask in cleaned.masks:  # in place: `select` has copied them
            clean_mask(mask)
    return cleaned


def keep_oldest(objects: DetectedObjects) -> DetectedObjects:
    """Drop tracked objects that another prompt also found, except the oldest, with the smallest id.
    Selecting by score could alternate between two objects."""
    if len(objects) < 2:
        return objects
    by_age = np.argsort(objects.tracked_ids)
    return objects.select(np.sort(by_age[nms_indices(objects.select(by_age), np.inf)]))


def nms_indices(objects: DetectedObjects, same_iou: float) -> np.ndarray:
    """Indices of the objects that greedy NMS selects, (n,) int64 in order: none overlaps a better
    one too much."""
    limits = np.where(objects.prompts[:, None] == objects.prompts, same_iou, SAME_IOU_ACROSS)
    shared = shared_pixels(objects.masks) if objects.shared is None else objects.shared
    areas = shared.diagonal()
    is_same = shared / np.maximum(areas[:, None] + areas - shared, 1) > limits
    indices: list[int] = []
    for index, same in enumerate(is_same):
        if not same[indices].any():
            indices.append(index)
    return np.array(indices, np.int64)


def shared_pixels(masks: np.ndarray) -> np.ndarray:
    """Number of pixels that are inside both of two `masks` (n, side, side) uint8: (n, n) int64."""
    count = len(masks)
    packed = np.packbits((masks > INSIDE).reshape(count, -1), axis=1)
    packed_words = np.zeros((count, -(-packed.shape[1] // 8)), np.uint64)
    packed_words.view(np.uint8)[:, : packed.shape[1]] = packed
    # Row by row: the whole (n, n) words does not fit into the processor's cache.
    rows = [
        np.bitwise_count(packed_words & row).sum(axis=1, dtype=np.int64) for row in packed_words
    ]
    return np.array(rows, np.int64).reshape(count, count)


def small_limit(rows: int, columns: int) -> int:
    """Pixels of the largest hole or speck of masks (rows, columns)."""
    return SMALL_PX * rows * columns // SMALL_AT_SIDE**2


def clean_mask(mask: np.ndarray) -> None:
    """Fill small holes of `mask` (side, side) uint8 and remove small specks, in place."""
    inside = cv2.threshold(mask, INSIDE, 1, cv2.THRESH_BINARY)[1]
    left, top, width, height = cv2.boundingRect(inside)
    if not width:
        return
    # Only the bounding box of the inside is processed, with a border of one pixel for everything
    # outside.
    rows, columns = mask.shape
    bottom = min(top + height + 1, rows)
    right = min(left + width + 1, columns)
    top = max(top - 1, 0)
    left = max(left - 1, 0)
    part = mask[top:bottom, left:right]
    inside = np.ascontiguousarray(inside[top:bottom, left:right])
    limit = small_limit(rows, columns)
    # If an edge of the box is not an edge of the mask, the outside continues beyond it, which is
    # too large for a hole.
    open_edges = (top > 0, bottom < rows, left > 0, right < columns)
    holes = small_components(1 - inside, limit, open_edges)
    if holes is not None:
        part[holes] = FILLED
        inside[holes] = 1
    specks = small_components(inside, min(limit, cv2.countNonZero(inside) // 2), (False,) * 4)
    if specks is not None:
        part[specks] = REMOVED


def small_components(
    shape: np.ndarray, limit: int, open_edges: tuple[bool, ...]
) -> np.ndarray | None:
    """Mask (H, W) bool of the components of `shape` (H, W) uint8 0 or 1 with at most `limit` px;
    None for none. Those on an open edge (top, bottom, left, right) continue beyond it and are not
    small."""
    if limit < 1:
        return None
    count, numbered = cv2.connectedComponentsWithAlgorithm(shape, 8, cv2.CV_16U, cv2.CCL_DEFAULT)
    labels: np.ndarray = np.asarray(numbered)
    if count <= 2 and not (count == 2 and limit >= cv2.countNonZero(shape)):
        return None  # label 0 is the background; a single large component is the usual case
    is_small = np.bincount(labels.ravel(), minlength=count) <= limit
    is_small[0] = False
    for is_open, edge in zip(
        open_edges, (labels[0], labels[-1], labels[:, 0], labels[:, -1]), strict=True
    ):
        if is_open:
            is_small[edge] = False
    return is_small[labels] if is_small.any() else None
