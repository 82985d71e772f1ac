"""Attention with joined products, and with a text for each region of the picture."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

from engine.live.sd.painter import Painter, region_masks
from engine.live.sd.settings import read_settings
from engine.models.sd.conditioner import Conditioner
from engine.models.sd.denoiser import ControlInput, Denoiser
from engine.models.sd.model import DiffusionModel
from tests.live.sd.rig import source_picture
from tests.models.sd.plain_stream import loaded, random_latents

T = torch.tensor([999, 459])
SIDE = 128
QUARTERS = np.zeros((90, 160), np.uint8)
QUARTERS[:45, 80:], QUARTERS[45:, :80], QUARTERS[45:, 80:] = 1, 2, 3
BASE: dict[str, Any] = {
    "/sd/prompt": "sea",
    "/sd/width": SIDE,
    "/sd/height": SIDE,
    "/sd/regions": True,
}
FOUR = {
    f"/sd/prompts/{n}/text": text for n, text in enumerate(("ice", "fire", "fog", "rain"), start=1)
}
FOUR |= {f"/sd/prompts/{n}/weight": 1.0 for n in range(1, 5)}


def plain(network: Any) -> Any:
    """The same network with diffusers' own attention, on the same weights in memory."""
    with torch.device("meta"):
        twin = type(network).from_config(network.config)
    twin.load_state_dict(network.state_dict(), assign=True)
    return twin.requires_grad_(False).eval()


@pytest.mark.parametrize("kind", ["sd15", "sdxl"])
def test_pictures_are_those_of_separate_products(tiny_models: Any, kind: str) -> None:
    sd = tiny_models.sd(kind=kind)
    extra: dict[str, Any] = {"loras": ((str(tiny_models.lora(sd)), 0.0),)} if kind == "sd15" else {}
    model = loaded(sd, controlnets=(str(tiny_models.controlnet(sd)),), **extra)
    separate = replace(
        model,
        unet=plain(model.unet),
        controlnets=tuple(map(plain, model.controlnets)),
        text_weight=None,
    )
    ours, theirs, conditioner = Denoiser(model), Denoiser(separate), Conditioner(model)
    cat, fire, z = (
        conditioner.encode("the cat", "grey"),
        conditioner.encode("fire", "grey"),
        random_latents(2, seed=1),
    )
    for cond in (cat, cat, fire, cat):
        expected = theirs.guided_output(z, T, cond, guidance=2.0)
        torch.testing.assert_close(
            ours.guided_output(z, T, cond, guidance=2.0), expected, rtol=1e-4, atol=1e-4
        )
    expected = ours.guided_output(z, T, fire, guidance=2.0)
    ours.guided_output(z, T, cat, guidance=2.0)
    cat.prompt_embeds.copy_(fire.prompt_embeds)
    if cat.pooled_embeds is not None and fire.pooled_embeds is not None:
        cat.pooled_embeds.copy_(fire.pooled_embeds)
    assert torch.equal(ours.guided_output(z, T, cat, guidance=2.0), expected), (
        "the same tensors with other values"
    )
    controls = [ControlInput(index=0, picture=torch.full((2, 3, 64, 64), 0.3), scale=0.7)]
    expected = theirs.guided_output(z, T, cat, controls)
    torch.testing.assert_close(
        ours.guided_output(z, T, cat, controls), expected, rtol=1e-4, atol=1e-4
    )
    if model.loras is not None:
        model.loras.set_weights(dict.fromkeys(model.loras.names, 0.9))
        moved = theirs.guided_output(z, T, cat)
        assert not torch.allclose(moved, expected, atol=1e-2)
        torch.testing.assert_close(ours.guided_output(z, T, cat), moved, rtol=1e-4, atol=1e-4)


@pytest.fixture(scope="module")
def model(tiny_models: Any) -> DiffusionModel:
    return loaded(tiny_models.sd(vae="kl"))


def painted(
    model: DiffusionModel, regions: np.ndarray | None = QUARTERS, **values: Any
) -> np.ndarray:
    """The second picture of a stream of two steps, as int16."""
    notes: list[str] = []
    painter = Painter(model, note=lambda key, line: notes.append(line))
    painter.apply(read_settings(settings := BASE | {"/sd/steps": 4} | values))
    has_none = settings["/sd/regions"] and not any(
        settings.get(f"/sd/prompts/{n}/weight") for n in range(1, 5)
    )
    assert notes == ["/sd/regions: none of the prompts 1 to 4 has a text and a weight"] * has_none
    for _ in range(3):
        picture = painter.paint(source_picture(0), regions=regions)
    assert picture is not None
    return picture.pixels.astype(np.int16)


def test_region_masks_follow_map_and_weights_and_add_up_to_one() -> None:
    masks = region_masks(QUARTERS, (1.0, 0.25, 0.0, 0.5), (64, 64), (8, 8))
    assert masks.shape == (5, 8, 8) and np.allclose(masks.sum(axis=0), 1.0)
    expected = np.zeros((8, 8))
    expected[:4, 4:], expected[4:, :4], expected[4:, 4:] = 0.75, 1.0, 0.5
    assert np.allclose(masks[0], expected), "what the regions leave is the plain prompt's"
    assert np.allclose(masks[2, :4, 4:], 0.25)
    assert np.array_equal(
        region_masks(None, (1.0, 1.0, 1.0, 1.0), (64, 64), (8, 8))[0], np.ones((8, 8))
    )


def test_a_region_everywhere_paints_what_its_prompt_paints_alone(model: DiffusionModel) -> None:
    everywhere = painted(model, np.full_like(QUARTERS, 1), **FOUR)
    assert (
        np.abs(
            everywhere - painted(model, None, **{"/sd/regions": False, "/sd/prompt": "fire"})
        ).max()
        <= 1
    )
    for plain in ({}, FOUR | {f"/sd/prompts/{n}/weight": 0.0 for n in range(1, 5)}):
        assert (
            np.abs(painted(model, **plain) - painted(model, None, **{"/sd/regions": False})).max()
            <= 1
        )
    assert np.abs(painted(model, None, **FOUR) - painted(model, None)).max() <= 1, (
        "no map yet: the plain prompt"
    )


def test_a_prompt_changes_its_own_region_and_hardly_what_is_outside(model: DiffusionModel) -> None:
    change = np.abs(
        painted(model, **FOUR) - painted(model, **FOUR | {"/sd/prompts/1/text": "a dog in the sun"})
    )
    upper, left = slice(0, SIDE // 2), slice(0, SIDE // 2)
    inside, beside, below = (
        change[upper, left].mean(),
        change[upper, SIDE // 2 :].mean(),
        change[SIDE // 2 :].mean(),
    )
    assert max(beside, below) < 1.0 and inside > 1.5 * max(beside, below), (inside, beside, below)


@pytest.mark.parametrize("guidance", [1.0, 3.0])
def test_four_regions_are_one_unet_call(model: DiffusionModel, guidance: float) -> None:
    rows: list[int] = []
    values = {"/sd/guidance": guidance, "/sd/cfg_type": "full", "/sd/mode": "single"}
    with model.unet.conv_in.register_forward_pre_hook(
        lambda layer, inputs: rows.append(len(inputs[0]))
    ):
        painted(model, **FOUR | values)
    assert rows == [2 if guidance > 1.0 else 1] * len(rows)


def test_texts_of_other_lengths_and_the_frame_before_go_with_regions(model: DiffusionModel) -> None:
    long = painted(model, **FOUR | {"/sd/prompts/3/text": "fog " * 80, "/sd/consistency": 0.5})
    assert long.shape == (SIDE, SIDE, 3) and np.ptp(long) > 10
