"""Speaker-independent features of speech: HuBERT's hidden layers, 50 vectors per second.

It is loaded from folders as on the Hub, and from the single files distributed with RVC.
"""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Final, Literal, Self

import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize
from transformers import HubertConfig, HubertModel

from engine.errors import ModelError
from engine.models.pickle_file import PickleFile, type_name
from engine.models.pretrained import ATTENTION, build_config, load_weights, one_line, require_finite
from engine.models.rvc.content_folder import LAYOUT, PROJECTION, find_content
from engine.models.rvc.shapes import LAYERS
from engine.models.weight_files import open_tensors

RATE_HZ: Final = 16_000
HOP: Final = 320
"""Samples between vectors."""
MIN_SAMPLES: Final = 400
"""Samples that the first vector needs. A shorter sound gives no vectors."""
HEAD_WIDTH = 64  # the same in every HuBERT, whether its layers are 768 or 1024 wide
_WEIGHT_NORM = {
    ".weight_g": ".parametrizations.weight.original0",
    ".weight_v": ".parametrizations.weight.original1",
}
_FIRST = "feature_extractor.conv_layers."
_POSITIONS = "encoder.pos_conv_embed.conv."
_LAYER = re.compile(r"encoder\.layers\.(\d+)\.")
MARK = "post_extract_proj.weight"
"""A tensor that only fairseq's layout has, not transformers'."""

# Published name -> name in transformers 5, in the order of the forward pass; `#` is a number.
RENAMED = {
    "feature_extractor.conv_layers.#.0": "feature_extractor.conv_layers.#.conv",
    # layer 0, group norm
    "feature_extractor.conv_layers.#.2": "feature_extractor.conv_layers.#.layer_norm",
    # all layers, large models
    "feature_extractor.conv_layers.#.2.1": "feature_extractor.conv_layers.#.layer_norm",
    "layer_norm": "feature_projection.layer_norm",
    "post_extract_proj": "feature_projection.projection",
    "encoder.pos_conv.0": "encoder.pos_conv_embed.conv",
    "encoder.layer_norm": "encoder.layer_norm",
    "encoder.layers.#.self_attn.q_proj": "encoder.layers.#.attention.q_proj",
    "encoder.layers.#.self_attn.k_proj": "encoder.layers.#.attention.k_proj",
    "encoder.layers.#.self_attn.v_proj": "encoder.layers.#.attention.v_proj",
    "encoder.layers.#.self_attn.out_proj": "encoder.layers.#.attention.out_proj",
    "encoder.layers.#.self_attn_layer_norm": "encoder.layers.#.layer_norm",
    "encoder.layers.#.fc1": "encoder.layers.#.feed_forward.intermediate_dense",
    "encoder.layers.#.fc2": "encoder.layers.#.feed_forward.output_dense",
    "encoder.layers.#.final_layer_norm": "encoder.layers.#.final_layer_norm",
    "final_proj": "final_proj",
}
_NUMBER = re.compile(r"(?<=layers\.)\d+")
_OF_TRAINING = re.compile(r"^(masked_spec_embed|mask_emb|label_embs_concat|lm_head\..*)$")
"""Tensors that only training needs, by the names of both layouts."""


class ContentEncoder:
    """HuBERT (Hsu et al., 2021) or ContentVec (Qian et al., 2022), for inference on its device. Not
    thread-safe."""

    def __init__(self, hubert: HubertModel, final_projection: nn.Linear | None) -> None:
        self._hubert = hubert
        self._final_projection = final_projection

    def freeze_to(self, device: torch.device, dtype: torch.dtype) -> Self:
        """Move the weights to the device, and freeze them for inference."""
        for network in self.networks:
            network.requires_grad_(False).eval().to(device, dtype)
        return self

    def __call__(self, sound: Tensor, *, version: Literal["v1", "v2"]) -> Tensor:
        """(B, n) at 16 kHz, n >= 400 -> (B, (n - 80) // 320, channels) in the encoder's dtype. v1:
        hidden layer 9 through the final projection (256 channels); v2: hidden layer 12 (768). If
        there are fewer layers, the last one. Vector k depends on samples 320 k to 320 k + 400.
        Higher layers are not run. All sounds of a batch must have the same length, because there is
        no mask. Can be captured in a CUDA graph."""
        hubert = self._hubert
        features = hubert.feature_extractor(sound.to(self.dtype)).transpose(1, 2)  # (B, T, 512)
        hidden: Tensor = hubert.feature_projection(features)  # (B, T, 768)
        encoder = hubert.encoder
        hidden = hidden + encoder.pos_conv_embed(hidden)
        # pre-norm models normalise after the last layer instead
        if not hubert.config.do_stable_layer_norm:
            hidden = encoder.layer_norm(hidden)
        for layer in encoder.layers[: LAYERS[version]]:
            hidden = layer(hidden)
        if version == "v1" and self._final_projection is not None:
            hidden = self._final_projection(hidden)
        return hidden

    def channels(self, version: Literal["v1", "v2"]) -> int:
        if version == "v1" and self._final_projection is not None:
            return self._final_projection.out_features
        width: int = self._hubert.config.hidden_size
        return width

    @property
    def dtype(self) -> torch.dtype:
        dtype: torch.dtype = self._hubert.dtype
        return dtype

    @property
    def networks(self) -> tuple[nn.Module, ...]:
        return (
            (self._hubert,)
            if self._final_projection is None
            else (self._hubert, self._final_projection)
        )


