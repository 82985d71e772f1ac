"""Products in 8-bit floating point: near the exact ones, refused where nothing multiplies them."""

import sys
from pathlib import Path

import pytest
import torch
from torch import nn

from engine.errors import ModelError
from engine.models.graphs import DirectRunner
from engine.models.sam3 import SegmentationSpec, fp8
from engine.models.sam3 import load as loading
from engine.models.sam3.backbone import Backbone
from engine.models.sam3.load import load
from tests.models.sam3.test_backbone import pixels


def test_a_product_in_8_bits_is_near_the_exact_one() -> None:
    torch.manual_seed(1)
    exact = nn.Linear(64, 48).requires_grad_(False)
    x = 3.0 * torch.randn(2, 5, 64)
    ours, expected = fp8.Fp8Linear(exact.weight, exact.bias)(x), exact(x)
    assert ours.shape == expected.shape and ours.dtype == x.dtype
    error = (ours - expected).norm() / expected.norm()
    assert 0.001 < error < 0.05, "three bits after the point, and not by chance the exact product"


def test_the_vit_multiplies_in_8_bits(small_sam3: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loading, "require_fp8", lambda device: None)
    features = []
    for is_fp8 in (False, True):
        model = load(
            SegmentationSpec(model=str(small_sam3), resolution=112, is_fp8=is_fp8), "cpu", "float32"
        )
        features.append(Backbone(model, DirectRunner()).run(pixels(1, 112)).last_hidden_state)
    error = (features[1] - features[0]).norm() / features[0].norm()
    assert 0.0 < error < 0.1


def test_where_nothing_multiplies_8_bits_it_is_refused_in_one_line(
    small_sam3: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(ModelError, match=r"^fp8: needs a CUDA card that multiplies it"):
        load(SegmentationSpec(model=str(small_sam3), resolution=112, is_fp8=True), "cpu", "float32")
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda device: (8, 6))
    with pytest.raises(ModelError, match=r"compute capability 8\.9"):
        fp8.require_fp8(torch.device("cuda"))
    with pytest.raises(ModelError, match="fp8 and offload cannot be combined"):
        load(
            SegmentationSpec(model="random:tiny", is_fp8=True, is_offloaded=True), "cpu", "float32"
        )


def test_on_windows_a_card_that_could_is_refused_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda device: (9, 0))
    fp8.require_fp8("cuda")
    monkeypatch.setattr(sys, "platform", "win32")
    with pytest.raises(
        ModelError, match=r"^fp8: PyTorch has no such products on Windows; use bfloat16$"
    ):
        fp8.require_fp8("cuda")
