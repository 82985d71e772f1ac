"""A contact sheet for checking labels by eye.

It shows each picture twice: scaled down, for an overview, and a crop at full scale, to check each box against its
pile. Pictures that are not larger than such a crop are shown once.
"""

import heapq
import math
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from engine.dataset.labels.reading import read_labels
from engine.errors import SourceError
from engine.system.small_file import read_small

MAX_PICTURES = 20
MAX_BYTES = 2 << 30
SMALL_WIDTH_PX = 720
SIDE_PX = 540  # side of the crop, and height of the overview
WHOLE_PX = 640  # pictures with no longer side are shown once, at full scale
MIN_WIDTH_PX = 360  # of a cell, for its caption
CAPTION_PX = 32
GAP_PX = 8
SHEET_ASPECT = 1.6  # width / height, about that of a screen
BOX_COLOUR = (255, 0, 255)  # of class 0; nothing on a site has it: machines are yellow, bags white, grass green
COLOURS = (BOX_COLOUR, (0, 255, 255), (255, 255, 0), (255, 64, 64), (64, 255, 64), (96, 128, 255))
"""By class; further classes take them again."""
BACKGROUND = (24, 24, 24)
TEXT_COLOUR = (230, 230, 230)
MIN_OUTLINED_PX = 6  # shorter side of a box in the overview
CANDIDATES = 256  # candidate crops, compared by their number of piles


def draw_preview(pictures: Iterable[tuple[int, Path, Path]], names: tuple[str, ...] = ("pile",)) -> np.ndarray:
    """Draw the sheet, (height, width, 3) uint8 RGB, of the 20 pictures with the lowest indices.

    Each is given as index, picture file and label file; `names` are those of the classes, each with a colour. Lines are
    drawn just outside the boxes, so that they cover nothing inside; in the overview, small things have a dot instead.
    One picture is in memory at a time. SourceError if a file cannot be read or there is no picture.
    """
    chosen = heapq.nsmallest(MAX_PICTURES, pictures, key=lambda picture: picture[0])
    if not chosen:
        raise SourceError("preview: no picture to draw")
    sheet, cells = np.zeros((0, 0, 3), np.uint8), _Cells.of((0, 0))
    for place, (index, image_path, label_path) in enumerate(chosen):
        colors = _read_picture(image_path)
        height, width = colors.shape[:2]
        if not place:
            cells = _Cells.of((width, height))
            columns, rows = cells.grid(len(chosen))
            sheet = np.full((rows * cells.step_y + GAP_PX, columns * cells.step_x + GAP_PX, 3), BACKGROUND, np.uint8)
        row, column = divmod(place, columns)
        top, left = GAP_PX + row * cells.step_y, GAP_PX + column * cells.step_x
        cell = sheet[top : top + cells.step_y - GAP_PX, left : left + cells.step_x - GAP_PX]
        boxes, classes = read_labels(label_path, width, height, len(names))
        told = f"{index:06d}   {_counted(classes, names)}   {width}x{height}"
        _draw_cell(cell, cells, told, colors, boxes, classes)
    return sheet


@dataclass(frozen=True, slots=True, kw_only=True)
class _Cells:
    """The size of the sheet's cells, chosen by its first picture."""

    overview_px: int  # width of the overview, 0 for none
    piece: tuple[int, int]  # width and height of the crop in px

    @classmethod
    def of(cls, size: tuple[int, int]) -> "_Cells":
        is_whole = max(size) <= WHOLE_PX
        return cls(overview_px=0, piece=size) if is_whole else cls(overview_px=SMALL_WIDTH_PX, piece=(SIDE_PX, SIDE_PX))

    @property
    def piece_x(self) -> int:
        return self.overview_px + GAP_PX if self.overview_px else 0

    @property
    def step_x(self) -> int:
        """From one cell to the next, in px."""
        return max(self.piece_x + self.piece[0], MIN_WIDTH_PX) + GAP_PX

    @property
    def step_y(self) -> int:
        return CAPTION_PX + self.piece[1] + GAP_PX

    def grid(self, count: int) -> tuple[int, int]:
        """Columns and rows of a sheet with about SHEET_ASPECT; `count` is 1..20."""
        columns = max(1, round(math.sqrt(count * SHEET_ASPECT * self.step_y / self.step_x)))
        columns = min(columns, count)
        return math.ceil(count / math.ceil(count / columns)), math.ceil(count / columns)


def _counted(classes: np.ndarray, names: tuple[str, ...]) -> str:
    """`68 piles, 1 barrel`"""
    counts = [(int((classes == number).sum()), name) for number, name in enumerate(names)]
    return ", ".join(f"{count} {name}{'s' if count != 1 else ''}" for count, name in counts if count) or "no boxes"


