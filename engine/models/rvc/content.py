"""Speaker-independent features of speech: HuBERT's hidden layers, 50 vectors a second."""

from typing import Final, Literal

import torch
from torch import Tensor, nn
from transformers import HubertModel

RATE_HZ: Final = 16_000
HOP: Final = 320
"""Samples between vectors."""
MIN_SAMPLES: Final = 400
"""Samples that the first vector needs. A shorter sound gives no vectors."""
LAYERS: Final = {"v1": 9, "v2": 12}


class ContentEncoder:
    """HuBERT (Hsu et al., 2021) or ContentVec (Qian et al., 2022), in evaluation mode on its device. Not
    thread-safe."""

    def __init__(self, hubert: HubertModel, final_projection: nn.Linear | None) -> None:
        self._hubert = hubert
        self._final_projection = final_projection

    def __call__(self, sound: Tensor, *, version: Literal["v1", "v2"]) -> Tensor:
        """(B, n) at 16 kHz, n >= 400 -> (B, (n - 80) // 320, channels) in the encoder's dtype.

        v1: hidden layer 9 through the final projection (256 channels); v2: hidden layer 12 (768). If there are fewer
        layers, the last one. Vector k depends on samples 320 k to 320 k + 400. Higher layers are not run. All sounds of
        a batch must have the same length, because there is no mask. Can be captured in a CUDA graph.
        """
        hubert = self._hubert
        features = hubert.feature_extractor(sound.to(self.dtype)).transpose(1, 2)  # (B, T, 512)
        hidden: Tensor = hubert.feature_projection(features)  # (B, T, 768)
        encoder = hubert.encoder
        hidden = hidden + encoder.pos_conv_embed(hidden)
        if not hubert.config.do_stable_layer_norm:  # pre-norm models normalise after the last layer instead
            hidden = encoder.layer_norm(hidden)
        for layer in encoder.layers[: LAYERS[version]]:
            hidden = layer(hidden)
        if version == "v1" and self._final_projection is not None:
            hidden = self._final_projection(hidden)
        return hidden

    def channels(self, version: Literal["v1", "v2"]) -> int:
        if version == "v1" and self._final_projection is not None:
            return self._final_projection.out_features
        return self._hubert.config.hidden_size

    @property
    def dtype(self) -> torch.dtype:
        return self._hubert.dtype

    @property
    def networks(self) -> tuple[nn.Module, ...]:
        return (self._hubert,) if self._final_projection is None else (self._hubert, self._final_projection)
