"""Loads VAEs from single files into diffusers' networks, strictly."""

from typing import Any

import torch

from engine.errors import ModelError
from engine.models.pretrained import one_line
from engine.models.sd.plan.tensor_file import fill, read_tensors
from engine.models.sd.plan.vae_choice import VaeChoice
from engine.models.sd.plan.vae_file import TINY, is_original, pair_names, without_prefix

OLD_NAMES = {".query.": ".to_q.", ".key.": ".to_k.", ".value.": ".to_v.", ".proj_attn.": ".to_out.0."}


def load_vae_file(choice: VaeChoice, dtype: torch.dtype) -> Any:
    """Load the AutoencoderKL or AutoencoderTiny of a choice that is a file, on the CPU. ModelError in one line."""
    import diffusers
    from diffusers.loaders import single_file_utils

    if choice.weights is None:
        raise ModelError("the VAE is not in a separate file")
    files = choice.weights.files
    with one_line(str(files[0])):
        if len(files) > 1:
            tensors = _joined(*(read_tensors(file) for file in files))
        else:
            read = read_tensors(files[0])
            tensors = {ours: read[theirs] for ours, theirs in without_prefix(read).items()}
        if choice.kind != TINY and is_original(tensors):
            utils: Any = single_file_utils  # not annotated
            tensors = utils.convert_ldm_vae_checkpoint(tensors, choice.config)
        tensors = {_todays_name(name): tensor for name, tensor in tensors.items()}
        with torch.device("meta"):
            module = getattr(diffusers, choice.kind).from_config(choice.config)
        return fill(module, tensors, dtype, str(files[0]))


def _todays_name(name: str) -> str:
    """The current name of a tensor: diffusers before 0.17 named a VAE's attention differently, as sd-vae-ft-mse still
    does."""
    if ".attentions." in name:
        for old, new in OLD_NAMES.items():
            name = name.replace(old, new)
    return name


def _joined(encoder: dict[str, torch.Tensor], decoder: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    halves = {"encoder": encoder, "decoder": decoder}
    named = pair_names(encoder, decoder)
    return {ours: halves[which][name] for theirs, ours in named.items() for which, _, name in [theirs.partition(":")]}
