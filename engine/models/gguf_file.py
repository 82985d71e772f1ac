"""Reads GGUF files (ggml's docs/gguf.md): their headers, and tensors of plain numbers or in Q8_0.

ComfyUI-GGUF (tools/convert.py) names the tensors of a UNet as the original code does, without
prefix. Rows that do not fill whole blocks are stored in another shape; their own shape is in
`comfy.gguf.orig_shape.NAME`. Does not load torch until tensors are read.
"""

import math
import struct
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cached_property
from typing import TYPE_CHECKING, Any, BinaryIO, Final

import numpy as np

from engine.errors import ModelError
from engine.models.not_a_model import AGAIN
from engine.models.tensor_file import (
    MAX_HEADER_BYTES,
    NUMPY,
    Q8,
    Q8_BLOCK,
    Q8_WEIGHTS,
    TensorFile,
    TensorInfo,
    TensorsOnDemand,
    decode_numbers,
    reading_device,
    without_values,
)
from engine.system.small_file import open_regular

if TYPE_CHECKING:
    import torch

MAGIC: Final = b"GGUF"
_VERSIONS: Final = (2, 3)
_QUANTIZED: Final = "Q4_0 Q4_1 Q4_2 Q4_3 Q5_0 Q5_1 Q8_0 Q8_1 Q2_K Q3_K Q4_K Q5_K Q6_K Q8_K".split()
_DTYPES: Final = {0: "float32", 1: "float16", 30: "bfloat16"} | dict(enumerate(_QUANTIZED, start=2))
_NUMBERS: Final = dict(enumerate("BbHhIif?")) | {10: "Q", 11: "q", 12: "d"}
"""The form of each kind of number, in `struct`."""
_TEXT: Final = 8
_LIST: Final = 9
_ALIGNMENT: Final = "general.alignment"
_USUAL_ALIGNMENT_BYTES: Final = 32


class GgufFile(TensorFile):
    """A GGUF file. A tensor of an unsupported format has the name of its format as dtype."""

    is_gguf = True

    @cached_property
    def _header(self) -> dict[str, tuple[TensorInfo, int]]:
        """Each tensor by name, with the position of its first byte in the file."""
        try:
            with open_regular(self.path) as stream:
                return _GgufHeader(stream).tensors()
        except (struct.error, LookupError, TypeError, ValueError, ArithmeticError):
            raise ModelError(
                f"{self}: not a GGUF file of version 2 or 3, or truncated; {AGAIN}"
            ) from None

    @cached_property
    def tensors(self) -> dict[str, TensorInfo]:
        return {name: tensor for name, (tensor, _) in self._header.items()}

    def stored_bytes(self, name: str) -> tuple[str, bytearray]:
        tensor, begin = self._header[name]
        with open_regular(self.path) as stream:
            stream.seek(begin)
            return tensor.dtype, bytearray(stream.read(_bytes_of(tensor)))  # torch may change it

    @contextmanager
    def opened(
        self, device: "torch.device | str" = "cpu"
    ) -> Iterator[Mapping[str, "torch.Tensor"]]:
        import torch

        def read(name: str) -> torch.Tensor:
            tensor, _ = self._header[name]
            numbers = decode_numbers(*self.stored_bytes(name)).reshape(tensor.shape)
            return torch.from_numpy(numbers).to(device)

        is_hollow = reading_device() == "meta"
        yield without_values(self.tensors) if is_hollow else TensorsOnDemand(self._header, read)


class _GgufHeader:
    """Reads the header of an open file, from its begin. Raises ValueError, or what broken numbers
    lead to, for a damaged one."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream

    def tensors(self) -> dict[str, tuple[TensorInfo, int]]:
        """Each tensor by name, with the position of its first byte in the file."""
        if self._stream.read(len(MAGIC)) != MAGIC or self._number("I") not in _VERSIONS:
            raise ValueError
        tensor_count = self._number()
        pair_count = self._number()
        metadata = {self._plain(): self._value() for _ in range(pair_count)}
        listed = [self._tensor() for _ in range(tensor_count)]
        alignment = int(metadata.get(_ALIGNMENT, _USUAL_ALIGNMENT_BYTES))
        begin = -(-self._stream.tell() // alignment) * alignment
        size = self._stream.seek(0, 2)
        found = {}
        for name, sides, kind, offset in listed:
            shape = tuple(metadata.get(f"comfy.gguf.orig_shape.{name}", sides[::-1]))
            tensor = TensorInfo(_DTYPES.get(kind, f"type {kind}"), shape)
            start = begin + offset
            are_sides = all(isinstance(side, int) and side >= 0 for side in shape)
            is_in_blocks = tensor.dtype != Q8 or tensor.count % Q8_WEIGHTS == 0
            is_whole = tensor.count == math.prod(sides) and is_in_blocks
            if not (are_sides and is_whole and alignment > 0 and start + _bytes_of(tensor) <= size):
                raise ValueError
            found[name] = tensor, start
        return found

    def _tensor(self) -> tuple[str, list[int], int, int]:
        """Name, sides from the last, dtype and offset of the next tensor."""
        name = self._plain()
        sides = [self._number() for _ in range(self._number("I"))]
        kind = self._number("I")
        return name, sides, kind, self._number()

    def _value(self) -> Any:
        """The value of a metadata pair: its kind, then itself or a list of one kind."""
        kind = self._number("I")
        if kind != _LIST:
            return self._plain(kind)
        inner_kind = self._number("I")
        return [self._plain(inner_kind) for _ in range(self._number())]

    def _plain(self, kind: int = _TEXT) -> Any:
        if kind != _TEXT:
            return self._number(_NUMBERS[kind])
        length = min(self._number(), MAX_HEADER_BYTES)
        return self._stream.read(length).decode()

    def _number(self, form: str = "Q") -> Any:
        if self._stream.tell() > MAX_HEADER_BYTES:
            raise ValueError
        raw = self._stream.read(struct.calcsize(f"<{form}"))
        return struct.unpack(f"<{form}", raw)[0]


def _bytes_of(tensor: TensorInfo) -> int:
    if tensor.dtype == Q8:
        return tensor.count // Q8_WEIGHTS * Q8_BLOCK.itemsize
    return tensor.count * np.dtype(NUMPY[tensor.dtype]).itemsize if tensor.dtype in NUMPY else 0
