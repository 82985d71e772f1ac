"""A diffusion child under test, and the pictures it should paint."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from engine.ipc import Gate
from engine.live.sd.entry import SdConfig
from engine.live.sd.link import PRELOAD, DiffusionLink
from tests.live.child_rig import defaults_of
from tests.live.picture_rig import PictureRig
from tests.live.surroundings import surroundings

SIDE_PX = 64
DEFAULTS = defaults_of("sd")
BASE: dict[str, Any] = {
    "/sd/enable": True,
    "/sd/width": SIDE_PX,
    "/sd/height": SIDE_PX,
    "/sd/prompt": "sea",
}


def source_picture(seed: int) -> np.ndarray:
    """(64, 64, 3) uint8: 8 x 8 blocks of random colours, which the analytic VAE keeps."""
    return (
        np.random.default_rng(seed)
        .integers(0, 256, (8, 8, 3), np.uint8)
        .repeat(8, axis=0)
        .repeat(8, axis=1)
    )


def painting_core(model: Path, **spec: Any) -> Callable[..., np.ndarray]:
    """`paint(**options)`: the core's picture of `source_picture(0)` in this process, with the
    values of BASE.

    `paint(picture, **options)`: of another source. `spec`: further fields of ModelSpec."""
    from engine.models.sd import ModelSpec
    from engine.models.sd.load import load
    from engine.models.sd.single import paint

    loaded = load(ModelSpec(model=str(model), **spec), "cpu", "float32")

    def painted(picture: np.ndarray | None = None, **options: Any) -> np.ndarray:
        options = {"prompt": "sea", "seed": 1, "width": SIDE_PX, "height": SIDE_PX} | options
        return paint(loaded, source_picture(0) if picture is None else picture, **options)

    return painted


@contextmanager
def opened_link(
    config: SdConfig, report: Any, *, has_camera: bool = False, **others: Any
) -> Iterator[DiffusionLink]:
    """The engine's end of a child of its own, with a gate."""
    gate = Gate.create()
    link = DiffusionLink(
        config, surroundings(gate, report, has_camera=lambda: has_camera, **others)
    )
    yield link
    link.close()
    gate.close()


class SdRig(PictureRig):
    NAME, PRELOAD, VALUES, OUTPUT = "sd", PRELOAD, DEFAULTS | BASE, "picture"

    def __init__(
        self, model: Path | str, *, spec: Mapping[str, Any] | None = None, **more: Any
    ) -> None:
        super().__init__({"model": str(model), **(spec or {})}, source_picture(0), **more)
