"""Loading a voice onto its device, from the names in a VoiceSpec."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from engine.errors import ModelError
from engine.models.rvc import VoiceSpec
from engine.models.rvc.load import load


def spec_of(folder: Path) -> VoiceSpec:
    files = {"model": "voice.pth", "index": "voice.index", "content": "content"}
    return VoiceSpec(**{name: str(folder / file) for name, file in files.items()}, pitch="yin")


def test_the_parts_of_a_loaded_voice_fit_together(tiny_voice: Path) -> None:
    model = load(spec_of(tiny_voice), "cpu", "float32")
    said = model.content(torch.zeros(1, 16_000), version=model.version)
    assert said.shape[-1] == model.synthesizer.shape.content_channels
    assert model.retrieval is not None and model.retrieval.blend(said, 0.5, 2).shape == said.shape
    parameters = [parameter for network in model.networks for parameter in network.parameters()]
    assert len(parameters) == len(set(map(id, parameters))) > 100
    assert not any(parameter.requires_grad for parameter in parameters)
    assert not any(network.training for network in model.networks)


def test_the_networks_have_the_dtype_that_was_asked_for_and_the_vectors_are_float32(tiny_voice: Path) -> None:
    model = load(spec_of(tiny_voice), "cpu", "bf16")
    assert model.dtype == model.content.dtype == model.synthesizer.emb_g.weight.dtype == torch.bfloat16
    assert model.retrieval is not None and model.retrieval.embeddings.dtype == torch.float32


def test_random_weights_need_no_files_and_are_the_same_each_time() -> None:
    spec = VoiceSpec(model="random:tiny", index="random:500", pitch="yin")
    first, second = (load(spec, "cpu", "float32") for _ in range(2))
    sound = torch.randn(1, 4_000, generator=torch.Generator().manual_seed(2))
    said = first.content(sound, version="v2")
    assert torch.equal(said, second.content(sound, version="v2")) and said.std() > 0.1
    assert first.retrieval is not None and second.retrieval is not None
    assert first.retrieval.embeddings.shape == (500, 768)
    assert torch.equal(first.retrieval.embeddings, second.retrieval.embeddings)


def test_an_unknown_shape_and_a_missing_file_are_one_line(tmp_path: Path) -> None:
    for name in ("random:v3-96k", str(tmp_path / "voice.pth")):
        with pytest.raises(ModelError) as error:
            load(VoiceSpec(model=name), "cpu", "float32")
        assert "\n" not in str(error.value)


def test_why_a_better_pitch_is_not_used_is_in_the_notes(
    tiny_voice: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    model = load(replace(spec_of(tiny_voice), pitch="auto"), "cpu", "float32")
    assert any("rmvpe" in note for note in model.notes)
