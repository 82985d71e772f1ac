"""Loads ControlNets, which condition the UNet on a picture of edges, depth or poses (Zhang et al. 2023)."""

from typing import Any

import torch

from engine.models.pretrained import notes_of, one_line, pickle_notes, pretrained
from engine.models.sd.plan.controlnet_config import KIND
from engine.models.sd.plan.controlnet_file import ControlNetFiles, is_original, without_prefix
from engine.models.sd.plan.tensor_file import fill, read_tensors

SIZE_EMBEDDING = {"label_emb.0.0.": "add_embedding.linear_1.", "label_emb.0.2.": "add_embedding.linear_2."}
"""SDXL's size embedding by its original names, which diffusers' conversion of ControlNets leaves out."""


def load_controlnet(files: ControlNetFiles, dtype: torch.dtype) -> tuple[Any, tuple[str, ...]]:
    """A diffusers ControlNetModel on the CPU, and notes for the user. ModelError if it cannot be read."""
    if files.path.is_file():
        return _from_file(files, dtype), (*files.notes, *pickle_notes(f"ControlNet {files.name}", files.weights))
    notes = (*files.notes, *notes_of(f"ControlNet {files.name}", files.path))
    return pretrained(KIND, files.path, "", dtype, files.name), notes


def _from_file(files: ControlNetFiles, dtype: torch.dtype) -> Any:
    """Load with diffusers' conversion, strictly: every tensor must be used."""
    import diffusers
    from diffusers.loaders import single_file_utils

    kind: Any = diffusers.ControlNetModel  # neither function is annotated
    utils: Any = single_file_utils
    with one_line(files.name):
        read = read_tensors(files.path)
        tensors = {ours: read[theirs] for ours, theirs in without_prefix(read).items()}
        if is_original(tensors):
            converted = utils.convert_controlnet_checkpoint(tensors, files.config)
            for start, ours in SIZE_EMBEDDING.items():
                named = {name: tensor for name, tensor in tensors.items() if name.startswith(start)}
                converted |= {ours + name.removeprefix(start): tensor for name, tensor in named.items()}
            tensors = {name: tensor for name, tensor in converted.items() if tensor is not None}
        with torch.device("meta"):
            module = kind.from_config(files.config)
        return fill(module, tensors, dtype, files.name)
