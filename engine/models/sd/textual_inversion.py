"""Textual inversion embeddings (Gal et al. 2022): words whose token embeddings are replaced by
trained vectors.

diffusers adds tokens to the tokenizer and rows to the text encoder's table. A1111 and we insert the
vectors after the table lookup: tokenizer and weights stay unchanged, and a word may have a weight
in brackets.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from engine.errors import ModelError
from engine.models.pretrained import one_line
from engine.models.sd.plan.embedding_file import EmbeddingFile


@dataclass(frozen=True, slots=True)
class Embedding:
    triggers: tuple[str, ...]
    vectors: tuple[Tensor, ...]
    """(vectors, width) for each text encoder."""


class Triggers:
    """Finds trigger words in a text: whole words, longest first, case-insensitive like CLIP's
    tokenizers."""

    def __init__(self, embeddings: Sequence[Embedding]) -> None:
        self._embeddings = {
            trigger.lower(): embedding for embedding in embeddings for trigger in embedding.triggers
        }
        triggers = sorted(self._embeddings, key=len, reverse=True)
        self._pattern = (
            re.compile("|".join(map(_whole_word, triggers)), re.IGNORECASE) if triggers else None
        )

    def split(self, text: str) -> list[str | tuple[str, Embedding]]:
        """Split `text` into plain parts and (trigger word as written, its embedding), in order."""
        if self._pattern is None:
            return [text]
        parts: list[str | tuple[str, Embedding]] = []
        end = 0
        for match in self._pattern.finditer(text):
            parts += [text[end : match.start()], (match[0], self._embeddings[match[0].lower()])]
            end = match.end()
        return [*parts, text[end:]]


def _whole_word(trigger: str) -> str:
    before, after = (r"\b" if re.match(r"\w", edge) else "" for edge in (trigger[0], trigger[-1]))
    return f"{before}{re.escape(trigger)}{after}"


def load_embeddings(
    file: EmbeddingFile, device: torch.device, dtype: torch.dtype
) -> tuple[Embedding, ...]:
    """Read the embeddings of a file. ModelError if the file cannot be read, or holds NaN or
    infinity."""
    with one_line(str(file.file)):
        stored = file.file.read(file.tensors)
        tensors = {key: each.detach().to(device, dtype) for key, each in stored.items()}
    if not all(tensor.isfinite().all() for tensor in tensors.values()):
        raise ModelError(
            f"{file.file}: contains NaN or infinity in {str(dtype).removeprefix('torch.')}"
        )
    rows = {key: tensor.reshape(-1, tensor.shape[-1]) for key, tensor in tensors.items()}
    found = []
    for entry in file.entries:
        own = slice(None) if entry.row is None else slice(entry.row, entry.row + 1)
        found.append(Embedding(entry.triggers, tuple(rows[key][own] for key in entry.keys)))
    return tuple(found)


@contextmanager
def inject_vectors(encoder: Any, vectors: Mapping[int, Tensor]) -> Iterator[None]:
    """In the `with` block, the text encoder uses these vectors (vectors, width) instead of tokens,
    from each index."""

    def put(module: Any, inputs: Any, embedded: Tensor) -> Tensor:
        embedded = embedded.clone()
        for index, rows in vectors.items():
            embedded[0, index : index + len(rows)] = rows.to(embedded)
        return embedded

    if not vectors:
        yield
        return
    hook = encoder.get_input_embeddings().register_forward_hook(put)
    try:
        yield
    finally:
        hook.remove()
