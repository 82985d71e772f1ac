"""Encodes text prompts for the detector. Runs when a text changes, never per picture."""

from dataclasses import dataclass

import torch

from engine.models.sam3.model import SegmentationModel
from engine.models.sam3.model_folder import LITE_TEXT

MAX_CACHED = 16
PADDED_TOKENS = 32  # transformers' Sam3Processor
BOXES_ONLY_TEXT = "visual"
"""The text that the model was trained with for prompts of only boxes (transformers'
Sam3Processor)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EncodedPrompt:
    text: str
    embeds: torch.Tensor
    """(1, tokens, D) in the model's dtype on its device: the text encoder's states, projected. No
    padding."""
    tokens: int
    """Number of tokens, including start and end: 2..32."""
    is_truncated: bool
    read_text: str
    """The part of the text that the model reads, decoded from its tokens."""


class PromptEncoder:
    """Encodes texts, with a cache of the most recent ones. Single thread. transformers pads every
    prompt to 32 tokens and masks the padding. SAM3's text encoder is causal, so no token attends to
    the padding after it. Without padding the result is the same, and no mask is needed. That of
    SAM3-LiteText has convolutions over the tokens, and its position embeddings depend on their
    number: it gets the padding, whose embeddings are then cut off."""

    def __init__(self, model: SegmentationModel) -> None:
        self._model = model
        config = model.detector.config
        self._is_padded = config.model_type == LITE_TEXT
        self._longest = (
            PADDED_TOKENS if self._is_padded else config.text_config.max_position_embeddings
        )
        self._cache: dict[str, EncodedPrompt] = {}

    def encode(self, text: str) -> EncodedPrompt:
        prompt = self._cache.pop(text, None) or self._encode(text)
        self._cache[text] = prompt  # newest last
        if len(self._cache) > MAX_CACHED:
            del self._cache[next(iter(self._cache))]
        return prompt

    @torch.no_grad()
    def _encode(self, text: str) -> EncodedPrompt:
        tokenizer = self._model.tokenizer
        everything = tokenizer(text).input_ids
        ids = tokenizer(text, truncation=True, max_length=self._longest).input_ids
        inputs = {"input_ids": torch.tensor([ids], device=self._model.device)}
        if self._is_padded:
            padded = tokenizer(
                [text], truncation=True, padding="max_length", max_length=self._longest
            )
            inputs = {
                key: torch.tensor(padded[key], device=self._model.device)
                for key in ("input_ids", "attention_mask")
            }
        features = self._model.detector.get_text_features(**inputs)
        return EncodedPrompt(
            text=text,
            embeds=features.pooler_output[:, : len(ids)].to(self._model.dtype),
            tokens=len(ids),
            is_truncated=len(everything) > len(ids),
            read_text=tokenizer.decode(ids[1:-1]).strip(),
        )
