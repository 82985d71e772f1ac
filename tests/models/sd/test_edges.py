"""Edges computed with torch equal OpenCV's, and blurred outlines those of pictures whose answer is known."""

from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from PIL import Image

from engine.models.sd.control_images import GAIN, hard_edges, soft_edges
from engine.models.sd.edges import edges

GOLDEN = Path(__file__).parents[2] / "golden"


def on_device(picture: np.ndarray) -> np.ndarray:
    found = hard_edges(torch.from_numpy(picture).permute(2, 0, 1)[None].float() / 255)
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


def stepped(height: float, *, side: int = 96) -> torch.Tensor:
    """(1, 3, side, side): dark at the left, brighter by `height` at the right."""
    picture = torch.full((1, 3, side, side), 0.1)
    picture[..., side // 2 :] += height
    return picture


@pytest.mark.parametrize("is_turned", [False, True])
def test_a_step_is_drawn_by_its_height_and_fades_to_both_sides(is_turned: bool) -> None:
    picture = stepped(0.25)
    drawn = soft_edges(picture.mT if is_turned else picture)
    assert drawn.shape == picture.shape and torch.equal(drawn[:, :1].expand(-1, 3, -1, -1), drawn)
    line = (drawn.mT if is_turned else drawn)[0, 0, 40]
    assert line[47:49].tolist() == pytest.approx([0.25 * GAIN] * 2, rel=1e-4), "the two columns beside it alike"
    assert (line[:47].diff() > -1e-6).all() and (line[49:].diff() < 1e-6).all()
    assert line[36] > 0 and line[:35].max() < 1e-6, "three times the coarsest scale away there is nothing"


def test_a_high_step_is_white_and_the_border_of_the_picture_is_no_outline() -> None:
    assert soft_edges(stepped(0.8)).max() == 1.0
    assert soft_edges(torch.full((1, 3, 20, 30), 0.7)).max() < 1e-5
