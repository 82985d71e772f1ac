"""One UNet call: in parts or whole, directly or through graph buffers, with and without a negative
prompt."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import cache
from typing import Any

import pytest
import torch

from engine.errors import ModelError
from engine.models.graphs import State
from engine.models.sd.attention import install_attention
from engine.models.sd.conditioner import Conditioner, Conditioning
from engine.models.sd.denoiser import ControlInput, Denoiser
from engine.models.sd.load import load
from engine.models.sd.model import DiffusionModel
from engine.models.sd.shapes import TINY_BLOCKS
from engine.models.sd.spec import ModelSpec
from engine.models.sd.unet_parts import PLAIN, UnetPart, mid, whole
from tests.models.sd.oracle import source_picture
from tests.models.sd.plain_stream import random_latents
from tests.support.long_form import in_long_form

T = torch.tensor([999, 459, 19])
DOWN, UP = "CrossAttnDownBlock2D", "CrossAttnUpBlock2D"
LAYOUTS: dict[str, dict[str, Any]] = {
    "four blocks a side, SD 1.5": {
        "block_out_channels": (32, 32, 32, 32),
        "layers_per_block": 1,
        "down_block_types": (DOWN, DOWN, DOWN, "DownBlock2D"),
        "up_block_types": ("UpBlock2D", UP, UP, UP),
    },
    "three blocks a side, SDXL": {
        "block_out_channels": (32, 32, 32),
        "layers_per_block": 1,
        "down_block_types": ("DownBlock2D", DOWN, DOWN),
        "up_block_types": (UP, UP, "UpBlock2D"),
    },
    "no middle, BK-SDM tiny": {
        "mid_block_type": None,
        "down_block_types": (DOWN, DOWN),
        "up_block_types": (UP, UP),
    },
    "no middle, SDXS": {"mid_block_type": None, "down_block_types": ("DownBlock2D", DOWN)},
    "middle without the text, SSD-1B": {
        "mid_block_type": "UNetMidBlock2D",
        "transformer_layers_per_block": ((1, 2), (2, 1)),
        "reverse_transformer_layers_per_block": ((3, 1, 2), (1, 1, 1)),
        "layers_per_block": 2,
        "down_block_types": (DOWN, DOWN),
        "up_block_types": (UP, UP),
    },
    "simple middle": {"mid_block_type": "UNetMidBlock2DSimpleCrossAttn"},
    "uneven": {"layers_per_block": (1, 3), "only_cross_attention": (True, False)},
}


def model_of(tiny_models: Any, kind: str, **spec: Any) -> DiffusionModel:
    return load(ModelSpec(model=str(tiny_models.sd(kind=kind)), **spec), "cpu", "fp32")


@pytest.fixture(scope="module")
def models(tiny_models: Any) -> Callable[[str], DiffusionModel]:
    """`models(kind)`: loaded once and never changed."""
    return cache(lambda kind: model_of(tiny_models, kind))


@pytest.fixture(scope="module")
def full_models(tiny_models: Any) -> Callable[[str], DiffusionModel]:
    """`full_models(kind)` is a tiny model with two ControlNets, and for SD 1.5 an IP-Adapter. Never
    changed."""

    def full(kind: str) -> DiffusionModel:
        sd = tiny_models.sd(kind=kind)
        nets = (str(tiny_models.controlnet(sd)), str(tiny_models.controlnet(sd, seed=9)))
        ip_adapter = str(tiny_models.ip_adapter(sd)) if kind == "sd15" else ""
        return model_of(tiny_models, kind, controlnets=nets, ip_adapter=ip_adapter)

    return cache(full)


def chained(unet: Any, pieces: Sequence[UnetPart], state: State) -> State:
    for piece in pieces:
        state = piece(unet, state)
    return state


def cond_of(model: DiffusionModel, prompt: str = "the cat") -> Conditioning:
    ip_images = [] if model.ip_adapter is None else [(source_picture(len(prompt)), 1.0)]
    return Conditioner(model).encode(prompt, "grey", ip_images=ip_images, size=(64, 64))


def controls(seed: int, size: tuple[int, int] = (64, 64)) -> list[ControlInput]:
    generator = torch.Generator().manual_seed(seed)
    return [
        ControlInput(
            index=index, picture=torch.rand((3, 3, *size), generator=generator), scale=1.0 / seed
        )
        for index in (1, 0)
    ]


@pytest.mark.parametrize(
    ("kind", "inputs"),
    [("sd15", ()), ("sdxl", controls(1)), *in_long_form(("sd15", controls(1)), ("sdxl", ()))],
)
def test_the_parts_add_up_to_the_librarys_forward_bit_for_bit(
    full_models: Callable[[str], DiffusionModel], kind: str, inputs: Sequence[ControlInput]
) -> None:
    model = full_models(kind)
    cond, z = cond_of(model), random_latents(3, seed=1)
    interruptions: list[None] = []
    whole = Denoiser(model).guided_output(
        z, T, cond, inputs, guidance=2.0, between=lambda: interruptions.append(None)
    )
    assert len(interruptions) == 0
    split = Denoiser(model, is_split=True)
    parts = split.guided_output(
        z, T, cond, inputs, guidance=2.0, between=lambda: interruptions.append(None)
    )
    assert torch.equal(whole, parts)
    assert len(interruptions) == (5 if inputs else 4), "two blocks a side and the middle"


@pytest.mark.parametrize(
    ("is_controlled", "size"),
    [(True, (7, 9)), *in_long_form((True, (8, 8)), (False, (7, 9)), (False, (8, 8)))],
)
@pytest.mark.parametrize("layout", LAYOUTS)
def test_unets_of_other_layouts_are_split_too(
    layout: str, is_controlled: bool, size: tuple[int, int]
) -> None:
    """Bit for bit the same as the library's forward, which has no parts."""
    from diffusers import UNet2DConditionModel

    with torch.random.fork_rng(), torch.no_grad():
        torch.manual_seed(0)
        unet = UNet2DConditionModel(
            **({"sample_size": 64, "cross_attention_dim": 32, **TINY_BLOCKS} | LAYOUTS[layout])
        )
        unet.eval()
        state = {
            "sample": random_latents(2, seed=1, size=size),
            "timesteps": T[:2],
            "hidden": torch.randn(2, 5, 32),
            "keys": None,
            "added": {},
            "images": None,
            "guidance": None,
            "residuals": None,
            "features": (),
        }
        pieces = PLAIN.pieces_of(unet)
        assert len(pieces) == 2 * min(len(unet.down_blocks), 3) + 1
        if is_controlled:
            below = chained(unet, pieces[: pieces.index(mid)], state)
            state["residuals"] = (
                tuple(torch.randn_like(skip) for skip in below["skips"]),
                torch.randn_like(below["sample"]),
            )
        expected = whole(unet, state)["output"]
        assert torch.equal(chained(unet, pieces, state)["output"], expected)
        weight = install_attention(unet)
        assert (weight is None) == (layout == "simple middle"), "its attention is of another kind"
        for keys in (
            None,
            weight if weight is None else torch.nn.functional.linear(state["hidden"], weight),
        ):
            shared = chained(unet, pieces, state | {"keys": keys})["output"]
            torch.testing.assert_close(shared, expected, rtol=1e-5, atol=1e-5)


def test_guidance_up_to_one_is_off_and_above_needs_a_negative_prompt(
    models: Callable[[str], DiffusionModel],
) -> None:
    model = models("sd15")
    cond, without, z = (
        cond_of(model),
        Conditioner(model).encode("the cat", None),
        random_latents(3, seed=3),
    )
    expected = Denoiser(model).guided_output(z, T, without, guidance=1.0)
    for guidance in (0.0, 0.5, 1.0):
        assert torch.equal(Denoiser(model).guided_output(z, T, cond, guidance=guidance), expected)
    with pytest.raises(ModelError, match="negative prompt"):
        Denoiser(model).guided_output(z, T, without, guidance=2.0)


def test_a_control_at_scale_zero_changes_nothing_at_all(
    full_models: Callable[[str], DiffusionModel],
) -> None:
    model = full_models("sd15")
    cond, z = cond_of(model), random_latents(3, seed=4)
    silent = [replace(each, scale=0.0) for each in controls(1)]
    plain = Denoiser(model).guided_output(z, T, cond)
    assert torch.equal(Denoiser(model).guided_output(z, T, cond, silent), plain)
    assert not torch.allclose(
        Denoiser(model).guided_output(z, T, cond, controls(1)), plain, atol=1e-2
    )
