"""The tiny voice through the libraries that others read theirs with: what it sings is what it was given."""

from pathlib import Path

import pytest
import torch

from tests.support.tiny_voice import CELLS, ROWS

torch.set_num_threads(1)


def test_the_index_is_read_by_faiss(tiny_voice: Path) -> None:
    faiss = pytest.importorskip("faiss", reason="not installed on a Mac")
    index = faiss.read_index(str(tiny_voice / "voice.index"))
    assert (index.ntotal, index.d, faiss.downcast_index(index).nlist) == (ROWS, 768, CELLS)


def test_the_content_is_read_by_transformers(tiny_voice: Path) -> None:
    from safetensors import safe_open
    from transformers import HubertModel

    content = HubertModel.from_pretrained(tiny_voice / "content", local_files_only=True).eval()
    with torch.no_grad():
        assert content(torch.zeros(1, 16_000)).last_hidden_state.shape == (1, 49, 768)
    with safe_open(tiny_voice / "content" / "model.safetensors", "pt") as file:
        assert file.get_tensor("final_proj.weight").shape == (256, 768)
