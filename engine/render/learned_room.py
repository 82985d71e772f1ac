"""The empty room behind people, learned from the pictures of a camera that pans, zooms and turns.

Corners of the room are found again in the newest picture (Lucas and Kanade 1981; Shi and Tomasi
1994, https://doi.org/10.1109/CVPR.1994.323794), and a shift, a turn and a scale fitted to them
(RANSAC). The room is kept in the pixels of its first picture, so that no number of movements blurs
it.
"""

from typing import Any, Final

import cv2
import numpy as np

MAX_MOVED_PX: Final = 16.0  # between two pictures
UNMOVED_PX: Final = 0.15  # at the corners of the picture: below is noise
CORNERS = 100
MIN_CORNERS = 8
MIN_FITTING = 0.4
MIN_SPREAD: Final = 0.5  # of the picture's width: corners in less may be a person's
MAX_SCALE: Final = 1.25  # of a picture to the room as kept, and the reverse
# standard deviation of the blur beneath, in logarithms
_DETAIL_PX = 3
_MAX_DETAIL = 0.25


class LearnedRoom:
    """Pictures are natural logarithms of light, (height, width, 3) float32, all of one size. One
    thread."""

    def __init__(self, light: np.ndarray) -> None:
        """light: The first picture, whoever is in it."""
        height, width = light.shape[:2]
        self._size_px = (width, height)
        self._ends = np.array([[0, 0, 1], [width, 0, 1], [0, height, 1], [width, height, 1]], float)
        self._start = np.array([[1.0, 0.0, width // 2], [0.0, 1.0, height // 2]])
        self._pose = self._start  # from the newest picture's pixels to the room's
        self._room = np.zeros((2 * height, 2 * width, 3), np.float32)
        self._has_seen = np.zeros((2 * height, 2 * width), np.uint8)  # 255 where it has been seen
        self._add_unknown(light)

    def follow(self, light: np.ndarray, people: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Find how the camera has moved: return the matrix, (2, 3), from this picture's pixels to
        the last one's, and the room as it is seen in this picture; where it was never seen, it is
        taken from the picture.

        people: Where they were in the last picture, (height, width), 0..1."""
        room = self._view()
        motion = self._motion(_detail(room), _detail(light), people)
        if motion is None:
            return np.eye(2, 3), room
        self._move(_joined(motion, self._pose))
        self._add_unknown(light)
        return motion, self._view()

    def _motion(self, old: np.ndarray, new: np.ndarray, people: np.ndarray) -> np.ndarray | None:
        """Fit the camera's movement to corners of the room; None if it stands still, or nothing is
        clear."""
        corners = cv2.goodFeaturesToTrack(
            new, CORNERS, 0.02, 5, mask=(people < 0.1).astype(np.uint8)
        )
        if corners is None:
            return None
        no_guess: Any = None  # OpenCV takes none, which its stubs leave out
        found, is_found, _ = cv2.calcOpticalFlowPyrLK(
            new, old, corners, no_guess, winSize=(11, 11), maxLevel=2
        )
        corners = corners[is_found > 0]
        found = found[is_found > 0]
        if len(corners) < MIN_CORNERS:
            return None
        motion, fits = cv2.estimateAffinePartial2D(corners, found, ransacReprojThreshold=1.0)
        fitting = corners[fits.ravel() > 0] if motion is not None else corners[:0]
        is_few = len(fitting) < max(MIN_CORNERS, MIN_FITTING * len(corners))
        if motion is None or is_few or np.ptp(fitting[:, 0]) < MIN_SPREAD * self._size_px[0]:
            return None
        moved_px = np.abs(self._ends @ (motion - np.eye(2, 3)).T).max()
        return np.asarray(motion) if UNMOVED_PX < moved_px < MAX_MOVED_PX else None

    def learn(self, change: np.ndarray) -> None:
        """Add a change, (height, width, 3), of the room as it was seen last."""
        part, pose, size_px = self._part()
        self._room[part] += cv2.warpAffine(change, pose, size_px)

    def _part(self) -> tuple[tuple[slice, slice], np.ndarray, tuple[int, int]]:
        """Return the part of the room that the newest picture sees, the pose within it, and its
        width and height."""
        ends = self._ends @ self._pose.T
        left, top = np.floor(ends.min(axis=0)).astype(int)
        right, bottom = np.ceil(ends.max(axis=0)).astype(int)
        pose = self._pose - [[0.0, 0.0, left], [0.0, 0.0, top]]
        return (
            (slice(top, bottom), slice(left, right)),
            pose,
            (int(right - left), int(bottom - top)),
        )

    def _view(self) -> np.ndarray:
        return warped(self._room, self._pose, self._size_px)

    def _move(self, pose: np.ndarray) -> None:
        """Keep the room where this picture sees it; around the picture, if it would leave or is too
        large or small."""
        ends = self._ends @ pose.T
        scale = np.hypot(*pose[:, 0])
        is_inside = ends.min() >= 0.0 and (ends <= np.multiply(self._size_px, 2)).all()
        self._pose = pose
        if not (is_inside and 1.0 / MAX_SCALE < scale < MAX_SCALE):
            there = _joined(cv2.invertAffineTransform(pose), self._start)
            size_px = self._has_seen.shape[::-1]
            self._room = cv2.warpAffine(self._room, there, size_px)
            self._has_seen = cv2.warpAffine(self._has_seen, there, size_px) // 255 * 255
            self._pose = self._start

    def _add_unknown(self, light: np.ndarray) -> None:
        part, pose, size_px = self._part()
        known = self._has_seen[part]
        covered = cv2.warpAffine(np.full(light.shape[:2], 255, np.uint8), pose, size_px)
        is_new = (known < 255) & (covered == 255)
        if is_new.any():
            self._room[part][is_new] = cv2.warpAffine(light, pose, size_px)[is_new]
            known[is_new] = 255


def warped(plane: np.ndarray, matrix: np.ndarray, size_px: tuple[int, int]) -> np.ndarray:
    """Return a picture of that width and height, each pixel of which is that of `plane` where the
    matrix, (2, 3), takes it; beyond, its edge. Pure."""
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    return cv2.warpAffine(plane, matrix, size_px, flags=flags, borderMode=cv2.BORDER_REPLICATE)


def _joined(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Return the matrix that does what the first does, then what the second does."""
    joined: np.ndarray = second @ np.vstack([first, [0.0, 0.0, 1.0]])
    return joined


def _detail(light: np.ndarray) -> np.ndarray:
    """Return what is finer than the light on it, (height, width) uint8."""
    grey = cv2.cvtColor(light, cv2.COLOR_RGB2GRAY)
    fine = (grey - cv2.GaussianBlur(grey, (0, 0), _DETAIL_PX)) / _MAX_DETAIL
    return (127.5 * fine.clip(-1.0, 1.0) + 127.5).astype(np.uint8)
