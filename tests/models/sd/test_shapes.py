"""The models for measuring speed have the sizes of the published ones."""

import pytest
import torch

from engine.errors import ModelError
from engine.models.sd import ModelSpec
from engine.models.sd.load import load
from engine.models.sd.shapes import build_taesd, build_unet
from tests.benchmarks.gflop import sd_gflop
from tests.support.long_form import IS_SOAK

PARAMETERS = {
    "sd15": 859_520_964,
    "sd-turbo": 865_910_724,
    "sdxl-turbo": 2_567_463_684,
    "ssd-1b": 1_331_334_404,  # "1.3B" on its card; 2.66 GB in float16
    "sdxs": 315_746_244,  # "0.32B" in its paper (arXiv 2403.16627)
}
"""Weights of each UNet, from model cards and files."""


@pytest.mark.parametrize("name", PARAMETERS)
def test_unets_have_as_many_weights_as_the_published_ones(name: str) -> None:
    with torch.device("meta"):
        assert sum(weight.numel() for weight in build_unet(name).parameters()) == PARAMETERS[name]
        # both halves
        assert sum(weight.numel() for weight in build_taesd(name).parameters()) == 2_445_063


@pytest.mark.soak
def test_the_counted_work_of_a_call_equals_published_counts() -> None:
    work = sd_gflop("sd15", 512, 512)
    assert {part: round(amount) for part, amount in work.items()} == {
        "unet": 803,
        "encode": 122,
        "decode": 141,
    }
    assert round(sd_gflop("sdxs", 512, 512)["unet"]) == 369
    if IS_SOAK:  # each for seconds of a processor
        assert round(sd_gflop("sdxl-turbo", 512, 512)["unet"]) == 1589
        assert round(sd_gflop("ssd-1b", 512, 512)["unet"]) == 980


def test_a_model_with_random_weights_is_loaded_by_the_name_of_its_shape() -> None:
    model = load(ModelSpec(model="random:tiny"), "cpu", "float32")
    assert (model.family, model.sampler, model.is_tiny_vae) == ("sd15", "lcm", True)
    with pytest.raises(ModelError, match="huge: not one of sd15, sd-turbo"):
        load(ModelSpec(model="random:huge"), "cpu", "float32")
    with pytest.raises(ModelError, match="random weights: no LoRA"):
        load(ModelSpec(model="random:tiny", loras=(("a", 1.0),)), "cpu", "float32")
