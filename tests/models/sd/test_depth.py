"""Depth maps of networks whose answer is known, and of transformers' own."""

from pathlib import Path

import numpy as np
import pytest
import torch

from engine.models.sd.control_images import DepthMaps, normalised
from tests.support.tiny_detectors import BrightnessAsDepth, build_tiny_depth, network_of


@pytest.mark.parametrize("is_metric", [False, True])
def test_the_nearest_point_is_white_and_the_farthest_black(is_metric: bool) -> None:
    """Also by a model that gives metres, which are small where others give large numbers."""
    picture = torch.full((2, 3, 64, 96), 0.4)
    picture[0, :, 8:24] = 0.5
    picture[0, :, 40:56] = 0.45
    drawn = DepthMaps(BrightnessAsDepth(is_metric=is_metric)).draw(picture)
    assert drawn.shape == picture.shape and torch.equal(drawn[:, 0], drawn[:, 2])
    near, middle, far = drawn[0, 0, 16, 48], drawn[0, 0, 48, 48], drawn[0, 0, 0, 48]
    overshoot = 0.08  # of bicubic scaling
    assert (near.item(), middle.item(), far.item()) == pytest.approx((1.0, 0.5, 0.0), abs=overshoot)
    assert drawn[1].abs().max() < 1e-3, "a picture without depth is black"


def test_the_network_sees_whole_patches_and_no_more_than_in_training() -> None:
    network = BrightnessAsDepth()
    for size, seen in {(64, 128): (70, 126), (512, 512): (518, 518), (576, 1024): (518, 924)}.items():
        DepthMaps(network).draw(torch.zeros(1, 3, *size))
        assert network.seen is not None and network.seen.shape[2:] == seen


def test_a_map_is_that_of_transformers_processor(tmp_path: Path) -> None:
    """The output of a random network is resized as its processor does; the rest is a division."""
    from transformers import DPTImageProcessorPil

    folder = build_tiny_depth(tmp_path)
    network = network_of("DepthAnythingForDepthEstimation", folder)
    rows = torch.rand(64, 96, 3, generator=torch.manual_seed(1)).mul(255).byte().numpy()
    processor = DPTImageProcessorPil(
        size={"height": 70, "width": 98}, ensure_multiple_of=14, image_mean=[0.485, 0.456, 0.406],
        image_std=[0.229, 0.224, 0.225],
    )  # fmt: skip
    seen = processor(rows, return_tensors="pt")["pixel_values"]
    rgb = torch.from_numpy(rows).permute(2, 0, 1)[None] / 255.0
    small = torch.nn.functional.interpolate(rgb, (70, 98), mode="bicubic", antialias=True).clamp(0.0, 1.0)
    assert (normalised(small) - seen).abs().mean() < 0.02, "the same picture, but for rounding to whole numbers"
    with torch.no_grad():
        output = network(normalised(small))
    (theirs,) = processor.post_process_depth_estimation(output, target_sizes=[(64, 96)])
    depth = np.asarray(theirs["predicted_depth"])
    assert depth.max() - depth.min() > 0.01
    expected = (depth - depth.min()) / (depth.max() - depth.min())
    drawn = DepthMaps(network).draw(rgb)[0, 0].numpy()
    assert np.abs(drawn - expected).max() < 1e-3