def _draw_cell(
    cell: np.ndarray, cells: _Cells, told: str, colors: np.ndarray, boxes: np.ndarray, classes: np.ndarray
) -> None:
    import cv2

    height, width = colors.shape[:2]
    if cells.overview_px:
        scale = min(cells.overview_px / width, SIDE_PX / height, 1.0)
        small_size = (max(1, round(width * scale)), max(1, round(height * scale)))
        small = cv2.resize(colors, small_size, interpolation=cv2.INTER_AREA)
        _mark_boxes(small, boxes * np.tile(np.divide(small_size, (width, height)), 2), classes)
        cell[CAPTION_PX : CAPTION_PX + small.shape[0], : small.shape[1]] = small
    x, y = densest_corner(boxes, width, height, cells.piece)
    piece = colors[y : y + cells.piece[1], x : x + cells.piece[0]].copy()
    _draw_boxes(piece, boxes - (x, y, x, y), classes)
    cell[CAPTION_PX : CAPTION_PX + piece.shape[0], cells.piece_x :][:, : piece.shape[1]] = piece
    _write(cell, 0, told)
    if cells.overview_px:
        _write(cell, cells.piece_x, f"full scale at {x}, {y}")


def densest_corner(
    boxes: np.ndarray, width: int, height: int, piece: tuple[int, int] = (SIDE_PX, SIDE_PX)
) -> tuple[int, int]:
    """Left and top of the crop to show at full scale: of crops centred on a pile, the one with the most whole boxes.

    Ties go to the first box of the file. The middle of the picture if there is no box.
    """
    limit = np.maximum((width - piece[0], height - piece[1]), 0)
    if not len(boxes):
        return int(limit[0]) // 2, int(limit[1]) // 2
    around = boxes[:: math.ceil(len(boxes) / CANDIDATES)]
    centres = (around[:, :2] + around[:, 2:]) / 2
    corners = np.clip(np.rint(centres - np.divide(piece, 2)), 0, limit)  # (c, 2)
    is_after = (boxes[None, :, :2] >= corners[:, None]).all(axis=2)  # (c, k)
    is_before = (boxes[None, :, 2:] <= corners[:, None] + piece).all(axis=2)
    x, y = corners[np.argmax((is_after & is_before).sum(axis=1))].tolist()
    return int(x), int(y)


def _read_picture(path: Path) -> np.ndarray:
    """(height, width, 3) uint8 RGB."""
    import cv2

    try:
        # cv2.imread fails for non-ASCII names on Windows
        data = np.frombuffer(read_small(path, max_bytes=MAX_BYTES), np.uint8)
    except OSError as error:
        raise SourceError(f"{path}: cannot be read: {error.strerror}") from error
    try:
        pixels = cv2.imdecode(data, cv2.IMREAD_COLOR) if len(data) else None
    except cv2.error:  # damaged header: the size exceeds OpenCV's limit or the memory
        pixels = None
    if pixels is None:
        raise SourceError(f"{path}: not a complete picture that OpenCV can read")
    return cv2.cvtColor(pixels, cv2.COLOR_BGR2RGB, dst=pixels)


def _draw_boxes(pixels: np.ndarray, boxes: np.ndarray, classes: np.ndarray) -> None:
    """Draw 1 px outlines around the boxes into `pixels`; `boxes` (k, 4) in px."""
    import cv2

    firsts = np.floor(boxes[:, :2] + 0.01).astype(int) - 1  # 0.01 px: rounding error of six decimals
    lasts = np.ceil(boxes[:, 2:] - 0.01).astype(int)
    for first, last, number in zip(firsts.tolist(), lasts.tolist(), classes.tolist(), strict=True):
        cv2.rectangle(pixels, first, last, COLOURS[number % len(COLOURS)], 1)


def _mark_boxes(pixels: np.ndarray, boxes: np.ndarray, classes: np.ndarray) -> None:
    """Draw outlines, or a dot of 1 px on the middle of things so small that a line would be as thick as they are."""
    is_small = (boxes[:, 2:] - boxes[:, :2]).min(axis=1, initial=np.inf) < MIN_OUTLINED_PX
    _draw_boxes(pixels, boxes[~is_small], classes[~is_small])
    middles = ((boxes[is_small, :2] + boxes[is_small, 2:]) / 2).astype(int)
    columns, rows = np.clip(middles, 0, np.array(pixels.shape[1::-1]) - 1).T
    pixels[rows, columns] = np.array(COLOURS, np.uint8)[classes[is_small] % len(COLOURS)]


def _write(cell: np.ndarray, x: int, text: str) -> None:
    import cv2

    cv2.putText(cell, text, (x + 2, CAPTION_PX - 9), cv2.FONT_HERSHEY_SIMPLEX, 0.65, TEXT_COLOUR, 1, cv2.LINE_AA)
