"""On a card a picture is normed as by PyTorch's own layers, and keeps its memory layout."""

import pytest
import torch
from transformers.models.sam3_tracker_video.modeling_sam3_tracker_video import Sam3TrackerVideoLayerNorm

from engine.models.sam3.card_norms import CHANNELS, ThinLayerNorm, group_norm, thin_layer_norms
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


@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float32, 1e-5), (torch.bfloat16, 0.03)])
@pytest.mark.parametrize("kind", ["group", "layer"])
def test_a_picture_is_normed_as_by_the_plain_layer(kind: str, dtype: torch.dtype, tolerance: float) -> None:
    norms = {"group": torch.nn.GroupNorm(8, 16), "layer": Sam3TrackerVideoLayerNorm(16, data_format="channels_first")}
    layer = with_weights(norms[kind])
    expected = layer.double()(pictures(dtype).double())  # in float32 a CPU's GroupNorm is less exact
    with reference_device(), walked_card():
        layer.to("cuda", dtype)
        x = pictures(dtype).to("cuda")
        if kind == "layer":
            network = torch.nn.Sequential(layer, wide := Sam3TrackerVideoLayerNorm(2 * CHANNELS))
            thin_layer_norms(network, x.device)
            assert (type(layer), type(wide)) == (ThinLayerNorm, Sam3TrackerVideoLayerNorm)
        found = layer(x) if kind == "layer" else group_norm(layer, x)
        assert found.dtype == dtype and found.is_contiguous(memory_format=torch.channels_last)
        assert (found.cpu() - expected).abs().max() < tolerance * expected.abs().max()


def test_on_a_cpu_the_layers_stay_those_of_transformers() -> None:
    norm = Sam3TrackerVideoLayerNorm(4, data_format="channels_first")
    thin_layer_norms(norm, torch.device("cpu"))
    assert type(norm) is Sam3TrackerVideoLayerNorm
    group, x = with_weights(torch.nn.GroupNorm(8, 16)), pictures(torch.float32)
    assert torch.equal(group_norm(group, x), group(x))
