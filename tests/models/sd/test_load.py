import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from engine.errors import ModelError
from engine.models.sd import ModelSpec
from engine.models.sd.load import load
from engine.models.sd.model import DiffusionModel


@pytest.fixture
def copied(tiny_models: Any, tmp_path: Path) -> Any:
    """`copied(**options)`: a separate copy of a tiny model, to be damaged."""

    def copy(**options: Any) -> Path:
        return shutil.copytree(tiny_models.sd(**options), tmp_path / "model")

    return copy


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """`hub(id, folder)`: puts a folder into an empty Hugging Face cache under this id."""
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "hub"))

    def put(hub_id: str, folder: Path) -> None:
        repository = tmp_path / "hub" / f"models--{hub_id.replace('/', '--')}"
        (repository / "refs").mkdir(parents=True)
        (repository / "refs" / "main").write_text("0" * 40)
        shutil.copytree(folder, repository / "snapshots" / ("0" * 40))

    return put


def load_tiny(folder: Path | str, dtype: str = "fp32", **options: Any) -> DiffusionModel:
    return load(ModelSpec(model=str(folder), **options), "cpu", dtype)


@pytest.mark.parametrize(
    ("kind", "family", "sampler", "prediction"),
    [
        ("sd15", "sd15", "lcm", "epsilon"),
        ("turbo", "sd21", "turbo", "epsilon"),
        ("sdxl", "sdxl", "turbo", "epsilon"),
        ("sd21", "sd21", "scheduler", "v_prediction"),
    ],
)
def test_a_folder_determines_family_sampler_and_prediction(
    tiny_models: Any, kind: str, family: str, sampler: str, prediction: str
) -> None:
    model = load_tiny(tiny_models.sd(kind=kind))
    assert (model.family, model.sampler, model.prediction_type) == (family, sampler, prediction)
    assert model.latent_scale == 8 and model.is_tiny_vae and model.scaling_factor == 1.0
    assert model.alphas_cumprod.shape == (1000,) and model.alphas_cumprod.dtype == torch.float64
    assert not any(p.requires_grad for net in (model.unet, model.vae, *model.text_encoders) for p in net.parameters())
    assert model.notes == ()


def test_a_requested_sampler_is_used(tiny_sd: Path) -> None:
    assert load_tiny(tiny_sd, sampler="scheduler").sampler == "scheduler"
    with pytest.raises(ModelError, match="sampler ddim: not one of auto, lcm, turbo, lightning, hyper, tcd, scheduler"):
        load_tiny(tiny_sd, sampler="ddim")


@pytest.mark.parametrize(("name", "dtype"), [("fp16", torch.float16), ("bfloat16", torch.bfloat16)])
def test_weights_have_the_requested_dtype(tiny_sd: Path, name: str, dtype: torch.dtype) -> None:
    model = load_tiny(tiny_sd, name)
    assert model.unet.dtype == model.vae.dtype == model.text_encoders[0].dtype == model.dtype == dtype
    assert model.memory_bytes() < 0.6 * load_tiny(tiny_sd).memory_bytes()
    with pytest.raises(ModelError, match="dtype int8: not one of"):
        load_tiny(tiny_sd, "int8")


def test_the_full_vae_of_an_xl_model_stays_in_float32(tiny_models: Any) -> None:
    folder = tiny_models.sd(kind="sdxl", vae="kl")
    assert load_tiny(folder, "fp16").vae.dtype == torch.float32
    assert load_tiny(folder, "bf16").vae.dtype == torch.bfloat16
    assert load_tiny(tiny_models.sd(vae="kl"), "fp16").vae.dtype == torch.float16


def test_half_precision_files_are_sufficient(copied: Any) -> None:
    folder = copied()
    for file in folder.rglob("*.safetensors"):
        file.rename(file.with_suffix(".fp16.safetensors"))
    assert load_tiny(folder).unet.dtype == torch.float32


def test_pickles_are_read_with_weights_only_and_mentioned(
    copied: Any, tiny_models: Any, tiny_sd: Path, tmp_path: Path
) -> None:
    from safetensors.torch import load_file

    folder = copied()
    file = folder / "unet" / "diffusion_pytorch_model.safetensors"
    torch.save(load_file(file), file.with_suffix(".bin"))
    file.unlink()
    controlnet = shutil.copytree(tiny_models.controlnet(tiny_sd), tmp_path / "net")
    other = controlnet / "diffusion_pytorch_model.safetensors"
    torch.save(load_file(other), other.with_suffix(".bin"))
    other.unlink()
    model = load_tiny(folder, controlnets=(str(controlnet),))
    assert model.notes == tuple(
        f"{what}: a pickle, read with weights_only; safetensors would be safer"
        for what in ("unet", f"ControlNet {controlnet}")
    )
    assert torch.equal(model.unet.conv_in.weight, load_tiny(tiny_sd).unet.conv_in.weight)


