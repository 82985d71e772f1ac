"""Label files in YOLO's format: one box per line, class and normalised centre and size."""

from pathlib import Path

import numpy as np

from engine.errors import SourceError
from engine.jobs.dataset.labels.instances import Instances

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
        data = path.read_bytes()
        boxes = _boxes(data)
        lines = data.decode("utf-8").splitlines() if boxes is None else []
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not a text"
        raise SourceError(f"{path}: cannot be read: {reason}") from error
    if boxes is None:
        boxes = np.array([_box(line, f"{path}:{number}") for number, line in enumerate(lines, 1)]).reshape(-1, 4)
    return boxes * (width, height, width, height)


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
    try:
        cx, cy, w, h = (float(field) for field in fields[1:])
    except ValueError as error:
        raise SourceError(f"{where}: {' '.join(fields[1:])!r} are not four numbers") from error
    box = (cx - w / 2, cy - h / 2, cx + w / 2, cy + h / 2)
    # Written so that NaN is rejected too: no comparison with it is true.
    if not (w > 0 and h > 0 and min(box) >= -ROUNDING_NORM and max(box) <= 1 + ROUNDING_NORM):
        raise SourceError(f"{where}: the box {' '.join(fields[1:])} is not inside the picture (0..1), or has no size")
    return box
