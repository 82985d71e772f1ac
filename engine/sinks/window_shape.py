"""Maps a pixel of a display to a position in the picture: rotation, fit and a four-corner pin as
one matrix. Pure.

The picture is turned and fitted into a canvas as large as the display; the pin moves the canvas's
four corners (render/output_shape.py).
"""

from dataclasses import dataclass

import numpy as np

from engine.render.output_shape import CORNERS, Corners, Size, from_square

# For each rotation: maps a position in the turned picture to one in the picture, both 0..1 from the
# top left.
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
    pin: Corners = CORNERS
    """The corners in parts of the display."""

    def canvas(self, display: Size) -> Size:
        """The size that a picture needs to fill the display when it is turned."""
        return (display[1], display[0]) if self.rotate % 180 else display

    def to_picture(self, picture: Size, display: Size) -> np.ndarray:
        """Matrix, (3, 3) float64: from (x, y, 1), px of the display from the top left, to a
        position in the picture times its third value, 0..1 from the top left. A third value of 0 or
        less is outside."""
        width, height = display
        left, top, across, down = fit_rectangle(self.canvas(picture), display, self.fit)
        to_unit = np.diag((1 / width, 1 / height, 1.0))
        to_canvas = np.linalg.inv(from_square(self.pin))
        to_area = np.array(
            ((width / across, 0, -left / across), (0, height / down, -top / down), (0, 0, 1))
        )
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
