"""The tokenizer of models with random weights: it knows single letters, so nothing has to be downloaded."""

from string import ascii_lowercase
from typing import Any, Final

WORDS: Final = ("<|startoftext|>", "<|endoftext|>", *ascii_lowercase, *(f"{letter}</w>" for letter in ascii_lowercase))


def letter_tokenizer(tokens: int) -> Any:
    """A CLIPTokenizer for texts of this length."""
    from transformers import CLIPTokenizer

    vocabulary = {word: number for number, word in enumerate(WORDS)}
    return CLIPTokenizer(vocab=vocabulary, merges=[], model_max_length=tokens)
