"""A published RVC voice read from disk: shape and weights, and nothing of what else a pickle might do.

A `.pth` file is a pickle. What it asks for is looked at first (pickle_file.py), and then it is only ever read by
torch's restricted unpickler, which runs nothing. What it must hold is told in voice_file.py.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from pickle import UnpicklingError
from typing import Any

import torch
from torch import Tensor

from engine.errors import ModelError
from engine.models import safetensors_header
from engine.models.pickle_file import read_pickle
from engine.models.pretrained import demand_finite, one_line
from engine.models.rvc.shapes import SynthesizerShape
from engine.models.rvc.synthesizer import Synthesizer
from engine.models.rvc.tensor_layout import sources_of
from engine.models.rvc.voice_file import metadata_of, require_plain_values, require_voice, require_voice_file, shape_of

TROUBLES = (OSError, EOFError, RuntimeError, ValueError, LookupError, TypeError, AttributeError)


@dataclass(frozen=True, slots=True, kw_only=True)
class Checkpoint:
    name: str
    """The file, as it was asked for."""
    shape: SynthesizerShape
    told: Mapping[str, Any]
    """What the file says of itself beside its shape (see voice_file.py)."""
    weights: dict[str, Tensor]
    """float32 on the CPU, by the names of `Synthesizer`; weight norm folded."""


def read_checkpoint(path: Path) -> Checkpoint:
    """The voice in a `.pth` or `.safetensors` file; nothing in it is run.

    ModelError in one line where it is no voice, cut off, would run code, or its tensors do not fit its configuration.
    """
    name = str(path)
    require_voice_file(path)
    stored = _from_safetensors(path) if path.suffix == ".safetensors" else _from_pickle(path)
    tensors = {str(key): tensor for key, tensor in stored["weight"].items() if isinstance(tensor, Tensor)}
    described = {key: _described(tensor) for key, tensor in tensors.items()}
    shape = shape_of(name, stored, described)
    # Before anything is computed: a broken file may have a tensor of any size in a few bytes. What it has more
    # (`enc_q.*`, for training) is left out.
    sources = sources_of(name, shape, described)
    weights = {key: _weight(tuple(tensors[part] for part in source)) for key, source in sources.items()}
    demand_finite(name, weights)
    told = {key: value for key, value in stored.items() if key != "weight"}
    return Checkpoint(name=name, shape=shape, told=told, weights=weights)


def _from_pickle(path: Path) -> Mapping[Any, Any]:
    require_plain_values(path, read_pickle(path))
    try:
        stored = torch.load(path, map_location="cpu", weights_only=True)
    except (UnpicklingError, *TROUBLES) as error:
        if isinstance(error, torch.OutOfMemoryError):
            raise
        raise ModelError(f"{path}: damaged, or no RVC voice: torch does not read it") from error
    return require_voice(str(path), stored)


def _from_safetensors(path: Path) -> Mapping[Any, Any]:
    from safetensors.torch import load_file

    safetensors_header.read_header(path)  # names what is cut off
    told = metadata_of(path)
    with one_line(str(path)):
        return told | {"weight": load_file(path)}


def _described(tensor: Tensor) -> safetensors_header.Tensor:
    is_array = tensor.layout == torch.strided and tensor.device.type == "cpu"
    dtype = str(tensor.dtype).removeprefix("torch.") if is_array else "none"
    return safetensors_header.Tensor(dtype, tuple(tensor.shape))


def _weight(found: tuple[Tensor, ...]) -> Tensor:
    """float32; of a direction v and a length g, g v / |v| (weight norm, Salimans and Kingma 2016)."""
    weight = found[0].float()
    if len(found) == 2:
        length = weight.flatten(1).norm(dim=1).reshape(found[1].shape)
        # A channel that training switched off may be all zeros in float16: its length is none, not 0 / 0.
        weight = weight * (found[1].float() / length.clamp_min(torch.finfo(torch.float32).tiny))
    return weight


def synthesizer_of(checkpoint: Checkpoint, device: str | torch.device, dtype: torch.dtype) -> Synthesizer:
    """The synthesizer of a checkpoint, ready to run on `device`, its weights in `dtype`."""
    with torch.device("meta"):
        synthesizer = Synthesizer(checkpoint.shape)
    synthesizer.load_state_dict(checkpoint.weights, assign=True)
    return synthesizer.settle(device, dtype)
