"""Reads the shape and weights of a published RVC voice. Never executes code from the file.

A `.pth` file is a pickle. It is scanned first (pickle_file.py), and then only read by torch's restricted unpickler,
which runs no code. voice_file.py defines what it must contain.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from pickle import UnpicklingError
from typing import Any

import torch
from torch import Tensor

from engine.errors import ModelError
from engine.models import weight_files
from engine.models.pickle_file import read_pickle
from engine.models.pretrained import one_line, require_finite
from engine.models.rvc.shapes import SynthesizerShape
from engine.models.rvc.synthesizer import Synthesizer
from engine.models.rvc.tensor_layout import sources_of
from engine.models.rvc.voice_file import metadata_of, require_plain_values, require_voice, require_voice_file, shape_of

READ_ERRORS = (OSError, EOFError, RuntimeError, ValueError, LookupError, TypeError, AttributeError)


@dataclass(frozen=True, slots=True, kw_only=True)
class Checkpoint:
    name: str
    """The file's path as given."""
    shape: SynthesizerShape
    metadata: Mapping[str, Any]
    """The file's metadata besides its shape (see voice_file.py)."""
    weights: dict[str, Tensor]
    """float32 on the CPU, by the names of `Synthesizer`, with weight norm folded."""


def read_checkpoint(path: Path) -> Checkpoint:
    """Read the voice in a `.pth` or `.safetensors` file, without executing code from it.

    ModelError in one line if it is not a voice, is truncated, would run code, or its tensors do not fit its
    configuration.
    """
    name = str(path)
    require_voice_file(path)
    stored = _from_safetensors(path) if path.suffix == ".safetensors" else _from_pickle(path)
    tensors = {str(key): tensor for key, tensor in stored["weight"].items() if isinstance(tensor, Tensor)}
    described = {key: _described(tensor) for key, tensor in tensors.items()}
    shape = shape_of(name, stored, described)
    # Checked before anything is computed, because a broken file can declare a tensor of any size in a few bytes. Extra
    # tensors (`enc_q.*`, for training) are ignored.
    sources = sources_of(name, shape, described)
    weights = {key: _weight(tuple(tensors[part] for part in source)) for key, source in sources.items()}
    require_finite(name, weights)
    metadata = {key: value for key, value in stored.items() if key != "weight"}
    return Checkpoint(name=name, shape=shape, metadata=metadata, weights=weights)


def _from_pickle(path: Path) -> Mapping[Any, Any]:
    require_plain_values(path, read_pickle(path))
    try:
        stored = torch.load(path, map_location="cpu", weights_only=True)
    except (UnpicklingError, *READ_ERRORS) as error:
        if isinstance(error, torch.OutOfMemoryError):
            raise
        raise ModelError(f"{path}: torch cannot read it: damaged, or not an RVC voice") from error
    return require_voice(str(path), stored)


def _from_safetensors(path: Path) -> Mapping[Any, Any]:
    from safetensors.torch import load_file

    weight_files.read_header(path)  # reports truncated files
    metadata = metadata_of(path)
    with one_line(str(path)):
        return metadata | {"weight": load_file(path)}


def _described(tensor: Tensor) -> weight_files.Tensor:
    is_array = tensor.layout == torch.strided and tensor.device.type == "cpu"
    dtype = str(tensor.dtype).removeprefix("torch.") if is_array else "none"
    return weight_files.Tensor(dtype, tuple(tensor.shape))


def _weight(found: tuple[Tensor, ...]) -> Tensor:
    """The weight in float32. From a direction v and a length g: g v / |v| (weight norm, Salimans and Kingma 2016)."""
    weight = found[0].float()
    if len(found) == 2:
        length = weight.flatten(1).norm(dim=1).reshape(found[1].shape)
        # A channel that training switched off may be all zeros in float16; avoids 0 / 0.
        weight = weight * (found[1].float() / length.clamp_min(torch.finfo(torch.float32).tiny))
    return weight


def synthesizer_of(checkpoint: Checkpoint, device: str | torch.device, dtype: torch.dtype) -> Synthesizer:
    """The synthesizer of a checkpoint, ready to run on `device`, its weights in `dtype`."""
    with torch.device("meta"):
        synthesizer = Synthesizer(checkpoint.shape)
    synthesizer.load_state_dict(checkpoint.weights, assign=True)
    return synthesizer.settle(device, dtype)
