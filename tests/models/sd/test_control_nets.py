"""A ControlNet Union and a T2I-Adapter do what diffusers' networks do."""

from pathlib import Path
from typing import Any

import pytest
import torch

from engine.errors import ModelError
from engine.live.sd.painter import Painter
from engine.live.sd.settings import read_settings
from engine.models.graphs import DirectRunner
from engine.models.random_models import seeded
from engine.models.sd import ModelSpec
from engine.models.sd.control_nets import KINDS, T2IAdapterNet
from engine.models.sd.load import load
from engine.models.sd.unet_parts import chain
from tests.conftest import TinyModels
from tests.live.sd.rig import BASE, source_picture
from tests.support.tiny_models import TEXT_WIDTH


@pytest.fixture(scope="module")
def model(tiny_sd: Path, tiny_models: TinyModels) -> Any:
    """A tiny model with a union of six kinds, and a plain ControlNet."""
    nets = (tiny_models.controlnet(tiny_sd, kinds=6), tiny_models.controlnet(tiny_sd))
    return load(ModelSpec(model=str(tiny_sd), controlnets=tuple(map(str, nets))), "cpu", "float32")


def test_each_kind_is_a_view_of_the_same_weights_and_says_what_diffusers_does(
    model: Any, tiny_sd: Path, tiny_models: TinyModels
) -> None:
    from diffusers import ControlNetUnionModel

    folder = tiny_models.controlnet(tiny_sd, kinds=6)
    theirs = ControlNetUnionModel.from_pretrained(folder, local_files_only=True).eval()
    assert model.controlnet_count == 2 and list(model.union_views) == [
        (0, kind) for kind in KINDS[:6]
    ]
    z, text, picture = torch.ones(2, 4, 8, 8), torch.ones(2, 77, 32), torch.rand(2, 3, 64, 64)
    for number, kind in enumerate(KINDS[:6]):
        view, kinds = model.controlnets[model.union_views[0, kind]], torch.eye(6)[[number, number]]
        common = {"encoder_hidden_states": text, "added_cond_kwargs": {}, "return_dict": False}
        t = torch.tensor([400, 400])
        with torch.no_grad():
            ours = view(
                z, t, controlnet_cond=picture, conditioning_scale=torch.tensor(0.5), **common
            )
            control = {
                "controlnet_cond": [picture],
                "control_type": kinds,
                "control_type_idx": [number],
            }
            expected = theirs(z, t, conditioning_scale=[0.5], **control, **common)
        for residual, other in zip((*ours[0], ours[1]), (*expected[0], expected[1]), strict=True):
            assert torch.allclose(residual, other, atol=1e-4)
    views = [model.controlnets[index] for index in model.union_views.values()]
    assert len({next(view.parameters()).data_ptr() for view in views}) == 1


def test_the_mode_chooses_the_kind_and_a_missing_one_is_noted(model: Any) -> None:
    notes: list[str] = []
    painter = Painter(model, note=lambda key, line: notes.append(line))

    def painted(number: int = 1, **control: object) -> bytes:
        values = {
            f"/sd/controlnet/{number}/{name}": value
            for name, value in {"enable": True, **control}.items()
        }
        painter.apply(read_settings(BASE | {"/sd/mode": "single"} | values))
        picture = painter.paint(source_picture(0))
        assert picture is not None
        return picture.pixels.tobytes()

    by_mode = {mode: painted(mode=mode) for mode in ("auto", *KINDS[:6])}
    assert by_mode["auto"] == by_mode["edges"], "of its own picture, tile; it has none"
    assert len(set(by_mode.values())) == 6 and not notes
    assert (
        painted(source="soft")
        == painted(source="soft", mode="soft")
        != painted(source="soft", mode="depth")
    )
    assert painted(mode="tile") == by_mode["edges"]
    assert notes == [
        "/sd/controlnet/1/mode tile: ControlNet 1: it has no such mode, and sees edges"
    ]
    assert painted(2, mode="depth") == painted(2)
    assert notes[1:] == [
        "/sd/controlnet/2/mode depth: ControlNet 2: no effect, because it is no union"
    ]


