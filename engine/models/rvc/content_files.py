"""Loads HuBERT and ContentVec from disk: folders as on the Hub, and the single files distributed with RVC."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file
from torch import Tensor, nn
from torch.nn.utils import parametrize
from transformers import HubertConfig, HubertModel

from engine.errors import ModelError
from engine.models.pretrained import architecture, one_line, require_finite
from engine.models.rvc import legacy_content
from engine.models.rvc.content import ContentEncoder
from engine.models.rvc.content_folder import PROJECTION, find_content
from engine.models.weight_files import read_header

HEAD_WIDTH = 64  # the same in every HuBERT, whether its layers are 768 or 1024 wide
_WEIGHT_NORM = {".weight_g": ".parametrizations.weight.original0", ".weight_v": ".parametrizations.weight.original1"}
_FIRST = "feature_extractor.conv_layers."
_POSITIONS = "encoder.pos_conv_embed.conv."
_LAYER = re.compile(r"encoder\.layers\.(\d+)\.")


def load_content(name: str, device: torch.device, dtype: torch.dtype) -> ContentEncoder:
    """Load the encoder in a folder, a Hugging Face id or a file (.pt, .bin, .safetensors) onto its device.

    ModelError in one line if it is missing (with how to get it), not a HuBERT, truncated, lacks a tensor or holds NaN,
    or is a pickle that would run code.
    """
    found = find_content(name)
    tensors = {key: tensor for file in found.weights for key, tensor in _file_tensors(file).items()}
    return build(name, tensors, found.config, device, dtype)


def build(
    name: str,
    tensors: Mapping[str, Tensor],
    config_json: Mapping[str, Any] | None,
    device: torch.device,
    dtype: torch.dtype,
) -> ContentEncoder:
    """Build it from tensors with transformers' names and `config.json`, or from the tensors' shapes if that is None."""
    weights = {_current(key): tensor.float() for key, tensor in tensors.items()}
    projection = {key.removeprefix(PROJECTION): weights.pop(key) for key in list(weights) if key.startswith(PROJECTION)}
    with one_line(name):
        config = _config_of(weights) if config_json is None else architecture(HubertConfig, config_json, name)
        if config.num_hidden_layers != _layers(weights):
            raise ModelError(
                f"{name}: config.json says {config.num_hidden_layers} layers, but the weights have {_layers(weights)}"
            )
        config.mask_time_prob = config.mask_feature_prob = 0.0  # only used in training; 0 avoids its tensor
        config._attn_implementation = "sdpa"
        with torch.device("meta"):
            hubert = HubertModel(config)
        wanted = hubert.state_dict()
        wrong = [key for key in wanted if key not in weights or weights[key].shape != wanted[key].shape]
        if wrong:
            raise ModelError(f"{name}: {len(wrong)} tensors are missing or have another shape, the first is {wrong[0]}")
        require_finite(name, {key: weights[key] for key in wanted})
        require_finite(name, {f"{PROJECTION}{key}": tensor for key, tensor in projection.items()})
        hubert.load_state_dict({key: weights[key] for key in wanted}, assign=True)
        final_projection = _linear(projection) if projection else None
    if not config.conv_pos_batch_norm:
        parametrize.remove_parametrizations(hubert.encoder.pos_conv_embed.conv, "weight")  # folded, in float32
    for network in (hubert, final_projection):
        if network is not None:
            network.requires_grad_(False).eval().to(device, dtype)
    return ContentEncoder(hubert, final_projection)


def _file_tensors(file: Path) -> dict[str, Tensor]:
    """Tensors of a file in any known layout, with transformers' names."""
    stored: Mapping[str, Any]
    if file.suffix == ".safetensors":
        read_header(file)  # reports truncated files
        with one_line(str(file)):
            stored = load_file(file)
    else:
        stored = legacy_content.read_legacy(file)
        if isinstance(stored.get("model"), Mapping):
            stored = stored["model"]
    tensors = {key: value for key, value in stored.items() if isinstance(value, Tensor)}
    if legacy_content.MARK in tensors:
        return legacy_content.renamed(tensors)
    if not any("encoder.layers.0." in key for key in tensors):
        raise ModelError(f"{file}: no HuBERT (holds {', '.join(list(stored)[:4]) or 'nothing'})")
    return {key.removeprefix("hubert."): tensor for key, tensor in tensors.items()}


def _current(key: str) -> str:
    """The current transformers name for a name in older files."""
    for old, new in _WEIGHT_NORM.items():
        if key.endswith(old):
            return key.removesuffix(old) + new
    return key


def _config_of(weights: Mapping[str, Tensor]) -> HubertConfig:
    """The architecture for tensors of these shapes.

    Large models normalise each layer of the feature extractor, and use pre-norm in the encoder. Attention heads are 64
    wide in small and large ones.
    """
    convolutions = sorted({int(key.split(".")[2]) for key in weights if key.startswith(_FIRST)})
    kernels = [weights[f"{_FIRST}{number}.conv.weight"] for number in convolutions]
    is_large = f"{_FIRST}1.layer_norm.weight" in weights
    hidden = weights["feature_projection.projection.weight"].shape[0]
    positions = weights[f"{_POSITIONS}parametrizations.weight.original1"]  # (hidden, hidden / groups, width)
    return HubertConfig(
        hidden_size=hidden,
        num_hidden_layers=_layers(weights),
        num_attention_heads=max(1, hidden // HEAD_WIDTH),
        intermediate_size=weights["encoder.layers.0.feed_forward.intermediate_dense.weight"].shape[0],
        conv_dim=[kernel.shape[0] for kernel in kernels],
        conv_kernel=[kernel.shape[2] for kernel in kernels],
        conv_bias=f"{_FIRST}0.conv.bias" in weights,
        feat_extract_norm="layer" if is_large else "group",
        feat_proj_layer_norm="feature_projection.layer_norm.weight" in weights,
        do_stable_layer_norm=is_large,
        num_conv_pos_embeddings=positions.shape[2],
        num_conv_pos_embedding_groups=hidden // positions.shape[1],
    )


def _layers(weights: Mapping[str, Tensor]) -> int:
    return 1 + max((int(found[1]) for key in weights if (found := _LAYER.match(key))), default=-1)


def _linear(weights: Mapping[str, Tensor]) -> nn.Linear:
    made = nn.Linear(weights["weight"].shape[1], weights["weight"].shape[0], device="meta")
    made.load_state_dict(dict(weights), assign=True)
    return made
