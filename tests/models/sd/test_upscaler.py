"""The upscaler: known weights give a known picture, and what is none is refused in one line."""

import os
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file

from engine.errors import ModelError
from engine.models.sd.plan.upscaler_file import examine_upscaler, shapes_of
from engine.models.sd.upscaler import load_upscaler
from tests.models.sd.upscalers import doubling
from tests.support.hostile_pickle import Call

RGB = torch.randint(
    0, 256, (1, 6, 8, 3), dtype=torch.uint8, generator=torch.Generator().manual_seed(0)
)


@pytest.mark.parametrize("factor", [2, 4])
@pytest.mark.parametrize("name", ["net.safetensors", "net.pth"])
def test_zero_weights_give_the_picture_with_each_pixel_doubled(
    tmp_path: Path, name: str, factor: int
) -> None:
    """Both factors give twice the size: four by four equal pixels are averaged to two by two."""
    file = examine_upscaler(str(doubling(tmp_path / name, factor=factor)))
    assert (file.layers, file.width, file.factor) == (3, 4, factor)
    large = load_upscaler(file).enlarge(RGB)
    assert large.shape == (1, 12, 16, 3) and large.dtype == torch.uint8
    assert torch.equal(large, RGB.repeat_interleave(2, dim=1).repeat_interleave(2, dim=2))


def test_the_last_convolution_adds_to_each_of_the_four_pixels(tmp_path: Path) -> None:
    """Channel 4 c + 2 y + x of the last convolution is colour c at (x, y): PixelShuffle."""
    path = doubling(tmp_path / "net.safetensors", bias={4 * 1 + 2 * 0 + 1: 0.2})
    large = load_upscaler(examine_upscaler(str(path))).enlarge(torch.full_like(RGB, 100))
    assert (large[0, 0::2, 1::2] == torch.tensor([100, 151, 100])).all(), "green, top right"
    assert (large[0, 1::2] == 100).all() and (large[0, 0::2, 0::2] == 100).all()


@pytest.mark.parametrize(
    ("changed", "why"),
    [
        ({"conv_first.weight": torch.zeros(4, 3, 3, 3)}, "ESRGAN"),
        ({"body.4.weight": torch.zeros(27, 4, 3, 3)}, "by 3"),
        ({"body.2.weight": torch.zeros(4, 5, 3, 3)}, "damaged"),
        ({"body.0.weight": None}, "not"),
        (
            {"model.diffusion_model.input_blocks.0.0.weight": torch.zeros(4)},
            "supported: SRVGGNetCompact",
        ),
    ],
)
def test_a_file_of_another_network_is_refused_in_one_line(
    tmp_path: Path, changed: dict[str, Any], why: str
) -> None:
    tensors = {name: torch.zeros(shape) for name, shape in shapes_of(3, 4, 2).items()} | changed
    path = tmp_path / "net.safetensors"
    save_file({name: tensor for name, tensor in tensors.items() if tensor is not None}, path)
    with pytest.raises(ModelError) as refusal:
        examine_upscaler(str(path))
    assert why in str(refusal.value) and "\n" not in str(refusal.value)


def test_a_pickle_with_code_in_it_is_not_run(tmp_path: Path) -> None:
    evil = Call(os.mkdir, str(tmp_path / "run"))
    torch.save(
        {"params": {"body.0.weight": torch.zeros(4, 3, 3, 3)}, "evil": evil}, tmp_path / "net.pth"
    )
    with pytest.raises(ModelError, match="would run"):
        examine_upscaler(str(tmp_path / "net.pth"))
    assert not (tmp_path / "run").exists()