class Evil:
    def __init__(self, file: Path) -> None:
        self.file = file

    def __reduce__(self) -> Any:
        return (Path.touch, (self.file,))


@pytest.mark.parametrize(
    ("part", "name"), [("unet", "diffusion_pytorch_model.bin"), ("text_encoder", "pytorch_model.bin")]
)
def test_a_pickle_that_runs_code_is_refused(copied: Any, tmp_path: Path, part: str, name: str) -> None:
    folder = copied()
    for file in (folder / part).glob("*.safetensors"):
        file.unlink()
    torch.save({"conv_in.weight": Evil(tmp_path / "touched")}, folder / part / name)
    with pytest.raises(ModelError, match=f"{name}: not a file written by torch.save, or truncated"):
        load_tiny(folder)
    assert not (tmp_path / "touched").exists()


# -- the VAE


def test_auto_uses_taesd_from_the_cache_if_the_model_has_only_a_full_vae(tiny_models: Any, hub: Any) -> None:
    folder = tiny_models.sd(vae="kl")
    plain = load_tiny(folder)
    assert not plain.is_tiny_vae
    (note,) = plain.notes
    assert "hf download madebyollin/taesd " in note
    hub("madebyollin/taesd", tiny_models.sd() / "vae")
    assert load_tiny(folder).is_tiny_vae
    assert load_tiny(folder, vae="taesd").is_tiny_vae
    full = load_tiny(folder, vae="full")
    assert not full.is_tiny_vae and full.scaling_factor == 0.18215 and full.notes == ()


def test_a_vae_can_be_named(tiny_models: Any, tiny_sd: Path, tmp_path: Path) -> None:
    assert not load_tiny(tiny_sd, vae=str(tiny_models.sd(vae="kl") / "vae")).is_tiny_vae
    with pytest.raises(ModelError, match="not a VAE folder"):
        load_tiny(tiny_sd, vae=str(tmp_path))
    with pytest.raises(ModelError, match="a UNet2DConditionModel, where one of"):
        load_tiny(tiny_sd, vae=str(tiny_sd / "unet"))


def test_a_missing_vae_is_named_with_the_next_step(tiny_models: Any, tiny_sd: Path, hub: Any) -> None:
    with pytest.raises(ModelError, match="hf download madebyollin/taesdxl"):
        load_tiny(tiny_models.sd(kind="sdxl", vae="kl"), vae="taesd")
    with pytest.raises(ModelError, match="its VAE is a TAESD"):
        load_tiny(tiny_sd, vae="full")


def test_an_incomplete_taesd_is_ignored(tiny_models: Any, hub: Any, tmp_path: Path) -> None:
    half = shutil.copytree(tiny_models.sd() / "vae", tmp_path / "half")
    (half / "diffusion_pytorch_model.safetensors").unlink()
    hub("madebyollin/taesd", half)
    folder = tiny_models.sd(vae="kl")
    assert not load_tiny(folder).is_tiny_vae
    with pytest.raises(ModelError, match="madebyollin/taesd: has no weights; fetch it: hf download"):
        load_tiny(folder, vae="taesd")


# -- names


def test_a_model_is_found_in_the_cache_by_its_id(tiny_sd: Path, hub: Any) -> None:
    with pytest.raises(ModelError, match="hf download artist/tiny --include") as told:
        load_tiny("artist/tiny")
    assert "\n" not in str(told.value)
    hub("artist/tiny", tiny_sd)
    assert load_tiny("artist/tiny").sampler == "lcm"


def test_an_incomplete_model_names_the_download_command(copied: Any, hub: Any) -> None:
    folder = copied()
    (folder / "unet" / "diffusion_pytorch_model.safetensors").unlink()
    hub("artist/tiny", folder)
    with pytest.raises(ModelError, match="artist/tiny: unet has no weights; fetch it: hf download artist/tiny"):
        load_tiny("artist/tiny")


@pytest.mark.parametrize("name", ["/no/such/folder", "nothing", "a b/c", "./x/y/z", "", "C:\\models\\x"])
def test_an_unknown_name_is_refused_in_one_line(name: str) -> None:
    with pytest.raises(ModelError) as told:
        load_tiny(name)
    assert "\n" not in str(told.value)


