"""The description of one picture to make, as sent to the process that makes it."""

import json
from dataclasses import asdict, dataclass
from typing import Any, Literal

from engine.errors import UsageError
from engine.jobs.dataset.options import SceneOptions

EngineName = Literal["cycles", "raster"]


@dataclass(frozen=True, slots=True, kw_only=True)
class RenderSettings:
    """Rendering settings. All but `engine` are for Cycles only."""

    engine: EngineName
    max_samples: int | None = None
    noise_threshold: float | None = None
    use_gpu: bool | None = None
    """None: use a GPU if Cycles has one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PictureTask:
    options: SceneOptions
    drawing: RenderSettings
    base_seed: int
    index: int
    with_coco: bool = False
    with_hdf5: bool = False
    blender: str = ""
    """Path of Blender on the machine that draws; "" to search for it there."""

    @property
    def seed(self) -> int:
        """This picture's seed: base seed + index (the original script added the index twice)."""
        return self.base_seed + self.index

    @property
    def name(self) -> str:
        """File name without suffix, such as `000005`."""
        return f"{self.index:06d}"

    @property
    def key(self) -> dict[str, Any]:
        """Fingerprint of everything that affects the picture's bytes, as JSON values; the same for a whole dataset."""
        return {"seed": self.base_seed} | asdict(self.options) | asdict(self.drawing)

    def as_json(self) -> str:
        return json.dumps(asdict(self))


def task_of(text: str) -> PictureTask:
    """The task from `as_json`."""
    values = json.loads(text)
    return PictureTask(
        **values | {"options": SceneOptions(**values["options"]), "drawing": RenderSettings(**values["drawing"])}
    )


def check_seed(seed: int) -> None:
    """Raise UsageError for a negative seed. NumPy's SeedSequence supports more than 64 bits."""
    if seed < 0:
        raise UsageError(f"--seed: {seed} is not 0 or more")
