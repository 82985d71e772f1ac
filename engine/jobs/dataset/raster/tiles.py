"""A picture cut into tiles, and where things fall in it."""

from dataclasses import dataclass

import numpy as np

from engine.jobs.dataset.scene.description import Camera

MAX_TILE_PX = 1024  # larger ones are no faster and take four times the memory


@dataclass(frozen=True, slots=True, kw_only=True)
class Tile:
    left_px: int
    top_px: int
    width_px: int
    height_px: int

    @property
    def place(self) -> tuple[slice, slice]:
        """Rows and columns of the picture."""
        return (
            slice(self.top_px, self.top_px + self.height_px),
            slice(self.left_px, self.left_px + self.width_px),
        )

    def sees(self, boxes_px: np.ndarray) -> np.ndarray:
        """(k, 4) left, top, right, bottom of the picture -> (k,) bool: which may show in it."""
        left, top, right, bottom = boxes_px.T
        return (
            (right >= self.left_px)
            & (left <= self.left_px + self.width_px)
            & (bottom >= self.top_px)
            & (top <= self.top_px + self.height_px)
        )


def cut(width_px: int, height_px: int, largest_px: int) -> list[Tile]:
    """Tiles of nearly one size, at most `largest_px` a side; the first is the largest."""
    wide, high = _side(width_px, largest_px), _side(height_px, largest_px)
    return [
        Tile(left_px=left, top_px=top, width_px=min(wide, width_px - left), height_px=min(high, height_px - top))
        for top in range(0, height_px, high)
        for left in range(0, width_px, wide)
    ]


def _side(length: int, largest: int) -> int:
    return -(-length // -(-length // largest))


def boxes_in_picture(camera: Camera, corners: np.ndarray) -> np.ndarray:
    """(k, c, 3) metres -> (k, 4) pixels: left, top, right, bottom of what their hull can cover, one pixel wider."""
    places = camera.pixel_of(corners.reshape(-1, 3).astype(np.float64)).reshape(*corners.shape[:2], 2)
    return np.concatenate([places.min(axis=1) - 1, places.max(axis=1) + 1], axis=1)


def corners_of(low: np.ndarray, high: np.ndarray) -> np.ndarray:
    """(k, 3), (k, 3) -> (k, 8, 3) corners of boxes."""
    which = (np.arange(8)[:, None] >> np.arange(3)) & 1  # (8, 3)
    return np.where(which[None] == 1, high[:, None], low[:, None])
