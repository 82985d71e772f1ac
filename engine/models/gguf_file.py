"""Reads GGUF files (ggml's docs/gguf.md): their headers, and tensors of plain numbers or in Q8_0.
Does not load torch.

Q8_0 stores rows in blocks of 32: a scale in float16, then 32 weights in int8. ComfyUI-GGUF
(tools/convert.py) names the tensors of a UNet as the original code does, without prefix. Rows that
do not fill whole blocks are stored in another shape; their own shape is in
`comfy.gguf.orig_shape.NAME`.
"""

import math
import struct
from itertools import repeat
from pathlib import Path
from typing import Any, BinaryIO, Final

import numpy as np

from engine.errors import ModelError
from engine.models.not_a_model import AGAIN
from engine.models.weight_files import MAX_HEADER_BYTES, NUMPY, TensorInfo, decode_numbers
from engine.system.small_file import open_regular

MAGIC: Final = b"GGUF"
Q8: Final = "Q8_0"
_BLOCK: Final = np.dtype([("scale", "<f2"), ("weights", "i1", 32)])
_DTYPES: Final = {0: "float32", 1: "float16", 30: "bfloat16"} | dict(
    enumerate(
        "Q4_0 Q4_1 Q4_2 Q4_3 Q5_0 Q5_1 Q8_0 Q8_1 Q2_K Q3_K Q4_K Q5_K Q6_K Q8_K".split(), start=2
    )
)
_NUMBERS: Final = dict(enumerate("BbHhIif?")) | {10: "Q", 11: "q", 12: "d"}
_TEXT = 8
_LIST = 9


def read_gguf(file: Path) -> dict[str, tuple[TensorInfo, int]]:
    """Each tensor by name, with the position of its first byte in the file. An unsupported dtype
    has the name of its format. ModelError in one line if the file is damaged."""
    try:
        with open_regular(file) as stream:
            return _read(stream)
    except (struct.error, LookupError, TypeError, ValueError, ArithmeticError):
        raise ModelError(
            f"{file}: not a GGUF file of version 2 or 3, or truncated; {AGAIN}"
        ) from None


def _read(stream: BinaryIO) -> dict[str, tuple[TensorInfo, int]]:
    def number(form: str = "Q") -> Any:
        if stream.tell() > MAX_HEADER_BYTES:
            raise ValueError
        return struct.unpack(f"<{form}", stream.read(struct.calcsize(f"<{form}")))[0]

    def plain(kind: int = _TEXT) -> Any:
        return (
            number(_NUMBERS[kind])
            if kind != _TEXT
            else stream.read(min(number(), MAX_HEADER_BYTES)).decode()
        )

    def value(kind: int) -> Any:
        return (
            plain(kind)
            if kind != _LIST
            else [plain(each) for each in repeat(number("I"), number())]
        )

    if stream.read(len(MAGIC)) != MAGIC or number("I") not in (2, 3):
        raise ValueError
    tensors = number()
    pairs = number()
    metadata = {plain(): value(number("I")) for _ in range(pairs)}
    listed = [
        (plain(), [number() for _ in range(number("I"))], number("I"), number())
        for _ in range(tensors)
    ]
    alignment = int(metadata.get("general.alignment", 32))
    begin = -(-stream.tell() // alignment) * alignment
    size = stream.seek(0, 2)
    found = {}
    for name, sides, kind, offset in listed:
        shape = tuple(metadata.get(f"comfy.gguf.orig_shape.{name}", sides[::-1]))
        tensor = TensorInfo(_DTYPES.get(kind, f"type {kind}"), shape)
        start = begin + offset
        are_sides = all(isinstance(side, int) and side >= 0 for side in shape)
        is_whole = tensor.count == math.prod(sides) and (
            tensor.dtype != Q8 or tensor.count % 32 == 0
        )
        if not (are_sides and is_whole and alignment > 0 and start + _bytes_of(tensor) <= size):
            raise ValueError
        found[name] = tensor, start
    return found


def _bytes_of(tensor: TensorInfo) -> int:
    if tensor.dtype == Q8:
        return tensor.count // 32 * _BLOCK.itemsize
    return tensor.count * np.dtype(NUMPY[tensor.dtype]).itemsize if tensor.dtype in NUMPY else 0


def read_gguf_tensor(file: Path, tensor: TensorInfo, start: int) -> np.ndarray:
    """The values of a tensor from `read_gguf`, exact, as float32 or float16. `start`: position of
    its first byte."""
    with open_regular(file) as stream:
        stream.seek(start)
        raw = bytearray(stream.read(_bytes_of(tensor)))  # which torch may change
    if tensor.dtype != Q8:
        return decode_numbers(tensor.dtype, raw).reshape(tensor.shape)
    blocks = np.frombuffer(raw, _BLOCK)
    return (blocks["weights"] * blocks["scale"].astype(np.float32)[:, None]).reshape(tensor.shape)