def load_content(name: str, device: torch.device, dtype: torch.dtype) -> ContentEncoder:
    """Load the encoder in a folder, a Hugging Face id or a file (.pt, .bin, .safetensors) onto its
    device. ModelError in one line if it is missing (with how to get it), not a HuBERT, truncated,
    lacks a tensor, holds NaN, or would run code as a pickle. A file without `config.json` is
    described by its tensors' shapes."""
    found = find_content(name)
    weights = {
        _new_name(key): tensor.float()
        for file in found.weights
        for key, tensor in _file_tensors(file).items()
    }
    projection = {
        key.removeprefix(PROJECTION): weights.pop(key)
        for key in list(weights)
        if key.startswith(PROJECTION)
    }
    with one_line(name):
        config = (
            _config_of(weights)
            if found.config is None
            else build_config(HubertConfig, found.config, name)
        )
        if config.num_hidden_layers != _layers(weights):
            raise ModelError(
                f"{name}: config.json says {config.num_hidden_layers} layers, but the weights "
                f"have {_layers(weights)}"
            )
        # only used in training; 0 avoids its tensor
        config.mask_time_prob = 0.0
        config.mask_feature_prob = 0.0
        with torch.device("meta"):
            hubert = HubertModel(config)
        load_weights(hubert, weights, name, "a HuBERT", may_ignore=_OF_TRAINING.search)
        require_finite(name, {f"{PROJECTION}{key}": tensor for key, tensor in projection.items()})
        final_projection = None
        if projection:
            wide = projection["weight"].shape[1]
            narrow = projection["weight"].shape[0]
            final_projection = nn.Linear(wide, narrow, device="meta")
            final_projection.load_state_dict(projection, assign=True)
    if not config.conv_pos_batch_norm:
        # folded, in float32
        parametrize.remove_parametrizations(hubert.encoder.pos_conv_embed.conv, "weight")
    return ContentEncoder(hubert, final_projection).freeze_to(device, dtype)


def _file_tensors(path: Path) -> dict[str, Tensor]:
    """Tensors of a file in any known layout, with transformers' names."""
    file = open_tensors(path, LAYOUT)
    names = list(file.tensors)  # reports truncated files
    if isinstance(file, PickleFile):
        if not isinstance(file.content, Mapping):
            raise ModelError(f"{file}: no HuBERT (holds a {type_name(file.content)})")
        names = list(LAYOUT.entries(file.content))
    with one_line(str(file)):
        tensors = file.read()
    if MARK in tensors:
        return _rename_tensors(tensors)
    if not any("encoder.layers.0." in key for key in tensors):
        raise ModelError(f"{file}: no HuBERT (holds {', '.join(names[:4]) or 'nothing'})")
    return {key.removeprefix("hubert."): tensor for key, tensor in tensors.items()}


def _new_name(key: str) -> str:
    """The current transformers name for a name in older files."""
    for old, new in _WEIGHT_NORM.items():
        if key.endswith(old):
            return key.removesuffix(old) + new
    return key


def _config_of(weights: Mapping[str, Tensor]) -> HubertConfig:
    """The architecture for tensors of these shapes. Large models normalise each layer of the
    feature extractor, and use pre-norm in the encoder. Attention heads are 64 wide in small and
    large ones."""
    convolutions = sorted({int(key.split(".")[2]) for key in weights if key.startswith(_FIRST)})
    kernels = [weights[f"{_FIRST}{number}.conv.weight"] for number in convolutions]
    is_large = f"{_FIRST}1.layer_norm.weight" in weights
    hidden = weights["feature_projection.projection.weight"].shape[0]
    # (hidden, hidden / groups, width)
    positions = weights[f"{_POSITIONS}parametrizations.weight.original1"]
    return HubertConfig(
        hidden_size=hidden,
        num_hidden_layers=_layers(weights),
        num_attention_heads=max(1, hidden // HEAD_WIDTH),
        intermediate_size=weights["encoder.layers.0.feed_forward.intermediate_dense.weight"].shape[
            0
        ],
        conv_dim=[kernel.shape[0] for kernel in kernels],
        conv_kernel=[kernel.shape[2] for kernel in kernels],
        conv_bias=f"{_FIRST}0.conv.bias" in weights,
        feat_extract_norm="layer" if is_large else "group",
        feat_proj_layer_norm="feature_projection.layer_norm.weight" in weights,
        do_stable_layer_norm=is_large,
        num_conv_pos_embeddings=positions.shape[2],
        num_conv_pos_embedding_groups=hidden // positions.shape[1],
        attn_implementation=ATTENTION,  # pyright: ignore[reportCallIssue]  # in every configuration
    )


def _layers(weights: Mapping[str, Tensor]) -> int:
    return 1 + max((int(found[1]) for key in weights if (found := _LAYER.match(key))), default=-1)


def _rename_tensors(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Tensors in fairseq's layout, with transformers' names; unknown ones keep theirs."""
    found = {}
    for name, tensor in tensors.items():
        stem, _, kind = name.rpartition(".")
        number = _NUMBER.search(stem)
        new = RENAMED.get(_NUMBER.sub("#", stem))
        if new is None:
            found[name] = tensor
        else:
            found[f"{new.replace('#', number[0]) if number else new}.{kind}"] = tensor
    return found
