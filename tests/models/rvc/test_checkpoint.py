"""Voices on disk: the published layout is read; anything else is refused in one line and not run."""

import io
import json
import os
import pickle
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file

from engine.errors import ModelError
from engine.models.rvc.checkpoint import read_checkpoint, synthesizer_of
from engine.models.rvc.random_voice import scatter
from engine.models.rvc.shapes import MAX_SIZE
from engine.models.rvc.synthesizer import Synthesizer
from engine.models.seeded import seeded
from tests.support.tiny_voice import published, tiny_shape, with_weight_norm

torch.set_num_threads(1)


@pytest.fixture(scope="module")
def voice() -> Synthesizer:
    with seeded(0):
        synthesizer = Synthesizer(tiny_shape("v2", 48_000, speakers=3))
        scatter(synthesizer)
    return synthesizer


@pytest.fixture
def stored(voice: Synthesizer) -> dict[str, Any]:
    """The content of the file of `voice`; a test may change it."""
    return published(voice)


@pytest.fixture
def refusal(tmp_path: Path) -> Callable[[Any], str]:
    """`refusal(what)` returns the error for a file with this content, without the file's name: a line of at most
    150."""

    def ask(what: Any, name: str = "voice.pth") -> str:
        file = tmp_path / name
        if isinstance(what, bytes):
            file.write_bytes(what)
        elif what is not None:
            torch.save(what, file)
        with pytest.raises(ModelError) as caught:
            read_checkpoint(file)
        said = str(caught.value)
        assert said.startswith(f"{file}: ")
        said = said.removeprefix(f"{file}: ")
        assert "\n" not in said and len(said) <= 150
        return said

    return ask


def test_a_published_voice_is_read_unchanged(tiny_voice: Path) -> None:
    """Two speakers, as its embeddings have; its config says 109, as in every extracted voice."""
    file = tiny_voice / "voice.pth"
    config = torch.load(file, weights_only=True)["config"]
    checkpoint = read_checkpoint(file)
    assert config[-3] == 109 and checkpoint.shape.speakers == 2
    assert checkpoint.shape == tiny_shape("v2", 40_000, speakers=2)
    assert (checkpoint.shape.hop, checkpoint.shape.content_channels) == (400, 768)
    assert {tensor.dtype for tensor in checkpoint.weights.values()} == {torch.float32}


@pytest.mark.parametrize(
    "names",
    [("weight_g", "weight_v"), ("parametrizations.weight.original0", "parametrizations.weight.original1")],
    ids=["old", "new"],
)
def test_weight_norm_is_folded_with_both_spellings(
    voice: Synthesizer, stored: dict[str, Any], names: tuple[str, str], tmp_path: Path
) -> None:
    apart = with_weight_norm(voice.state_dict(), names)
    for name in apart:
        if name.endswith(names[1]):
            apart[name] = 2.5 * apart[name]  # a direction, of any length
    torch.save(stored | {"weight": apart}, tmp_path / "voice.pth")
    weights = read_checkpoint(tmp_path / "voice.pth").weights
    assert len(apart) > len(weights)
    for name, tensor in voice.state_dict().items():
        torch.testing.assert_close(weights[name], tensor, rtol=1e-5, atol=1e-6)


def test_a_channel_of_zeros_is_silent(stored: dict[str, Any], tmp_path: Path) -> None:
    stored["weight"]["dec.ups.0.weight_v"][3] = 0.0
    torch.save(stored, tmp_path / "voice.pth")
    weights = read_checkpoint(tmp_path / "voice.pth").weights
    assert not weights["dec.ups.0.weight"][3].any() and weights["dec.ups.0.weight"].any()


def test_tensors_only_for_training_are_left_out(stored: dict[str, Any], tmp_path: Path) -> None:
    stored["weight"]["enc_q.pre.weight"] = torch.zeros(4, 4, 1)
    torch.save(stored, tmp_path / "voice.pth")
    checkpoint = read_checkpoint(tmp_path / "voice.pth")
    assert not [name for name in checkpoint.weights if name.startswith("enc_q")]
    synthesizer_of(checkpoint, "cpu", torch.float32)


def test_safetensors_hold_the_same_voice(stored: dict[str, Any], tmp_path: Path) -> None:
    torch.save(stored, tmp_path / "voice.pth")
    told = {"config": json.dumps(stored["config"]), "version": "v2", "f0": "1"}
    save_file(stored["weight"], tmp_path / "voice.safetensors", metadata=told)
    one, other = read_checkpoint(tmp_path / "voice.pth"), read_checkpoint(tmp_path / "voice.safetensors")
    assert one.shape == other.shape
    assert all(torch.equal(tensor, other.weights[name]) for name, tensor in one.weights.items())


