"""NMS and connected components as transformers' SAM3 video model calls them, with results that are
counted by hand."""

import logging

import pytest
import torch

from engine.models.sam3.mask_kernel import MaskKernel, device_components, host_components, install

SMALL = 16
INSIDE, OUTSIDE = 4.0, -4.0


@pytest.fixture
def kernel(monkeypatch: pytest.MonkeyPatch) -> MaskKernel:
    """A MaskKernel that is installed in transformers while the test runs."""
    from transformers.models.sam3_video import modeling_sam3_video

    monkeypatch.setattr(modeling_sam3_video, "cv_utils_kernel", None)
    install(SMALL)
    return modeling_sam3_video.cv_utils_kernel


def disc(side: int = 32) -> torch.Tensor:
    """Logits (1, 1, side, side) of a block with a hole of 9 px and a speck of 9 px beside it."""
    logits = torch.full((1, 1, side, side), OUTSIDE)
    logits[..., 4:20, 4:20] = INSIDE
    logits[..., 10:13, 10:13] = OUTSIDE
    logits[..., 24:27, 24:27] = INSIDE
    return logits


def test_the_model_fills_a_hole_and_removes_a_speck_but_no_larger_ones_nor_a_small_whole_object(
    kernel: MaskKernel,
) -> None:
    from transformers.models.sam3_video.modeling_sam3_video import fill_holes_in_mask_scores

    expected = disc()
    expected[..., 10:13, 10:13] = 0.1
    expected[..., 24:27, 24:27] = -0.1
    assert torch.equal(fill_holes_in_mask_scores(disc(), max_area=SMALL), expected)
    hole = disc()
    hole[..., 10:14, 10:15] = OUTSIDE  # 20 px
    hole[..., 24:27, 24:27] = OUTSIDE
    assert torch.equal(fill_holes_in_mask_scores(hole, max_area=SMALL), hole)
    speck = torch.full((1, 1, 32, 32), OUTSIDE)
    speck[..., 24:27, 24:27] = INSIDE  # the whole object
    assert torch.equal(fill_holes_in_mask_scores(speck, max_area=SMALL), speck)


def test_the_model_keeps_the_better_of_two_that_overlap(kernel: MaskKernel) -> None:
    from transformers.models.sam3_video.modeling_sam3_video import nms_masks

    masks = torch.full((4, 32, 32), OUTSIDE)
    masks[0, 0:10, 0:10] = INSIDE
    masks[1, 0:10, 1:11] = INSIDE  # IoU with the first 90 / 110
    masks[2, 20:30, 20:30] = INSIDE
    masks[3, 20:30, 20:30] = INSIDE
    scores = torch.tensor([0.8, 0.9, 0.7, 0.4])
    assert nms_masks(scores, masks, 0.5, 0.1).tolist() == [False, True, True, False]
    assert nms_masks(scores, masks, 0.5, 0.9).tolist() == [True, True, True, False]


def test_small_components_are_the_same_on_the_device_as_on_the_host() -> None:
    generator = torch.Generator().manual_seed(0)
    fields = torch.rand(12, 1, 64, 64, generator=generator)
    masks = (fields < torch.linspace(0.05, 0.95, 12)[:, None, None, None]).to(torch.uint8)
    _, host = host_components(masks)
    _, device = device_components(masks, SMALL)
    is_small = (host > 0) & (host <= SMALL)
    assert is_small.sum() > 1000
    assert torch.equal((device > 0) & (device <= SMALL), is_small)
    assert torch.equal(device[is_small], host[is_small])
    assert torch.equal(device > 0, host > 0)


def test_the_model_neither_warns_nor_looks_for_a_package(
    kernel: MaskKernel, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    from transformers.models.sam3_video import modeling_sam3_video
    from transformers.models.sam3_video.modeling_sam3_video import (
        fill_holes_in_mask_scores,
        nms_masks,
    )

    monkeypatch.setattr(logging.getLogger("transformers"), "propagate", True)
    for name in ("get_kernel", "is_kernels_available"):
        monkeypatch.delattr(modeling_sam3_video, name, raising=False)  # importing them is an error
    fill_holes_in_mask_scores(disc(side=31), max_area=SMALL)  # an odd side is padded
    nms_masks(torch.tensor([0.9, 0.8]), torch.ones(2, 8, 8), 0.5, 0.1)
    assert not caplog.records
    for largest_area in (40, 4):
        install(largest_area)
    assert modeling_sam3_video.cv_utils_kernel.largest_area == 40, "the largest of all models"
