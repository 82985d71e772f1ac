"""A picture that was painted before a change of size is never shown after it. Real child, real
model (a tiny one)."""

from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from engine.live.kit.scene import Scene
from engine.live.sd.entry import SdConfig
from engine.live.sd.link import DiffusionLink
from engine.params import ParamStore
from engine.values import VideoFrame
from tests.live.frames import finished_frame
from tests.live.sd.rig import opened_link, source_picture
from tests.models.sd.upscalers import doubling
from tests.support.long_form import IS_SOAK

SIZES = ((64, 64), (128, 64))
UPSCALES = ("off", "2x")
CHANGES = 12 if IS_SOAK else 5  # each size with each upscaling, and the first again


@pytest.fixture
def link(fork_server: None, tiny_sd: Path, tmp_path: Path, reports: Any) -> Iterator[DiffusionLink]:
    config = SdConfig(model=str(tiny_sd), upscaler=str(doubling(tmp_path / "net.safetensors")))
    with opened_link(config, reports, has_camera=True) as link:
        yield link


def test_no_picture_of_the_former_size_is_shown_after_a_change(
    link: DiffusionLink, wait_for: Callable[..., Any], store: ParamStore
) -> None:
    store.set_many(
        [
            ("/sd/enable", True),
            ("/sd/source", "camera"),
            ("/sd/crossfade_s", 0.0),
            ("/sd/duty_auto", False),
        ],
        by="test",
    )
    indices = count()
    displayed: list[VideoFrame] = []
    """Each picture once, as a viewer sees them."""

    def draw() -> tuple[int, int]:
        """One frame; width and height of the picture that is shown."""
        index = next(indices)
        camera = VideoFrame(pixels=source_picture(index), index=index, time_s=0.0, source="camera")
        scene = Scene(camera=camera)
        link.follow(store.snapshot())
        link.show(scene, store.snapshot(), float(index))
        link.feed(finished_frame(index=index), scene, float(index))
        picture = scene.picture_of("sd")
        if picture is not None and (not displayed or picture is not displayed[-1]):
            displayed.append(picture)
        return (0, 0) if picture is None else (picture.pixels.shape[1], picture.pixels.shape[0])

    link.start(store.snapshot())
    wait_for(lambda: link.status().is_at_work, "the model", ceiling_s=120.0)
    for change in range(CHANGES):
        width, height = SIZES[change % 2]
        size = [
            ("/sd/width", width),
            ("/sd/height", height),
            ("/sd/upscale", UPSCALES[change // 2 % 2]),
        ]
        store.set_many([*size, ("/sd/prompt", f"sea {change}")], by="test")
        width, height = (side * (1 + change // 2 % 2) for side in (width, height))
        assert link.extra_pictures(store.snapshot()) == {"sd": (width, height)}
        before = len(displayed)
        wait_for(
            lambda: draw() == (width, height) and len(displayed) >= before + 2,
            "two pictures of this size",
        )
        assert {picture.pixels.shape for picture in displayed[before:]} == {(height, width, 3)}
    assert np.diff([picture.index for picture in displayed]).min() > 0
