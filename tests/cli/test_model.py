"""`multiverse model check` as users start it."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file

from engine.errors import ModelError
from engine.models.sd import ModelSpec
from engine.models.sd.load import load
from tests.cli.conftest import Cli
from tests.support.tensors import copied_tensors

Check = Callable[..., tuple[int, str, str]]


@pytest.fixture
def check(cli: Cli) -> Check:
    return lambda *arguments: cli("model", "check", *arguments)


def test_sam3_and_sd_are_distinguished_with_the_same_keys_in_json(
    check: Check, tiny_sam3: Path, tiny_sd: Path
) -> None:
    sam3, sd = (
        dict(line.split(maxsplit=1) for line in check(path)[1].splitlines())
        for path in (tiny_sam3, tiny_sd)
    )
    assert sam3["family"] == "SAM3, finds and tracks" and sd["family"] == "Stable Diffusion 1.5"
    assert sam3["complete"] == sd["complete"] == "yes"
    assert {"vision", "text", "detector", "tracker"} <= set(sam3)
    assert "MiB as bfloat16" in sam3["memory"] and "MiB as float16" in sd["memory"]
    code, out, _ = check(tiny_sam3, "--json")
    report = json.loads(out)
    assert (code, report["kind"], report["is_complete"], report["missing"]) == (
        0,
        "sam3_video",
        True,
        [],
    )
    assert report["memory_bytes"]["float32"] == 2 * report["memory_bytes"]["bfloat16"] > 0
    assert sd["on"].endswith("bfloat16 if it has units for it, else float32")
    shared = {"model", "path", "parts", "missing", "notes", "is_complete", "memory_bytes"}
    assert shared <= set(report) & set(json.loads(check(tiny_sd, "--json")[1]))


def test_a_missing_gated_model_says_how_to_get_it(
    check: Check, tmp_path: Path, monkeypatch: Any
) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "hub"))
    code, out, err = check("facebook/sam3")
    assert (code, out) == (1, "")
    assert err.startswith("multiverse: facebook/sam3: ") and err.count("\n") == 1
    assert "https://huggingface.co/facebook/sam3" in err


def test_the_sampler_and_its_reason_are_printed_and_can_be_overridden(
    check: Check, tiny_sd: Path
) -> None:
    own, overridden = (
        dict(line.split(maxsplit=1) for line in check(tiny_sd, *options)[1].splitlines())
        for options in ((), ("--sampler", "tcd", "--prediction", "v"))
    )
    assert own["sampler"] == "lcm (the scheduler's configuration: LCMScheduler)"
    assert own["predicts"] == "epsilon (the scheduler's configuration)"
    assert (overridden["sampler"], overridden["predicts"]) == (
        "tcd (asked for)",
        "v_prediction (asked for)",
    )


def test_a_voice_is_listed_with_its_index_and_speech_encoder(
    check: Check, tiny_voice: Path
) -> None:
    code, out, _ = check(tiny_voice / "voice.pth", "--content", tiny_voice / "content")
    rows = dict(line.split(maxsplit=1) for line in out.splitlines())
    assert (code, rows["family"], rows["rate"], rows["speakers"]) == (
        0,
        "RVC v2, with pitch",
        "40000 Hz",
        "2",
    )
    assert rows["vocoder"] == "HiFi-GAN"
    assert rows["index"].startswith("256 vectors, ") and rows["complete"] == "yes"
    assert "index: voice.index (it has the voice's name)" in out
    assert {"synthesizer", "content", "pitch", "memory"} <= set(rows)
    out = check(tiny_voice / "voice.pth", "--content", tiny_voice / "content", "--index", "none")[1]
    assert dict(line.split(maxsplit=1) for line in out.splitlines())["index"] == "none"
    report = json.loads(
        check(tiny_voice / "voice.pth", "--content", tiny_voice / "content", "--json")[1]
    )
    assert (report["version"], report["rate_hz"], report["has_pitch"], report["vectors"]) == (
        "v2",
        40_000,
        True,
        256,
    )


def test_missing_parts_of_a_voice_are_named_with_the_command_that_fetches_them(
    check: Check, tiny_voice: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "hub"))
    code, out, _ = check(tiny_voice / "voice.pth")
    missing = [line for line in out.splitlines() if line.startswith("missing")]
    assert (
        code == 1 and len(missing) == 1 and "hf download lengyue233/content-vec-best" in missing[0]
    )
    assert missing[0].endswith(
        "or name another one with --content (run: --rvc-content), or content under [rvc]"
    )


def test_a_unet_alone_is_checked_together_with_its_model(check: Check, tiny_sd: Path) -> None:
    unet = tiny_sd / "unet" / "diffusion_pytorch_model.safetensors"
    code, out, _ = check(tiny_sd, "--unet", unet, "--json")
    (part,) = (part for part in json.loads(out)["parts"] if part["name"] == "unet")
    assert (code, part["files"]) == (0, [str(unet)])
    code, _, error = check(unet)
    assert code == 1 and "use it together with a --model, as --unet" in error


def test_options_of_another_kind_of_model_are_refused(
    check: Check, tiny_voice: Path, tiny_sam3: Path
) -> None:
    for model, option, reason in (
        (tiny_sam3, "--lora=glass", "are for Stable Diffusion"),
        (tiny_sam3, "--sampler=lcm", "are for Stable Diffusion"),
        (tiny_voice / "voice.pth", "--lora=glass", "are for Stable Diffusion"),
        (tiny_sam3, "--index=x.index", "--index and --content are for voices"),
    ):
        code, _, err = check(model, option)
        assert code == 2 and reason in err, option


@pytest.mark.parametrize(
    ("kind", "weights", "reason"),
    [
        ("tiny_sam3", "model.safetensors", "has no weights"),
        ("tiny_sd", "unet/diffusion_pytorch_model.safetensors", "unet has no weights"),
    ],
)
def test_what_is_missing_is_named_with_exit_code_1(
    kind: str,
    weights: str,
    reason: str,
    check: Check,
    tmp_path: Path,
    request: pytest.FixtureRequest,
) -> None:
    broken = shutil.copytree(request.getfixturevalue(kind), tmp_path / kind)
    (broken / weights).unlink()
    code, out, _ = check(broken)
    lines = out.splitlines()
    assert code == 1 and lines[-1].split() == ["complete", "no"]
    assert any(line.startswith("missing") and reason in line for line in lines)


@pytest.mark.parametrize("name", ["nowhere", "nobody/nothing", "."])
def test_a_missing_model_is_one_line(
    name: str, check: Check, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.chdir(tmp_path)
    code, out, err = check(name)
    assert (code, out, err.count("\n")) == (1, "", 1) and err.startswith(f"multiverse: {name}: ")


def without(file: Path, end: str) -> None:
    tensors = {
        name: tensor for name, tensor in copied_tensors(file).items() if not name.endswith(end)
    }
    save_file(tensors, file, metadata={"format": "pt"})


def missing_lines(out: str) -> list[str]:
    return [
        line.removeprefix("missing").strip()
        for line in out.splitlines()
        if line.startswith("missing")
    ]


def test_a_part_that_lacks_a_tensor_is_not_complete_and_loading_says_the_same(
    check: Check, tiny_sd: Path, tmp_path: Path
) -> None:
    folder = Path(shutil.copytree(tiny_sd, tmp_path / "sd"))
    without(folder / "unet" / "diffusion_pytorch_model.safetensors", "conv_out.bias")
    without(folder / "text_encoder" / "model.safetensors", "final_layer_norm.bias")
    code, out, _ = check(folder)
    lines = missing_lines(out)
    assert code == 1 and len(lines) == 2
    assert "text_encoder: 1 tensors are missing or have another shape, the first is" in lines[0]
    assert lines[1].endswith(
        "unet: 1 tensors are missing or have another shape, the first is conv_out.bias"
    )
    with pytest.raises(ModelError) as raised:
        load(ModelSpec(model=str(folder)), "cpu", "float32")
    assert str(raised.value) == lines[0]


def test_a_file_that_is_only_called_rmvpe_is_not_taken_for_it(
    check: Check, tiny_voice: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    snapshot = tmp_path / "models--lj1995--VoiceConversionWebUI" / "snapshots" / "one"
    snapshot.mkdir(parents=True)
    torch.save({"unet.weight": torch.zeros(2)}, snapshot / "rmvpe.pt")
    code, out, _ = check(tiny_voice / "voice.pth", "--content", tiny_voice / "content")
    (line,) = missing_lines(out)
    assert code == 1 and "rmvpe.pt as RMVPE: 741 tensors are missing or have another shape" in line
