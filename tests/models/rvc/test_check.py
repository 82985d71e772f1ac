"""Reports on a voice from its files, without loading torch: its kind and what is missing."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file

from engine.errors import ModelError
from engine.models.rvc import VoiceSpec
from engine.models.rvc.check import check
from engine.models.rvc.checkpoint import read_checkpoint
from engine.models.rvc.load import load
from engine.models.rvc.shapes import SHAPES, SynthesizerShape
from engine.models.rvc.synthesizer import Synthesizer
from engine.models.rvc.tensor_layout import tensors_of
from tests.conftest import TinyModels
from tests.support.tiny_voice import tiny_shape

TINY_CONFIG = tiny_shape("v2", 40_000).config()


def spec_of(folder: Path) -> VoiceSpec:
    files = {"model": "voice.pth", "index": "voice.index", "content": "content"}
    return VoiceSpec(**{name: str(folder / file) for name, file in files.items()}, pitch="yin")


@pytest.fixture
def voice(tiny_voice: Path, tmp_path: Path) -> Path:
    """A copy that a test may change."""
    return shutil.copytree(tiny_voice, tmp_path / "voice")


@pytest.mark.parametrize(
    "options",
    [{}, {"version": "v1", "rate_hz": 48_000, "speakers": 3}, {"has_pitch": False, "rate_hz": 32_000}],
    ids=["v2", "v1", "without pitch"],
)
def test_the_report_equals_the_loaded_voice(tiny_models: TinyModels, options: dict[str, Any]) -> None:
    torch.set_num_threads(1)
    spec = spec_of(tiny_models.voice(**options))
    report, model = check(spec), load(spec, "cpu", "float32")
    assert report.is_complete and report.notes == ()
    assert (report.version, report.rate_hz, report.has_pitch) == (model.version, model.rate_hz, model.has_pitch)
    assert report.speakers == model.synthesizer.shape.speakers
    assert report.pitch == model.pitch.name == "yin"
    assert model.retrieval is not None and report.vectors == len(model.retrieval.embeddings)
    # Loading folds weight norm, which removes some numbers.
    loaded_mb = (report.memory_bytes("float32") + report.index_bytes) / 2**20
    assert model.memory_mb == pytest.approx(loaded_mb, rel=0.02)


def test_checking_needs_no_torch_and_no_faiss(tiny_voice: Path) -> None:
    code = (
        "import sys; from engine.models.rvc import VoiceSpec; from engine.models.rvc.check import check\n"
        f"assert check({spec_of(tiny_voice)!r}).is_complete\n"
        "assert not {'torch', 'transformers', 'faiss', 'scipy'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True, cwd=Path(__file__).parents[3])


def without_end() -> list[Any]:
    """A small file whose content, written out, is a text larger than memory."""
    nested: list[Any] = []
    for _ in range(64):
        nested = [nested, nested]
    return nested


@pytest.mark.parametrize(
    ("told", "said"),
    [
        ({"version": without_end()}, "supported: v1 and v2"),
        ({"version": "v3\n\x1b[2J" * 1000}, "supported: v1 and v2"),
        ({"f0": without_end()}, "not 0 or 1"),
        ({"f0": 7}, "f0 is 7, not 0 or 1"),
        ({"version": "v1"}, "calls itself v1, but takes features of 768 channels, as v2 does"),
        ({"config": [without_end()]}, "its config is no list of 18 items"),
        ({"config": [10**20] * 18}, "residual blocks of kind a number too large"),
        ({"config": ["fast"] * 17 + [48_000]}, "residual blocks of kind 'fast'"),
        ({"config": [torch.zeros(2)] * 18}, "residual blocks of kind "),
        ({"config": [*TINY_CONFIG[:4], 7, *TINY_CONFIG[5:]]}, "its config asks for 7 x 32 x 3"),
        ({"config": [*TINY_CONFIG[:-1], 44_100]}, "makes 400 samples of a frame, at 44100 Hz it has 441"),
    ],
)
def test_invalid_metadata_is_reported_in_one_short_line(voice: Path, told: dict[str, Any], said: str) -> None:
    torch.save(torch.load(voice / "voice.pth", weights_only=True) | told, voice / "voice.pth")
    with pytest.raises(ModelError, match=said) as error:
        check(spec_of(voice))
    assert len(str(error.value)) < 400 and str(error.value).isprintable()
    with pytest.raises(ModelError, match=said):
        read_checkpoint(voice / "voice.pth")


@pytest.mark.parametrize(
    ("name", "tensor", "said"),
    [
        ("dec.conv_pre.bias", None, "1 tensors are missing, the first is dec.conv_pre.bias"),
        ("dec.conv_pre.weight", torch.zeros(3), "dec.conv_pre.weight is 3, its config asks for 64 x 16 x 7"),
        ("dec.conv_pre.weight", torch.zeros(64, 16, 7).long(), "dec.conv_pre.weight is not a floating-point array"),
    ],
    ids=["missing", "misshapen", "integers"],
)
def test_wrong_tensors_are_reported_as_by_loading(
    voice: Path, name: str, tensor: torch.Tensor | None, said: str
) -> None:
    stored = torch.load(voice / "voice.pth", weights_only=True)
    stored["weight"].pop(name)
    if tensor is not None:
        stored["weight"][name] = tensor
    torch.save(stored, voice / "voice.pth")
    for read in (lambda: check(spec_of(voice)), lambda: read_checkpoint(voice / "voice.pth")):
        with pytest.raises(ModelError) as error:
            read()
        assert str(error.value) == f"{voice / 'voice.pth'}: {said}"


@pytest.mark.parametrize(
    "shape",
    [*SHAPES.values(), replace(SHAPES["tiny"], has_pitch=False, version="v1", heads=4, kernel=5)],
    ids=[*SHAPES, "without pitch"],
)
def test_the_required_tensors_are_those_of_the_synthesizer(shape: SynthesizerShape) -> None:
    with torch.device("meta"):
        built = Synthesizer(shape).state_dict()
    assert list(tensors_of(shape).items()) == [(name, tuple(tensor.shape)) for name, tensor in built.items()]


@pytest.mark.parametrize(
    "header", [b"[" * 100_000, b'{"a": {"dtype": "F32", "shape": ["x"], "data_offsets": [0, 4]}}'], ids=["deep", "text"]
)
def test_any_invalid_safetensors_header_is_one_line(voice: Path, header: bytes) -> None:
    file = voice / "voice.safetensors"
    file.write_bytes(len(header).to_bytes(8, "little") + header + bytes(4))
    with pytest.raises(ModelError, match="damaged or truncated"):
        check(replace(spec_of(voice), model=str(file)))


def test_a_voice_in_safetensors_is_described_by_its_metadata(voice: Path) -> None:
    stored = torch.load(voice / "voice.pth", weights_only=True)
    texts = {"config": json.dumps(stored["config"]), "version": stored["version"], "f0": str(stored["f0"])}
    tensors = {name: tensor.contiguous() for name, tensor in stored["weight"].items()}
    save_file(tensors, voice / "voice.safetensors", metadata=texts)
    wanted, report = check(spec_of(voice)), check(replace(spec_of(voice), model=str(voice / "voice.safetensors")))
    assert report.is_complete
    assert (report.version, report.rate_hz, report.has_pitch) == (wanted.version, wanted.rate_hz, wanted.has_pitch)
    assert report.parts[0].parameters == wanted.parts[0].parameters


def test_each_thing_that_is_missing_is_one_line_with_how_to_get_it(
    tiny_voice: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    spec = VoiceSpec(model=str(tiny_voice / "voice.pth"), index=str(tmp_path / "no.index"), pitch="rmvpe")
    content, index, rmvpe = check(spec).missing
    assert content.startswith("lengyue233/content-vec-best: ") and "hf download lengyue233/content-vec-best" in content
    assert index.startswith(str(tmp_path / "no.index"))
    assert 'hf download lj1995/VoiceConversionWebUI --include "rmvpe.pt"' in rmvpe
    assert "pip install" in check(replace(spec, pitch="fcpe")).missing[-1]
    with pytest.raises(ModelError, match="and 2 more"):
        check(spec).require_complete()


def test_a_missing_better_pitch_tracker_is_only_a_note(
    tiny_voice: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "hub"))
    report = check(replace(spec_of(tiny_voice), pitch="auto"))
    assert report.is_complete and report.pitch in ("fcpe", "yin")
    assert any("rmvpe" in note for note in report.notes)


def test_an_index_of_another_version_is_reported_before_loading(tiny_models: TinyModels) -> None:
    other = tiny_models.voice(version="v1", rate_hz=48_000, speakers=3)
    spec = replace(spec_of(tiny_models.voice()), index=str(other / "voice.index"))
    assert "have 256 numbers, the voice's 768" in check(spec).missing[0]
    with pytest.raises(ModelError, match="have 256 numbers, the voice's 768"):
        load(spec, "cpu", "float32")


def test_content_that_is_not_a_hubert_is_named(voice: Path) -> None:
    (voice / "content" / "config.json").write_text('{"model_type": "wav2vec2"}')
    assert "model_type wav2vec2; a voice needs hubert" in check(spec_of(voice)).missing[0]
    (voice / "content" / "config.json").write_text('{"model_type": "hubert"}')
    (voice / "content" / "model.safetensors").unlink()
    assert "has no weights" in check(spec_of(voice)).missing[0]


def test_a_v1_voice_needs_the_final_projection(tiny_models: TinyModels, tmp_path: Path) -> None:
    folder = shutil.copytree(tiny_models.voice(version="v1", rate_hz=48_000, speakers=3), tmp_path / "v1")
    weights = folder / "content" / "model.safetensors"
    from safetensors.torch import load_file

    tensors = {name: tensor for name, tensor in load_file(weights).items() if not name.startswith("final_proj")}
    save_file(tensors, weights)
    assert "has no final projection" in check(spec_of(folder)).missing[0]
    with pytest.raises(ModelError, match="gives v1 vectors of 768 numbers"):
        load(spec_of(folder), "cpu", "float32")


class Command:
    def __init__(self, command: str) -> None:
        self._command = command

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[str]]:
        return os.system, (self._command,)


@pytest.mark.parametrize("is_zipped", [True, False], ids=["zip", "before torch 1.6"])
def test_a_voice_that_would_run_something_is_refused_by_name_and_runs_nothing(voice: Path, is_zipped: bool) -> None:
    file, marker = voice / "voice.pth", voice / "marker"
    stored = torch.load(file, weights_only=True) | {"info": Command(f"touch {marker}")}
    torch.save(stored, file, _use_new_zipfile_serialization=is_zipped)
    with pytest.raises(ModelError, match=r"refused: it would run os\.system, which no voice needs"):
        check(spec_of(voice))
    content = voice / "content" / "content.pt"
    torch.save({"encoder.layers.0.x": torch.zeros(1), "y": Command(f"touch {marker}")}, content)
    intact = replace(spec_of(voice), model=str(voice / "intact.pth"), content=str(content))
    torch.save(stored | {"info": "1epoch"}, voice / "intact.pth")
    assert "refused: it would run os.system, which no HuBERT needs" in check(intact).missing[0]
    assert not marker.exists()


@pytest.mark.parametrize(
    ("stored", "said"),
    [
        ({"model": {"a": torch.zeros(1)}, "iteration": 3}, "a training checkpoint"),
        ({"a": torch.zeros(1)}, "no RVC voice"),
        ([1, 2], "no RVC voice"),
        ({"weight": {"a": torch.zeros(1)}, "config": [1, "fast"]}, "no list of 18 items"),
        ({"weight": {"a": torch.zeros(1)}, "config": TINY_CONFIG, "version": "v9"}, "version 'v9'"),
        ({"weight": {}, "config": TINY_CONFIG}, "tensors are missing, the first is enc_p.emb_phone.weight"),
    ],
)
def test_a_file_that_is_not_a_voice_is_one_line(tmp_path: Path, stored: Any, said: str) -> None:
    torch.save(stored, tmp_path / "x.pth")
    with pytest.raises(ModelError, match=said) as error:
        check(VoiceSpec(model=str(tmp_path / "x.pth")))
    assert str(tmp_path / "x.pth") in str(error.value) and "\n" not in str(error.value)


def test_a_truncated_voice_is_one_line(voice: Path) -> None:
    file = voice / "voice.pth"
    file.write_bytes(file.read_bytes()[:20_000])
    with pytest.raises(ModelError, match="truncated") as error:
        check(spec_of(voice))
    assert "\n" not in str(error.value)


def test_a_folder_is_not_a_voice(tiny_voice: Path) -> None:
    with pytest.raises(ModelError, match="is a folder"):
        check(VoiceSpec(model=str(tiny_voice)))
