"""Maps the text encoder weights of a single file to transformers' names. Does not load torch.

SD 1.5 and the first encoder of XL have transformers' names after a prefix; SD 2.x and the second encoder of XL have
OpenCLIP's, which joins the three projections of its attention.
"""

import re
from collections.abc import Mapping

from engine.models.safetensors_header import Tensor

ENCODERS = (("cond_stage_model.", "conditioner.embedders.0."), ("conditioner.embedders.1.",))
"""Prefixes of the first and second encoder's tensors: SD, XL."""
_TRANSFORMERS, _OPEN_CLIP = "transformer.", "model."
_BLOCK = re.compile(r"transformer\.resblocks\.(\d+)\.(.+)")
_FIXED = {
    "token_embedding.weight": "embeddings.token_embedding.weight",
    "positional_embedding": "embeddings.position_embedding.weight",
    "ln_final.weight": "final_layer_norm.weight",
    "ln_final.bias": "final_layer_norm.bias",
    "text_projection": "text_projection.weight",
}
_IN_BLOCK = {
    "attn.out_proj.weight": "self_attn.out_proj.weight",
    "mlp.c_fc.weight": "mlp.fc1.weight",
    "mlp.c_proj.weight": "mlp.fc2.weight",
    "ln_1.weight": "layer_norm1.weight",
    "ln_1.bias": "layer_norm1.bias",
    "ln_2.weight": "layer_norm2.weight",
    "ln_2.bias": "layer_norm2.bias",
}
_JOINED = "attn.in_proj_weight"


def text_weights(tensors: Mapping[str, Tensor], starts: tuple[str, ...], layers: int | None) -> dict[str, Tensor]:
    """Weights of the encoder whose names begin with one of `starts`.

    For OpenCLIP only the first `layers` layers (None: all), because SD 2.x omits the last one.
    """
    found: dict[str, Tensor] = {}
    for name, tensor in tensors.items():
        start = next((start for start in starts if name.startswith(start)), None)
        if start is None:
            continue
        rest = name.removeprefix(start)
        if rest.startswith(_TRANSFORMERS):
            found[rest.removeprefix(_TRANSFORMERS).removeprefix("text_model.")] = tensor
        elif rest.startswith(_OPEN_CLIP):
            found |= _of_open_clip(rest.removeprefix(_OPEN_CLIP), tensor, layers)
    return found


def _of_open_clip(name: str, tensor: Tensor, layers: int | None) -> dict[str, Tensor]:
    block = _BLOCK.fullmatch(name)
    if block is None:
        return {_FIXED[name]: tensor} if name in _FIXED else {}
    number, tail = int(block[1]), block[2]
    if layers is not None and number >= layers:
        return {}
    layer = f"encoder.layers.{number}"
    if tail == _JOINED:
        part = Tensor(tensor.dtype, (tensor.shape[0] // 3, *tensor.shape[1:]))
        return {f"{layer}.self_attn.{letter}_proj.weight": part for letter in "qkv"}
    return {f"{layer}.{_IN_BLOCK[tail]}": tensor} if tail in _IN_BLOCK else {}
