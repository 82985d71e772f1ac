"""A short clip with sound, and jobs on it for the tiny model."""

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from engine.jobs.video.job import VideoJob
from engine.models.sd import ModelSpec
from engine.models.sd.painting import Painting
from tests.jobs.segment.disc_movie import disc_picture, write_movie
from tests.jobs.video.numbered import write_numbered
from tests.support.tensors import copied_tensors

WIDTH, HEIGHT, RADIUS = 96, 64, 12
MakeJob = Callable[..., VideoJob]


@pytest.fixture
def clip(tmp_path: Path) -> Callable[..., Path]:
    """`clip(count)`: a moving disc, 96 x 64, 30 fps, H.264 and AAC in MP4 unless options of
    `write_movie` differ."""

    def write(count: int = 10, *, name: str = "in.mp4", **options: Any) -> Path:
        pictures = options.pop("pictures", None)
        pictures = pictures or [
            disc_picture(number, WIDTH, HEIGHT, RADIUS) for number in range(count)
        ]
        return write_movie(tmp_path / name, pictures, **options)

    return write


@pytest.fixture
def movie(tmp_path: Path) -> Callable[..., Path]:
    """`movie(count)`, and options of `write_numbered`."""
    return partial(write_numbered, tmp_path)


@pytest.fixture
def job(tiny_sd: Path) -> MakeJob:
    """`job(source, output, **options)`: options of VideoJob, Painting and ModelSpec, by their
    names."""

    def make(source: Path | str, output: Path | str, **options: Any) -> VideoJob:
        spec = ModelSpec(model=str(tiny_sd))
        painting = _apply_options(
            Painting(spec=spec, prompt="glass", steps=2, cfg=1.0, seed=7), options
        )
        painting = replace(painting, spec=_apply_options(spec, options))
        values = {"device": "cpu", "threads": 1}
        return VideoJob(
            source=str(source), output=str(output), painting=painting, **values | options
        )

    return make


def _apply_options(values: Any, options: dict[str, Any]) -> Any:
    """`values` with those of the options that are its fields; they are options no more."""
    own = {
        name: options.pop(name)
        for name in list(options)
        if name in type(values).__dataclass_fields__
    }
    return replace(values, **own)


@pytest.fixture
def broken_sd(tiny_sd: Path, tmp_path: Path) -> Path:
    """The tiny model with a UNet that answers NaN."""
    import shutil

    import torch
    from safetensors.torch import save_file

    folder = tmp_path / "broken"
    shutil.copytree(tiny_sd, folder)
    (weights,) = (folder / "unet").glob("*.safetensors")
    tensors = copied_tensors(weights)
    tensors["conv_out.bias"] = torch.full_like(tensors["conv_out.bias"], float("nan"))
    save_file(tensors, weights)
    return folder
