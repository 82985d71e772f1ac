"""Examining a LoRA by its header finds its layers in folders and single files of any depth."""

from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from engine.errors import ModelError
from engine.models.sd import ModelSpec
from engine.models.sd.load import load
from engine.models.sd.plan.lora_file import examine_lora
from engine.models.sd.plan.lora_names import target_weights
from engine.models.sd.plan.model_folder import DiffusersFolder
from engine.models.sd.plan.model_plan import plan_model
from engine.models.sd.plan.network_outline import outline_of
from engine.models.sd.plan.single_file import examine
from tests.support.replicas import loras
from tests.support.replicas.replica import Folders

ATTENTION = "down_blocks.1.attentions.0.transformer_blocks.0.attn1.to_q"


def test_a_pickle_of_a_training_run_is_the_same_lora(target: Folders, tmp_path: Path) -> None:
    sd = target.tiny.sd()
    file = target.tiny.lora(sd)
    torch.save({"state_dict": load_file(file), "epoch": 3}, tmp_path / "run.ckpt")
    files = file, tmp_path / "run.ckpt"
    models = [
        load(ModelSpec(model=str(sd), loras=((str(each), 1.0),)), "cpu", "fp32") for each in files
    ]
    for ours, theirs in zip(*(model.unet.parameters() for model in models), strict=True):
        assert torch.equal(ours, theirs)


def test_names_of_the_first_code_are_the_same_layers_as_diffusers(
    target: Folders, tmp_path: Path
) -> None:
    models = [
        load(
            loras.kohya("sdxl", style)(
                Folders(folder=tmp_path / style, tiny=target.tiny, hub=target.hub)
            ),
            "cpu",
            "fp32",
        )
        for style in ("kohya", "sgm")
    ]
    for ours, theirs in zip(*(model.unet.parameters() for model in models), strict=True):
        assert torch.equal(ours, theirs)


def test_a_single_file_has_the_target_weights_of_its_folder(tiny_models: Any) -> None:
    sd = tiny_models.sd(vae="kl")
    file, folder = tiny_models.single_file(sd), DiffusersFolder(sd)
    from_file = target_weights(outline_of(DiffusersFolder(file.with_suffix("")), examine(file)))
    assert from_file == target_weights(outline_of(folder))
    lora = str(tiny_models.lora(sd, with_conv=True))
    plans = [plan_model(ModelSpec(model=str(model), loras=((lora, 1.0),))) for model in (sd, file)]
    assert plans[0].loras[0].changes == plans[1].loras[0].changes != ()


def pair(**tensors: tuple[int, ...]) -> dict[str, torch.Tensor]:
    return {
        f"unet.{ATTENTION}.lora_{side}.weight": torch.ones(shape) for side, shape in tensors.items()
    }


@pytest.mark.parametrize(
    ("tensors", "metadata", "line"),
    [
        (
            pair(A=(2, 32), B=(64, 2)),
            {"ss_base_model_version": "sd_v2"},
            "made for SD 2.x, this is SD 1.5",
        ),
        (pair(A=(2, 32), B=(64, 2)), None, "a LoRA made for another model, this is SD 1.5"),
        (
            {
                "unet.nowhere.lora_A.weight": torch.ones(2, 2),
                "unet.nowhere.lora_B.weight": torch.ones(2, 2),
            },
            {"modelspec.architecture": "stable-diffusion-xl-v1-base/lora"},
            "made for SDXL, this is SD 1.5 (none of its 1 changes fits this model",
        ),
        (
            {"lora_unet_mid.dora_scale": torch.ones(1)},
            None,
            "damaged: lora_unet_mid: its lokr_w1_a is missing",
        ),
        (
            {"something": torch.ones(1)},
            None,
            "none of its 1 tensors is part of one, the first is something",
        ),
        (
            {"model.diffusion_model.out.2.weight": torch.ones(1)},
            None,
            "a complete model, not a LoRA; name it as the",
        ),
        (
            pair(A=(2, 64), B=(64, 2)) | {f"unet.{ATTENTION}.dora_scale": torch.ones(3, 1)},
            None,
            "the DoRA lengths fit neither the rows nor the columns",
        ),
    ],
)
def test_a_lora_that_does_not_fit_is_refused(
    tiny_sd: Path,
    tmp_path: Path,
    tensors: dict[str, torch.Tensor],
    metadata: dict[str, str] | None,
    line: str,
) -> None:
    file = tmp_path / "it.safetensors"
    save_file(tensors, file, metadata)
    with pytest.raises(ModelError) as error:
        examine_lora(str(file), 1.0, outline_of(DiffusersFolder(tiny_sd)))
    assert line in str(error.value) and "\n" not in str(error.value)


def test_what_is_not_merged_is_mentioned(tiny_models: Any, tiny_sd: Path, tmp_path: Path) -> None:
    tensors, file = load_file(tiny_models.lora(tiny_sd)), tmp_path / "more.safetensors"
    pairs = sum("lora_A" in name for name in tensors)
    lost = {f"unet.nowhere.to_q.lora_{side}.weight": torch.ones(4, 4) for side in "AB"}
    save_file(tensors | lost | {"bundle_emb.cat.clip_l": torch.ones(1, 32)}, file)
    assert examine_lora(str(file), 1.0, outline_of(DiffusersFolder(tiny_sd))).notes == (
        "LoRA more: 1 of its tensors are ignored, the first is bundle_emb.cat.clip_l",
        f"LoRA more: only {pairs} of its {pairs + 1} changes fit this model",
    )


def test_a_folder_with_one_lora_selects_and_names_it(
    tiny_models: Any, tiny_sd: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "glass"
    folder.mkdir()
    data = tiny_models.lora(tiny_sd).read_bytes()
    (folder / "pytorch_lora_weights.safetensors").write_bytes(data)
    assert examine_lora(str(folder), 1.0, None).name == "glass"
    (folder / "second.safetensors").write_bytes(data)
    with pytest.raises(ModelError, match="file, found pytorch_lora"):
        examine_lora(str(folder), 1.0, None)


def test_two_distillation_loras_are_noted(tiny_models: Any, tiny_sd: Path, tmp_path: Path) -> None:
    loras = []
    for name in ("lcm-lora-sdv1-5", "Hyper-SD15-8steps-lora"):
        (tmp_path / f"{name}.safetensors").write_bytes(tiny_models.lora(tiny_sd).read_bytes())
        loras.append((str(tmp_path / f"{name}.safetensors"), 1.0))
    (note,) = plan_model(ModelSpec(model=str(tiny_sd), loras=tuple(loras))).notes
    assert note.startswith("2 distillation LoRAs (lcm-lora-sdv1-5, Hyper-SD15-8steps-lora)")
