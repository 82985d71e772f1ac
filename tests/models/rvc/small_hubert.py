"""A HuBERT with twelve narrow layers and a final projection, built by transformers; for tests."""

from typing import Any

import torch
from transformers import HubertConfig, HubertModel

WIDTH = 128
PROJECTED = 32


class SmallHubert(HubertModel):
    """Like the published ContentVec: the projection is a layer beside the HuBERT."""

    def __init__(self, config: HubertConfig) -> None:
        super().__init__(config)
        self.final_proj = torch.nn.Linear(config.hidden_size, config.classifier_proj_size)


def small_hubert(**changes: Any) -> SmallHubert:
    """The same weights each time, and no default values: a lost bias or norm then changes the result."""
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
