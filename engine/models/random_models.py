"""Helpers for models with random weights, so that benchmarks and tests need no download; and a FLOP
counter."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from string import ascii_lowercase
from typing import Any, Final, TypeVar

import torch

TOKENS: Final = (
    "<|startoftext|>",
    "<|endoftext|>",
    *ascii_lowercase,
    *(f"{letter}</w>" for letter in ascii_lowercase),
)

Result = TypeVar("Result")


@contextmanager
def seeded(seed: int) -> Iterator[None]:
    """Seed torch's random state inside the `with` block, and turn gradients off. Restores the state
    afterwards."""
    with torch.random.fork_rng(), torch.no_grad():
        torch.manual_seed(seed)
        yield


def letter_tokenizer(tokens: int) -> Any:
    """A CLIPTokenizer with one token per letter, for texts of up to this many tokens."""
    from transformers import CLIPTokenizer

    vocabulary = {token: number for number, token in enumerate(TOKENS)}
    return CLIPTokenizer(vocab=vocabulary, merges=[], model_max_length=tokens)


def count_gflop(call: Callable[[], Result]) -> tuple[float, Result]:
    """GFLOP of `call()` (2 x multiply-adds / 1e9), and its result. Use the meta device to count
    without computing."""
    from torch.utils.flop_counter import FlopCounterMode

    with FlopCounterMode(display=False) as counter:
        result = call()
    return counter.get_total_flops() / 1e9, result
