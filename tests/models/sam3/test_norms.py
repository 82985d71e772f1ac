"""A large picture is normed as by PyTorch's own layers, and keeps its memory layout."""

from types import SimpleNamespace
from typing import Any

import pytest
import torch
from transformers.models.sam3_tracker_video.modeling_sam3_tracker_video import (
    Sam3TrackerVideoLayerNorm,
)

from engine.models.sam3.norms import CHANNELS, ThinLayerNorm, group_norm, thin_layer_norms
from tests.support.fake_cuda.walking import reference_device, walked_card

FAR = 40.0  # from 0: what is lost where a mean is rounded to half precision


def pictures(dtype: torch.dtype) -> torch.Tensor:
    pixels = torch.randn(2, 16, 24, 20, generator=torch.Generator().manual_seed(1)) * 3.0 + FAR
    return pixels.to(dtype, memory_format=torch.channels_last)


def with_weights(norm: torch.nn.Module) -> torch.nn.Module:
    """Give the layer different weights for each channel."""
    for seed, weights in enumerate(norm.parameters()):
        weights.data = torch.linspace(0.5 - seed, 2.0, len(weights))
    return norm.requires_grad_(False)


def encoder_of(*norms: torch.nn.Module) -> Any:
    """What `thin_layer_norms` reads of SAM3's memory encoder."""
    layers = [SimpleNamespace(conv=torch.nn.Conv2d(2, 2, 3), layer_norm=norm) for norm in norms]
    return SimpleNamespace(mask_downsampler=SimpleNamespace(layers=layers))


@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float32, 1e-5), (torch.bfloat16, 0.03)])
@pytest.mark.parametrize("kind", ["group", "layer"])
def test_on_a_card_a_picture_is_normed_as_by_the_plain_layer(
    kind: str, dtype: torch.dtype, tolerance: float
) -> None:
    norms = {
        "group": torch.nn.GroupNorm(8, 16),
        "layer": Sam3TrackerVideoLayerNorm(16, data_format="channels_first"),
    }
    layer = with_weights(norms[kind])
    # in float32 a CPU's GroupNorm is less exact
    expected = layer.double()(pictures(dtype).double())
    with reference_device(), walked_card():
        layer.to("cuda", dtype)
        x = pictures(dtype).to("cuda")
        if kind == "layer":
            wide = Sam3TrackerVideoLayerNorm(2 * CHANNELS["cuda"], data_format="channels_first")
            thin_layer_norms(encoder_of(layer, wide), x.device)
            assert (type(layer), type(wide)) == (ThinLayerNorm, Sam3TrackerVideoLayerNorm)
        found = layer(x) if kind == "layer" else group_norm(layer, x)
        assert found.dtype == dtype and found.is_contiguous(memory_format=torch.channels_last)
        assert (found.cpu() - expected).abs().max() < tolerance * expected.abs().max()


@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float32, 1e-5), (torch.bfloat16, 0.03)])
def test_on_a_cpu_few_channels_are_normed_as_by_the_plain_layer(
    dtype: torch.dtype, tolerance: float
) -> None:
    thin, wide = (
        with_weights(Sam3TrackerVideoLayerNorm(n, data_format="channels_first")) for n in (16, 32)
    )
    expected = thin.double()(pictures(dtype).double())
    encoder = encoder_of(thin.to(dtype), wide)
    encoder.mask_downsampler.layers[0].conv.to(memory_format=torch.channels_last)
    thin_layer_norms(encoder, torch.device("cpu"))
    assert (type(thin), type(wide)) == (ThinLayerNorm, Sam3TrackerVideoLayerNorm)
    assert encoder.mask_downsampler.layers[0].conv.weight.is_contiguous(), (
        "its pictures come channel by channel"
    )
    found = thin(pictures(dtype).contiguous())
    assert found.dtype == dtype and found.is_contiguous()
    assert (found - expected).abs().max() < tolerance * expected.abs().max()


def test_on_a_cpu_groups_are_normed_by_torch() -> None:
    group, x = with_weights(torch.nn.GroupNorm(8, 16)), pictures(torch.float32)
    assert torch.equal(group_norm(group, x), group(x))
