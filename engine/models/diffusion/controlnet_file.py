"""What a ControlNet's folder or file holds, told from JSON and headers. Does not load torch."""

from dataclasses import dataclass
from pathlib import Path

from engine.errors import ModelError
from engine.models import locate
from engine.models.diffusion.network_outline import NetworkOutline
from engine.models.weight_files import Weights, weights_in


@dataclass(frozen=True, slots=True, kw_only=True)
class ControlNetFiles:
    name: str
    """As it was asked for."""
    path: Path
    weights: Weights


def examine_controlnet(name: str, outline: NetworkOutline | None) -> ControlNetFiles:
    """ModelError in one line where `load` would refuse it. `outline`: of the model it is for, None where unknown."""
    path = locate.find(name, files=locate.PART_FILES)
    if not (path / "config.json").is_file():
        raise ModelError(f"{name}: no ControlNet folder of diffusers (config.json is missing)")
    weights = weights_in(path)
    if weights is None:
        raise ModelError(f"{name} has no weights{locate.how_to_get(name)}")
    return ControlNetFiles(name=name, path=path, weights=weights)
