"""Label files in YOLO's format: one box per line, class and normalised centre and size."""

from pathlib import Path

import numpy as np

from engine.errors import SourceError
from engine.jobs.dataset.labels.instances import Instances
from engine.system.small_file import read_small

MAX_LABEL_BYTES = 8 << 20  # of one picture: 100,000 boxes; XML takes thirty times its size in memory
PILE_CLASS = 0
COLUMNS = 5
FORM = np.frombuffer(b"0 0.000000 0.000000 0.000000 0.000000\n", np.uint8)
"""A line of `label_text` with zeros as digits. All lines have the same length, since no number exceeds 1."""
DIGITS = np.frombuffer(b"  d.dddddd d.dddddd d.dddddd d.dddddd ", np.uint8) == ord("d")
PLACES = np.array([10.0**place for place in range(6, -1, -1)])  # values of a number's digits, in millionths
ROUNDING_NORM = 1e-6  # rounding of a centre and of half a size to six decimals


def label_text(found: Instances, width: int, height: int) -> str:
    """One line `0 cx cy w h` per pile, relative to the picture's width and height (px); "" for no pile.

    Six decimals are 0.01 px in the widest picture. Two piles with the same box give equal lines, of which Ultralytics
    drops one.
    """
    x0, y0, x1, y1 = found.boxes.T
    shares = np.stack([(x0 + x1) / (2 * width), (y0 + y1) / (2 * height), (x1 - x0) / width, (y1 - y0) / height], 1)
    return "".join(f"{PILE_CLASS} {cx:.6f} {cy:.6f} {w:.6f} {h:.6f}\n" for cx, cy, w, h in shares.tolist())


def read_boxes(path: Path, width: int, height: int) -> np.ndarray:
    """Read the boxes of a label file, (k, 4) float64: x0 y0 x1 y1 in px, up to the rounding of six decimals.

    SourceError, with file and line, for anything that `label_text` would not write: other columns, classes or numbers,
    an edge outside the picture, an empty box. A file exactly as `label_text` writes it is parsed as a whole, which is
    faster than line by line.
    """
    try:
        data = read_small(path, max_bytes=MAX_LABEL_BYTES)
        boxes = _boxes(data)
        lines = data.decode("utf-8").splitlines() if boxes is None else []
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not a text"
        raise SourceError(f"{path}: cannot be read: {reason}") from error
    if boxes is None:
        boxes = np.array([_box(line, f"{path}:{number}") for number, line in enumerate(lines, 1)]).reshape(-1, 4)
    return boxes * (width, height, width, height)


def read_labels(path: Path, width: int, height: int, classes: int) -> tuple[np.ndarray, np.ndarray]:
    """Read a label file of any of YOLO's formats: boxes, (k, 4) float64 x0 y0 x1 y1 in px, and classes, (k,) int64.

    The box of a rotated box or a polygon is that of its corners. SourceError, with file and line, for a class that is
    not below `classes`, for points outside the picture, and for lines of no such format.
    """
    try:
        lines = read_small(path, max_bytes=MAX_LABEL_BYTES).decode("utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not a text"
        raise SourceError(f"{path}: cannot be read: {reason}") from error
    found = [_labelled(line, f"{path}:{number}", classes) for number, line in enumerate(lines, 1)]
    boxes = np.array([box for _, box in found]).reshape(-1, 4)
    return boxes * (width, height, width, height), np.array([number for number, _ in found], np.int64)


def _labelled(line: str, where: str, classes: int) -> tuple[int, tuple[float, float, float, float]]:
    """Class and relative box of one line of any format: 5 columns of a box, 8 with a head, 7, 9, 11, ... of corners."""
    first, *others = line.split() or [""]
    if not first.isdecimal() or int(first) >= classes:
        raise SourceError(f"{where}: class {first!r}; there are {classes}, numbered from 0")
    if len(others) not in (4, 7) and (len(others) < 6 or len(others) % 2):
        raise SourceError(f"{where}: {len(others) + 1} columns are of no format: 5, 8, or corners with x and y")
    if len(others) in (4, 7):
        return int(first), _inside(others[:4], where)
    try:
        points = np.array(others, np.float64).reshape(-1, 2)
    except ValueError as error:
        raise SourceError(f"{where}: {' '.join(others)!r} are not numbers") from error
    (x0, y0), (x1, y1) = points.min(axis=0).tolist(), points.max(axis=0).tolist()
    if not (min(x0, y0) >= -ROUNDING_NORM and max(x1, y1) <= 1 + ROUNDING_NORM and x1 > x0 and y1 > y0):
        raise SourceError(f"{where}: the corners are not inside the picture (0..1), or enclose nothing")
    return int(first), (x0, y0, x1, y1)


def _boxes(data: bytes) -> np.ndarray | None:
    """(k, 4) relative boxes, bit-identical to `_box`; None if the file must be parsed line by line."""
    if len(data) % len(FORM):
        return None
    digits = np.frombuffer(data, np.uint8).reshape(-1, len(FORM)) - FORM  # (k, 38); negative ones wrap
    if (digits > 9 * DIGITS).any():
        return None
    shares = digits[:, DIGITS].reshape(-1, 4, 7) @ PLACES / 1e6  # exact before the division
    centres, halves = shares[:, :2], shares[:, 2:] / 2
    boxes = np.concatenate([centres - halves, centres + halves], axis=1)
    is_sound = (halves > 0).all() and (boxes >= -ROUNDING_NORM).all() and (boxes <= 1 + ROUNDING_NORM).all()
    return boxes if is_sound else None


def _box(line: str, where: str) -> tuple[float, float, float, float]:
    """Parse one line into a relative box; SourceError names `where`."""
    fields = line.split()
    if len(fields) != COLUMNS:
        raise SourceError(f"{where}: {len(fields)} columns instead of {COLUMNS} (class, centre x y, width, height)")
    if fields[0] != str(PILE_CLASS):
        raise SourceError(f"{where}: class {fields[0]!r}; {PILE_CLASS} (pile) is the only one")
    return _inside(fields[1:], where)


def _inside(fields: list[str], where: str) -> tuple[float, float, float, float]:
    """The box of a centre and a size."""
    try:
        cx, cy, w, h = (float(field) for field in fields)
    except ValueError as error:
        raise SourceError(f"{where}: {' '.join(fields)!r} are not four numbers") from error
    box = (cx - w / 2, cy - h / 2, cx + w / 2, cy + h / 2)
    # Written so that NaN is rejected too: no comparison with it is true.
    if not (w > 0 and h > 0 and min(box) >= -ROUNDING_NORM and max(box) <= 1 + ROUNDING_NORM):
        raise SourceError(f"{where}: the box {' '.join(fields)} is not inside the picture (0..1), or has no size")
    return box
