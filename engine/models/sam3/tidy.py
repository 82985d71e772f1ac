"""Duplicates, holes and specks, on the host. Does not load torch.

transformers has this for videos only, through a package that it would download, and leaves it out in silence without
it; `post_process_instance_segmentation` has none of it.

NMS there drops what overlaps a better mask by more than 0.1: in a video the tracker brings back what stands behind
another. A picture by itself has no second chance, so here only what is the same object twice goes: 0.7 for two answers
to one prompt; 0.9 for answers to two prompts, where a jacket may well fill most of the person who wears it.

A hole or a speck is a component (8 neighbours) of at most 16 px at a side of 288, a speck besides at most half of its
mask. What is changed lands just beyond the edge, as the reference's logits of 0.1 and -0.1.
"""

import cv2
import numpy as np

from engine.models.sam3.found import Found

SAME_IOU = 0.7
SAME_IOU_ACROSS = 0.9
SMALL_PX, SMALL_AT_SIDE = 16, 288
INSIDE = 127  # the most that is outside
FILLED, REMOVED = 134, 121  # 255 sigmoid(0.1) and 255 sigmoid(-0.1)


def tidy(found: Found, *, same_iou: float = SAME_IOU, same_iou_across: float = SAME_IOU_ACROSS) -> Found:
    """Without duplicates, holes and specks; `found` stays as it is."""
    if not len(found):
        return found
    kept = found.only(first_of_each(found, same_iou, same_iou_across))
    for mask in kept.masks:  # `only` copied them
        mend(mask)
    return kept


def oldest_of_each(found: Found) -> Found:
    """Of followed objects of different prompts that are the same one the oldest, with the smallest id: which of two is
    shown must not change with their scores."""
    if len(found) < 2:
        return found
    by_age = np.argsort(found.ids)
    kept = by_age[first_of_each(found.only(by_age), np.inf, SAME_IOU_ACROSS)]
    return found.only(np.sort(kept))


def first_of_each(found: Found, same_iou: float, same_iou_across: float) -> np.ndarray:
    """Places of those that no better one, itself kept, is the same as: greedy NMS, (n,) int64 in order."""
    limits = np.where(found.prompts[:, None] == found.prompts, same_iou, same_iou_across)
    is_same = mask_iou(found.masks) > limits
    kept: list[int] = []
    for place, same in enumerate(is_same):
        if not same[kept].any():
            kept.append(place)
    return np.array(kept, np.int64)


def mask_iou(masks: np.ndarray) -> np.ndarray:
    """(n, n) float64: intersection over union of the insides of `masks` (n, side, side) uint8; 0 for two empty ones."""
    count = len(masks)
    packed = np.packbits((masks > INSIDE).reshape(count, -1), axis=1)
    words = np.zeros((count, -(-packed.shape[1] // 8)), np.uint64)
    words.view(np.uint8)[:, : packed.shape[1]] = packed
    shared = np.bitwise_count(words[:, None] & words).sum(axis=-1, dtype=np.int64)
    areas = shared.diagonal()
    return shared / np.maximum(areas[:, None] + areas - shared, 1)


def mend(mask: np.ndarray) -> None:
    """Fills small holes of `mask` (side, side) uint8 and takes small specks away, in place."""
    inside = cv2.threshold(mask, INSIDE, 1, cv2.THRESH_BINARY)[1]
    left, top, width, height = cv2.boundingRect(inside)
    if not width:
        return
    # Outside the box around the inside there is nothing but outside: one pixel of it stands for all.
    rows, columns = mask.shape
    top, bottom = max(top - 1, 0), min(top + height + 1, rows)
    left, right = max(left - 1, 0), min(left + width + 1, columns)
    part, inside = mask[top:bottom, left:right], np.ascontiguousarray(inside[top:bottom, left:right])
    limit = SMALL_PX * rows * columns // SMALL_AT_SIDE**2
    # An edge of the part that is none of the mask has whole rows of outside beyond it: too large to be a hole.
    open_edges = (top > 0, bottom < rows, left > 0, right < columns)
    holes = small_components(1 - inside, limit, open_edges)
    if holes is not None:
        part[holes] = FILLED
        inside[holes] = 1
    specks = small_components(inside, min(limit, cv2.countNonZero(inside) // 2), (False,) * 4)
    if specks is not None:
        part[specks] = REMOVED


def small_components(shape: np.ndarray, limit: int, open_edges: tuple[bool, ...]) -> np.ndarray | None:
    """(H, W) bool: components of `shape` (H, W) uint8 0 or 1 of at most `limit` px; None where there is none. Those on
    an open edge (top, bottom, left, right) reach beyond it and are not small."""
    if limit < 1:
        return None
    count, labels = cv2.connectedComponentsWithAlgorithm(shape, 8, cv2.CV_16U, cv2.CCL_DEFAULT)
    if count <= 2 and not (count == 2 and limit >= cv2.countNonZero(shape)):
        return None  # label 0 is what is no component; one large one is the usual case
    is_small = np.bincount(labels.ravel(), minlength=count) <= limit
    is_small[0] = False
    for is_open, edge in zip(open_edges, (labels[0], labels[-1], labels[:, 0], labels[:, -1]), strict=True):
        if is_open:
            is_small[edge] = False
    return is_small[labels] if is_small.any() else None
