"""What one attempt at a picture leaves in its folder."""

from dataclasses import dataclass, field
from typing import Any

PICTURE, LABELS, COCO_PART, HDF5 = "picture.png", "labels.txt", "coco.json", "arrays.hdf5"


@dataclass(slots=True, kw_only=True)
class Made:
    """What is known of a picture that was made."""

    piles: int
    """On the site."""
    labelled: int
    """Seen in the picture."""
    renderer: str
    drawn: dict[str, Any] = field(default_factory=dict)
    """Every number of the scene."""
    seconds: dict[str, float] = field(default_factory=dict)
    """Scene, draw, labels, save."""
    sha256: dict[str, str] = field(default_factory=dict)
    """Of each file, by the names above."""
    bytes: dict[str, int] = field(default_factory=dict)
