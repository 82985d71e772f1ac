from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image

from engine.errors import ModelError
from engine.models.sd import ModelSpec
from engine.models.sd.conditioner import Conditioner
from engine.models.sd.load import load
from engine.models.sd.model import DiffusionModel
from engine.models.sd.pixels import Pixels
from tests.models.sd.oracle import (
    SIDE_PX,
    difference,
    diffusers_picture,
    our_latents,
    our_picture,
    pipeline_of,
    source_picture,
)

EDGES = source_picture(seed=3)


def residuals_of(model: DiffusionModel, scales: list[torch.Tensor]) -> Any:
    """The summed residuals of the model's ControlNets for EDGES, each times its scale."""
    picture = Pixels(model, SIDE_PX, SIDE_PX).prepare_control(EDGES[None])

    def residuals(z: torch.Tensor, t: torch.Tensor, text: torch.Tensor, added: dict) -> dict[str, Any]:
        said = [
            net(z, t, text, picture, conditioning_scale=scale, added_cond_kwargs=added, return_dict=False)
            for net, scale in zip(model.controlnets, scales, strict=True)
        ]
        downs = [sum(levels[1:], levels[0]) for levels in zip(*(down for down, _ in said), strict=True)]
        mids = [mid for _, mid in said]
        return {
            "down_block_additional_residuals": downs,
            "mid_block_additional_residual": sum(mids[1:], mids[0]),
        }

    return residuals


@pytest.mark.parametrize("kind", ["sd15", "sdxl"])
def test_two_controlnets_have_the_same_effect_as_in_diffusers(tiny_models: Any, kind: str) -> None:
    from diffusers import ControlNetModel

    sd = tiny_models.sd(kind=kind, sampler="lcm")
    folders = [tiny_models.controlnet(sd, seed=seed) for seed in (1, 4)]
    model = load(ModelSpec(model=str(sd), controlnets=tuple(map(str, folders))), "cpu", "fp32")
    nets = [ControlNetModel.from_pretrained(folder, local_files_only=True) for folder in folders]
    edges = Image.fromarray(EDGES)
    pipeline = pipeline_of(sd, controlnet=nets)
    theirs = diffusers_picture(pipeline, control_image=[edges, edges], controlnet_conditioning_scale=[1.0, 0.5])
    cond = Conditioner(model).encode("a cat", None, size=(SIDE_PX, SIDE_PX))
    ours = our_picture(model, cond, residuals_of(model, [torch.tensor(1.0), torch.tensor(0.5)]))
    assert difference(our_picture(model, cond), ours) > 5.0
    assert difference(theirs, ours) < 0.5 + 0.255


def test_at_strength_0_a_controlnet_leaves_the_result_bit_identical(tiny_models: Any, tiny_sd: Path) -> None:
    model = load(ModelSpec(model=str(tiny_sd), controlnets=(str(tiny_models.controlnet(tiny_sd)),)), "cpu", "fp32")
    cond = Conditioner(model).encode("a cat", None)
    assert torch.equal(our_latents(model, cond, residuals_of(model, [torch.tensor(0.0)])), our_latents(model, cond))


def test_a_controlnet_for_another_model_is_refused(tiny_models: Any, tiny_sd: Path) -> None:
    other = tiny_models.controlnet(tiny_models.sd(kind="sdxl"))
    with pytest.raises(ModelError, match=r"a ControlNet made for SDXL, .* is SD 1.5; one that fits: lllyasviel/"):
        load(ModelSpec(model=str(tiny_sd), controlnets=(str(other),)), "cpu", "fp32")


def test_a_folder_that_is_not_a_controlnet_is_refused(tiny_sd: Path, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="not a diffusers ControlNet folder"):
        load(ModelSpec(model=str(tiny_sd), controlnets=(str(tmp_path),)), "cpu", "fp32")
