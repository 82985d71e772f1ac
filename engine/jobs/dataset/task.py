"""One picture to be made, as it travels to the process that makes it."""

import json
from dataclasses import asdict, dataclass
from typing import Any, Literal

from engine.errors import UsageError
from engine.jobs.dataset.options import SceneOptions

EngineName = Literal["cycles", "raster"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Drawing:
    """How a scene becomes pixels. What follows `engine` is of Cycles alone."""

    engine: EngineName
    max_samples: int | None = None
    noise_threshold: float | None = None
    use_gpu: bool | None = None
    """None: where Cycles has one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PictureTask:
    options: SceneOptions
    drawing: Drawing
    base_seed: int
    index: int
    with_coco: bool = False
    with_hdf5: bool = False
    blender: str = ""
    """The program that Cycles runs in, on the machine that draws; "" finds it there."""

    @property
    def seed(self) -> int:
        """Of this picture: base seed + index (the script that this descends from added the index twice)."""
        return self.base_seed + self.index

    @property
    def name(self) -> str:
        """`000005`, which its files are called."""
        return f"{self.index:06d}"

    @property
    def key(self) -> dict[str, Any]:
        """What its bytes depend on, as JSON has it; the same for all pictures of a dataset."""
        return {"seed": self.base_seed} | asdict(self.options) | asdict(self.drawing)

    def as_json(self) -> str:
        return json.dumps(asdict(self))


def task_of(text: str) -> PictureTask:
    """What `as_json` told."""
    values = json.loads(text)
    return PictureTask(
        **values | {"options": SceneOptions(**values["options"]), "drawing": Drawing(**values["drawing"])}
    )


def check_seed(seed: int) -> None:
    """Any whole number from 0 on; NumPy's SeedSequence takes those of more than 64 bits too."""
    if seed < 0:
        raise UsageError(f"--seed: {seed} is not 0 or more")