def test_old_files_with_less_metadata_are_read(stored: dict[str, Any], tmp_path: Path) -> None:
    """Neither version nor f0, and the rate as text; the width of the features shows the version."""
    del stored["version"], stored["f0"]
    stored["config"][-1] = "48k"
    torch.save(stored, tmp_path / "voice.pth")
    shape = read_checkpoint(tmp_path / "voice.pth").shape
    assert (shape.version, shape.has_pitch, shape.rate_hz) == ("v2", True, 48_000)


class Attack:
    """Creates `marker` if it is run."""

    def __init__(self, marker: Path) -> None:
        self.marker = marker

    def __reduce__(self) -> Any:
        return os.system, (f"touch {self.marker}",)


class Call(Attack):
    """The same through a harmless-looking name."""

    def __reduce__(self) -> Any:
        return subprocess.check_call, (["touch", str(self.marker)],)


@pytest.mark.parametrize(("attack", "named"), [(Attack, "os.system"), (Call, "subprocess.check_call")])
@pytest.mark.parametrize("place", ["beside", "config", "weight", "all"])
@pytest.mark.parametrize("is_zip", [True, False], ids=["zip", "legacy"])
def test_a_pickle_that_would_run_something_is_refused(
    attack: type[Attack],
    named: str,
    place: str,
    is_zip: bool,
    stored: dict[str, Any],
    refusal: Callable[[Any], str],
    tmp_path: Path,
) -> None:
    marker = tmp_path / "marker"
    evil = attack(marker)
    match place:
        case "beside":
            stored["info"] = evil
        case "config":
            stored["config"][0] = evil
        case "weight":
            stored["weight"]["enc_q.pre.weight"] = evil
    content = io.BytesIO()
    torch.save(evil if place == "all" else stored, content, _use_new_zipfile_serialization=is_zip)
    said = refusal(content.getvalue())
    assert said == f"refused: it would run {named}, which no voice needs"
    assert not marker.exists()
    pickle.loads(pickle.dumps(evil))  # and this would have happened
    assert marker.exists()


@pytest.mark.parametrize("protocol", range(6))
def test_a_bare_pickle_runs_nothing_either(protocol: int, refusal: Callable[[Any], str], tmp_path: Path) -> None:
    refusal(pickle.dumps(Attack(tmp_path / "marker"), protocol))
    assert not (tmp_path / "marker").exists()


@pytest.mark.parametrize("share", [0.0, 0.01, 0.5, 0.9, 0.999])
def test_a_truncated_voice_is_reported(share: float, stored: dict[str, Any], refusal: Callable[[Any], str]) -> None:
    content = io.BytesIO()
    torch.save(stored, content)
    whole = content.getvalue()
    assert "truncated" in refusal(whole[: int(share * len(whole))])


@pytest.mark.parametrize(
    ("what", "said"),
    [
        (
            b"<!DOCTYPE html><html>not found</html>",
            "is a web page saved instead of the model; download it again, logged in if the site requires it",
        ),
        (torch.zeros(3), "no RVC voice (needs `weight` and `config`; holds a Tensor)"),
        ({}, "no RVC voice (needs `weight` and `config`; holds [])"),
        ({"weight": 3, "config": 4}, "no RVC voice (needs `weight` and `config`; holds ['weight', 'config'])"),
        (
            {"model": {}, "iteration": 7},
            "a training checkpoint, not a voice: extract the voice with RVC (needs `weight` and `config`; holds "
            "['model', 'iteration'])",
        ),
        ({"weight": {}, "config": [1, 2]}, "its config is no list of 18 items"),
        (None, "no such file"),
    ],
)
def test_files_that_are_not_voices_are_named(what: Any, said: str, refusal: Callable[[Any], str]) -> None:
    assert refusal(what) == said


def without_end() -> list[Any]:
    """A small file whose content, written out, is a text larger than memory."""
    nested: list[Any] = []
    for _ in range(64):
        nested = [nested, nested]
    return nested


