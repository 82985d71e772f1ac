"""LoRAs, LoHas, LoKrs and DoRAs compared with the forward passes of peft, and their file
formats."""

import json
import shutil
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import torch
from diffusers import UNet2DConditionModel
from peft import EvaConfig, LoHaConfig, LoKrConfig, LoraConfig, get_peft_model
from safetensors.torch import load_file, save_file

from engine.errors import ModelError
from engine.models.random_models import seeded
from engine.models.sd import ModelSpec
from engine.models.sd.load import load
from engine.models.sd.lora import Delta
from engine.models.sd.plan.model_plan import plan_model

ATTENTION = ["to_q", "to_v", "to_out.0"]
CONVOLUTIONS = [*ATTENTION, "conv1", "proj_in"]
KINDS = {
    "lora": LoraConfig(
        r=4, lora_alpha=3, target_modules=CONVOLUTIONS, alpha_pattern={"to_q": 9},
        rank_pattern={"to_v": 2}
    ),
    "rslora": LoraConfig(r=4, lora_alpha=3, target_modules=CONVOLUTIONS, use_rslora=True),
    "eva": LoraConfig(
        r=4, lora_alpha=3, target_modules=ATTENTION, init_lora_weights="eva", eva_config=EvaConfig()
    ),
    "orthogonal": LoraConfig(r=4, lora_alpha=3, target_modules=ATTENTION,
        init_lora_weights="orthogonal"),
    "dora": LoraConfig(r=4, lora_alpha=3, target_modules=CONVOLUTIONS, use_dora=True),
    "loha": LoHaConfig(r=4, alpha=3, target_modules=CONVOLUTIONS),
    "loha_tucker": LoHaConfig(r=4, alpha=3, target_modules=CONVOLUTIONS, use_effective_conv2d=True),
    "lokr": LoKrConfig(r=2, alpha=3, target_modules=CONVOLUTIONS, decompose_both=True),
    "lokr_tucker": LoKrConfig(r=2, alpha=3, target_modules=CONVOLUTIONS, use_effective_conv2d=True),
    "lokr_whole": LoKrConfig(r=64, alpha=3, target_modules=CONVOLUTIONS),
}  # fmt: skip
Adapters = Callable[[str], tuple[Path, torch.Tensor]]


def unet_of(sd: Path) -> Any:
    return UNet2DConditionModel.from_pretrained(sd, subfolder="unet", local_files_only=True).eval()


@torch.no_grad()
def painted(unet: Any) -> torch.Tensor:
    with seeded(11):
        latent, text = torch.randn(1, 4, 8, 8), torch.randn(1, 5, unet.config.cross_attention_dim)
    return unet(latent, torch.tensor([500]), text).sample


def adapted(sd: Path, config: Any, folder: Path) -> Any:
    """The UNet with random factors in it, whose files peft writes to `folder`."""
    unet = get_peft_model(unet_of(sd), config).eval()
    with seeded(7):
        for name, parameter in unet.named_parameters():
            if "magnitude" in name:
                parameter.mul_(1.0 + 0.3 * torch.rand_like(parameter))
            elif any(mark in name for mark in ("lora_", "hada_", "lokr_")):
                parameter.normal_(0.0, 0.3)
    unet.save_pretrained(folder)
    return unet


@pytest.fixture(scope="module")
def adapters(tiny_sd: Path, tmp_path_factory: pytest.TempPathFactory) -> Adapters:
    """For one of KINDS the folder written by peft, which must not be changed, and the output of the
    UNet with it."""

    @cache
    def build(kind: str) -> tuple[Path, torch.Tensor]:
        folder = tmp_path_factory.mktemp(kind)
        return folder, painted(adapted(tiny_sd, KINDS[kind], folder))

    return build


@pytest.fixture(scope="module")
def plain(tiny_sd: Path) -> Any:
    """The UNet without any adapter, not to be changed."""
    return unet_of(tiny_sd)


def merged(sd: Path, lora: Path, weight: float = 1.0) -> Any:
    spec = ModelSpec(model=str(sd), loras=((str(lora), weight),))
    assert plan_model(spec).missing == ()
    model = load(spec, "cpu", "fp32")
    assert model.notes == ()
    return model


