"""Reports on a voice from its files, without loading torch, are what loading it finds: its kind and
what is missing."""

import os
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file

from engine.errors import ModelError
from engine.models.rvc import VoiceSpec
from engine.models.rvc.check import check
from engine.models.rvc.load import load
from tests.conftest import TinyModels
from tests.support.hostile_pickle import Call
from tests.support.tensors import copied_tensors


def spec_of(folder: Path) -> VoiceSpec:
    files = {"model": "voice.pth", "index": "voice.index", "content": "content"}
    return VoiceSpec(**{name: str(folder / file) for name, file in files.items()}, pitch="yin")


@pytest.fixture
def voice(tiny_voice: Path, tmp_path: Path) -> Path:
    """A copy that a test may change."""
    return shutil.copytree(tiny_voice, tmp_path / "voice")


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"version": "v1", "rate_hz": 48_000, "speakers": 3},
        {"has_pitch": False, "rate_hz": 32_000},
    ],
    ids=["v2", "v1", "without pitch"],
)
def test_the_report_equals_the_loaded_voice(
    tiny_models: TinyModels, options: dict[str, Any]
) -> None:
    spec = spec_of(tiny_models.voice(**options))
    report, model = check(spec), load(spec, "cpu", "float32")
    assert report.is_complete and report.notes == ()
    assert (report.version, report.rate_hz, report.has_pitch) == (
        model.version,
        model.rate_hz,
        model.has_pitch,
    )
    assert report.speakers == model.synthesizer.shape.speakers
    assert report.pitch == model.pitch.name == "yin"
    assert model.retrieval is not None and report.vectors == len(model.retrieval.embeddings)
    # Loading folds weight norm, which removes some numbers.
    loaded_mb = (report.memory_bytes("float32") + report.index_bytes) / 2**20
    assert model.memory_bytes() / 2**20 == pytest.approx(loaded_mb, rel=0.02)
    features = model.content(torch.zeros(1, 16_000), version=model.version)
    assert features.shape[-1] == model.synthesizer.shape.content_channels
    assert model.retrieval.blend(features, 0.5, 2).shape == features.shape


def test_random_weights_need_no_files_and_are_the_same_each_time() -> None:
    spec = VoiceSpec(model="random:tiny", index="random:500", pitch="yin")
    first, second = (load(spec, "cpu", "float32") for _ in range(2))
    sound = torch.randn(1, 4_000, generator=torch.Generator().manual_seed(2))
    features = first.content(sound, version="v2")
    assert torch.equal(features, second.content(sound, version="v2")) and features.std() > 0.1
    assert first.retrieval is not None and second.retrieval is not None
    assert first.retrieval.embeddings.shape == (500, 768)
    assert torch.equal(first.retrieval.embeddings, second.retrieval.embeddings)
    with pytest.raises(ModelError, match="shape v3-96k: not one of v2-48k"):
        load(replace(spec, model="random:v3-96k"), "cpu", "float32")


def test_each_thing_that_is_missing_is_one_line_with_how_to_get_it(
    tiny_voice: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    spec = VoiceSpec(
        model=str(tiny_voice / "voice.pth"), index=str(tmp_path / "no.index"), pitch="rmvpe"
    )
    content, index, rmvpe = check(spec).missing
    assert content.startswith("lengyue233/content-vec-best: ")
    assert "hf download lengyue233/content-vec-best" in content and "pytorch_model*.bin" in content
    assert index.startswith(str(tmp_path / "no.index"))
    assert 'hf download lj1995/VoiceConversionWebUI --include "rmvpe.pt"' in rmvpe
    assert "pip install" in check(replace(spec, pitch="fcpe")).missing[-1]
    with pytest.raises(ModelError, match="and 2 more"):
        check(spec).require_complete()


def test_a_missing_better_pitch_tracker_is_only_a_note(
    tiny_voice: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "hub"))
    spec = replace(spec_of(tiny_voice), pitch="auto")
    report = check(spec)
    assert report.is_complete and report.pitch in ("fcpe", "yin")
    assert (
        any("rmvpe" in note for note in report.notes)
        and load(spec, "cpu", "float32").notes == report.notes
    )


def test_content_that_is_not_a_hubert_is_named(voice: Path) -> None:
    (voice / "content" / "config.json").write_text('{"model_type": "wav2vec2"}')
    assert "model_type wav2vec2; a voice needs hubert" in check(spec_of(voice)).missing[0]
    (voice / "content" / "config.json").write_text('{"model_type": "hubert"}')
    (voice / "content" / "model.safetensors").unlink()
    assert "has no weights" in check(spec_of(voice)).missing[0]
    (voice / "content" / "config.json").unlink()
    assert "config.json is missing" in check(spec_of(voice)).missing[0]


def test_a_v1_voice_needs_the_final_projection(tiny_models: TinyModels, tmp_path: Path) -> None:
    folder = shutil.copytree(
        tiny_models.voice(version="v1", rate_hz=48_000, speakers=3), tmp_path / "v1"
    )
    weights = folder / "content" / "model.safetensors"
    tensors = {
        name: tensor
        for name, tensor in copied_tensors(weights).items()
        if not name.startswith("final_proj")
    }
    save_file(tensors, weights)
    assert "has no final projection" in check(spec_of(folder)).missing[0]
    with pytest.raises(ModelError, match="gives v1 vectors of 768 numbers"):
        load(spec_of(folder), "cpu", "float32")


def test_content_that_would_run_something_is_listed_and_runs_nothing(voice: Path) -> None:
    content = voice / "content.pt"
    torch.save(
        {"encoder.layers.0.x": torch.zeros(1), "y": Call(os.system, f"touch {voice / 'marker'}")},
        content,
    )
    (line,) = check(replace(spec_of(voice), content=str(content))).missing
    assert (
        "refused: it would run os.system, which no HuBERT needs" in line
        and not (voice / "marker").exists()
    )
