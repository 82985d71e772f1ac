"""A UNet in place of the model's own, what it may need as input, and tensors that do not belong to
it."""

import json
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
from engine.models.sd.plan.model_plan import plan_model
from engine.models.sd.plan.original_names import UNET
from engine.models.sd.plan.unet_config import unsupported_input
from tests.models.sd.plain_stream import loaded
from tests.support.tensors import copied_tensors
from tests.support.tiny_single_file import original_unet_tensors, save_tensors, with_prefix

Tensors = dict[str, torch.Tensor]
LAYOUTS: dict[str, Callable[[Tensors, int], Tensors]] = {
    "diffusers": lambda tensors, layers: tensors,
    "the original code, without its prefix": original_unet_tensors,
    "ComfyUI": lambda tensors, layers: with_prefix(
        "diffusion_model.", original_unet_tensors(tensors, layers)
    ),
    "a checkpoint": lambda tensors, layers: with_prefix(
        UNET, original_unet_tensors(tensors, layers)
    ),
}


def unet_of(sd: Path) -> tuple[Tensors, int]:
    from safetensors.torch import load_file

    config = json.loads((sd / "unet" / "config.json").read_text(encoding="utf-8"))
    return load_file(sd / "unet" / "diffusion_pytorch_model.safetensors"), config[
        "layers_per_block"
    ]


@pytest.fixture(scope="module")
def base(tiny_models: Any) -> Path:
    return tiny_models.sd(kind="sdxl", vae="kl", sampler="euler")


@pytest.fixture(scope="module")
def own(base: Path) -> DiffusionModel:
    return loaded(base, vae="full")


@pytest.fixture(scope="module")
def other(base: Path) -> tuple[Tensors, int]:
    """Another UNet of the same shape."""
    tensors, layers = unet_of(base)
    return {name: tensor.flip(0).clone() for name, tensor in tensors.items()}, layers


@pytest.mark.parametrize(
    ("layout", "kind", "suffix"),
    [
        *((layout, "folder", "safetensors") for layout in LAYOUTS),
        ("ComfyUI", "file", "safetensors"),
        ("diffusers", "folder", "pt"),
    ],
)
def test_a_unet_alone_paints_with_the_texts_and_the_vae_of_the_model(
    tiny_models: Any, base: Path, own: DiffusionModel, other: tuple[Tensors, int], tmp_path: Path,
    layout: str, kind: str, suffix: str,
) -> None:  # fmt: skip
    file, tensors = tmp_path / f"sdxl_lightning_4step_unet.{suffix}", LAYOUTS[layout](*other)
    torch.save(tensors, file) if suffix == "pt" else save_tensors(file, tensors)
    model = base if kind == "folder" else tiny_models.single_file(base)
    spec = ModelSpec(model=str(model), unet=str(file), vae="full")
    report = plan_model(spec)
    assert report.missing == () and report.sampler.value == "lightning"
    assert (
        report.sampler.reason
        == "the name sdxl_lightning_4step_unet: SDXL-Lightning, made for 4 steps"
    )
    assert [part.files for part in report.parts if part.name == "unet"] == [(str(file),)]
    replaced = load(spec, "cpu", "float32")
    assert replaced.sampler == "lightning"
    has_note = (
        f"{file.name}: a pickle, read with weights_only; safetensors would be safer"
        in replaced.notes
    )
    assert has_note == (suffix == "pt") == any(part.is_pickle for part in report.parts)
    assert all(
        torch.equal(tensor, other[0][name]) for name, tensor in replaced.unet.state_dict().items()
    )
    for ours, theirs in zip(
        (replaced.vae, *replaced.text_encoders), (own.vae, *own.text_encoders), strict=True
    ):
        assert all(
            torch.equal(each, theirs.state_dict()[name]) for name, each in ours.state_dict().items()
        )


def test_the_models_own_unet_need_not_be_there(
    base: Path, other: tuple[Tensors, int], tmp_path: Path
) -> None:
    """Its configuration is enough: 5 GB less to download."""
    folder = shutil.copytree(base, tmp_path / "base")
    (folder / "unet" / "diffusion_pytorch_model.safetensors").unlink()
    file = save_tensors(tmp_path / "Hyper-SDXL-1step-Unet.safetensors", other[0])
    spec = ModelSpec(model=str(folder), unet=str(file), vae="full")
    assert plan_model(spec).missing == () and load(spec, "cpu", "float32").sampler == "lcm"


