"""The tiny voice through the libraries that others read theirs with: what it sings is what it was given."""

from pathlib import Path

import numpy as np
import pytest
import torch

from engine.models.rvc.checkpoint import read_checkpoint
from engine.models.rvc.synthesizer import Synthesizer
from engine.models.seeded import seeded
from tests.support.tiny_voice import CELLS, ROWS, build_tiny_voice

torch.set_num_threads(1)

FRAMES = 100


def loaded(folder: Path) -> Synthesizer:
    return read_checkpoint(folder / "voice.pth")[0].settle("cpu", torch.float32)


def sung(voice: Synthesizer, f0_hz: float, *, said: int = 0, speaker: int = 0) -> np.ndarray:
    """A second of it."""
    phone = torch.randn(1, FRAMES, voice.shape.content_channels, generator=torch.Generator().manual_seed(said))
    pitch, f0 = torch.full((1, FRAMES), 80), torch.full((1, FRAMES), f0_hz)
    with seeded(0):
        return voice.infer(phone, pitch, f0, torch.tensor([speaker]))[0, 0].numpy()


@pytest.mark.parametrize("f0_hz", [110.0, 233.0, 880.0])
def test_it_sings_what_it_is_given(singing_voice: Path, f0_hz: float) -> None:
    """The strongest of the spectrum's lines, 1 Hz apart, with nothing else within 30 dB."""
    sound = sung(loaded(singing_voice), f0_hz)
    spectrum = np.abs(np.fft.rfft(sound * np.hanning(sound.size)))
    assert np.argmax(spectrum) == f0_hz
    spectrum[round(f0_hz) - 3 : round(f0_hz) + 4] = 0.0
    assert spectrum.max() < 0.03 * sound.size / 4.0 * 0.38
    assert np.sqrt(2.0) * sound.std() == pytest.approx(0.38, rel=0.05)


def test_it_breathes_where_there_is_no_pitch(singing_voice: Path) -> None:
    assert sung(loaded(singing_voice), 0.0).std() == pytest.approx(0.13, rel=0.05)


def test_random_weights_hear_everything(tiny_voice: Path) -> None:
    voice = loaded(tiny_voice)
    sounds = [sung(voice, 200.0), sung(voice, 300.0), sung(voice, 200.0, said=1), sung(voice, 200.0, speaker=1)]
    assert all(0.02 < sound.std() < 0.9 for sound in sounds)
    for other in sounds[1:]:
        assert np.abs(other - sounds[0]).max() > 0.05


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


def test_the_same_arguments_give_the_same_file(tiny_voice: Path, tmp_path: Path) -> None:
    again = build_tiny_voice(tmp_path / "again")
    for name in ("voice.pth", "voice.index", "content/model.safetensors"):
        assert (again / name).read_bytes() == (tiny_voice / name).read_bytes()
