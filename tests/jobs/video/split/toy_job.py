"""Jobs for the toy stages of `stage_toys`."""

from collections.abc import Iterator

import numpy as np

from engine.jobs.video.batches import VideoBatch, video_batches
from engine.jobs.video.split.build import StageLayout
from engine.jobs.video.split.messages import BeginStage
from engine.models.sd.painting import Painting
from engine.models.sd.spec import ModelSpec
from engine.sources.pictures import InputPicture

SIDE = 16


def layout(
    prompt: str = "", *, told_by: str = "", count: int = 1, batch: int = 2, is_whole: bool = False, sees: bool = False
) -> StageLayout:
    """A layout of toy stages. `prompt`: the fault of one of them; `told_by`: the file that a hanging one writes."""
    begin = BeginStage(
        opener="tests.jobs.video.split.stage_toys:open_toy",
        role="whole",
        painting=Painting(spec=ModelSpec(model="toy"), prompt=prompt, negative=told_by),
        width=SIDE,
        height=SIDE,
        batch=batch,
        device="cpu",
        dtype="float32",
        threads=1,
        inputs=(),
        outputs=(),
    )
    return StageLayout(begin=begin, count=count, threads_beside=1, is_whole=is_whole, sees_pixels=sees)


def picture(number: int, side: int = SIDE) -> InputPicture:
    """A picture of one colour: red is its number, blue ten times that."""
    pixels = np.empty((side, side, 3), np.uint8)
    pixels[:] = number, 0, 10 * number % 256
    name = f"frame_{number:06d}"
    return InputPicture(
        number=number, name=name, file_name=f"{name}.png", pixels=pixels, start_s=number, end_s=number + 1
    )


def batches(count: int, *, size: int = 2) -> Iterator[VideoBatch]:
    """Batches with this number of pictures."""
    return video_batches((picture(number) for number in range(count)), size, (SIDE, SIDE))
