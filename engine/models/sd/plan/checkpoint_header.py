"""Reads tensor names, shapes and metadata of a checkpoint file, safetensors or pickle, and values of single tensors.

Does not load torch; only the requested weights are read.
"""

import math
import zipfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from engine.errors import ModelError
from engine.models.not_a_model import not_a_model
from engine.models.pickle_file import PICKLES, STATE_DICT, StandIn, Storage, pickled_tensors, read_pickle
from engine.models.safetensors_header import Tensor, read_header, read_metadata, read_stored
from engine.system.small_file import open_regular

GGUF = b"GGUF"
_NUMPY = {"float64": "<f8", "float32": "<f4", "float16": "<f2"}


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckpointHeader:
    tensors: dict[str, Tensor]
    """Tensors by their names in the file."""
    metadata: dict[str, str] = field(default_factory=dict)
    """Metadata strings; a pickle has none."""
    is_pickle: bool = False


def read_checkpoint_header(file: Path) -> CheckpointHeader:
    """Read the header. ModelError in one line if it cannot be read, or is a pickle that imports more than tensors
    need."""
    with_suffix = file.suffix.lower()
    if with_suffix == ".gguf" or _starts_with(file, GGUF):
        raise ModelError(f"{file}: a GGUF file, whose weights are quantized; use the model as .safetensors in float16")
    if with_suffix == ".safetensors":
        return CheckpointHeader(tensors=read_header(file), metadata=read_metadata(file))
    if with_suffix not in PICKLES:
        if what := not_a_model(file):
            raise ModelError(f"{file}: is {what}")
        raise ModelError(f"{file}: single files must be .safetensors or .ckpt")
    return CheckpointHeader(tensors=pickled_tensors(file), is_pickle=True)


def read_numbers(file: Path, name: str, *, is_pickle: bool) -> np.ndarray | None:
    """The tensor `name`, flat, as float64, or None for unsupported formats (8 bits, pickles before PyTorch 1.6).

    Raises OSError and ModelError from reading.
    """
    dtype, raw = _pickled(file, name) if is_pickle else read_stored(file, name)
    if dtype == "bfloat16":  # bfloat16 is the upper half of a float32
        return (np.frombuffer(raw, "<u2").astype("<u4") << 16).view("<f4").astype(np.float64)
    return np.frombuffer(raw, _NUMPY[dtype]).astype(np.float64) if dtype in _NUMPY else None


def _pickled(file: Path, name: str) -> tuple[str, bytes]:
    """Dtype and bytes of a contiguous tensor; dtype "" if it cannot be found."""
    value = read_pickle(file).value
    held = value.get(_key_in(value) or None, value)
    match held.get(name):
        case StandIn(arguments=(Storage(dtype, key), int(offset), tuple(shape), *_)):
            count = math.prod(shape)
            width = {"float64": 8, "float32": 4}.get(dtype, 2)
            with open_regular(file) as packed:
                if not zipfile.is_zipfile(packed):
                    return "", b""
                archive = zipfile.ZipFile(packed)
                inside = next((each for each in archive.namelist() if each.endswith(f"/data/{key}")), None)
                if inside is None:
                    return "", b""
                with archive.open(inside) as stream:
                    stream.seek(offset * width)
                    return dtype, stream.read(count * width)
    return "", b""


def _key_in(value: Any) -> str:
    return STATE_DICT if isinstance(value, dict) and isinstance(value.get(STATE_DICT), dict) else ""


def _starts_with(file: Path, magic: bytes) -> bool:
    try:
        with open_regular(file) as stream:
            return stream.read(len(magic)) == magic
    except OSError as error:
        raise ModelError(f"{file}: cannot be read ({error.strerror or error})") from None
