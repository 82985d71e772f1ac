"""Reads the channels of an OpenEXR file as raw numbers.

Supports only what blender_main.py writes: uncompressed scan lines with channels of 32-bit floats. (OpenCV reads no
layers, and the OpenEXR package would be another dependency.) Format: https://openexr.com/en/latest/OpenEXRFileLayout.html
"""

import struct
from pathlib import Path

import numpy as np

from engine.errors import RenderError

MAGIC = b"\x76\x2f\x31\x01"
FLOAT = 2
HAS_TILES_OR_PARTS = 0x1A00


def read_passes(path: Path) -> dict[str, np.ndarray]:
    """Read all channels by name (`ViewLayer.Depth.Z`), (height, width) float32, row 0 at the top. RenderError for any
    other or a truncated file."""
    try:
        return _read(np.fromfile(path, np.uint8), path)
    except (struct.error, IndexError, KeyError, ValueError) as error:
        raise RenderError(f"{path.name}: is truncated") from error


def _read(content: np.ndarray, path: Path) -> dict[str, np.ndarray]:
    head = content[: 1 << 16].tobytes()
    if head[:4] != MAGIC or struct.unpack_from("<I", head, 4)[0] & HAS_TILES_OR_PARTS:
        raise RenderError(f"{path.name}: is not an OpenEXR file of scan lines")
    attributes, at = _attributes(head, 8)
    names = _float_channels(attributes["channels"], path)
    if attributes["compression"] != b"\0":
        raise RenderError(f"{path.name}: is compressed")
    left, top, right, bottom = struct.unpack("<4i", attributes["dataWindow"])
    width, height = right - left + 1, bottom - top + 1
    # A line: its y, its size in bytes, then all values of the first channel, of the second, ...
    words = np.frombuffer(content, "<u4", offset=int(struct.unpack_from("<Q", head, at)[0]))
    line_words = 2 + len(names) * width
    if words.size < height * line_words:
        raise RenderError(f"{path.name}: is truncated")
    lines = words[: height * line_words].reshape(height, line_words)
    if not np.array_equal(lines[:, 0].astype(np.int64), np.arange(top, bottom + 1)):
        raise RenderError(f"{path.name}: its lines are not in order")
    values = lines[:, 2:].view("<f4").reshape(height, len(names), width)
    return {name: values[:, number] for number, name in enumerate(names)}


def _attributes(head: bytes, at: int) -> tuple[dict[str, bytes], int]:
    """The header's attributes by name, and the offset of the line table."""
    found = {}
    while head[at]:
        name, at = _text(head, at)
        _, at = _text(head, at)
        size = struct.unpack_from("<i", head, at)[0]
        found[name] = head[at + 4 : at + 4 + size]
        at += 4 + size
    return found, at + 1


def _float_channels(listed: bytes, path: Path) -> list[str]:
    names, at = [], 0
    while listed[at]:
        name, at = _text(listed, at)
        if struct.unpack_from("<i", listed, at)[0] != FLOAT:
            raise RenderError(f"{path.name}: {name} does not hold 32-bit floats")
        names.append(name)
        at += 16  # type, linear, reserved, sampling along x and y
    return names


def _text(content: bytes, at: int) -> tuple[str, int]:
    end = content.index(b"\0", at)
    return content[at:end].decode("utf-8"), end + 1
