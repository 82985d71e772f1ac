"""The files and facts of a finished picture."""

from dataclasses import dataclass, field
from typing import Any


@dataclass(slots=True, kw_only=True)
class MadePicture:
    """Facts about a finished picture."""

    piles: int
    """Piles on the site."""
    labelled: int
    """Things with a label; in recipe 1 piles alone."""
    renderer: str
    drawn: dict[str, Any] = field(default_factory=dict)
    """Every number of the scene in recipe 1. In recipe 2 camera, light, ground, counts, and the file of the scene."""
    seconds: dict[str, float] = field(default_factory=dict)
    """Per step: scene, draw, sensor (recipe 2), labels, save."""
    cpu_seconds: dict[str, float] = field(default_factory=dict)
    """Processor time of all its threads, per step."""
    sha256: dict[str, str] = field(default_factory=dict)
    """Per file, keyed by its path in the dataset, in the order of commit: labels first, the picture last."""
    bytes: dict[str, int] = field(default_factory=dict)
