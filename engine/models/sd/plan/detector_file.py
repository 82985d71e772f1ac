"""Examines the models that draw control images, depth and pose, by their JSON and headers. Does not
load torch."""

from dataclasses import dataclass
from typing import Any, Final

from engine.errors import ModelError
from engine.models import locate
from engine.models.plain_config import read_config
from engine.models.sd.spec import DETECTORS
from engine.models.weight_files import WeightFiles, find_weights

KINDS: Final = {
    "depth": ("depth_anything", "DepthAnythingForDepthEstimation"),
    "pose": ("vitpose", "VitPoseForPoseEstimation"),
}
"""model_type in config.json, and class in transformers, by the key in `ModelSpec`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DetectorFiles:
    part: str
    """A key of KINDS."""
    name: str
    """The name as the user gave it."""
    config: dict[str, Any]
    weights: WeightFiles

    @property
    def kind(self) -> str:
        """The class in transformers."""
        return KINDS[self.part][1]


def examine_detector(part: str, name: str) -> DetectorFiles:
    """Examine a detector network. ModelError in one line if it is another kind of model or has no
    weights."""
    path = locate.find(name, files=locate.PART_FILES)
    model_type, kind = KINDS[part]
    example = DETECTORS[part]
    fetch = f"for example {example} ({locate.fetch_command(example, files=locate.PART_FILES)})"
    if path.is_file():
        raise ModelError(f"{name}: {part} is a folder in transformers' layout, not a file; {fetch}")
    config = read_config(name, path)
    found = str(config.get("model_type", "unknown"))
    if found != model_type:
        raise ModelError(f"{name}: is a model of type {found[:40]}; {part} needs {kind}, {fetch}")
    weights = find_weights(path)
    if weights is None:
        raise ModelError(f"{name}: {part} has no weights, model.safetensors is missing; {fetch}")
    return DetectorFiles(part=part, name=name, config=config, weights=weights)
