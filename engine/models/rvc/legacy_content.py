"""Reads HuBERT and ContentVec in fairseq's format (hubert_base.pt, checkpoint_best_legacy_500.pt).

Besides the tensors (`model`) such a file pickles its training: options, a fairseq dictionary, omegaconf containers.
None of that is imported or run: its classes are replaced by inert stand-ins while the file is read, and a file that
asks for any other name is refused before torch opens it.
"""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from engine.errors import ModelError
from engine.models.pickle_file import TRAINING, read_pickle, refuse_code
from engine.models.pretrained import one_line

MARK = "post_extract_proj.weight"
"""A tensor that only fairseq's layout has, not transformers'."""

# Published name -> name in transformers 5, in the order of the forward pass; `#` is a number.
RENAMED = {
    "feature_extractor.conv_layers.#.0": "feature_extractor.conv_layers.#.conv",
    "feature_extractor.conv_layers.#.2": "feature_extractor.conv_layers.#.layer_norm",  # layer 0, group norm
    "feature_extractor.conv_layers.#.2.1": "feature_extractor.conv_layers.#.layer_norm",  # all layers, large models
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


class Inert:
    """Accepts any arguments and state, and does nothing."""

    def __new__(cls, *arguments: Any, **options: Any) -> "Inert":
        return super().__new__(cls)

    def __setstate__(self, state: Any) -> None:
        pass


def _table(*arguments: Any) -> dict[Any, Any]:
    return {}  # torch allows the opcodes that fill a defaultdict only on plain dicts


def read_legacy(file: Path) -> dict[str, Any]:
    """The dict that torch.save wrote into `file`.

    ModelError in one line if it holds another type, or would run code.
    """
    asked = read_pickle(file).foreign
    refuse_code(file, [name for name in asked if not TRAINING.fullmatch(name)], "HuBERT")
    stand_ins: list[Any] = [(_table if name == "collections.defaultdict" else Inert, name) for name in asked]
    with one_line(str(file)), torch.serialization.safe_globals(stand_ins):
        stored = torch.load(file, map_location="cpu", weights_only=True)
    if not isinstance(stored, Mapping):
        raise ModelError(f"{file}: no HuBERT (holds a {type(stored).__name__})")
    return {key: value for key, value in stored.items() if isinstance(key, str)}


def renamed(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Tensors in fairseq's layout, with transformers' names. Tensors that only training needs are left out."""
    found = {}
    for name, tensor in tensors.items():
        stem, _, kind = name.rpartition(".")
        number = _NUMBER.search(stem)
        new = RENAMED.get(_NUMBER.sub("#", stem))
        if new is not None:
            found[f"{new.replace('#', number[0]) if number else new}.{kind}"] = tensor
    return found
