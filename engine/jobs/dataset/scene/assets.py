"""Models of the user's, and where they stand in a scene. The files are read when a scene is drawn (assets/)."""

from dataclasses import dataclass
from typing import Literal

UpAxis = Literal["y", "z"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Asset:
    """One model: a file, and how it is used."""

    name: str
    path: str
    sha256: str
    """Hash of the file; with other files that it names (buffers, textures), of all of them."""
    category: str
    """Its class in labels."""
    scale: float = 1.0
    """Metres per unit of the file."""
    up: UpAxis = "y"
    """The file's axis that points up."""
    size_m: tuple[float, float, float]
    """Along its own x, its own y, and up, with the scale."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PlacedAsset:
    """An asset on the site. Fields as in Distractor."""

    asset: str
    """Its name."""
    x_m: float
    y_m: float
    ground_m: float
    turn: float
    slope_x: float = 0.0
    slope_y: float = 0.0
    scale: float = 1.0
    shade: float = 1.0
    lift_m: float = 0.0
    number: int = 0

    @property
    def told(self) -> dict[str, str | float]:
        return {"kind": self.asset}
