"""Voices on disk: the published layout is read; anything else is refused in one line and not run,
by checking too."""

import io
import json
import os
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file

from engine.errors import ModelError
from engine.models.rvc import VoiceSpec
from engine.models.rvc.check import check
from engine.models.rvc.checkpoint import read_checkpoint
from engine.models.rvc.load import random_synthesizer
from engine.models.rvc.shapes import MAX_SIZE
from engine.models.rvc.synthesizer import Synthesizer
from engine.models.tensor_file import shapes_only
from tests.support.hostile_pickle import Call
from tests.support.tiny_voice import published, tiny_shape, with_weight_norm

NEEDS = "(needs `weight` and `config`; holds "
NO_SENSE, NO_WHOLE = "its config makes no sense: ", f" is not a whole number in 1..{MAX_SIZE}"


@pytest.fixture(scope="module")
def voice() -> Synthesizer:
    return random_synthesizer(tiny_shape("v2", 48_000, speakers=3))


@pytest.fixture
def stored(voice: Synthesizer) -> dict[str, Any]:
    """The content of the file of `voice`; a test may change it."""
    return published(voice)


@pytest.fixture
def refusal(tmp_path: Path) -> Callable[..., str]:
    """`refusal(what)` returns the error for a file with this content, without the file's name: a
    line of at most 150. Checking says the same, with the loader's list of tensors; unless
    `only_loaded`: it reads no values."""

    def ask(what: Any, name: str = "voice.pth", *, only_loaded: bool = False) -> str:
        file = tmp_path / name
        if isinstance(what, bytes):
            file.write_bytes(what)
        elif what is not None:
            torch.save(what, file)
        lines = set()

        def look() -> None:
            check(VoiceSpec(model=str(file)))
            with shapes_only():
                read_checkpoint(file)

        for read in (lambda: read_checkpoint(file), look)[: 2 - only_loaded]:
            with pytest.raises(ModelError) as caught:
                read()
            lines.add(str(caught.value))
        (line,) = lines
        assert line.startswith(f"{file}: ")
        line = line.removeprefix(f"{file}: ")
        assert line.isprintable() and len(line) <= 150
        return line

    return ask


def test_a_published_voice_is_read_unchanged(tiny_voice: Path) -> None:
    """Two speakers, as its embeddings have; its config says 109, as in every extracted voice."""
    synthesizer, metadata = read_checkpoint(tiny_voice / "voice.pth")
    assert metadata["config"][-3] == 109 and synthesizer.shape == tiny_shape(
        "v2", 40_000, speakers=2
    )
    assert {tensor.dtype for tensor in synthesizer.parameters()} == {torch.float32}


@pytest.mark.parametrize(
    "names",
    [
        ("weight_g", "weight_v"),
        ("parametrizations.weight.original0", "parametrizations.weight.original1"),
    ],
)
def test_weight_norm_is_folded_with_both_spellings(
    voice: Synthesizer, stored: dict[str, Any], names: tuple[str, str], tmp_path: Path
) -> None:
    """A channel of zeros is silent, and what only training needs is left out."""
    apart = with_weight_norm(voice.state_dict(), names)
    for name in apart:
        if name.endswith(names[1]):
            apart[name] = 2.5 * apart[name]  # a direction, of any length
    apart[f"dec.ups.0.{names[1]}"][3] = 0.0
    torch.save(
        stored | {"weight": apart | {"enc_q.pre.weight": torch.zeros(4, 4, 1)}},
        tmp_path / "voice.pth",
    )
    read, expected = read_checkpoint(tmp_path / "voice.pth")[0].state_dict(), voice.state_dict()
    assert len(apart) > len(read) and not read["dec.ups.0.weight"][3].any()
    read["dec.ups.0.weight"][3] = expected["dec.ups.0.weight"][3]
    for name, tensor in expected.items():
        torch.testing.assert_close(read[name], tensor, rtol=1e-5, atol=1e-6)


def test_safetensors_hold_the_same_voice(stored: dict[str, Any], tmp_path: Path) -> None:
    torch.save(stored, tmp_path / "voice.pth")
    metadata = {"config": json.dumps(stored["config"]), "version": "v2", "f0": "1"}
    save_file(stored["weight"], tmp_path / "voice.safetensors", metadata=metadata)
    files = tmp_path / "voice.pth", tmp_path / "voice.safetensors"
    one, other = (read_checkpoint(file)[0] for file in files)
    assert one.shape == other.shape
    assert all(
        torch.equal(*each) for each in zip(one.parameters(), other.parameters(), strict=True)
    )
    first, second = (check(VoiceSpec(model=str(file))) for file in files)
    assert (first.version, first.rate_hz, first.has_pitch) == (
        second.version,
        second.rate_hz,
        second.has_pitch,
    )
    assert first.parts[0].parameters == second.parts[0].parameters


