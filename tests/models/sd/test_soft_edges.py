"""Blurred outlines of pictures whose answer is known."""

import pytest
import torch

from engine.models.sd.soft_edges import GAIN, soft_edges


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


def test_fine_texture_is_darker_than_an_outline_of_the_same_height() -> None:
    texture = torch.full((1, 3, 96, 96), 0.1)
    texture[..., ::2] += 0.25
    assert soft_edges(texture)[..., 20:-20, 20:-20].max() < 0.3 * soft_edges(stepped(0.25)).max()