@pytest.mark.parametrize(
    ("item", "value", "said"),
    [
        (2, 18, "enc_p.proj.weight is 32 x 32 x 1, its config asks for 36 x 32 x 1"),
        (2, 15, "its config makes no sense: 15 latent channels cannot be halved"),
        (3, 0, f"hidden of its config: 0 is not a whole number in 1..{MAX_SIZE}"),
        (4, 10**12, f"filter of its config: 1000000000000 is not a whole number in 1..{MAX_SIZE}"),
        (5, 3, "its config makes no sense: 32 hidden channels are no multiple of 3 heads"),
        (6, 3, "18 tensors are missing, the first is enc_p.encoder.attn_layers.2.emb_rel_k"),
        (6, 10**6, "layers of its config: 1000000 is not a whole number in 1..64"),
        (9, without_end(), "; known is 1"),
        (9, "2", "residual blocks of kind '2'; known is 1"),
        (10, [3, 7, 12], "its config makes no sense: a kernel of its residual blocks is even"),
        (
            10,
            [3, 7],
            "its config makes no sense: the kernels and dilations of its residual blocks are not equally many",
        ),
        (10, [3] * 10**4, "its config makes no sense: it has more than 16 stages"),
        (11, "all", f"resblock dilations of its config: 'all' is not a whole number in 1..{MAX_SIZE}"),
        (12, [10, 10, 2, 2], "its config makes no sense: makes 400 samples of a frame, at 48000 Hz it has 480"),
        (12, [12, 10, 4], "its config makes no sense: the rates and kernels of its upsampling are not equally many"),
        (13, 40, "its config makes no sense: 40 channels cannot be halved 4 times"),
        (14, [23, 20, 4, 4], "a kernel of its upsampling is shorter than its step, or odd where that is even"),
        (17, 44_100, "its config makes no sense: makes 480 samples of a frame, at 44100 Hz it has 441"),
        (17, without_end(), "is not a whole number in 1..400000"),
        (17, "48 kHz", "sample rate of its config: '48 kHz' is not a whole number in 1..400000"),
    ],
)
def test_a_wrong_config_is_reported(
    item: int, value: Any, said: str, stored: dict[str, Any], refusal: Callable[[Any], str]
) -> None:
    stored["config"][item] = value
    assert said in refusal(stored)


def test_a_missing_tensor_is_named(stored: dict[str, Any], refusal: Callable[[Any], str]) -> None:
    del stored["weight"]["dec.conv_pre.bias"], stored["weight"]["dec.ups.1.weight_g"]
    assert refusal(stored) == "2 tensors are missing, the first is dec.conv_pre.bias"


def test_a_voice_without_pitch_does_not_load_as_one_with_pitch(
    stored: dict[str, Any], refusal: Callable[[Any], str]
) -> None:
    for name in [name for name in stored["weight"] if "pitch" in name or "noise" in name or "m_source" in name]:
        del stored["weight"][name]
    assert refusal(stored).endswith("tensors are missing, the first is enc_p.emb_pitch.weight")


@pytest.mark.parametrize(
    ("tensor", "said"),
    [
        (torch.full((64, 16, 7), torch.nan), "contains NaN or infinity"),
        (torch.zeros(64, 16, 7, dtype=torch.int64), "is not a floating-point array"),
        (torch.zeros(64, 16, 7).to_sparse(), "is not a floating-point array"),
        (torch.zeros(()), "is one number, its config asks for 64 x 16 x 7"),
        (torch.zeros(1).expand(10**9, 10**9), "is 1000000000 x 1000000000, its config asks for 64 x 16 x 7"),
    ],
    ids=["nan", "integers", "sparse", "scalar", "a million terabytes in four bytes"],
)
def test_a_tensor_that_is_not_a_weight_is_named(
    tensor: torch.Tensor, said: str, stored: dict[str, Any], refusal: Callable[[Any], str]
) -> None:
    stored["weight"]["dec.conv_pre.weight"] = tensor
    assert refusal(stored) == f"dec.conv_pre.weight {said}"


@pytest.mark.parametrize(
    ("told", "said"),
    [
        ({"version": "v1"}, "calls itself v1, but takes features of 768 channels, as v2 does"),
        ({"version": "v3"}, "version 'v3'; supported: v1 and v2"),
        ({"version": ["v2"] * 1000}, "; supported: v1 and v2"),
        ({"f0": "perhaps"}, "f0 is 'perhaps', not 0 or 1"),
        ({"f0": without_end()}, ", not 0 or 1"),
    ],
)
def test_an_unknown_version_is_reported(
    told: dict[str, Any], said: str, stored: dict[str, Any], refusal: Callable[[Any], str]
) -> None:
    assert refusal(stored | told).endswith(said)


def test_broken_safetensors_are_reported(stored: dict[str, Any], refusal: Callable[..., str], tmp_path: Path) -> None:
    file = tmp_path / "voice.safetensors"
    save_file(stored["weight"], file)
    assert (
        refusal(None, file.name)
        == "not an RVC voice: its metadata must have `config` (a JSON list), `version` and `f0`"
    )
    save_file(stored["weight"], file, metadata={"config": "[1, 2"})
    assert refusal(None, file.name) == "the `config` in its metadata is not a JSON list"
    assert "damaged or truncated" in refusal(file.read_bytes()[:-100], file.name)
