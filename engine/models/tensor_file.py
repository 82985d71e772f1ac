"""Files of tensors: what all of their kinds give, for checks and for loading.

`weight_files` opens one; `safetensors_file`, `pickle_file` and `gguf_file` read its kind. Checks
read its header, loaders its tensors: both have the same names and shapes. Does not load torch until
tensors are read.
"""

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Final

import numpy as np

if TYPE_CHECKING:
    import torch
    from torch import Tensor

MAX_HEADER_BYTES: Final = 16 << 20
"""Ten times SDXL's header, and parsed within a second; the format safetensors allows 100 MB."""
NUMPY: Final = {"float64": "<f8", "float32": "<f4", "float16": "<f2", "bfloat16": "<u2"}
"""NumPy's dtype of the stored numbers, by their dtype."""
Q8: Final = "Q8_0"
"""GGUF's rows in blocks of 32 weights: a scale in float16, then the weights in int8."""
Q8_WEIGHTS: Final = 32
Q8_BLOCK: Final = np.dtype([("scale", "<f2"), ("weights", "i1", Q8_WEIGHTS)])
_reads_values: ContextVar[bool] = ContextVar("reads_values", default=True)


@dataclass(frozen=True, slots=True)
class TensorInfo:
    """Dtype and shape of a stored tensor, from a file's header."""

    dtype: str
    shape: tuple[int, ...]

    @property
    def count(self) -> int:
        """Number of values in the tensor."""
        return math.prod(self.shape)

    @property
    def T(self) -> "TensorInfo":
        """As torch's: the other way round."""
        return TensorInfo(self.dtype, self.shape[::-1])

    def chunk(self, count: int) -> list["TensorInfo"]:
        """As torch's: its parts along the first side."""
        rows = tuple(side // count for side in self.shape[:1])
        return [TensorInfo(self.dtype, (*rows, *self.shape[1:]))] * count


TensorInfos = dict[str, TensorInfo]
"""Stored tensors by name."""


class TensorFile(ABC):
    """A file of tensors. Nothing is read before it is asked for; its header is read once."""

    is_pickle: ClassVar[bool] = False
    is_gguf: ClassVar[bool] = False

    def __init__(self, path: Path) -> None:
        self.path = path

    def __str__(self) -> str:
        """The path, which errors begin with."""
        return str(self.path)

    @cached_property
    @abstractmethod
    def tensors(self) -> TensorInfos:
        """The tensors by name, in the file's order, without their values. ModelError in one line if
        the file is damaged, truncated, of another kind, or would run code."""

    @property
    def metadata(self) -> Mapping[str, str]:
        """The file's metadata strings; only safetensors files have some."""
        return {}

    @abstractmethod
    def stored_bytes(self, name: str) -> tuple[str, bytes | bytearray]:
        """The dtype of one tensor and its stored bytes, little-endian; dtype "" if a pickle does
        not store it in one piece. Raises OSError, and ModelError as `tensors` does."""

    @abstractmethod
    def opened(
        self, device: "torch.device | str" = "cpu"
    ) -> AbstractContextManager[Mapping[str, "Tensor"]]:
        """Within it, the tensors by name, each read to the device when it is asked for. Within
        `shapes_only` they have no values. Library errors are not translated."""

    def read(
        self, names: Iterable[str] | None = None, device: "torch.device | str" = "cpu"
    ) -> "dict[str, Tensor]":
        """The tensors with these names, or all, on the device; errors as of `opened`."""
        with self.opened(device) as stored:
            return {name: stored[name] for name in (stored if names is None else names)}

    def numbers(self, name: str) -> np.ndarray | None:
        """One tensor, flat, as float64, or None for formats that are not read without torch (8
        bits, pickles before PyTorch 1.6). Raises what `stored_bytes` raises."""
        dtype, raw = self.stored_bytes(name)
        if dtype != Q8 and dtype not in NUMPY:
            return None
        return decode_numbers(dtype, raw).astype(np.float64)


class TensorsOnDemand(Mapping[str, "Tensor"]):
    """Tensors by name; `read` reads one."""

    def __init__(self, names: Collection[str], read: "Callable[[str], Tensor]") -> None:
        self._names = names
        self._read = read

    def __getitem__(self, name: str) -> "Tensor":
        return self._read(name)

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)

    def __len__(self) -> int:
        return len(self._names)


def format_shape(sides: Sequence[int | None]) -> str:
    """A shape as text: "320 x 4"; "any" for a side that is None; "one number" for no sides."""
    return " x ".join("any" if side is None else str(side) for side in sides) or "one number"


def decode_numbers(dtype: str, raw: bytes | bytearray) -> np.ndarray:
    """Stored numbers of a dtype in NUMPY, or Q8, flat and exact; bfloat16 and Q8 as float32."""
    if dtype == Q8:
        blocks = np.frombuffer(raw, Q8_BLOCK)
        weights: np.ndarray = blocks["weights"] * blocks["scale"].astype(np.float32)[:, None]
        return weights.ravel()
    numbers = np.frombuffer(raw, NUMPY[dtype])
    return (numbers.astype("<u4") << 16).view("<f4") if dtype == "bfloat16" else numbers


@contextmanager
def shapes_only() -> Iterator[None]:
    """Within it, what this thread reads has no values: it is on torch's meta device. So a check
    runs the loader itself, in a moment, and says what it would say."""
    token = _reads_values.set(False)
    try:
        yield
    finally:
        _reads_values.reset(token)


def reading_device() -> str:
    """The torch device that tensors are read to: cpu, or meta within `shapes_only`."""
    return "cpu" if _reads_values.get() else "meta"


def without_values(tensors: TensorInfos) -> "dict[str, Tensor]":
    """Tensors of these dtypes and shapes on the meta device; an unknown dtype, such as GGUF's,
    becomes float32."""
    import torch

    return {
        name: torch.empty(
            each.shape, dtype=getattr(torch, each.dtype, torch.float32), device="meta"
        )
        for name, each in tensors.items()
    }
