"""Texts into what the detector is told; run when one of them changes, never for a picture of the stream."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch

if TYPE_CHECKING:
    from engine.models.sam3.model import Model

KEPT = 16
WITHOUT_WORDS = "visual"
"""What the model was trained to hear where only boxes are given (transformers' Sam3Processor)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Prompt:
    text: str
    embeds: torch.Tensor
    """(1, tokens, D) in the model's dtype on its device: the text encoder's states, projected. No padding."""
    tokens: int
    """With start and end, 2..32."""
    is_truncated: bool
    read: str
    """What of the text the model reads, as its tokens spell it."""


class PromptEncoder:
    """Remembers the newest texts. One thread.

    transformers pads every prompt to 32 tokens and hides the padding behind masks. The text encoder is causal, so no
    token has seen the padding after it; leaving it out leaves out only weights of zero, and no mask is needed.
    """

    def __init__(self, model: "Model") -> None:
        self._model = model
        self._longest = model.detector.config.text_config.max_position_embeddings
        self._kept: dict[str, Prompt] = {}

    def encode(self, text: str) -> Prompt:
        prompt = self._kept.pop(text, None) or self._encode(text)
        self._kept[text] = prompt  # newest last
        if len(self._kept) > KEPT:
            del self._kept[next(iter(self._kept))]
        return prompt

    @torch.no_grad()
    def _encode(self, text: str) -> Prompt:
        tokenizer = self._model.tokenizer
        everything = tokenizer(text).input_ids
        ids = tokenizer(text, truncation=True, max_length=self._longest).input_ids
        tokens = torch.tensor([ids], device=self._model.device)
        features = self._model.detector.get_text_features(input_ids=tokens)
        return Prompt(
            text=text,
            embeds=features.pooler_output.to(self._model.dtype),
            tokens=len(ids),
            is_truncated=len(everything) > len(ids),
            read=tokenizer.decode(ids[1:-1]).strip(),
        )
