"""A small HuBERT with random weights, and the names of the published files' tensors (fairseq's)."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from transformers import HubertConfig, HubertModel

WIDTH = 128
PROJECTED = 32
NAMES = json.loads(Path(__file__).with_name("fairseq_names.json").read_text(encoding="utf-8"))
"""Written by hand from the published hubert_base.pt: transformers' names and fairseq's, where they
differ."""


class SmallHubert(HubertModel):
    """Like the published ContentVec: the projection is a layer beside the HuBERT."""

    def __init__(self, config: HubertConfig) -> None:
        super().__init__(config)
        self.final_proj = torch.nn.Linear(config.hidden_size, config.classifier_proj_size)


def small_hubert(**changes: Any) -> SmallHubert:
    """A SmallHubert with the same weights each time and no default values, so that a lost bias or
    norm matters."""
    config = HubertConfig(
        **{
            "hidden_size": WIDTH,
            "num_hidden_layers": 12,
            "num_attention_heads": 2,
            "intermediate_size": 48,
            "conv_dim": (24,) * 7,
            "num_conv_pos_embeddings": 16,
            "num_conv_pos_embedding_groups": 4,
            "classifier_proj_size": PROJECTED,
        }
        | changes
    )
    with torch.random.fork_rng(), torch.no_grad():
        torch.manual_seed(3)
        hubert = SmallHubert(config).eval()
        for parameter in hubert.parameters():
            parameter.add_(torch.randn_like(parameter) * 0.05)
    return hubert


def fairseq_names(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Tensors renamed from transformers' names to fairseq's. KeyError for a name without an
    equivalent."""
    found = {}
    for name, tensor in tensors.items():
        if name.startswith("encoder.layers."):
            _, _, number, *inside, kind = name.split(".")
            found[f"encoder.layers.{number}.{NAMES['in a layer']['.'.join(inside)]}.{kind}"] = (
                tensor
            )
        else:
            found[NAMES["outside the layers"][name]] = tensor
    return found
