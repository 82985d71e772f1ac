"""On a card a picture is normed as by PyTorch's own layers, and keeps its memory layout."""

import pytest
import torch
from transformers.models.sam3_tracker_video.modeling_sam3_tracker_video import Sam3TrackerVideoLayerNorm

from engine.models.sam3.card_norms import CHANNELS, ThinLayerNorm, group_normed, thin_layer_norms
from tests.support.sham_card.walking import reference_device, walked_card

FAR = 40.0  # from 0: what is lost where a mean is rounded to half precision


def pictures(dtype: torch.dtype) -> torch.Tensor:
    drawn = torch.randn(2, 16, 24, 20, generator=torch.Generator().manual_seed(1)) * 3.0 + FAR
    return drawn.to(dtype, memory_format=torch.channels_last)


def drawn(norm: torch.nn.Module) -> torch.nn.Module:
    """The same with weights of its own for each channel."""
    for place, weights in enumerate(norm.parameters()):
        weights.data = torch.linspace(0.5 - place, 2.0, len(weights))
    return norm.requires_grad_(False)


@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float32, 1e-5), (torch.bfloat16, 0.03)])
@pytest.mark.parametrize("kind", ["group", "layer"])
def test_a_picture_is_normed_as_by_the_plain_layer(kind: str, dtype: torch.dtype, tolerance: float) -> None:
    made = {"group": torch.nn.GroupNorm(8, 16), "layer": Sam3TrackerVideoLayerNorm(16, data_format="channels_first")}
    norm = drawn(made[kind])
    expected = norm.double()(pictures(dtype).double())  # in float32 a CPU's GroupNorm is less exact
    with reference_device(), walked_card():
        norm.to("cuda", dtype)
        x = pictures(dtype).to("cuda")
        if kind == "layer":
            network = torch.nn.Sequential(norm, wide := Sam3TrackerVideoLayerNorm(2 * CHANNELS))
            thin_layer_norms(network, x.device)
            assert (type(norm), type(wide)) == (ThinLayerNorm, Sam3TrackerVideoLayerNorm)
        found = norm(x) if kind == "layer" else group_normed(norm, x)
        assert found.dtype == dtype and found.is_contiguous(memory_format=torch.channels_last)
        assert (found.cpu() - expected).abs().max() < tolerance * expected.abs().max()


def test_on_a_cpu_the_layers_stay_those_of_transformers() -> None:
    norm = Sam3TrackerVideoLayerNorm(4, data_format="channels_first")
    thin_layer_norms(norm, torch.device("cpu"))
    assert type(norm) is Sam3TrackerVideoLayerNorm
    group, x = drawn(torch.nn.GroupNorm(8, 16)), pictures(torch.float32)
    assert torch.equal(group_normed(group, x), group(x))
