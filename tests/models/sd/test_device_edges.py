"""Edges computed with torch equal OpenCV's."""

from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from PIL import Image

from engine.models.sd import device_edges
from engine.models.sd.edges import edges

GOLDEN = Path(__file__).parents[2] / "golden"


def on_device(picture: np.ndarray) -> np.ndarray:
    found = device_edges.edges(torch.from_numpy(picture).permute(2, 0, 1)[None].float() / 255)
    assert found.shape == (1, 3, *picture.shape[:2])
    return found[0].permute(1, 2, 0).mul(255).byte().numpy()


@pytest.mark.parametrize("name", ["default", "kaleidoscope", "noise"])
def test_the_edges_are_those_of_opencv(name: str) -> None:
    if name == "noise":
        rng = np.random.default_rng(1)
        picture = cv2.GaussianBlur(rng.integers(0, 256, (120, 200, 3), np.uint8), (0, 0), 2.0) * 3
    else:
        picture = np.array(Image.open(GOLDEN / f"{name}.png").convert("RGB"))
    expected = edges(picture, picture.shape[1::-1])
    assert 0.02 < (expected > 0).mean() < 0.5
    assert (on_device(picture) != expected).mean() < 2e-4


def test_a_weak_edge_counts_near_a_strong_one_only() -> None:
    """A step of 36 levels is weak (Sobel 144); at the left it is strong."""
    picture = np.full((20, 100, 3), 100, np.uint8)
    picture[10:] = 136
    assert not on_device(picture).any()
    picture[10:, :4] = 180
    reach = on_device(picture)[..., 0].any(axis=0)
    assert reach[: device_edges.GROWTH_PX].all() and not reach[device_edges.GROWTH_PX + 8 :].any()
