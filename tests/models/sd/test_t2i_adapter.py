"""A T2I-Adapter among the ControlNets does what diffusers' UNet does with its features."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from engine.errors import ModelError
from engine.models.graphs import DirectCalls
from engine.models.sd import ModelSpec
from engine.models.sd.check import check
from engine.models.sd.load import load
from engine.models.sd.single import paint
from engine.models.sd.t2i_adapter import Adapter
from engine.models.sd.unet_parts import chain
from engine.models.seeded import seeded
from tests.conftest import TinyModels
from tests.live.sd.studio import source_picture
from tests.support.tiny_models import TEXT_WIDTH


def unet_like_sdxl() -> Any:
    """Three levels, the first without attention: an adapter for it has a fourth feature, for the middle."""
    from diffusers import UNet2DConditionModel

    with seeded(0):
        return UNet2DConditionModel(
            block_out_channels=(32, 64, 64), layers_per_block=1, cross_attention_dim=TEXT_WIDTH, norm_num_groups=8,
            down_block_types=("DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D"),
            up_block_types=("CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D"), attention_head_dim=4,
        ).eval()  # fmt: skip


def sees_text_first() -> Any:
    """As SD 1.5: attention first, and a last level without."""
    from diffusers import UNet2DConditionModel

    with seeded(0):
        return UNet2DConditionModel(
            block_out_channels=(32, 64), layers_per_block=1, cross_attention_dim=TEXT_WIDTH, norm_num_groups=8,
            down_block_types=("CrossAttnDownBlock2D", "DownBlock2D"), attention_head_dim=4,
            up_block_types=("UpBlock2D", "CrossAttnUpBlock2D"),
        ).eval()  # fmt: skip


@pytest.mark.parametrize("is_xl", [True, False])
@pytest.mark.parametrize("is_split", [True, False])
def test_its_features_are_added_where_diffusers_adds_them(is_xl: bool, is_split: bool) -> None:
    from diffusers import T2IAdapter

    unet = unet_like_sdxl() if is_xl else sees_text_first()
    with seeded(1):
        if is_xl:
            network = T2IAdapter(3, [32, 64, 64, 64], downscale_factor=16, adapter_type="full_adapter_xl").eval()
        else:
            network = T2IAdapter(1, [32, 64], downscale_factor=8).eval()
    z, text, picture = torch.randn(2, 4, 16, 16), torch.randn(1, 77, TEXT_WIDTH), torch.rand(2, 3, 128, 128)
    with torch.no_grad():
        features = [0.5 * each for each in network(picture if is_xl else picture.mean(1, keepdim=True))]
        t, count = torch.tensor([300, 700]), len(features)
        texts = text.expand(2, -1, -1)
        expected = unet(z, t, texts, down_intrablock_additional_residuals=list(features))[0]
        without = unet(z, t, texts, down_intrablock_additional_residuals=features[: count - 1])[0]
        empty: dict[str, Any] = dict.fromkeys(
            "negative_text keys negative_keys pooled negative_pooled time_ids ip negative_ip guidance".split()
        )
        state = empty | {"sample": z, "timesteps": t, "text": text, "controls": ((picture, torch.tensor(0.5)),)}
        parts = chain(unet, [Adapter(network)], 0, is_split=is_split)
        ours = DirectCalls().run("call", parts, state)["output"]
    assert torch.allclose(ours, expected, atol=1e-5)
    assert not torch.allclose(expected, without, atol=1e-4), "the last feature has an effect, too"


def test_it_is_one_of_the_controlnets_of_a_model(tiny_models: TinyModels) -> None:
    sd = tiny_models.sd(kind="sdxl")
    nets = (tiny_models.t2i_adapter(channels=1), tiny_models.controlnet(sd))
    spec = ModelSpec(model=str(sd), controlnets=tuple(map(str, nets)))
    assert check(spec).is_complete
    model = load(spec, "cpu", "float32")

    def painted(*scales: float, seed: int = 1, guidance: float = 2.0) -> np.ndarray:
        controls = [(source_picture(seed), scale) for scale in scales]
        return paint(
            model, source_picture(0), prompt="sea", guidance=guidance, width=128, height=128, controls=controls
        )

    plain = painted()
    assert np.array_equal(painted(0.0), plain) and not np.array_equal(painted(1.0), plain)
    assert not np.array_equal(painted(1.0, seed=2), painted(1.0))
    assert not np.array_equal(painted(1.0, 1.0), painted(0.0, 1.0))
    assert not np.array_equal(painted(1.0, 1.0), painted(1.0))


def test_one_for_another_model_is_told_before_loading(tiny_models: TinyModels, tiny_sd: Path, tmp_path: Path) -> None:
    from diffusers import T2IAdapter

    xl = tiny_models.sd(kind="sdxl")
    for name, channels, taken in (("wide", 3, [64, 64]), ("odd", 4, [32, 64])):
        T2IAdapter(channels, taken, downscale_factor=16, adapter_type="full_adapter_xl").save_pretrained(
            tmp_path / name
        )
    for sd, net, said in (
        (tiny_sd, tiny_models.t2i_adapter(), "a T2I-Adapter made for"),
        (xl, tmp_path / "wide", r"a T2I-Adapter for another UNet \(channels \[64, 64\]"),
        (xl, tmp_path / "odd", "takes pictures of 4 channels; supported: 1 and 3"),
    ):
        with pytest.raises(ModelError, match=said) as told:
            load(ModelSpec(model=str(sd), controlnets=(str(net),)), "cpu", "float32")
        assert "\n" not in str(told.value)
