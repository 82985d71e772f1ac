"""Reads names, shapes and dtypes of the tensors in a `.safetensors` file, without its weights."""

import math
import os
import re
from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from engine.errors import ModelError
from engine.models.not_a_model import AGAIN, not_a_model
from engine.system.small_file import open_regular, parse_json
from engine.system.translate_errors import Description, reason_of, translate_errors

# 8 bytes little-endian length, then that much JSON: https://github.com/huggingface/safetensors (format)
_LENGTH_BYTES = 8
MAX_HEADER_BYTES = 16 << 20  # the format allows 100 MB; this is ten times SDXL's header, and is parsed within a second
MAX_DIMENSIONS = 16
MAX_SIDE = 1 << 40
DTYPES = {
    "F64": "float64", "F32": "float32", "F16": "float16", "BF16": "bfloat16", "F8_E4M3": "float8_e4m3fn",
    "F8_E5M2": "float8_e5m2", "I64": "int64", "I8": "int8", "U8": "uint8",
}  # fmt: skip
_BITS = re.compile(r"[A-Z]+(\d+)")  # number of bits in the name of a dtype; BOOL has none

_TROUBLES = (ValueError, KeyError, TypeError, AttributeError, IndexError, OverflowError)


@dataclass(frozen=True, slots=True)
class Tensor:
    dtype: str
    shape: tuple[int, ...]

    @property
    def count(self) -> int:
        """Number of values."""
        return math.prod(self.shape)


def read_header(file: Path) -> dict[str, Tensor]:
    """Tensors by name.

    ModelError if it is not a safetensors file, if it is truncated, or if tensors overlap, exceed the file, or have a
    size that does not match their shape.
    """
    with _one_line(file):
        header, start, size = _read(file)
        header.pop("__metadata__", None)
        tensors = {name: Tensor(DTYPES.get(t["dtype"], t["dtype"]), _shape(t["shape"])) for name, t in header.items()}
        places = {name: _place(t["data_offsets"]) for name, t in header.items()}
        bits = {name: found and int(found[1]) for name, t in header.items() for found in [_BITS.match(t["dtype"])]}
    end = 0
    for name, (begin, stop) in sorted(places.items(), key=lambda item: item[1]):
        what = f"{file}: damaged: {name}"
        if not 0 <= begin <= stop:
            raise ModelError(f"{what} exceeds the file; {AGAIN}")
        if begin < end:
            raise ModelError(f"{what} overlaps another tensor; {AGAIN}")
        width = bits[name]
        if width is not None and tensors[name].count * width != (stop - begin) * 8:
            needed = tensors[name].count * width // 8
            raise ModelError(f"{what} has {stop - begin} bytes, but its shape needs {needed}; {AGAIN}")
        end = stop
    if start + end > size:
        raise ModelError(f"{file}: truncated, {start + end - size} bytes are missing; {AGAIN}")
    return tensors


def read_metadata(file: Path) -> dict[str, str]:
    """The metadata strings of a safetensors file; errors as in `read_header`."""
    with _one_line(file):
        header, _, _ = _read(file)
        return {str(key): str(text) for key, text in header.get("__metadata__", {}).items()}


def read_stored(file: Path, name: str) -> tuple[str, bytes]:
    """The dtype of one tensor and its stored bytes, little-endian; errors as in `read_header`."""
    with _one_line(file):
        header, start, _ = _read(file)
        entry = header[name]
        begin, stop = _place(entry["data_offsets"])
        with open_regular(file) as stream:
            stream.seek(start + begin)
            return DTYPES.get(entry["dtype"], entry["dtype"]), stream.read(stop - begin)


def shown_shape(sides: Sequence[int | None]) -> str:
    """A shape in words: "320 x 4"; "any" for a side that is None; "one number" for no sides."""
    return " x ".join("any" if side is None else str(side) for side in sides) or "one number"


def _one_line(file: Path) -> AbstractContextManager[None]:
    def damaged(error: Exception) -> str:
        return f"{file}: cannot be read as safetensors ({reason_of(error)}); {AGAIN}"

    def unreadable(error: Exception) -> str:
        return f"{file}: cannot be read ({reason_of(error)})"

    messages: dict[type[Exception], Description] = {OSError: unreadable, **dict.fromkeys(_TROUBLES, damaged)}
    return translate_errors(messages, as_=ModelError)


def _shape(sides: Any) -> tuple[int, ...]:
    if len(sides) > MAX_DIMENSIONS or not all(isinstance(side, int) and abs(side) <= MAX_SIDE for side in sides):
        raise ValueError("an invalid shape")
    return tuple(sides)


def _place(offsets: Any) -> tuple[int, int]:
    """Start and end of a tensor in bytes, relative to the first weight."""
    begin, end = offsets
    if not (isinstance(begin, int) and isinstance(end, int)):
        raise ValueError("data_offsets that are not numbers")
    return begin, end


def _read(file: Path) -> tuple[dict[str, Any], int, int]:
    """The header, the offset of the weights, and the size of the file in bytes."""
    with open_regular(file) as stream:
        size = os.fstat(stream.fileno()).st_size
        length = int.from_bytes(stream.read(_LENGTH_BYTES), "little")
        if not 2 <= length <= min(size - _LENGTH_BYTES, MAX_HEADER_BYTES):
            what = not_a_model(file)
            raise ModelError(f"{file}: is {what}" if what else f"{file}: not a safetensors file, or truncated; {AGAIN}")
        return parse_json(stream.read(length)), _LENGTH_BYTES + length, size
