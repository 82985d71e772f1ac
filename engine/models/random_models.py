"""Parts of models with random weights, so that benchmarks and tests need no download."""

from collections.abc import Iterator
from contextlib import contextmanager
from string import ascii_lowercase
from typing import Any, Final

import torch

TOKENS: Final = (
    "<|startoftext|>",
    "<|endoftext|>",
    *ascii_lowercase,
    *(f"{letter}</w>" for letter in ascii_lowercase),
)


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