def test_a_unet_in_a_folder_has_its_own_configuration(
    base: Path, other: tuple[Tensors, int], tmp_path: Path
) -> None:
    """latent-consistency/lcm-sdxl: config.json and weights at the top, with an input for the
    guidance."""
    folder = tmp_path / "lcm-sdxl"
    config = json.loads((base / "unet" / "config.json").read_text(encoding="utf-8")) | {
        "time_cond_proj_dim": 16
    }
    proj = {"time_embedding.cond_proj.weight": torch.ones(32, 16)}
    save_tensors(folder / "diffusion_pytorch_model.safetensors", other[0] | proj)
    (folder / "config.json").write_text(json.dumps(config), encoding="utf-8")
    as_file = save_tensors(tmp_path / "lcm.safetensors", other[0] | proj)
    for unet in (folder, as_file):
        model = loaded(base, unet=str(unet), vae="full")
        assert (model.sampler, model.time_cond_proj_dim) == ("lcm", 16)
        assert torch.equal(
            model.unet.time_embedding.cond_proj.weight, proj["time_embedding.cond_proj.weight"]
        )


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda tensors: {"down.lora_A.weight": torch.ones(1, 1)}, "not a UNet"),
        (
            lambda tensors: {n: e for n, e in tensors.items() if ".transformer_blocks.1." not in n},
            "built differently",
        ),
        (lambda tensors: tensors | {"conv_in.weight": torch.ones(32, 9, 3, 3)}, "9 channels"),
    ],
)
def test_a_unet_that_does_not_fit_is_refused_in_one_line(
    base: Path,
    other: tuple[Tensors, int],
    tmp_path: Path,
    change: Callable[[Tensors], Tensors],
    says: str,
) -> None:
    file = save_tensors(tmp_path / "x.safetensors", change(other[0]))
    (line,) = plan_model(ModelSpec(model=str(base), unet=str(file), vae="full")).missing
    assert says in line and "\n" not in line and str(file) in line
    for tensors, says in (
        (other[0] | {"conv_in.gain": torch.ones(1)}, "the first is conv_in.gain"),
        (
            other[0] | {"conv_in.bias": torch.ones(3)},
            "1 tensors are missing or have another shape, .* conv_in.bias",
        ),
    ):
        save_tensors(file, tensors)
        with pytest.raises(ModelError, match=says):
            loaded(base, unet=str(file), vae="full")


def test_a_unet_of_another_family_is_refused_with_both_names(tiny_models: Any, base: Path) -> None:
    (line,) = plan_model(
        ModelSpec(model=str(base), unet=str(tiny_models.sd() / "unet"), vae="full")
    ).missing
    assert "a UNet made for SD 1.5" in line and "is SDXL" in line


@pytest.mark.parametrize(
    ("config", "says"),
    [
        ({"in_channels": 9}, "takes 9 channels"),
        ({"class_embed_type": "timestep"}, "needs class labels"),
        ({"encoder_hid_dim": 4096}, "needs text of another encoder"),
        ({"dual_cross_attention": True}, "needs two texts"),
        ({"addition_embed_type": "text_image"}, "addition_embed_type text_image"),
        ({"cross_attention_dim": [768, 1024]}, "several widths"),
        ({"down_block_types": ["DownBlock2D", "KDownBlock2D"]}, "down_block_types: KDownBlock2D"),
        ({"down_block_types": 7, "in_channels": 4, "addition_embed_type": "text_time"}, ""),
        (
            {
                "mid_block_type": None,
                "only_cross_attention": [True, False],
                "time_embedding_type": "fourier",
            },
            "",
        ),
    ],
)
def test_an_input_that_calls_do_not_provide_is_reported(config: dict[str, Any], says: str) -> None:
    assert says in unsupported_input(config) and bool(says) == bool(unsupported_input(config))


@pytest.fixture
def folder(tiny_models: Any, tmp_path: Path) -> Path:
    return shutil.copytree(tiny_models.sd(), tmp_path / "model")


def add(file: Path, *names: str) -> None:
    from safetensors.torch import save_file

    save_file(
        copied_tensors(file) | {name: torch.zeros(2) for name in names}, file, {"format": "pt"}
    )


def test_tensors_that_a_class_would_ignore_are_refused_and_those_that_are_no_weights_do_no_harm(
    folder: Path,
) -> None:
    spec = ModelSpec(model=str(folder))
    text, unet = (
        folder / "text_encoder/model.safetensors",
        folder / "unet/diffusion_pytorch_model.safetensors",
    )
    add(
        text,
        "embeddings.position_ids",
        "text_projection.weight",
        "logit_scale",
        "vision_model.post_layernorm.weight",
    )
    assert load(spec, "cpu", "float32").family == "sd15"
    for file, name in (
        (unet, "down_blocks.0.motion_modules.0.proj_in.weight"),
        (text, "text_model.encoder.layers.9.layer_norm1.weight"),
    ):
        add(file, name)
        with pytest.raises(
            ModelError,
            match=r"1 of its tensors have no place in a .*, the first is .*; it is another kind",
        ):
            load(spec, "cpu", "float32")
