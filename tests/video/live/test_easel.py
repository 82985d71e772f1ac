"""The one model: what it cannot do is said in words for whoever can change it."""

from pathlib import Path
from typing import Any

import pytest

from engine.errors import ModelError
from engine.models.diffusion.painting import Painting
from engine.models.diffusion.spec import ModelSpec
from engine.video.live.easel import Easel, is_of_device
from tests.video.live.client import card


@pytest.mark.parametrize(
    ("line", "is_lost"),
    [
        ("CUDA error: an illegal memory access was encountered", True),
        ("CUDA error: CUBLAS_STATUS_EXECUTION_FAILED when calling cublasSgemm", True),
        ("cuDNN error: CUDNN_STATUS_EXECUTION_FAILED", True),
        ("CUBLAS_STATUS_ALLOC_FAILED when calling cublasCreate(handle)", False),
        ("mat1 and mat2 shapes cannot be multiplied", False),
    ],
)
def test_the_errors_of_cuda_and_its_libraries_mean_that_the_device_is_lost(line: str, is_lost: bool) -> None:
    assert is_of_device(RuntimeError(line)) is is_lost


def test_no_more_sizes_are_kept_than_it_was_told(tiny_sd: Path) -> None:
    painting = Painting(spec=ModelSpec(model=str(tiny_sd)), steps=1, strength=1.0, cfg=1.0)
    easel = Easel(painting, device="cpu", dtype="auto", threads=1, most_sizes=2)
    for side in (64, 72, 80, 64):
        assert easel.paint(card(), painting, (side, 64))[0].shape == (64, side, 3)
    assert list(easel._painters) == [(80, 64), (64, 64)]


def test_a_first_picture_that_does_not_fit_is_said_with_the_options_of_the_page(
    tiny_sd: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from engine.models.diffusion.batch_painter import BatchPainter

    painting = Painting(spec=ModelSpec(model=str(tiny_sd)), steps=1, strength=1.0, cfg=1.0)
    easel = Easel(painting, device="cpu", dtype="auto", threads=1)

    def warm_up(self: Any, batch: int) -> None:  # there is no way to fill a machine's memory for real
        raise RuntimeError("DefaultCPUAllocator: can't allocate memory")

    monkeypatch.setattr(BatchPainter, "warm_up", warm_up)
    with pytest.raises(ModelError, match="cpu has no memory for 512 x 512 px: start with a smaller --side"):
        easel.warm_up(painting, (512, 512))
