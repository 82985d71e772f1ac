"""Encodes text prompts for the detector. Runs when a text changes, never per picture."""

from dataclasses import dataclass

import torch

from engine.models.sam3.model import SegmentationModel

KEPT = 16
WITHOUT_WORDS = "visual"
"""The text that the model was trained with for prompts of only boxes (transformers' Sam3Processor)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EncodedPrompt:
    text: str
    embeds: torch.Tensor
    """(1, tokens, D) in the model's dtype on its device: the text encoder's states, projected. No padding."""
    tokens: int
    """Number of tokens, including start and end: 2..32."""
    is_truncated: bool
    read: str
    """The part of the text that the model reads, decoded from its tokens."""


class PromptEncoder:
    """Encodes texts, with a cache of the most recent ones. Single thread.

    transformers pads every prompt to 32 tokens and masks the padding. The text encoder is causal, so no token attends
    to the padding after it. Without padding the result is the same, and no mask is needed.
    """

    def __init__(self, model: SegmentationModel) -> None:
        self._model = model
        self._longest = model.detector.config.text_config.max_position_embeddings
        self._kept: dict[str, EncodedPrompt] = {}

    def encode(self, text: str) -> EncodedPrompt:
        prompt = self._kept.pop(text, None) or self._encode(text)
        self._kept[text] = prompt  # newest last
        if len(self._kept) > KEPT:
            del self._kept[next(iter(self._kept))]
        return prompt

    @torch.no_grad()
    def _encode(self, text: str) -> EncodedPrompt:
        tokenizer = self._model.tokenizer
        everything = tokenizer(text).input_ids
        ids = tokenizer(text, truncation=True, max_length=self._longest).input_ids
        tokens = torch.tensor([ids], device=self._model.device)
        features = self._model.detector.get_text_features(input_ids=tokens)
        return EncodedPrompt(
            text=text,
            embeds=features.pooler_output.to(self._model.dtype),
            tokens=len(ids),
            is_truncated=len(everything) > len(ids),
            read=tokenizer.decode(ids[1:-1]).strip(),
        )
