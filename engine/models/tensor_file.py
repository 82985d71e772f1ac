"""Reads files of tensors, safetensors or pickle: names, shapes, metadata, and the tensors
themselves.

Does not load torch until tensors are read.
"""

import math
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from engine.errors import ModelError
from engine.models import weight_files
from engine.models.gguf_file import MAGIC, read_gguf, read_gguf_tensor
from engine.models.not_a_model import PICKLES, SAFETENSORS, is_safetensors, not_a_model
from engine.models.pickle_file import (
    STATE_DICT,
    PickleStub,
    Storage,
    read_pickle,
    read_pickled_tensors,
)
from engine.system.small_file import open_regular

if TYPE_CHECKING:
    import torch

_reads_values: ContextVar[bool] = ContextVar("reads_values", default=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckpointHeader:
    tensors: dict[str, weight_files.TensorInfo]
    """Tensors by their names in the file."""
    metadata: dict[str, str] = field(default_factory=dict)
    """Metadata strings; a pickle has none."""
    is_pickle: bool = False
    is_gguf: bool = False


def read_checkpoint_header(file: Path) -> CheckpointHeader:
    """Read the header of a checkpoint. ModelError in one line if it is unreadable, or a pickle with
    foreign imports."""
    try:
        with open_regular(file) as stream:
            is_gguf = stream.read(len(MAGIC)) == MAGIC
    except OSError as error:
        raise ModelError(f"{file}: cannot be read ({error.strerror or error})") from None
    if is_gguf:
        return CheckpointHeader(
            tensors={name: tensor for name, (tensor, _) in read_gguf(file).items()}, is_gguf=True
        )
    if is_safetensors(file):
        tensors, metadata = weight_files.read_header_and_metadata(file)
        return CheckpointHeader(tensors=tensors, metadata=metadata)
    if file.suffix.lower() not in PICKLES:
        if what := not_a_model(file):
            raise ModelError(f"{file}: is {what}")
        is_called_gguf = file.suffix.lower() == ".gguf"
        known = (
            "not a GGUF file"
            if is_called_gguf
            else "single files must be .safetensors, .ckpt or .gguf"
        )
        raise ModelError(f"{file}: {known}")
    return CheckpointHeader(tensors=read_pickled_tensors(file), is_pickle=True)


def read_numbers(
    file: Path, name: str, *, is_pickle: bool, is_gguf: bool = False
) -> np.ndarray | None:
    """The tensor `name`, flat, as float64, or None for unsupported formats (8 bits, pickles before
    PyTorch 1.6). Raises OSError and ModelError from reading."""
    if is_gguf:
        return read_gguf_tensor(file, *read_gguf(file)[name]).astype(np.float64).ravel()
    dtype, raw = (
        _read_pickled(file, name) if is_pickle else weight_files.read_tensor_bytes(file, name)
    )
    return (
        weight_files.decode_numbers(dtype, raw).astype(np.float64)
        if dtype in weight_files.NUMPY
        else None
    )


def _read_pickled(file: Path, name: str) -> tuple[str, bytes]:
    """Dtype and bytes of a contiguous tensor; dtype "" if it cannot be found."""
    value = read_pickle(file).value
    state_dict = value.get(STATE_DICT) if isinstance(value.get(STATE_DICT), dict) else value
    match state_dict.get(name):
        case PickleStub(arguments=(Storage(dtype, key), int(offset), tuple(shape), *_)):
            width = {"float64": 8, "float32": 4}.get(dtype, 2)
            with open_regular(file) as packed:
                archive = zipfile.ZipFile(packed) if zipfile.is_zipfile(packed) else None
                parts = (
                    [part for part in archive.namelist() if part.endswith(f"/data/{key}")]
                    if archive
                    else []
                )
                if archive and parts:
                    with archive.open(parts[0]) as stream:
                        stream.seek(offset * width)
                        return dtype, stream.read(math.prod(shape) * width)
    return "", b""


def weights_of(name: str, file: Path) -> weight_files.WeightFiles:
    """The WeightFiles of a single file. ModelError in one line if its format is not supported."""
    known = (*SAFETENSORS, *PICKLES)
    if file.suffix.lower() not in known:
        what = file.suffix or "file without suffix"
        raise ModelError(f"{name}: a {what}; of single files {', '.join(known)} are read")
    return weight_files.WeightFiles(files=(file,), variant=None, is_pickle=not is_safetensors(file))


def headers_of(weights: weight_files.WeightFiles) -> dict[str, weight_files.TensorInfo]:
    """Dtype and shape of the tensors of all files, by name. ModelError in one line for a broken
    file, and for a pickle that imports more than torch's weights_only allows."""
    tensors: dict[str, weight_files.TensorInfo] = {}
    for file in weights.files:
        tensors |= (
            weight_files.read_header(file) if is_safetensors(file) else read_pickled_tensors(file)
        )
    return tensors


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


def without_values(tensors: Mapping[str, weight_files.TensorInfo]) -> "dict[str, torch.Tensor]":
    """Tensors of these dtypes and shapes on the meta device; an unknown dtype, such as GGUF's,
    becomes float32."""
    import torch

    return {
        name: torch.empty(
            each.shape, dtype=getattr(torch, each.dtype, torch.float32), device="meta"
        )
        for name, each in tensors.items()
    }


def read_tensors(*files: Path, of: str = STATE_DICT) -> "dict[str, torch.Tensor]":
    """All tensors of these files by name, on the CPU. Of a pickle, which is read with weights_only,
    those in its inner dict `of`, if it has one. Library errors are not translated."""
    return {name: tensor for file in files for name, tensor in _read(file, of).items()}


def _read(file: Path, of: str) -> "dict[str, torch.Tensor]":
    import torch

    if is_safetensors(file):
        from safetensors.torch import load_file

        return (
            load_file(file)
            if _reads_values.get()
            else without_values(weight_files.read_header(file))
        )
    is_mapped = _reads_values.get() and zipfile.is_zipfile(file)
    read: Any = torch.load(file, map_location=reading_device(), weights_only=True, mmap=is_mapped)
    read = read[of] if isinstance(read.get(of), dict) else read
    return {str(name): tensor for name, tensor in read.items() if isinstance(tensor, torch.Tensor)}