def kohya_file(folder: Path, file: Path, alpha: float) -> Path:
    """Write the same factors under LyCORIS' names: with alpha next to them, and DoRA's lengths
    (out, 1, ...)."""
    ends = {
        "lora_A.weight": "lora_down.weight",
        "lora_B.weight": "lora_up.weight",
        "lora_magnitude_vector": "dora_scale",
    }
    tensors = {}
    for name, tensor in load_file(folder / "adapter_model.safetensors").items():
        layer, found = name.removeprefix("base_model.model."), ""
        for theirs, ours in ends.items():
            if layer.endswith(theirs):
                layer, found = layer.removesuffix(f".{theirs}"), ours
        if not found:
            layer, _, found = layer.rpartition(".")
        flat = f"lora_unet_{layer.replace('.', '_')}"
        if found == "dora_scale":
            tensor = tensor.flatten().reshape(-1, *(1,) * (3 if tensor.dim() == 4 else 1))
        tensors[f"{flat}.{found}"] = tensor.contiguous()
        tensors[f"{flat}.alpha"] = torch.tensor(alpha)
    save_file(tensors, file)
    return file


@pytest.mark.parametrize("kind", KINDS)
def test_merging_equals_running_it_with_peft(
    tiny_sd: Path, adapters: Adapters, plain: Any, kind: str
) -> None:
    folder, theirs = adapters(kind)
    model = merged(tiny_sd, folder)
    assert (theirs - painted(plain)).abs().max() > 0.01
    assert torch.allclose(painted(model.unet), theirs, atol=1e-5, rtol=1e-5)
    model.loras.set_weights(dict.fromkeys(model.loras.names, 0.0))
    assert all(
        torch.equal(ours, own)
        for ours, own in zip(model.unet.parameters(), plain.parameters(), strict=True)
    )


@pytest.mark.parametrize("kind", ["dora", "loha_tucker", "lokr"])
def test_lycoris_alpha_equals_pefts(
    tiny_sd: Path, adapters: Adapters, tmp_path: Path, kind: str
) -> None:
    folder, theirs = adapters(kind)
    model = merged(tiny_sd, kohya_file(folder, tmp_path / "it.safetensors", 3.0))
    assert torch.allclose(painted(model.unet), theirs, atol=1e-5, rtol=1e-5)


def test_a_dora_of_columns_gives_each_input_its_length() -> None:
    with seeded(3):
        original, up, down = torch.randn(6, 4 * 9), torch.randn(6, 2), torch.randn(2, 4, 3, 3)
    lengths = torch.tensor([1.0, 2.0, 3.0, 4.0])
    factors = {"up": up, "down": down, "dora_scale": lengths[None, :, None, None]}
    delta = Delta(lora="a", kind="lora", scale=0.5, factors=factors, dora_axis=1)
    whole = delta.add_to(original, original, 1.0).view(6, 4, 9)
    assert torch.allclose(whole.norm(dim=(0, 2)), lengths, atol=1e-5)
    added = (original + 0.5 * up @ down.flatten(1)).view(6, 4, 9)
    assert torch.allclose(
        whole / whole.norm(dim=(0, 2))[:, None], added / added.norm(dim=(0, 2))[:, None], atol=1e-5
    )


def test_a_rank_that_contradicts_the_configuration_is_refused(
    tiny_sd: Path, adapters: Adapters, tmp_path: Path
) -> None:
    folder, _ = adapters("lora")
    shutil.copytree(folder, tmp_path, dirs_exist_ok=True)
    config = json.loads((tmp_path / "adapter_config.json").read_text(encoding="utf-8"))
    (tmp_path / "adapter_config.json").write_text(json.dumps(config | {"r": 8}), encoding="utf-8")
    with pytest.raises(ModelError, match="has rank 4, its configuration says 8"):
        plan_model(ModelSpec(model=str(tiny_sd), loras=((str(tmp_path), 1.0),))).require_complete()


def test_a_dora_at_half_weight_is_half_way_to_the_whole_one(
    tiny_sd: Path, adapters: Adapters, plain: Any
) -> None:
    folder, _ = adapters("dora")
    model, half = merged(tiny_sd, folder), merged(tiny_sd, folder, 0.5)
    for own, ours, whole in zip(
        plain.parameters(), half.unet.parameters(), model.unet.parameters(), strict=True
    ):
        assert torch.allclose(ours, (own + whole) / 2, atol=1e-5)


def test_a_tucker_core_is_applied_between_two_small_convolutions() -> None:
    with seeded(3):
        picture = torch.randn(1, 5, 7, 7)
        down, mid, up = torch.randn(3, 5, 1, 1), torch.randn(2, 3, 3, 3), torch.randn(6, 2, 1, 1)
    convolved = torch.conv2d(torch.conv2d(torch.conv2d(picture, down), mid, padding=1), up)
    delta = Delta(lora="a", kind="lora", scale=1.0, factors={"down": down, "mid": mid, "up": up})
    assert torch.allclose(
        torch.conv2d(picture, delta.product().view(6, 5, 3, 3), padding=1), convolved, atol=1e-4
    )
