"""SD 2.x and SD-Turbo on a Mac, whose GPU multiplies queries and keys in float16, and a GPU that
lacks an operation."""

import math
import sys
import warnings
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from engine.models import device_work
from engine.models.sd.attention import install_attention
from engine.models.sd.load import load
from engine.models.sd.shapes import TINY_BLOCKS
from engine.models.sd.spec import ModelSpec
from engine.system import metal


def as_on_mps(query: Tensor, key: Tensor, value: Tensor) -> Tensor:
    """Attention as `sdpa_general_mps` in torch's Attention.mm computes it: the product in the
    precision of its inputs, then scaled in float32."""
    product = (query.double() @ key.double().transpose(-1, -2)).to(query.dtype).float()
    return ((product / math.sqrt(query.shape[-1])).softmax(-1) @ value.float()).to(query.dtype)


@pytest.fixture
def on_mps(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(F, "scaled_dot_product_attention", as_on_mps)
    monkeypatch.setattr(device_work, "HALF_PRODUCTS", {"cpu"})


def unet_of(**config: Any) -> Any:
    from diffusers import UNet2DConditionModel

    with torch.random.fork_rng():
        torch.manual_seed(0)
        return UNet2DConditionModel(
            **({"sample_size": 8, "cross_attention_dim": 32, **TINY_BLOCKS} | config)
        ).eval()


@pytest.mark.parametrize(
    ("config", "is_finite"),
    [
        (
            {"use_linear_projection": True},
            True,
        ),  # SD-Turbo, whose configuration need not ask for it
        ({"upcast_attention": True}, True),
        ({}, False),  # SD 1.5 stays within float16
    ],
)
def test_attention_beyond_float16_is_computed_in_float32(
    on_mps: None, config: dict[str, Any], is_finite: bool
) -> None:
    unet = unet_of(**config)
    with torch.no_grad():
        for name, weight in unet.named_parameters():
            if ".to_q." in name or ".to_k." in name:
                weight.mul_(300)
        unet.half()
        install_attention(unet)
        block = unet.mid_block.attentions[0].transformer_blocks[0]
        pixels, text = torch.randn(1, 16, block.attn1.to_q.in_features), torch.randn(1, 5, 32)
        for layer, seen in ((block.attn1, pixels), (block.attn2, text)):
            found = layer(pixels.half(), None if seen is pixels else text.half())
            assert bool(found.isfinite().all()) == is_finite


def test_a_full_vae_is_float32_and_taesd_is_not(on_mps: None, tiny_models: Any) -> None:
    for vae, dtype in (("kl", torch.float32), ("analytic", torch.float16)):
        folder = tiny_models.sd(kind="sd15", vae=vae)
        assert load(ModelSpec(model=str(folder)), "cpu", "float16").vae.dtype == dtype


def test_what_the_gpu_lacks_is_reported_once(monkeypatch: pytest.MonkeyPatch) -> None:
    warnings_seen: list[tuple[str, str]] = []
    others_seen: list[str] = []
    monkeypatch.setattr(
        warnings, "showwarning", lambda message, *others, **named: others_seen.append(str(message))
    )
    text = (
        "The operator 'aten::_linalg_eigh' is not currently supported on the MPS backend and will "
        "fall back to run on "
        "the CPU. This may have performance implications."
    )
    for platform, count in (("linux", 0), ("darwin", 1)):
        monkeypatch.setattr(sys, "platform", platform)
        metal.report_fallback(lambda key, line: warnings_seen.append((key, line)))
        with warnings.catch_warnings():
            warnings.simplefilter("always")
            warnings.warn("something else", stacklevel=1)
            warnings.warn(text, stacklevel=1)
        assert len(warnings_seen) == count
    assert warnings_seen[0][1].startswith(
        "the Mac's GPU lacks aten::_linalg_eigh: the CPU computes it, slowly"
    )
    assert others_seen == ["something else", text] * 2
