"""A card without memory, simulated in a child's own process."""

from typing import Any

import torch

import engine.models.card_memory as card_memory

CARD_FREE_MB = 1234  # what a card would have left


def raise_out_of_memory(*arguments: Any) -> Any:
    raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB (simulated)")


def report_free_memory() -> None:
    card_memory.card_facts = lambda device: {"card_free_mb": CARD_FREE_MB}
