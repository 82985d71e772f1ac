"""Reads boxes from label files of several formats. All faults are returned; `read_labels` raises.

A run-length encoding (`rleFrString` in pycocotools/common/maskApi.c) is decoded here, as
pycocotools reads beyond the end of a truncated string. It gives the lengths of the runs off, on,
off... down the columns: characters of 5 bits, the lowest first, with a bit above them if more
follow; from the fourth number on the difference from the one two before it.
"""

import codecs
import io
import math
import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from xml.etree import ElementTree

import msgspec
import numpy as np

from engine.errors import SourceError
from engine.system.small_file import open_regular, read_small

# of one picture: 100,000 boxes; XML takes thirty times its size in memory
MAX_LABEL_BYTES = 8 << 20
MAX_COCO_BYTES = 8 << 30
PIECE_BYTES = 16 << 20
MAX_FAULTS = 10_000  # of one file; what has more is another kind of file
BOX_COLUMNS = 5  # class, centre, size
ROTATED_COLUMNS = 9  # class, four corners
KITTI_COLUMNS = 15
# how many, and the numbers of each: x, y and maybe 0 for one that is not labelled
Keypoints = tuple[int, int]
HEAD: Keypoints = (1, 3)  # of a pile
ROUNDING_NORM = 1e-6  # rounding of a centre and of half a size to six decimals
FIRST_CHARACTER = 48
NOT_YET_FETCHED = (
    (b"version https://git-lfs", "Git-LFS", "git lfs pull"),
    (b"/annex/objects/", "git-annex", "git annex get"),
)
MORE = 0x20
NEGATIVE = 0x10
VALUE = 0x1F
MAX_CHARACTERS = 12  # of a number; 60 bits
MIN_POLYGON = 6  # numbers: three points


def pointer_line(content: bytes | bytearray) -> str:
    """Error line for a Git-LFS or git-annex pointer in place of the file; "" for other content."""
    for at, kind, how in NOT_YET_FETCHED:
        if content.startswith(at):
            return f"is a pointer of {kind} and not yet the file: {how}"
    return ""


@dataclass(slots=True, kw_only=True)
class ReadLabels:
    names: list[str] = field(default_factory=list)  # class per box
    # (k, 4) float64: x0 y0 x1 y1 in px, exclusive
    boxes: np.ndarray = field(default_factory=lambda: np.zeros((0, 4)))
    faults: list[str] = field(default_factory=list)  # lines that cannot be read, as text
    repeated: list[str] = field(default_factory=list)  # of YOLO: duplicate lines, as text
    lines: list[int] = field(default_factory=list)  # of YOLO: line per box, from 1
    # of each box; empty if the format has no such flag
    hidden: list[bool] = field(default_factory=list)
    is_rotated: bool = False
    """True if lines are rotated boxes. `boxes` then enclose these, and are larger than the
    things."""


class CocoImage(msgspec.Struct, frozen=True):
    id: int
    file_name: str
    width: int | None = None
    height: int | None = None


class CocoAnnotation(msgspec.Struct, frozen=True):
    image_id: int
    category_id: int
    id: int | str | None = None
    bbox: list[float] = []
    iscrowd: int = 0
    area: float | None = None
    keypoints: list[float] | None = None  # x, y and 0 for none, 1 for hidden, 2 for seen, of each
    is_hidden: bool = False  # our own further field
    # a part of the file's content, which is decoded when it is needed
    segmentation: msgspec.Raw = msgspec.Raw()


class CocoCategory(msgspec.Struct, frozen=True):
    id: int
    name: str


class CocoLabels(msgspec.Struct, frozen=True):
    images: list[CocoImage]
    annotations: list[CocoAnnotation]
    categories: list[CocoCategory] = []


def read_coco(path: Path) -> CocoLabels | str:
    """Read a COCO file; return the reason as text if it cannot be read."""
    content = bytearray()
    try:
        with open_regular(path, max_bytes=MAX_COCO_BYTES) as file:
            while piece := file.read(PIECE_BYTES):
                if b"\0" in piece:  # a file with holes is not read to its end
                    return (
                        "is not a COCO file: it holds bytes of 0; if it is in UTF-16, save it "
                        "as UTF-8"
                    )
                content += piece
        if line := pointer_line(content):
            return line
        if not content.strip():
            return "is empty"
        if content.startswith(codecs.BOM_UTF8):
            del content[: len(codecs.BOM_UTF8)]
        return msgspec.json.decode(content, type=CocoLabels)
    except OSError as error:
        if path.is_symlink() and not path.exists():
            return f"is a link to a file that is missing ({os.readlink(path)})"
        return f"cannot be read ({error.strerror or error})"
    except (ValueError, RecursionError) as error:  # msgspec raises ValueError
        return f"is not a COCO file: {error}"


