"""Maps a pixel of a display to a position in the picture: rotation, fit and a four-corner pin as one matrix. Pure.

The picture is turned and fitted into a canvas as large as the display; the pin moves the canvas's four corners. The way
back is one projective matrix, which a fragment shader applies to each pixel (Heckbert 1989, Fundamentals of Texture
Mapping and Image Warping, 2.2).
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

Size = tuple[int, int]
CORNERS = ((0.0, 0.0), (1.0, 0.0), (1.0, 1.0), (0.0, 1.0))  # clockwise from the top left, x to the right, y down
MIN_AREA = 1e-4  # twice the area at a corner, in parts of the display: a thinner shape has no stable way back
# For each rotation: maps a position in the turned picture to one in the picture, both 0..1 from the top left.
_TURNS = {
    0: ((1, 0, 0), (0, 1, 0), (0, 0, 1)),
    90: ((0, 1, 0), (-1, 0, 1), (0, 0, 1)),
    180: ((-1, 0, 1), (0, -1, 1), (0, 0, 1)),
    270: ((0, -1, 1), (1, 0, 0), (0, 0, 1)),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """How a picture lies on a display: rotation, fit and corners."""

    rotate: int = 0
    """Degrees clockwise: 0, 90, 180 or 270."""
    fit: str = "fit"
    """fit, fill or stretch"""
    pin: tuple[tuple[float, float], ...] = CORNERS
    """The corners in parts of the display."""

    def canvas(self, display: Size) -> Size:
        """The size that a picture needs to fill the display when it is turned."""
        return (display[1], display[0]) if self.rotate % 180 else display

    def to_picture(self, picture: Size, display: Size) -> np.ndarray:
        """Matrix, (3, 3) float64: from (x, y, 1), px of the display from the top left, to a position in the picture
        times its third value, 0..1 from the top left. A third value of 0 or less is outside."""
        width, height = display
        left, top, across, down = fit_rectangle(self.canvas(picture), display, self.fit)
        to_unit = np.diag((1 / width, 1 / height, 1.0))
        to_canvas = np.linalg.inv(from_square(self.pin))
        to_area = np.array(((width / across, 0, -left / across), (0, height / down, -top / down), (0, 0, 1)))
        matrix: np.ndarray = np.array(_TURNS[self.rotate]) @ to_area @ to_canvas @ to_unit
        return matrix


def fit_rectangle(picture: Size, display: Size, fit: str = "fit") -> tuple[int, int, int, int]:
    """Fit the picture into the middle of the display: (left, top, width, height) in pixels."""
    if fit == "stretch":
        return 0, 0, *display
    ratios = display[0] / picture[0], display[1] / picture[1]
    scale = max(ratios) if fit == "fill" else min(ratios)
    width, height = max(1, round(picture[0] * scale)), max(1, round(picture[1] * scale))
    return (display[0] - width) // 2, (display[1] - height) // 2, width, height


def is_convex(corners: Sequence[tuple[float, float]]) -> bool:
    """True if the corners go round clockwise and none is pushed in: otherwise no projector could show that."""
    points = np.array(corners)
    before, after = points - np.roll(points, 1, 0), np.roll(points, -1, 0) - points
    return bool((before[:, 0] * after[:, 1] - before[:, 1] * after[:, 0] > MIN_AREA).all())


def from_square(corners: Sequence[tuple[float, float]]) -> np.ndarray:
    """Matrix, (3, 3), from the unit square to a convex shape with these corners, in the order of CORNERS."""
    a, b, c, d = np.array(corners)
    gap, right, bottom = a - b + c - d, b - c, d - c
    g, h = np.linalg.solve(np.column_stack((right, bottom)), gap)
    return np.vstack((np.column_stack((b - a + g * b, d - a + h * d, a)), (g, h, 1.0)))
