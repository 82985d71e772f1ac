"""Encoded texts equal those of transformers' processor, but without padding."""

import pytest
import torch

from engine.models.sam3.model import SegmentationModel
from engine.models.sam3.prompts import PromptEncoder


@pytest.mark.parametrize("text", ["face", "a person in red", "x"])
def test_without_padding_only_rounding_differs(model: SegmentationModel, text: str) -> None:
    """The processor pads to 32 tokens. The encoder is causal, so no token attends to the padding
    after it."""
    inputs = model.tokenizer([text], padding="max_length", max_length=32, return_tensors="pt")
    with torch.no_grad():
        padded = model.detector.get_text_features(
            input_ids=inputs.input_ids, attention_mask=inputs.attention_mask
        ).pooler_output
    prompt = PromptEncoder(model).encode(text)
    assert prompt.tokens == int(inputs.attention_mask.sum()) == prompt.embeds.shape[1] < 32
    torch.testing.assert_close(prompt.embeds, padded[:, : prompt.tokens], rtol=0.0, atol=2e-6)
    assert not prompt.is_truncated
    assert prompt.read_text == text


def test_a_long_text_is_cut_to_32_tokens_with_an_end_as_the_tokenizer_cuts_it(
    model: SegmentationModel,
) -> None:
    text = "cat " * 500
    prompt = PromptEncoder(model).encode(text)
    ids = model.tokenizer(text, truncation=True, max_length=32, return_tensors="pt").input_ids
    assert ids.shape == (1, 32) and ids[0, -1] == model.tokenizer.eos_token_id
    with torch.no_grad():
        expected = model.detector.get_text_features(input_ids=ids).pooler_output
    assert torch.equal(prompt.embeds, expected)
    assert prompt.is_truncated and prompt.tokens == 32
    assert text.startswith(prompt.read_text)
    fitting = PromptEncoder(model).encode("x " * 30)
    assert (fitting.tokens, fitting.is_truncated) == (32, False)
    assert PromptEncoder(model).encode("x " * 31).is_truncated