def test_old_files_with_less_metadata_are_read(stored: dict[str, Any], tmp_path: Path) -> None:
    """Neither version nor f0, and the rate as text; the width of the features shows the version."""
    del stored["version"], stored["f0"]
    stored["config"][-1] = "48k"
    torch.save(stored, tmp_path / "voice.pth")
    shape = read_checkpoint(tmp_path / "voice.pth")[0].shape
    assert (shape.version, shape.has_pitch, shape.rate_hz) == ("v2", True, 48_000)


def test_a_pickle_that_would_run_something_is_refused(
    stored: dict[str, Any], refusal: Callable[..., str], tmp_path: Path
) -> None:
    marker = tmp_path / "marker"
    evil, weights = Call(os.system, f"mkdir {marker}"), stored["weight"]
    for voice in (
        stored | {"info": evil},
        stored | {"config": [evil, *stored["config"][1:]]},
        stored | {"weight": weights | {"enc_q.pre.weight": evil}},
        evil,
    ):
        for is_zip in (True, False):
            content = io.BytesIO()
            torch.save(voice, content, _use_new_zipfile_serialization=is_zip)
            assert (
                refusal(content.getvalue())
                == "refused: it would run os.system, which no voice needs"
            )
    for protocol in range(6):
        refusal(pickle.dumps(evil, protocol))
    assert not marker.exists()
    pickle.loads(pickle.dumps(evil))  # and this would have happened
    assert marker.exists()


def test_a_truncated_voice_is_reported(stored: dict[str, Any], refusal: Callable[..., str]) -> None:
    content = io.BytesIO()
    torch.save(stored, content)
    for fraction in (0.0, 0.01, 0.5, 0.9, 0.999):
        assert "truncated" in refusal(
            content.getvalue()[: int(fraction * len(content.getvalue()))]
        ), fraction


def without_end() -> list[Any]:
    """Nested lists: the file is small, but its content written out is a text larger than memory."""
    nested: list[Any] = []
    for _ in range(64):
        nested = [nested, nested]
    return nested


@pytest.mark.parametrize(
    ("what", "message"),
    [
        (b"<!DOCTYPE html><html>not found</html>", "is a web page saved instead of the model; "),
        (torch.zeros(3), f"no RVC voice {NEEDS}a Tensor)"),
        ([1, 2], f"no RVC voice {NEEDS}a list)"),
        ({}, f"no RVC voice {NEEDS}[])"),
        ({"weight": 3, "config": 4}, f"no RVC voice {NEEDS}['weight', 'config'])"),
        ({"weight": {}, "config": [1, 2]}, "its config is no list of 18 items"),
        (None, "no such file"),
    ],
)
def test_files_that_are_not_voices_are_named(
    what: Any, message: str, refusal: Callable[..., str]
) -> None:
    # checking finds no file, and sees no class
    only_loaded = what is None or isinstance(what, torch.Tensor)
    assert refusal(what, only_loaded=only_loaded).startswith(message)


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        (2, 15, f"{NO_SENSE}15 latent channels cannot be halved"),
        (3, 0, f"hidden of its config: 0{NO_WHOLE}"),
        (5, 3, f"{NO_SENSE}32 hidden channels are no multiple of 3 heads"),
        (6, 10**6, "layers of its config: 1000000 is not a whole number in 1..64"),
        (9, without_end(), "; known is 1"),
        (10, [3, 7, 12], f"{NO_SENSE}a kernel of its residual blocks is even"),
        (
            10,
            [3, 7],
            f"{NO_SENSE}the kernels and dilations of its residual blocks are not equally many",
        ),
        (10, [3] * 10**4, f"{NO_SENSE}it has more than 16 stages"),
        (12, [10, 10, 2, 2], f"{NO_SENSE}makes 400 samples of a frame, at 48000 Hz it has 480"),
        (13, 40, f"{NO_SENSE}40 channels cannot be halved 4 times"),
        (
            14,
            [23, 20, 4, 4],
            "a kernel of its upsampling is shorter than its step, or odd where that is even",
        ),
        (17, 44_100, f"{NO_SENSE}makes 480 samples of a frame, at 44100 Hz it has 441"),
        ("config", [without_end()], "its config is no list of 18 items"),
        ("version", "v1", "calls itself v1, but takes features of 768 channels, as v2 does"),
        ("version", "v3\n\x1b[2J" * 1000, "; supported: v1 and v2"),
        ("version", without_end(), "; supported: v1 and v2"),
        ("f0", "perhaps", "f0 is 'perhaps', not 0 or 1"),
        ("f0", without_end(), ", not 0 or 1"),
    ],
)
def test_a_wrong_config_and_unknown_metadata_are_reported(
    key: int | str, value: Any, message: str, stored: dict[str, Any], refusal: Callable[..., str]
) -> None:
    (stored["config"] if isinstance(key, int) else stored)[key] = value
    assert message in refusal(stored, only_loaded=isinstance(value, torch.Tensor))