# -- broken folders


def edited(file: str, **keys: Any) -> Callable[[Path], None]:
    def edit(folder: Path) -> None:
        (folder / file).write_text(json.dumps(json.loads((folder / file).read_text()) | keys))

    return edit


def without(file: str, part_of_name: str) -> Callable[[Path], None]:
    """Without the tensors of these names, or, for "", without the folder."""
    from safetensors.torch import load_file, save_file

    def take(folder: Path) -> None:
        if not part_of_name:
            shutil.rmtree(folder / file)
            return
        kept = {name: each for name, each in load_file(folder / file).items() if part_of_name not in name}
        save_file(kept, folder / file, {"format": "pt"})

    return take


def another_pipeline(folder: Path) -> None:
    (folder / "model_index.json").write_text(json.dumps({"_class_name": "FluxPipeline"}))
    shutil.rmtree(folder / "unet")


INDEX, UNET = "model_index.json", "unet/diffusion_pytorch_model.safetensors"


@pytest.mark.parametrize(
    ("harm", "line"),
    [
        (lambda folder: (folder / INDEX).write_text("{"), "model_index.json cannot be read"),
        (another_pipeline, "a FluxPipeline without unet/config.json; supported: Stable Diffusion"),
        (edited(INDEX, text_encoder=[None, None]), "has no text_encoder; supported: Stable Diffusion .* hf download"),
        (edited(INDEX, text_encoder=["kolors", "ChatGLMModel"]), "its text_encoder is a ChatGLMModel"),
        (edited("unet/config.json", in_channels=9), "its UNet takes 9 channels"),
        (lambda folder: os.truncate(folder / UNET, 100_000), "unet/.* damaged or truncated .* download it again"),
        (edited("unet/config.json", layers_per_block=2), "unet: cannot be loaded"),
        (without(UNET, "conv_in.bias"), "unet: 1 tensors are missing or have another shape, the first is conv_in.bias"),
        (
            without("text_encoder/model.safetensors", "final_layer_norm.bias"),
            "text_encoder: 1 tensors are missing or have another shape",
        ),
        (without("scheduler", ""), "scheduler/scheduler_config.json is missing"),
        (
            edited("scheduler/scheduler_config.json", _class_name="os", beta_schedule=None),
            "its scheduler os is unknown and has no noise table",
        ),
        (without("tokenizer", ""), "tokenizer is missing"),
        (without("text_encoder", ""), "text_encoder has no weights"),
    ],
)
def test_a_broken_folder_is_refused_in_one_line(copied: Any, harm: Any, line: str) -> None:
    folder = copied()
    harm(folder)
    with pytest.raises(ModelError, match=line) as told:
        load_tiny(folder)
    assert "\n" not in str(told.value)


# -- single files


def test_a_single_file_without_a_configuration_names_the_download_command(
    tiny_models: Any, tmp_path: Path, hub: Any
) -> None:
    alone = tmp_path / "alone.safetensors"
    alone.write_bytes(tiny_models.single_file(tiny_models.sd(vae="kl")).read_bytes())
    with pytest.raises(ModelError, match="hf download stable-diffusion-v1-5/stable-diffusion-v1-5") as told:
        load_tiny(alone)
    assert "\n" not in str(told.value)
    hub(
        "stable-diffusion-v1-5/stable-diffusion-v1-5", tiny_models.single_file(tiny_models.sd(vae="kl")).with_suffix("")
    )
    assert load_tiny(alone).family == "sd15"


def test_a_file_that_is_not_a_checkpoint_is_refused(tiny_models: Any, tiny_sd: Path, tmp_path: Path) -> None:
    from safetensors.torch import save_file

    with pytest.raises(ModelError, match="is a LoRA; use it together with a --model"):
        load_tiny(tiny_models.lora(tiny_sd))
    nine_channels = {"model.diffusion_model.input_blocks.0.0.weight": torch.zeros(4, 9, 3, 3)}
    save_file(nine_channels, tmp_path / "inpainting.safetensors")
    with pytest.raises(ModelError, match="its UNet takes 9 channels"):
        load_tiny(tmp_path / "inpainting.safetensors")
    (tmp_path / "x.safetensors").write_bytes(b"no tensors at all")
    with pytest.raises(ModelError, match="not a safetensors file"):
        load_tiny(tmp_path / "x.safetensors")
    (tmp_path / "x.onnx").write_bytes(b"\x08\x07")
    with pytest.raises(ModelError, match="single files must be"):
        load_tiny(tmp_path / "x.onnx")
