"""Reads a ControlNet, VAE or adapter in a single file: `.safetensors`, `.pth`, `.pt`, `.ckpt` or `.bin`.

Does not load torch until tensors are read.
"""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from engine.errors import ModelError
from engine.models.pickle_file import PICKLES, STATE_DICT, pickled_tensors
from engine.models.safetensors_header import Tensor, read_header
from engine.models.weight_files import Weights

if TYPE_CHECKING:
    import torch

SAFETENSORS = ".safetensors"


def weights_of(name: str, file: Path) -> Weights:
    """The Weights of a single file. ModelError in one line if its format is not supported."""
    if file.suffix == ".gguf":
        raise ModelError(f"{name}: a GGUF file, whose quantized weights are not supported; use the .safetensors one")
    if file.suffix not in (SAFETENSORS, *PICKLES):
        known = ", ".join((SAFETENSORS, *PICKLES))
        raise ModelError(f"{name}: a {file.suffix or 'file without suffix'}; of single files {known} are read")
    return Weights(files=(file,), variant=None, is_pickle=file.suffix != SAFETENSORS, has_config=False)


def headers_of(weights: Weights) -> dict[str, Tensor]:
    """Dtype and shape of the tensors of all files, by name.

    ModelError in one line for a broken file, and for a pickle that imports more than torch's weights_only allows.
    """
    tensors: dict[str, Tensor] = {}
    for file in weights.files:
        tensors |= pickled_tensors(file) if file.suffix in PICKLES else read_header(file)
    return tensors


def read_tensors(file: Path) -> "dict[str, torch.Tensor]":
    """All tensors by name, on the CPU, except those in inner dicts of a pickle, which is read with weights_only.

    Library errors are not translated.
    """
    import torch

    if file.suffix == SAFETENSORS:
        from safetensors.torch import load_file

        return load_file(file)
    read: Any = torch.load(file, map_location="cpu", weights_only=True)
    read = read[STATE_DICT] if isinstance(read.get(STATE_DICT), dict) else read
    return {str(name): tensor for name, tensor in read.items() if isinstance(tensor, torch.Tensor)}


def fill(module: Any, tensors: "dict[str, torch.Tensor]", dtype: "torch.dtype", what: str) -> Any:
    """Fill `module`, built without weights, with `tensors`, and convert it to `dtype`.

    ModelError in one line if a tensor is missing, unexpected, or has another shape.
    """
    wanted = module.state_dict()
    absent, surplus = sorted(wanted.keys() - tensors.keys()), sorted(tensors.keys() - wanted.keys())
    absent += [name for name in wanted.keys() & tensors.keys() if wanted[name].shape != tensors[name].shape]
    if absent:
        raise ModelError(f"{what}: {len(absent)} tensors are missing or have another shape, the first is {absent[0]}")
    if surplus:
        raise ModelError(f"{what}: {len(surplus)} tensors do not belong to it, the first is {surplus[0]}")
    module.load_state_dict(tensors, assign=True)
    return module.to(dtype)
