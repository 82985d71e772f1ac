"""Textual inversion embeddings (Gal et al. 2022): words whose token embeddings are replaced by trained vectors.

diffusers adds tokens to the tokenizer and rows to the text encoder's table. A1111 and we insert the vectors after the
table lookup: tokenizer and weights stay unchanged, and a word may have a weight in brackets.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch

from engine.errors import ModelError
from engine.models.pretrained import one_line
from engine.models.sd.plan.embedding_file import WEBUI_PICKLE, EmbeddingFile


@dataclass(frozen=True, slots=True)
class Embedding:
    triggers: tuple[str, ...]
    vectors: tuple[torch.Tensor, ...]
    """(vectors, width) for each text encoder."""


class Triggers:
    """Finds trigger words in a text: whole words, longest first, case-insensitive like CLIP's tokenizers."""

    def __init__(self, embeddings: Sequence[Embedding]) -> None:
        self._found = {word.lower(): embedding for embedding in embeddings for word in embedding.triggers}
        words = sorted(self._found, key=len, reverse=True)
        self._pattern = re.compile("|".join(map(_whole_word, words)), re.IGNORECASE) if words else None

    def split(self, text: str) -> list[str | tuple[str, Embedding]]:
        """Split `text` into plain parts and (trigger word as written, its embedding), in order."""
        if self._pattern is None:
            return [text]
        parts: list[str | tuple[str, Embedding]] = []
        end = 0
        for word in self._pattern.finditer(text):
            parts += [text[end : word.start()], (word[0], self._found[word[0].lower()])]
            end = word.end()
        return [*parts, text[end:]]


def _whole_word(word: str) -> str:
    before, after = (r"\b" if re.match(r"\w", edge) else "" for edge in (word[0], word[-1]))
    return f"{before}{re.escape(word)}{after}"


def load_embeddings(file: EmbeddingFile, device: torch.device, dtype: torch.dtype) -> tuple[Embedding, ...]:
    """Read the embeddings of a file. ModelError if the file cannot be read, or holds NaN or infinity."""
    with one_line(str(file.file)):
        stored: Any
        if file.is_pickle:
            with torch.serialization.safe_globals([torch.nn.ParameterDict]):
                stored = torch.load(file.file, map_location="cpu", weights_only=True)
            stored = stored.get(WEBUI_PICKLE) or stored
            if isinstance(stored, torch.nn.ParameterDict):  # torch before 1.12 wrote no list of its keys
                stored = stored._parameters
        else:
            from safetensors.torch import load_file

            stored = load_file(file.file)
        held = {key: stored[key].detach().to(device, dtype) for key in file.tensors}
    if not all(tensor.isfinite().all() for tensor in held.values()):
        raise ModelError(f"{file.file}: contains NaN or infinity in {str(dtype).removeprefix('torch.')}")
    rows = {key: tensor.reshape(-1, tensor.shape[-1]) for key, tensor in held.items()}
    found = []
    for word in file.words:
        own = slice(None) if word.row is None else slice(word.row, word.row + 1)
        found.append(Embedding(word.triggers, tuple(rows[key][own] for key in word.keys)))
    return tuple(found)


@contextmanager
def vectors_in_place(encoder: Any, vectors: Mapping[int, torch.Tensor]) -> Iterator[None]:
    """In the `with` block, the text encoder uses these vectors (vectors, width) instead of tokens, from each index
    on."""

    def put(module: Any, given: Any, embedded: torch.Tensor) -> torch.Tensor:
        embedded = embedded.clone()
        for place, rows in vectors.items():
            embedded[0, place : place + len(rows)] = rows.to(embedded)
        return embedded

    if not vectors:
        yield
        return
    hook = encoder.get_input_embeddings().register_forward_hook(put)
    try:
        yield
    finally:
        hook.remove()
