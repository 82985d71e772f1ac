"""Reads a published RVC voice. Never executes code from the file.

check.py says what it must contain.
"""

from collections.abc import Mapping
from pathlib import Path
from pickle import UnpicklingError
from typing import Any, Final

import torch
from torch import Tensor

from engine.errors import ModelError
from engine.models.pretrained import one_line, require_finite
from engine.models.rvc.check import OF_TRAINING, open_voice, shape_of
from engine.models.rvc.synthesizer import Synthesizer
from engine.models.tensor_file import TensorFile, format_shape
from engine.models.tensor_rule import require_known

NORMED: Final = (
    ("weight_v", "weight_g"),
    ("parametrizations.weight.original1", "parametrizations.weight.original0"),
)
"""Name suffixes of the direction and the length of a weight, which training stores separately
(weight norm)."""
_UNREADABLE = (
    UnpicklingError,
    OSError,
    EOFError,
    RuntimeError,
    ValueError,
    LookupError,
    TypeError,
    AttributeError,
)


def read_checkpoint(path: Path) -> tuple[Synthesizer, dict[str, Any]]:
    """The synthesizer of the voice in a `.pth` or `.safetensors` file, float32 on the CPU with
    weight norm folded, and the file's metadata. ModelError in one line if it is not a voice, is
    truncated, would run code, or its tensors do not fit its configuration."""
    name = str(path)
    file, metadata = open_voice(path)
    tensors = _read(file)
    shape = shape_of(name, metadata, {key: tuple(each.shape) for key, each in tensors.items()})
    with torch.device("meta"):
        synthesizer = Synthesizer(shape)
    weights = _weights(
        name, tensors, {key: tuple(each.shape) for key, each in synthesizer.state_dict().items()}
    )
    synthesizer.load_state_dict(weights, assign=True)
    return synthesizer, dict(metadata)


def _read(file: TensorFile) -> dict[str, Tensor]:
    if not file.is_pickle:
        with one_line(str(file)):
            return file.read()
    try:
        return file.read()
    except torch.OutOfMemoryError:
        raise
    except _UNREADABLE as error:
        raise ModelError(f"{file}: torch cannot read it: damaged, or not an RVC voice") from error


def _weights(
    name: str, tensors: Mapping[str, Tensor], shapes: Mapping[str, tuple[int, ...]]
) -> dict[str, Tensor]:
    """The weights with these shapes, in float32. Of others only `enc_q.*`, which is for training,
    may be there. Everything is checked before anything is computed, because a broken file can
    declare a tensor of any size in a few bytes."""
    found = {key: _find_parts(key, tensors) for key in shapes}
    if missing := [key for key, parts in found.items() if not parts]:
        raise ModelError(f"{name}: {len(missing)} tensors are missing, the first is {missing[0]}")
    for key, parts in found.items():
        sides = shapes[key]
        for part, expected in zip(
            parts, (sides, (sides[0], *(1 for _ in sides[1:]))), strict=False
        ):
            if part.shape != expected:
                raise ModelError(
                    f"{name}: {key} is {format_shape(part.shape)}, its config asks for "
                    f"{format_shape(expected)}"
                )
            if (
                part.layout != torch.strided
                or part.device.type not in ("cpu", "meta")
                or not part.is_floating_point()
            ):
                raise ModelError(f"{name}: {key} is not a floating-point array")
    own = {id(part) for parts in found.values() for part in parts}
    surplus = (
        key
        for key, tensor in tensors.items()
        if id(tensor) not in own and not key.startswith(OF_TRAINING)
    )
    require_known(
        name, "an RVC voice", surplus, why="another program made it: convert with that one"
    )
    weights = {key: _fold_weight_norm(*parts) for key, parts in found.items()}
    require_finite(name, weights)
    return weights


def _find_parts(key: str, tensors: Mapping[str, Tensor]) -> tuple[Tensor, ...]:
    """The tensor, or its direction and length; () if it is missing."""
    if key in tensors:
        return (tensors[key],)
    stem = key.removesuffix("weight")
    for parts in NORMED:
        if all(f"{stem}{part}" in tensors for part in parts):
            return tuple(tensors[f"{stem}{part}"] for part in parts)
    return ()


def _fold_weight_norm(direction: Tensor, length: Tensor | None = None) -> Tensor:
    """The weight in float32. From a direction v and a length g: g v / |v| (weight norm, Salimans
    and Kingma 2016)."""
    weight = direction.float()
    if length is None:
        return weight
    own: Tensor = weight.flatten(1).norm(dim=1).reshape(length.shape)
    # A channel that training switched off may be all zeros in float16; avoids 0 / 0.
    return weight * (length.float() / own.clamp_min(torch.finfo(torch.float32).tiny))
