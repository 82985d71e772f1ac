"""Input of the label writers: one picture, and a whole dataset."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from engine.dataset.labels.options import LabelOptions
from engine.dataset.labels.record import PictureRecord
from engine.dataset.scene.description import SiteScene
from engine.dataset.sensor import Photograph
from engine.dataset.task import PictureTask


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class LabelSource:
    """Everything that is known about a finished picture."""

    task: PictureTask
    scene: SiteScene
    photograph: Photograph  # colours, instance numbers and depth, as the camera's file holds them
    record: PictureRecord  # all things that can be seen; `record.labelled` are those to label


@dataclass(frozen=True, slots=True, kw_only=True)
class FinishedPicture:
    """A picture that is complete in the dataset's folder."""

    index: int
    subset: str  # `train`, `val`, `test`, or "" without a split
    paths: tuple[str, ...]  # all its files, as in the manifest; the picture is the last


@dataclass(frozen=True, slots=True, kw_only=True)
class DatasetContents:
    """The finished pictures of a folder, at any moment of a run."""

    folder: Path
    recipe: int = 2
    options: LabelOptions
    subsets: tuple[str, ...]  # names of the split's parts, also of those that have no picture yet; () without a split
    pictures: Sequence[FinishedPicture]  # ascending by index
