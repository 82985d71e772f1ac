"""Converts a prompt to a row of tokens for a text encoder, with weights and embedding vectors."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import torch

from engine.models.sd.prompt_syntax import ParsedPrompt
from engine.models.sd.textual_inversion import Triggers

MAX_SHOWN = 200  # maximum length of the truncated text in a note
PLACE_OF_A_VECTOR = 0  # placeholder token whose embedding the vector replaces, as in A1111


@dataclass(slots=True, kw_only=True)
class TokenRow:
    """T: 77."""

    ids: torch.Tensor
    """(1, T) int64."""
    mask: torch.Tensor
    """(1, T) int64: 0 for padding."""
    weights: torch.Tensor | None = None
    """(T,) float32, or None if all are 1."""
    vectors: dict[int, torch.Tensor] = field(default_factory=dict)
    """Embedding vectors (vectors, width) by the index of their first token."""
    left_out: str = ""
    """The end of the prompt, which did not fit."""


def token_row(tokenizer: Any, encoder: int, prompt: ParsedPrompt, triggers: Triggers, device: torch.device) -> TokenRow:
    """Tokenize a prompt. `encoder`: index of the text encoder, which selects the embedding vectors.

    Text without weights and triggers is tokenized as a whole, otherwise each fragment separately, as in A1111.
    """
    parts = [(part, fragment.weight) for fragment in prompt.fragments for part in triggers.split(fragment.text)]
    if not prompt.is_weighted and all(isinstance(part, str) for part, _ in parts):
        return _plain(tokenizer, prompt.text, device)
    length = tokenizer.model_max_length
    ids: list[int] = []
    weights: list[float] = []
    vectors: dict[int, torch.Tensor] = {}
    left_out: list[str] = []
    for part, weight in parts:
        if isinstance(part, str):
            found = tokenizer(part, add_special_tokens=False).input_ids if part.strip() else []
            room = 0 if left_out else length - 2 - len(ids)
            ids += found[:room]
            weights += [weight] * len(found[:room])
            if found[room:]:
                left_out.append(tokenizer.decode(found[room:]).strip())
            continue
        word, embedding = part
        rows = embedding.vectors[encoder]
        if left_out or len(ids) + len(rows) > length - 2:
            left_out.append(word)
            continue
        vectors[len(ids) + 1] = rows  # after the start token
        ids += [PLACE_OF_A_VECTOR] * len(rows)
        weights += [weight] * len(rows)
    filled = length - 2 - len(ids)
    row = [tokenizer.bos_token_id, *ids, tokenizer.eos_token_id, *[tokenizer.pad_token_id] * filled]
    return TokenRow(
        ids=torch.tensor([row], device=device),
        mask=torch.tensor([[1] * (length - filled) + [0] * filled], device=device),
        weights=torch.tensor([1.0, *weights, *[1.0] * (filled + 1)], device=device) if prompt.is_weighted else None,
        vectors=vectors,
        left_out=" ".join(left_out),
    )


def _plain(tokenizer: Any, text: str, device: torch.device) -> TokenRow:
    length = tokenizer.model_max_length
    tokens = tokenizer(text, padding="max_length", max_length=length, truncation=True, return_tensors="pt").to(device)
    everything = tokenizer(text).input_ids
    left_out = tokenizer.decode(everything[length - 1 : -1]).strip() if len(everything) > length else ""
    return TokenRow(ids=tokens.input_ids, mask=tokens.attention_mask, left_out=left_out)


def note_left_out(row: TokenRow, note: Callable[[str, str], None]) -> None:
    """Call `note("prompt", line)` if the prompt was too long."""
    if row.left_out:
        used = row.ids.shape[1] - 2
        note("prompt", f"{used} tokens of the prompt are used; ignored: {row.left_out[:MAX_SHOWN]}")


def emphasised(hidden: torch.Tensor, weights: torch.Tensor | None) -> torch.Tensor:
    """Multiply each token of (1, T, D) by its weight (T,), and restore the overall mean.

    A1111's "Original" (modules/sd_emphasis.py, EmphasisOriginal; formerly in sd_hijack_clip.py). For SDXL applied to
    each encoder separately.
    """
    if weights is None:
        return hidden
    plain = hidden.float()
    weighted = plain * weights[None, :, None]
    ratio = plain.mean() / weighted.mean()
    return (weighted * torch.where(ratio.isfinite(), ratio, torch.ones_like(ratio))).to(hidden.dtype)
