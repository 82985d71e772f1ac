"""Reads safetensors files. Does not load torch until tensors are read.

A file is eight bytes with the length of its header, little-endian, then the header in JSON, then
the tensors: https://github.com/huggingface/safetensors (format).
"""

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from engine.errors import MAX_LINE, ModelError
from engine.models.compat.safetensors import BACKEND
from engine.models.libraries import require_libraries
from engine.models.not_a_model import AGAIN, not_a_model
from engine.models.tensor_file import (
    MAX_HEADER_BYTES,
    TensorFile,
    TensorInfo,
    TensorInfos,
    TensorsOnDemand,
    reading_device,
    without_values,
)
from engine.system.small_file import open_regular, parse_json

if TYPE_CHECKING:
    import torch

DTYPES: Final = {
    "F64": "float64",
    "F32": "float32",
    "F16": "float16",
    "BF16": "bfloat16",
    "F8_E4M3": "float8_e4m3fn",
    "F8_E5M2": "float8_e5m2",
    "I64": "int64",
    "I8": "int8",
    "U8": "uint8",
}
MAX_SIDES: Final = 16
MAX_SIDE: Final = 1 << 40
_LENGTH_BYTES: Final = 8
_METADATA: Final = "__metadata__"
_REFUSED_HEADER: Final = "Error while deserializing header: "
"""Start of the library's words about a header, which is cut off."""
_UNKNOWN_DTYPE: Final = "invalid JSON in header: unknown variant"
_NOT_TEXT: Final = "expected a string at"
"""The library's words for metadata that are numbers or lists."""
_NOT_COVERED: Final = "file not fully covered"
"""The library's words for a file that is shorter or longer than its header says."""


class SafetensorsFile(TensorFile):
    """A safetensors file."""

    @cached_property
    def _header(self) -> tuple[TensorInfos, dict[str, str]]:
        """The tensors by name, and the metadata."""
        with _open(self.path) as archive:
            metadata = dict(archive.metadata() or {})
            tensors = {
                name: _tensor_info(archive.get_slice(name)) for name in archive.offset_keys()
            }
        # Where one side is 0, the library takes any number of others, of any size.
        for tensor in tensors.values():
            if len(tensor.shape) > MAX_SIDES or max(tensor.shape, default=0) > MAX_SIDE:
                raise ModelError(f"{self}: damaged: an invalid shape; {AGAIN}")
        return tensors, metadata

    @cached_property
    def tensors(self) -> TensorInfos:
        return self._header[0]

    @property
    def metadata(self) -> Mapping[str, str]:
        return self._header[1]

    def stored_bytes(self, name: str) -> tuple[str, bytes]:
        # Not by the library, which has no bfloat16 without torch.
        with _open(self.path), open_regular(self.path) as stream:
            length = int.from_bytes(stream.read(_LENGTH_BYTES), "little")
            entry = parse_json(stream.read(length))[name]
            begin, end = entry["data_offsets"]
            stream.seek(_LENGTH_BYTES + length + begin)
            raw = stream.read(end - begin)
        return _dtype(entry["dtype"]), raw

    @contextmanager
    def opened(
        self, device: "torch.device | str" = "cpu"
    ) -> Iterator[Mapping[str, "torch.Tensor"]]:
        if reading_device() == "meta":
            yield without_values(self.tensors)
            return
        from safetensors import safe_open

        with safe_open(self.path, framework="pt", device=str(device), backend=BACKEND) as archive:
            yield TensorsOnDemand(archive.offset_keys(), archive.get_tensor)


def _tensor_info(tensor: Any) -> TensorInfo:
    return TensorInfo(_dtype(tensor.get_dtype()), tuple(tensor.get_shape()))


def _dtype(stored: Any) -> str:
    """Our name of a dtype in a header; an unknown one keeps its own."""
    return DTYPES.get(str(stored), str(stored))


@contextmanager
def _open(file: Path) -> Iterator[Any]:
    """The file opened by the library, which compares header and size, and loads no torch for
    NumPy."""
    require_libraries()
    from safetensors import SafetensorError, safe_open

    try:
        with open_regular(file) as stream:
            size = os.fstat(stream.fileno()).st_size
            length = int.from_bytes(stream.read(_LENGTH_BYTES), "little")
        if not 2 <= length <= min(size - _LENGTH_BYTES, MAX_HEADER_BYTES):
            what = not_a_model(file)
            why = f"is {what}" if what else f"not a safetensors file, or truncated; {AGAIN}"
            raise ModelError(f"{file}: {why}")
        with safe_open(str(file), framework="numpy") as archive:
            yield archive
    # All but the first: what only Python refuses.
    except (SafetensorError, ValueError, KeyError, TypeError) as error:
        raise ModelError(f"{file}: {_why_refused(file, error)}") from None
    except OSError as error:
        raise ModelError(f"{file}: cannot be read ({error.strerror or error})") from None


def _why_refused(file: Path, error: Exception) -> str:
    """The reason why the library refuses a file, and the next step."""
    reason = " ".join(str(error).split())[:MAX_LINE].removeprefix(_REFUSED_HEADER)
    if reason.startswith(_UNKNOWN_DTYPE):
        return (
            "has a number format that the installed safetensors cannot read; use the file in "
            "float16"
        )
    if _NOT_TEXT in reason:
        return (
            "its metadata holds other things than texts, which safetensors refuses; save it again "
            "without metadata"
        )
    surplus_bytes = file.stat().st_size - _end_of_tensors(file) if _NOT_COVERED in reason else 0
    if surplus_bytes > 0:
        return (
            f"is {surplus_bytes} bytes longer than its header says: something was appended to it; "
            f"cut it to {_end_of_tensors(file)} bytes"
        )
    return f"damaged or truncated ({reason}); {AGAIN}"


def _end_of_tensors(file: Path) -> int:
    """The size that a safetensors file should have by its header, in bytes; very large if the
    header is broken."""
    try:
        with open_regular(file) as stream:
            length = int.from_bytes(stream.read(_LENGTH_BYTES), "little")
            entries = parse_json(stream.read(length))
        ends = [entry["data_offsets"][1] for name, entry in entries.items() if name != _METADATA]
        return _LENGTH_BYTES + length + int(max(ends, default=0))
    except (OSError, ValueError, LookupError, TypeError, AttributeError):
        return MAX_SIDE
