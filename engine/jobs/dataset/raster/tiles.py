"""Cuts a picture into tiles, and projects bounding boxes into it."""

from dataclasses import dataclass

import numpy as np

from engine.jobs.dataset.scene.camera import SiteCamera

NEAREST_M = 0.5
"""Minimum depth of what is drawn."""
MAX_TILE_PX = 1024  # larger ones are no faster and take four times the memory


@dataclass(frozen=True, slots=True, kw_only=True)
class Tile:
    left_px: int
    top_px: int
    width_px: int
    height_px: int

    @property
    def place(self) -> tuple[slice, slice]:
        """The tile's rows and columns in the picture."""
        return (
            slice(self.top_px, self.top_px + self.height_px),
            slice(self.left_px, self.left_px + self.width_px),
        )

    def sees(self, boxes_px: np.ndarray) -> np.ndarray:
        """(k,) bool: True for boxes, (k, 4) left, top, right, bottom in px, that may be visible in the tile."""
        left, top, right, bottom = boxes_px.T
        is_seen: np.ndarray = (
            (right >= self.left_px)
            & (left <= self.left_px + self.width_px)
            & (bottom >= self.top_px)
            & (top <= self.top_px + self.height_px)
        )
        return is_seen


def cut(width_px: int, height_px: int, largest_px: int) -> list[Tile]:
    """Cut into tiles of nearly equal size, at most `largest_px` per side; the first is the largest."""
    wide, high = _side(width_px, largest_px), _side(height_px, largest_px)
    return [
        Tile(left_px=left, top_px=top, width_px=min(wide, width_px - left), height_px=min(high, height_px - top))
        for top in range(0, height_px, high)
        for left in range(0, width_px, wide)
    ]


def _side(length: int, largest: int) -> int:
    return -(-length // -(-length // largest))


def boxes_in_picture(camera: SiteCamera, corners: np.ndarray) -> np.ndarray:
    """Project (k, c, 3) metres to bounding boxes, (k, 4) left, top, right, bottom in pixels, with 1 px margin.

    A box that reaches behind the camera may be anywhere in the picture; one that is behind it is nowhere.
    """
    points = corners.reshape(-1, 3).astype(np.float64)
    is_before = (camera.depth_of(points) > NEAREST_M).reshape(corners.shape[:2])
    with np.errstate(divide="ignore", invalid="ignore"):
        places = camera.pixel_of(points).reshape(*corners.shape[:2], 2)
    boxes = np.concatenate([places.min(axis=1) - 1, places.max(axis=1) + 1], axis=1)
    boxes[~is_before.all(axis=1)] = -np.inf, -np.inf, np.inf, np.inf
    boxes[~is_before.any(axis=1)] = np.inf, np.inf, -np.inf, -np.inf
    return boxes


def corners_of(low: np.ndarray, high: np.ndarray) -> np.ndarray:
    """The corners, (k, 8, 3), of boxes between `low` and `high`, (k, 3) each."""
    which = (np.arange(8)[:, None] >> np.arange(3)) & 1  # (8, 3)
    return np.where(which[None] == 1, high[:, None], low[:, None])
