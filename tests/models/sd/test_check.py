"""`check` reports from file headers what loading the model finds."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch

from engine.errors import ModelError
from engine.models.sd import ModelSpec
from engine.models.sd.load import load
from engine.models.sd.plan.model_plan import ModelPlan, plan_model

KINDS = {
    "sd15": ("sd15", "lcm", "epsilon"),
    "turbo": ("sd21", "turbo", "epsilon"),
    "sdxl": ("sdxl", "turbo", "epsilon"),
    "sd21": ("sd21", "scheduler", "v_prediction"),
}


def checked(folder: Path | str, **options: Any) -> ModelPlan:
    return plan_model(ModelSpec(model=str(folder), **options))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("vae", ["analytic", "kl"])
def test_the_report_from_headers_equals_the_loaded_model(
    tiny_models: Any, kind: str, vae: str
) -> None:
    folder = tiny_models.sd(kind=kind, vae=vae)
    own_vae = "full" if vae == "kl" else "auto"
    report, model = (
        checked(folder, vae=own_vae),
        load(ModelSpec(model=str(folder), vae=own_vae), "cpu", "fp32"),
    )
    planned = (report.family, report.sampler.value, report.prediction.value)
    assert planned == (model.family, model.sampler, model.prediction_type) == KINDS[kind]
    assert model.latent_scale == 8 and model.is_tiny_vae == (vae != "kl")
    assert model.alphas_cumprod.shape == (1000,) and model.alphas_cumprod.dtype == torch.float64
    assert report.vae is not None and report.vae.kind == type(model.vae).__name__
    networks = {"unet": model.unet, "vae": model.vae, "text_encoder": model.text_encoders[0]}
    networks |= {"text_encoder_2": model.text_encoders[1]} if kind == "sdxl" else {}
    assert not any(
        each.requires_grad for network in networks.values() for each in network.parameters()
    )
    counted = {part.name: part.parameters for part in report.parts}
    assert counted == {
        name: sum(p.numel() for p in net.parameters()) for name, net in networks.items()
    }
    assert (
        report.memory_bytes("float32")
        == 4 * sum(counted.values())
        == 2 * report.memory_bytes("float16")
    )
    assert {part.dtype for part in report.parts} == {"float32"}
    assert (
        report.is_complete
        and report.missing == ()
        and not any(part.is_pickle for part in report.parts)
    )


def test_all_extras_of_the_model_are_counted(tiny_models: Any, tiny_sd: Path) -> None:
    adapter = tiny_models.ip_adapter(tiny_sd)
    report = checked(
        tiny_sd,
        loras=((str(tiny_models.lora(tiny_sd)), 1.0),),
        controlnets=(str(tiny_models.controlnet(tiny_sd)),),
        ip_adapter=str(adapter),
    )
    names = [part.name for part in report.parts]
    assert names[:3] == ["unet", "text_encoder", "vae"] and names[-2:] == [
        "ip_adapter",
        "image_encoder",
    ]
    assert names[3].startswith("lora ") and names[4].startswith("controlnet ")
    assert all(part.parameters for part in report.parts) and report.is_complete


def test_everything_missing_is_listed_at_once(tiny_models: Any, tmp_path: Path) -> None:
    folder = shutil.copytree(tiny_models.sd(), tmp_path / "model")
    shutil.rmtree(folder / "tokenizer")
    (folder / "unet" / "diffusion_pytorch_model.safetensors").unlink()
    (folder / "scheduler" / "scheduler_config.json").unlink()
    report = checked(
        folder,
        loras=(("no/lora", 1.0),),
        controlnets=("/no/controlnet",),
        ip_adapter="a/b/c.safetensors",
    )
    assert not report.is_complete
    for part in (
        "tokenizer",
        "unet",
        "scheduler",
        "no/lora",
        "/no/controlnet",
        "a/b/c.safetensors",
    ):
        assert sum(part in line.split(" (")[0] for line in report.missing) >= 1, part
    assert all("\n" not in line for line in report.missing)
    assert 'hf download a/b --include "c.safetensors"' in " ".join(report.missing)


@pytest.mark.parametrize(
    ("file", "keys", "reason"),
    [
        (
            "text_encoder/config.json",
            {"hidden_size": 48},
            "its UNet needs text embeddings of width 32, its ",
        ),
        (
            "unet/config.json",
            {"cross_attention_dim": 48},
            "its UNet needs text embeddings of width 48, its ",
        ),
        (
            "vae/config.json",
            {"out_channels": 4},
            "pictures have 4 channels (out_channels), ours have 3",
        ),
        (
            "tokenizer/tokenizer_config.json",
            {"model_max_length": None},
            "model_max_length is None, not 1 to 1024",
        ),
        ("tokenizer/tokenizer_config.json", None, "tokenizer/tokenizer_config.json is missing"),
    ],
)
def test_parts_of_two_models_are_reported_before_loading_with_the_error_of_loading(
    file: str, keys: Any, reason: str, tiny_models: Any, tmp_path: Path
) -> None:
    folder = shutil.copytree(tiny_models.sd(vae="kl"), tmp_path / "model")
    config = json.loads((folder / file).read_text(encoding="utf-8"))
    (folder / file).unlink()
    if keys is not None:
        (folder / file).write_text(json.dumps(config | keys), encoding="utf-8")
    (line,) = checked(folder, vae="full").missing
    assert reason in line and "\n" not in line
    with pytest.raises(ModelError) as caught:
        load(ModelSpec(model=str(folder), vae="full"), "cpu", "float32")
    assert str(caught.value).endswith(line.removeprefix(f"{folder}: "))


def test_a_pickle_is_named_and_counted_without_running_it(tiny_models: Any, tmp_path: Path) -> None:
    from safetensors.torch import load_file

    folder = shutil.copytree(tiny_models.sd(), tmp_path / "model")
    file = folder / "unet" / "diffusion_pytorch_model.safetensors"
    torch.save(load_file(file), file.with_suffix(".bin"))
    file.unlink()
    report, plain = checked(folder), checked(tiny_models.sd())
    pickles = [part.files for part in report.parts if part.is_pickle]
    assert pickles == [(str(file.with_suffix(".bin")),)] and report.is_complete
    assert (report.parts[0].parameters, report.parts[0].dtype) == (
        plain.parts[0].parameters,
        "float32",
    )


def test_a_name_or_path_that_is_not_a_model_is_a_one_line_error(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "bytes").write_bytes(b"12345678{")
    (tmp_path / "x.safetensors").write_bytes(b"12345678{")
    for name in (
        "folder",
        "bytes",
        "x.safetensors",
        "/no/such",
        "nothing",
        "a b/c",
        "./x/y/z",
        "C:\\models\\x",
    ):
        path = tmp_path / name
        with pytest.raises(ModelError) as error:
            checked(path if path.exists() else name)
        assert "\n" not in str(error.value) and name in str(error.value)


def test_the_index_file_of_a_folder_is_reported_with_the_folder(tiny_sd: Path) -> None:
    index = tiny_sd / "model_index.json"
    with pytest.raises(ModelError) as caught:
        checked(index)
    assert (
        str(caught.value) == f"{index}: is a file of a diffusers folder; name the folder: {tiny_sd}"
    )