def test_missing_tensors_are_counted_and_the_first_is_named(
    stored: dict[str, Any], refusal: Callable[..., str]
) -> None:
    weights = stored["weight"]
    some = {
        name: each
        for name, each in weights.items()
        if name not in ("dec.conv_pre.bias", "dec.ups.1.weight_g")
    }
    unpitched = {
        n: each
        for n, each in weights.items()
        if not any(w in n for w in ("pitch", "noise", "m_source"))
    }
    longer, wider = list(stored["config"]), list(stored["config"])
    longer[6], wider[2] = 3, 18
    for changed, message in (
        ({"weight": some}, "2 tensors are missing, the first is dec.conv_pre.bias"),
        ({"weight": unpitched}, "tensors are missing, the first is enc_p.emb_pitch.weight"),
        (
            {"config": longer},
            "18 tensors are missing, the first is enc_p.encoder.attn_layers.2.emb_rel_k",
        ),
        ({"config": wider}, "enc_p.proj.weight is 32 x 32 x 1, its config asks for 36 x 32 x 1"),
    ):
        assert refusal(stored | changed).endswith(message)


@pytest.mark.parametrize(
    ("tensor", "message"),
    [
        (torch.full((64, 16, 7), torch.nan), "contains NaN or infinity"),
        (torch.zeros(64, 16, 7, dtype=torch.int64), "is not a floating-point array"),
        (torch.zeros(64, 16, 7).to_sparse(), "is not a floating-point array"),
        (torch.zeros(()), "is one number, its config asks for 64 x 16 x 7"),
        (
            torch.zeros(1).expand(10**9, 10**9),
            "is 1000000000 x 1000000000, its config asks for 64 x 16 x 7",
        ),
    ],
    ids=["nan", "integers", "sparse", "scalar", "a million terabytes in four bytes"],
)
def test_a_tensor_that_is_not_a_weight_is_named(
    tensor: torch.Tensor, message: str, stored: dict[str, Any], refusal: Callable[..., str]
) -> None:
    stored["weight"]["dec.conv_pre.weight"] = tensor
    assert refusal(stored, only_loaded=True) == f"dec.conv_pre.weight {message}"


@pytest.mark.parametrize(
    "name", ["flow.flows.0.pre_transformer.attn_layers.0.conv_q.weight", "{}spk_emb_linear.weight"]
)
def test_a_vits2_voice_is_refused_and_not_converted_as_vits1(
    name: str, stored: dict[str, Any], refusal: Callable[..., str]
) -> None:
    """Codename-RVC-Fork keeps RVC's names and adds transformers to the flow
    (normalizing_flow_vits2.py)."""
    stored["weight"][name.format("enc_p.encoder.")] = torch.zeros(32, 32, 1)
    assert refusal(stored).startswith("a VITS2 voice, as Codename-RVC-Fork trains them (")


def test_a_tensor_that_no_voice_has_is_refused_by_name_but_not_those_of_training(
    stored: dict[str, Any], refusal: Callable[..., str], tmp_path: Path
) -> None:
    stored["weight"]["enc_q.proj.weight"] = torch.zeros(2, 2, 1)
    torch.save(stored, tmp_path / "trained.pth")
    assert read_checkpoint(tmp_path / "trained.pth")
    stored["weight"]["dec.snake.0.alpha"] = torch.zeros(2)
    assert refusal(stored) == (
        "1 of its tensors have no place in an RVC voice, the first is dec.snake.0.alpha; another "
        "program made it: "
        "convert with that one"
    )


def test_broken_safetensors_are_reported(
    stored: dict[str, Any], refusal: Callable[..., str], tmp_path: Path
) -> None:
    file = tmp_path / "voice.safetensors"
    save_file(stored["weight"], file)
    assert refusal(None, file.name).startswith(
        "not an RVC voice: its metadata must have `config` (a JSON list), "
    )
    save_file(stored["weight"], file, metadata={"config": "[1, 2"})
    assert refusal(None, file.name) == "the `config` in its metadata is not a JSON list"
    assert "damaged or truncated" in refusal(file.read_bytes()[:-100], file.name)
    for header in (
        b"[" * 100_000,
        b'{"a": {"dtype": "F32", "shape": ["x"], "data_offsets": [0, 4]}}',
    ):
        assert "damaged or truncated" in refusal(
            len(header).to_bytes(8, "little") + header + bytes(4), file.name
        )