def unet_of(is_xl: bool) -> Any:
    """Like SDXL's, three levels, the first without attention: its adapter has a fourth feature, for
    the middle. Or like SD 1.5's: attention first, and a last level without."""
    from diffusers import UNet2DConditionModel

    kinds = (
        ["DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D"]
        if is_xl
        else ["CrossAttnDownBlock2D", "DownBlock2D"]
    )
    with seeded(0):
        return UNet2DConditionModel(
            block_out_channels=(32, 64, 64)[: len(kinds)],
            layers_per_block=1,
            cross_attention_dim=TEXT_WIDTH,
            norm_num_groups=8,
            down_block_types=kinds,
            up_block_types=[kind.replace("Down", "Up") for kind in reversed(kinds)],
            attention_head_dim=4,
        ).eval()


@pytest.mark.parametrize("is_xl", [True, False])
@pytest.mark.parametrize("is_split", [True, False])
def test_its_features_are_added_where_diffusers_adds_them(is_xl: bool, is_split: bool) -> None:
    from diffusers import T2IAdapter

    unet = unet_of(is_xl)
    with seeded(1):
        if is_xl:
            network = T2IAdapter(
                3, [32, 64, 64, 64], downscale_factor=16, adapter_type="full_adapter_xl"
            ).eval()
        else:
            network = T2IAdapter(1, [32, 64], downscale_factor=8).eval()
    z, text, picture = (
        torch.randn(2, 4, 16, 16),
        torch.randn(1, 77, TEXT_WIDTH),
        torch.rand(2, 3, 128, 128),
    )
    with torch.no_grad():
        features = [
            0.5 * each for each in network(picture if is_xl else picture.mean(1, keepdim=True))
        ]
        t, count = torch.tensor([300, 700]), len(features)
        texts = text.expand(2, -1, -1)
        expected = unet(z, t, texts, down_intrablock_additional_residuals=list(features))[0]
        without = unet(z, t, texts, down_intrablock_additional_residuals=features[: count - 1])[0]
        empty: dict[str, Any] = dict.fromkeys(
            "negative_text keys negative_keys pooled negative_pooled time_ids ip negative_ip "
            "guidance".split()
        )
        state = empty | {
            "sample": z,
            "timesteps": t,
            "text": text,
            "controls": ((picture, torch.tensor(0.5)),),
        }
        parts = chain(unet, [T2IAdapterNet(network)], 0, is_split=is_split)
        ours = DirectRunner().run("call", parts, state)["output"]
    assert torch.allclose(ours, expected, atol=1e-5)
    assert not torch.allclose(expected, without, atol=1e-4), "the last feature has an effect, too"


def test_one_for_another_model_is_refused_before_loading(
    tiny_models: TinyModels, tiny_sd: Path, tmp_path: Path
) -> None:
    from diffusers import T2IAdapter

    xl = tiny_models.sd(kind="sdxl")
    for name, channels, widths in (("wide", 3, [64, 64]), ("odd", 4, [32, 64])):
        T2IAdapter(
            channels, widths, downscale_factor=16, adapter_type="full_adapter_xl"
        ).save_pretrained(tmp_path / name)
    for sd, net, reason in (
        (tiny_sd, tiny_models.t2i_adapter(), "a T2I-Adapter made for"),
        (xl, tmp_path / "wide", r"a T2I-Adapter for another UNet \(channels \[64, 64\]"),
        (xl, tmp_path / "odd", "takes pictures of 4 channels; supported: 1 and 3"),
    ):
        with pytest.raises(ModelError, match=reason) as error:
            load(ModelSpec(model=str(sd), controlnets=(str(net),)), "cpu", "float32")
        assert "\n" not in str(error.value)
