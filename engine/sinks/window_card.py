"""The test card of a window: a grid to line up a projector by."""

import cv2
import numpy as np

CELLS = 16  # columns; the rows are as high as the columns are wide
BACKGROUND = 24
LINE = 110
WHITE = 255
CORNERS = ((255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 0))  # 1 to 4, as in /window/pin
MARK_FRACTION = 1 / 8  # of the shorter side


def draw_card(size: tuple[int, int], name: str) -> np.ndarray:
    """The test card, (height, width, 4) uint8: a square grid from the middle, a circle, a white
    frame, coloured corners with the numbers of `/window/pin`, and the name of the display."""
    width, height = size
    card = np.full((height, width, 3), BACKGROUND, np.uint8)
    cell = max(width / CELLS, 2.0)
    thick = max(1, min(size) // 360)
    for middle, end, axis in ((width / 2, width, 1), (height / 2, height, 0)):
        for at in np.arange(middle % cell, end, cell):
            first = round(at - thick / 2)
            card[(slice(None), slice(max(first, 0), first + thick))[:: 1 if axis else -1]] = LINE
    centre = width // 2, height // 2
    cv2.circle(card, centre, min(size) // 2 - 2 * thick, (WHITE,) * 3, thick, cv2.LINE_AA)
    side = max(2, round(min(size) * MARK_FRACTION))
    corners = ((0, 0), (width - side, 0), (width - side, height - side), (0, height - side))
    for number, ((left, top), colour) in enumerate(zip(corners, CORNERS, strict=True), 1):
        card[top : top + side, left : left + side] = colour
        _write(card, str(number), (left + side // 2, top + side // 2), side // 2, 0)
    cv2.rectangle(card, (0, 0), (width - 1, height - 1), (WHITE,) * 3, thick)
    plain = name.encode("ascii", "replace").decode()  # OpenCV has no other letters
    _write(card, plain, (centre[0], centre[1] - side // 2), side // 2, WHITE, width * 0.7)
    _write(
        card,
        f"{width} x {height}",
        (centre[0], centre[1] + side // 2),
        side // 3,
        WHITE,
        width * 0.7,
    )
    return np.dstack((card, np.full((height, width), 255, np.uint8)))


def _write(
    card: np.ndarray,
    text: str,
    middle: tuple[int, int],
    height: int,
    level: int,
    most: float | None = None,
) -> None:
    font = cv2.FONT_HERSHEY_SIMPLEX
    thick = max(1, height // 10)
    scale = cv2.getFontScaleFromHeight(font, max(height, 4), thick)
    (wide, tall), _ = cv2.getTextSize(text, font, scale, thick)
    if most is not None and wide > most:
        scale *= most / wide
        (wide, tall), _ = cv2.getTextSize(text, font, scale, thick)
    at = middle[0] - wide // 2, middle[1] + tall // 2
    cv2.putText(card, text, at, font, scale, (level,) * 3, thick, cv2.LINE_AA)
