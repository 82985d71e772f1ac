"""The GPU fits the published picture to SD's size as the SD child would, and only that is read."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import torch

from engine.models.sd import pixels
from engine.render.gl_publish import FittedPicture
from engine.render.gl_textures import Target
from engine.render.picture import Renderer
from engine.render.readback import Readback

# of 255: a card may be off by 0.6 where it rounds to 8 bits (Direct3D 11 spec, 3.2.3.6 FLOAT ->
# UNORM)
ROUNDING = 0.61
SIZES = [
    ((1280, 720), (512, 512)),
    ((1280, 720), (512, 288)),
    ((96, 64), (64, 64)),
    ((96, 64), (512, 512)),
    ((101, 67), (72, 40)),
    ((67, 101), (64, 64)),
    ((5, 90), (64, 16)),
    ((64, 40), (64, 40)),
]


@pytest.fixture
def gl_renderers() -> Iterator[list[Renderer]]:
    """A context for each test: they leave passes of their own in it."""
    opened: list[Renderer] = []
    yield opened
    for renderer in opened:
        renderer.close()


def pictures(width: int, height: int) -> dict[str, np.ndarray]:
    """Test pictures by name, (height, width, 4) uint8."""
    rng = np.random.default_rng(3)
    across, down = np.meshgrid(np.linspace(0, 255, width), np.linspace(255, 0, height))
    return {
        "noise": rng.integers(0, 256, (height, width, 4), dtype=np.uint8),
        "gradient": np.stack([across, down, across * down / 255, across], axis=-1).astype(np.uint8),
    }


@pytest.mark.parametrize(("full_px", "size_px"), SIZES)
def test_it_is_what_the_child_makes_of_the_whole_picture(
    gl: Renderer, full_px: Any, size_px: Any
) -> None:
    with gl._drawing():
        fit = FittedPicture(gl._context, gl._finish)
        source = Target(gl._context, full_px)
        for name, picture in pictures(*full_px).items():
            source.texture.write(picture.tobytes())
            fit.drop()
            found = fit.read(source, size_px)
            assert found.shape == (size_px[1], size_px[0], 4) and (found[..., 3] == 255).all()
            expected = pixels.crop_and_resize(picture[None, ..., :3], *size_px, torch.device("cpu"))
            assert (
                np.abs(found[..., :3] - expected[0].permute(1, 2, 0).numpy() * 255).max()
                <= ROUNDING
            ), name
            again = pixels.crop_and_resize(found[None, ..., :3], *size_px, torch.device("cpu"))
            assert torch.equal(pixels.as_rgb(again)[0], torch.from_numpy(found[..., :3])), (
                "the child resizes no more"
            )
        fit.release()
        source.release()


def test_only_what_sd_sees_is_read(gl: Renderer, monkeypatch: pytest.MonkeyPatch) -> None:
    queued: list[int] = []
    queue = Readback.queue

    def count(readback: Readback, framebuffer: object) -> None:
        assert readback._transfer is not None
        queued.append(readback._transfer.size)
        queue(readback, framebuffer)

    monkeypatch.setattr(Readback, "queue", count)
    with gl._drawing():
        fit = FittedPicture(gl._context, gl._finish)
        queued.clear()
        source = Target(gl._context, (320, 180))
        reads: list[tuple[np.ndarray, np.ndarray]] = []
        for level, size_px in enumerate([(64, 64), (64, 64), (128, 72), (64, 64)]):
            source.framebuffer.clear(level / 255, 0.0, 0.0)
            fit.drop()
            fit.queue(source, size_px)
            gl._finish()
            read = fit.read(source, size_px)
            assert (read == (level, 0, 0, 255)).all()
            reads.append((read, read.copy()))
        fit.read(source, (16, 8))  # not the size that was queued
        assert queued == [
            width * height * 4
            for width, height in [(64, 64), (64, 64), (128, 72), (64, 64), (16, 8)]
        ]
        assert all(np.array_equal(read, copy) for read, copy in reads)
        fit.release()
        source.release()