def read_labels(
    path: Path, width_px: int, height_px: int, classes: int
) -> tuple[np.ndarray, np.ndarray]:
    """Read a label file of our own in any YOLO format: boxes, (k, 4) float64 x0 y0 x1 y1 in px, and
    classes, (k,) int64. SourceError, with the file, for other columns, classes and numbers, and for
    points outside the picture."""
    names = {number: str(number) for number in range(classes)}
    class_text = f"the {classes} classes, which are numbered from 0"
    read = read_yolo(path, width_px, height_px, names, HEAD, class_text=class_text)
    if read.faults:
        raise SourceError(f"{path}: {read.faults[0]}")
    relative = read.boxes / (width_px, height_px, width_px, height_px)
    is_inside = (relative >= -ROUNDING_NORM).all(axis=1) & (relative <= 1 + ROUNDING_NORM).all(
        axis=1
    )
    is_sound = is_inside & (relative[:, 2:] > relative[:, :2]).all(axis=1)
    if not is_sound.all():
        line = read.lines[int(is_sound.argmin())]
        raise SourceError(
            f"{path}: line {line}: the box is not inside the picture (0..1), or has no size"
        )
    return read.boxes, np.array(read.names, np.int64)


def read_yolo(
    path: Path,
    width_px: int,
    height_px: int,
    class_names: dict[int, str],
    keypoints: Keypoints,
    *,
    class_text: str,
) -> ReadLabels:
    """Read YOLO boxes, poses, and polygons and rotated boxes as the box around them."""
    keypoint_columns = math.prod(keypoints)
    rows: list[Sequence[float]] = []
    columns = set()
    read = ReadLabels()
    seen: dict[tuple[str, ...], int] = {}
    for number, line in text_lines(path, read):
        first = seen.setdefault(tuple(line.split()), number)
        if first != number:
            read.repeated.append(
                f"line {number} is the same as line {first}; trainers leave it out"
            )
        try:
            kind, *values = _numbers(line.split())
        except ValueError:
            read.faults.append(f"line {number}: {line.strip()[:60]!r} are not numbers")
            continue
        box = _yolo_box(values, keypoint_columns)
        if box is None or not kind.is_integer():
            read.faults.append(
                f"line {number}: {len(values) + 1} columns are no box, polygon or pose"
            )
            continue
        if len(values) == BOX_COLUMNS - 1 + keypoint_columns:
            for at in range(BOX_COLUMNS - 1, len(values), keypoints[1] or 1):
                x, y, *is_labelled = values[at : at + keypoints[1]]
                if is_labelled != [0] and (
                    min(x, y) < -ROUNDING_NORM or max(x, y) > 1 + ROUNDING_NORM
                ):
                    read.faults.append(
                        f"line {number}: the keypoint {x:g} {y:g} is outside the picture (0..1)"
                    )
        if class_names and int(kind) not in class_names:
            read.faults.append(f"line {number}: class {int(kind)} is not among {class_text}")
        read.names.append(class_names.get(int(kind), str(int(kind))))
        read.lines.append(number)
        rows.append(box)
        columns.add(len(values) + 1)
    read.is_rotated = (
        columns == {ROTATED_COLUMNS} and BOX_COLUMNS + keypoint_columns != ROTATED_COLUMNS
    )
    read.boxes = np.array(rows, np.float64).reshape(-1, 4) * (
        width_px,
        height_px,
        width_px,
        height_px,
    )
    return read


def read_voc(path: Path) -> ReadLabels:
    read = ReadLabels()
    rows = []
    try:
        root = ElementTree.fromstring(_text(path, read) or "<annotation/>")
    except ElementTree.ParseError as error:
        read.faults.append(f"is not XML: {error}")
        return read
    for number, one in enumerate(root.iter("object"), 1):
        try:
            x0, y0, x1, y1 = _numbers(
                one.findtext(f"bndbox/{edge}", "") for edge in ("xmin", "ymin", "xmax", "ymax")
            )
        except ValueError:
            read.faults.append(f"object {number}: bndbox lacks a number")
            continue
        read.names.append(one.findtext("name", ""))
        rows.append((x0 - 1, y0 - 1, x1, y1))
    read.boxes = np.array(rows, np.float64).reshape(-1, 4)
    return read


def read_kitti(path: Path) -> ReadLabels:
    read = ReadLabels()
    rows = []
    for number, line in text_lines(path, read):
        fields = line.split()
        try:
            box = _numbers(fields[4:8])
        except ValueError:
            box = []
        if len(fields) not in (KITTI_COLUMNS, KITTI_COLUMNS + 1) or len(box) != 4:
            read.faults.append(f"line {number}: not KITTI's {KITTI_COLUMNS} columns")
            continue
        read.names.append(fields[0])
        rows.append(box)
    read.boxes = np.array(rows, np.float64).reshape(-1, 4)
    return read


def _numbers(texts: Iterable[str]) -> list[float]:
    """ValueError for anything but finite numbers."""
    numbers = [float(text) for text in texts]
    if not all(map(math.isfinite, numbers)):
        raise ValueError("not finite")
    return numbers


