"""From a prompt to the row of tokens that a text encoder reads, with a weight for each and vectors in places."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import torch

from engine.models.sd.prompt_syntax import ParsedPrompt
from engine.models.sd.textual_inversion import Triggers

MAX_SHOWN = 200  # characters of what is left out
PLACE_OF_A_VECTOR = 0  # the token whose embedding the vector replaces; A1111 takes this one, too


@dataclass(slots=True, kw_only=True)
class TokenRow:
    """T: 77."""

    ids: torch.Tensor
    """(1, T) int64."""
    mask: torch.Tensor
    """(1, T) int64: 0 where it is filled up."""
    weights: torch.Tensor | None = None
    """(T,) float32; None: all 1."""
    vectors: dict[int, torch.Tensor] = field(default_factory=dict)
    """By the place of the first, (vectors, width)."""
    left_out: str = ""
    """The end of the prompt that there was no room for."""


def token_row(tokenizer: Any, encoder: int, prompt: ParsedPrompt, triggers: Triggers, device: torch.device) -> TokenRow:
    """`encoder`: which of the text encoders, for the vectors. Text without weights and triggers becomes what the
    tokenizer makes of it as a whole; else each fragment is tokenised by itself, as A1111 does."""
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
        vectors[len(ids) + 1] = rows  # behind the token that begins a text
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


def tell_left_out(row: TokenRow, note: Callable[[str, str], None]) -> None:
    """`note("prompt", line)` where the prompt had more tokens than there is room for."""
    if row.left_out:
        used = row.ids.shape[1] - 2
        note("prompt", f"{used} tokens of the prompt are used; left out: {row.left_out[:MAX_SHOWN]}")


def emphasised(hidden: torch.Tensor, weights: torch.Tensor | None) -> torch.Tensor:
    """(1, T, D) with each token times its weight (T,), and the mean of all numbers restored: A1111's "Original"
    (modules/sd_emphasis.py, EmphasisOriginal; formerly in sd_hijack_clip.py). For SDXL each encoder's by itself."""
    if weights is None:
        return hidden
    plain = hidden.float()
    weighted = plain * weights[None, :, None]
    ratio = plain.mean() / weighted.mean()
    return (weighted * torch.where(ratio.isfinite(), ratio, torch.ones_like(ratio))).to(hidden.dtype)
