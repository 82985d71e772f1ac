"""The task of one picture, as sent to the process that makes it, and the result."""

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

import msgspec

from engine.dataset.labels.options import LabelOptions
from engine.dataset.layout.options import Recipe2Options
from engine.dataset.options import SceneOptions, check_ranges
from engine.dataset.scene.streams import Seed
from engine.system.file_names import with_replacements

EngineName = Literal["cycles", "raster"]


@dataclass(frozen=True, slots=True, kw_only=True)
class RenderSettings:
    """Settings of the rendering engine. All but `engine` are for Cycles only."""

    engine: EngineName
    max_samples: int | None = None
    noise_threshold: float | None = None
    use_gpu: bool | None = None  # None: use a GPU if Cycles has one

    def check(self) -> None:
        """Raise UsageError for a number out of its range."""
        check_ranges(self, {"max_samples": (1, 1 << 16), "noise_threshold": (0.0001, 1)})


@dataclass(frozen=True, slots=True, kw_only=True)
class PictureTask:
    options: SceneOptions
    drawing: RenderSettings
    base_seed: int
    index: int
    recipe_2: Recipe2Options | None = None  # None: recipe 1
    split: str = ""  # fractions of the subsets, such as `80/10/10`; "" without --split
    # the subset that the picture's scene belongs to (`train`, `val`, `test`); "" without --split
    subset: str = ""
    labels: LabelOptions = field(default_factory=LabelOptions)  # in recipe 1 the defaults
    blender: str = ""  # path of Blender on the machine that draws; "" to search for it there

    @property
    def seed(self) -> Seed:
        """Seed of this picture's scene: base seed + index in recipe 1, both hashed together in
        recipe 2. A scene of --scene keeps that of its drawing; () if its file has none."""
        if self.recipe_2 is not None and self.recipe_2.scene_files.scene:
            return self.recipe_2.scene_files.files[self.scene_number].site
        return (
            self.base_seed + self.index
            if self.recipe_2 is None
            else (self.base_seed, self.scene_number)
        )

    @property
    def views(self) -> int:
        """Number of pictures per scene."""
        return 1 if self.recipe_2 is None else self.recipe_2.camera.views

    @property
    def scene_number(self) -> int:
        return self.index // self.views

    @property
    def view(self) -> int:
        """Number of this picture among those of its scene."""
        return self.index % self.views

    @property
    def name(self) -> str:
        """File name without suffix, such as `000005`."""
        return f"{self.index:06d}"

    def path(self, folder: str, suffix: str) -> str:
        """Path of one of the picture's files in the dataset, such as `labels/train/000005.txt`."""
        return "/".join(filter(None, (folder, self.subset, f"{self.name}{suffix}")))

    @property
    def picture_px(self) -> tuple[int, int]:
        """Width and height of the picture: of the window, if only that is drawn."""
        view = None if self.recipe_2 is None else self.recipe_2.camera.view
        return view or (self.options.width, self.options.height)

    @property
    def key(self) -> dict[str, Any]:
        """Fingerprint of everything that affects the pictures' bytes, as JSON values; equal for a
        whole dataset."""
        key = {"seed": self.base_seed} | asdict(self.options) | asdict(self.drawing)
        if self.split:
            key["split"] = self.split
        if self.recipe_2 is None:
            return key
        key |= self.labels.key
        # Lists for tuples, and names of files as the manifest holds them.
        text = with_replacements(json.dumps(asdict(self.recipe_2), ensure_ascii=False))
        parts: dict[str, dict[str, Any]] = _without_folders(json.loads(text))
        key |= {"recipe": 2} | {
            name: value for part in parts.values() for name, value in part.items()
        }
        return key | {
            "scene": self.recipe_2.scene_files.key if self.recipe_2.scene_files.scene else []
        }

    def as_json(self) -> str:
        return json.dumps(asdict(self))


@dataclass(slots=True, kw_only=True)
class PictureResult:
    """The files and facts of a finished picture."""

    piles: int  # piles on the site
    labelled: int  # things with a label; in recipe 1 piles alone
    renderer: str
    scene_facts: dict[str, Any] = field(default_factory=dict)
    """Every number of the scene in recipe 1. In recipe 2 camera, light, ground, counts, and the
    file of the scene."""
    # per step: scene, draw, sensor (recipe 2), labels, save
    seconds: dict[str, float] = field(default_factory=dict)
    # processor time of all its threads, per step
    cpu_seconds: dict[str, float] = field(default_factory=dict)
    sha256: dict[str, str] = field(default_factory=dict)
    """Per file, keyed by its path in the dataset, in the order of commit: labels first, the picture
    last."""
    bytes: dict[str, int] = field(default_factory=dict)


def _without_folders(value: Any) -> Any:
    """The same JSON value, with paths that have a hash beside them cut to file names: files may be
    moved."""
    if isinstance(value, list):
        return [_without_folders(each) for each in value]
    if not isinstance(value, dict):
        return value
    bare = {name: _without_folders(each) for name, each in value.items()}
    return bare | {"path": Path(bare["path"]).name} if {"path", "sha256"} <= bare.keys() else bare


def task_of(text: str) -> PictureTask:
    """Decode the task from `as_json`."""
    return msgspec.convert(json.loads(text), PictureTask)
