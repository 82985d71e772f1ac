"""A small HuBERT with random weights, and the names of the published files' tensors (fairseq's)."""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor
from transformers import HubertConfig, HubertModel

WIDTH = 128
PROJECTED = 32
# Written by hand from the published hubert_base.pt: transformers' names and fairseq's, where they differ.
OUTSIDE_THE_LAYERS = {
    "feature_extractor.conv_layers.0.layer_norm.weight": "feature_extractor.conv_layers.0.2.weight",
    "feature_extractor.conv_layers.0.layer_norm.bias": "feature_extractor.conv_layers.0.2.bias",
    **{
        f"feature_extractor.conv_layers.{n}.conv.weight": f"feature_extractor.conv_layers.{n}.0.weight"
        for n in range(7)
    },
    "feature_projection.layer_norm.weight": "layer_norm.weight",
    "feature_projection.layer_norm.bias": "layer_norm.bias",
    "feature_projection.projection.weight": "post_extract_proj.weight",
    "feature_projection.projection.bias": "post_extract_proj.bias",
    "masked_spec_embed": "mask_emb",
    "encoder.pos_conv_embed.conv.bias": "encoder.pos_conv.0.bias",
    "encoder.pos_conv_embed.conv.parametrizations.weight.original0": "encoder.pos_conv.0.weight_g",
    "encoder.pos_conv_embed.conv.parametrizations.weight.original1": "encoder.pos_conv.0.weight_v",
    "encoder.layer_norm.weight": "encoder.layer_norm.weight",
    "encoder.layer_norm.bias": "encoder.layer_norm.bias",
    "final_proj.weight": "final_proj.weight",
    "final_proj.bias": "final_proj.bias",
}
IN_A_LAYER = {
    "attention.k_proj": "self_attn.k_proj",
    "attention.v_proj": "self_attn.v_proj",
    "attention.q_proj": "self_attn.q_proj",
    "attention.out_proj": "self_attn.out_proj",
    "layer_norm": "self_attn_layer_norm",
    "feed_forward.intermediate_dense": "fc1",
    "feed_forward.output_dense": "fc2",
    "final_layer_norm": "final_layer_norm",
}


class SmallHubert(HubertModel):
    """Like the published ContentVec: the projection is a layer beside the HuBERT."""

    def __init__(self, config: HubertConfig) -> None:
        super().__init__(config)
        self.final_proj = torch.nn.Linear(config.hidden_size, config.classifier_proj_size)


def small_hubert(**changes: Any) -> SmallHubert:
    """A SmallHubert with the same weights each time and no default values, so that a lost bias or norm matters."""
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
    """Tensors renamed from transformers' names to fairseq's. KeyError for a name without an equivalent."""
    found = {}
    for name, tensor in tensors.items():
        if name.startswith("encoder.layers."):
            _, _, number, *inside, kind = name.split(".")
            found[f"encoder.layers.{number}.{IN_A_LAYER['.'.join(inside)]}.{kind}"] = tensor
        else:
            found[OUTSIDE_THE_LAYERS[name]] = tensor
    return found
