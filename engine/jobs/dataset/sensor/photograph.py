"""Turns a rendered picture into a photograph."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from engine.jobs.dataset.rendered import Rendered
from engine.jobs.dataset.scene.description import SiteScene
from engine.jobs.dataset.scene.streams import Seed
from engine.jobs.dataset.sensor.options import SensorOptions


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Photograph:
    """The picture as the camera's file holds it."""

    rendered: Rendered
    """Colours with all effects; numbers and depth moved by the lens, too."""
    effects: dict[str, Any] = field(default_factory=dict)
    """The drawn value of each effect, for the manifest."""
    suffix: str = ".png"
    """Suffix of the picture's file."""
    content: bytes | None = None
    """The file, if an effect made it (JPEG); None: the caller encodes a PNG."""


def photograph(
    scene: SiteScene, options: SensorOptions, seed: Seed, render: Callable[[SiteScene], Rendered]
) -> Photograph:
    """Draw the effects, render the scene (with a wider window if the lens needs it), and apply them.

    The same seed gives the same bytes.
    """
    return Photograph(rendered=render(scene))


def to_picture(scene: SiteScene, effects: dict[str, Any], pixels: np.ndarray) -> np.ndarray:
    """Move (n, 2) pixels of the pinhole camera to the pixels of the photograph where the lens puts them."""
    return pixels