def text_lines(
    path: Path, read: ReadLabels, max_bytes: int = MAX_LABEL_BYTES
) -> Iterator[tuple[int, str]]:
    """Yield number, from 1, and text of each line that is not empty, until there are too many
    faults."""
    for number, line in enumerate(io.StringIO(_text(path, read, max_bytes), newline=None), 1):
        if len(read.faults) >= MAX_FAULTS:
            read.faults.append(f"line {number}: too many faults; the rest is not read")
            return
        if line.strip():
            yield number, line


def _text(path: Path, read: ReadLabels, max_bytes: int = MAX_LABEL_BYTES) -> str:
    try:
        content = read_small(path, max_bytes=max_bytes)
        line = pointer_line(content)
        if not line:
            return content.decode("utf-8-sig")
        read.faults.append(line)
    except UnicodeDecodeError:
        read.faults.append("is not a text in UTF-8; save it as UTF-8")
    except OSError as error:
        read.faults.append(f"cannot be read ({error.strerror or error})")
    return ""


def _yolo_box(
    values: list[float], keypoint_columns: int
) -> tuple[float, float, float, float] | None:
    """Box of a label's columns after the class, relative; None for an unknown number of columns."""
    columns = len(values) + 1
    if columns in (BOX_COLUMNS, BOX_COLUMNS + keypoint_columns):
        x, y, width, height = values[:4]
        return (x - width / 2, y - height / 2, x + width / 2, y + height / 2)
    # a polygon of three or more points, or the four corners of a rotated box
    if columns >= 7 and columns % 2:
        xs, ys = values[0::2], values[1::2]
        return (min(xs), min(ys), max(xs), max(ys))
    return None


# -- segmentations of COCO files: their size and the box around them -------------------------------


class RunLengths(msgspec.Struct, frozen=True):
    size: tuple[int, int]  # height and width
    counts: str | list[int]


@dataclass(frozen=True, slots=True, kw_only=True)
class MaskExtent:
    size_px: tuple[int, int] | None  # width and height of the picture; None for polygons
    box: tuple[float, float, float, float]  # x0 y0 x1 y1 px, exclusive


def read_extent(content: bytes) -> MaskExtent | str | None:
    """Extent of a `segmentation` in JSON; the fault as text if it is invalid, None if there is no
    segmentation."""
    try:
        found = (
            msgspec.json.decode(content, type=RunLengths | list[list[float]] | None)
            if content
            else None
        )
    except ValueError:
        return "is neither a run-length encoding nor polygons"
    if not found:
        return None
    try:
        return _of_runs(found) if isinstance(found, RunLengths) else _of_polygons(found)
    except OverflowError:  # a number beyond 64 bits
        return "cannot be decoded"


def _of_polygons(polygons: list[list[float]]) -> MaskExtent | str:
    if any(len(each) < MIN_POLYGON or len(each) % 2 for each in polygons):
        return "has a polygon without three points"
    points = np.concatenate([np.array(each, np.float64).reshape(-1, 2) for each in polygons])
    (x0, y0), (x1, y1) = points.min(axis=0).tolist(), points.max(axis=0).tolist()
    return MaskExtent(size_px=None, box=(x0, y0, x1, y1))


def _of_runs(runs: RunLengths) -> MaskExtent | str:
    height, width = runs.size
    counts = (
        _decode_counts(runs.counts)
        if isinstance(runs.counts, str)
        else np.array(runs.counts, np.int64)
    )
    if counts is None or (counts < 0).any():
        return "cannot be decoded"
    ends = np.cumsum(counts)
    if not len(ends) or ends[-1] != height * width:
        return f"encodes {ends[-1] if len(ends) else 0} px, not {width}x{height}"
    is_on = counts[1::2] > 0
    last = ends[1::2][is_on] - 1
    first = last - counts[1::2][is_on] + 1
    if not len(first):
        return "is empty"
    (left, top), (right, bottom) = np.divmod(first, height), np.divmod(last, height)
    is_broken = left != right  # it continues at the top of the next column
    y0, y1 = (0, height - 1) if is_broken.any() else (int(top.min()), int(bottom.max()))
    return MaskExtent(
        size_px=(width, height), box=(int(left.min()), y0, int(right.max()) + 1, y1 + 1)
    )


def _decode_counts(text: str) -> np.ndarray | None:
    """(n,) int64 lengths of runs from COCO's text; None if it is damaged."""
    codes = np.frombuffer(text.encode("utf-8"), np.uint8).astype(np.int64) - FIRST_CHARACTER
    if not len(codes) or codes.min() < 0 or codes.max() > MORE + VALUE or codes[-1] & MORE:
        return None
    ends = np.flatnonzero(codes & MORE == 0)
    starts = np.append(0, ends[:-1] + 1)
    lengths = ends - starts + 1
    if lengths.max() > MAX_CHARACTERS:
        return None
    digits = np.arange(len(codes)) - np.repeat(starts, lengths)
    numbers = np.add.reduceat((codes & VALUE) << (5 * digits), starts)
    numbers -= np.where(codes[ends] & NEGATIVE, 1 << (5 * lengths), 0)
    for first in (1, 2):  # the first number, of index 0, is no part of the differences
        numbers[first::2] = np.cumsum(numbers[first::2])
    return numbers
