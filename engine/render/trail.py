"""The pictures from which another renderer goes on."""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, slots=True, kw_only=True)
class Trail:
    """The newest pictures of a renderer before effects, fade and limits, each (height, width, 4) uint16."""

    last: np.ndarray
    """The look's own."""
    dissolve: "DissolveTrail | None" = None
    """During a dissolve."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DissolveTrail:
    number: int
    """Number of the fade."""
    mixed: np.ndarray
    """Both looks, as on screen."""
    leaving: np.ndarray
    """The outgoing look's own."""
    side: np.ndarray | None
    """The one that the incoming look is mixed with."""
    beneath: np.ndarray | None
    """A still beneath the outgoing look."""
