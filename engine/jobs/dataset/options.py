"""The user's options for scenes. None: not given, so each picture draws a random value.

The names are those of the original script; lengths are in metres.
"""

from dataclasses import dataclass
from typing import Literal

from engine.errors import UsageError
from engine.jobs.kit.option_range import check_number

Preset = Literal["loess", "hills"]
MAX_CLUSTERS = 5
MAX_SIDE_PX = 16384


@dataclass(frozen=True, slots=True, kw_only=True)
class SceneOptions:
    """Options of the scene and the picture's size; none of rendering."""

    use_clusters: bool | None = None
    num_clusters: int | None = None
    terrain_size: float | None = None
    num_rows: int | None = None
    piles_per_row: int | None = None
    row_spacing: float | None = None
    num_terraces: int | None = None
    terrace_height: float | None = None
    sun_elevation: float | None = None
    """Degrees above the horizon."""
    sun_azimuth: float | None = None
    """Degrees clockwise from north."""
    sun_energy: float | None = None
    """W/m2, as in Blender."""
    num_bags: int | None = None
    """None: 30, or as many as fit; for machines 15. A given number must fit."""
    num_machinery: int | None = None
    min_piles_per_cluster: int | None = None
    """None: 50, or as many as fit; the maximum is 100 by default."""
    max_piles_per_cluster: int | None = None
    cluster_size: float | None = None
    """None: 30."""
    geological_preset: Preset | None = None
    width: int = 5280
    height: int = 3956

    def check(self) -> None:
        """Raise UsageError for a number out of its range. `settle` checks that all fit together."""
        ranges: tuple[tuple[str, float, float], ...] = (
            ("num_clusters", 1, MAX_CLUSTERS),
            ("terrain_size", 20, 1000),
            ("num_rows", 1, 1000),
            ("piles_per_row", 1, 1000),
            ("row_spacing", 2, 50),
            ("num_terraces", 1, 100),
            ("terrace_height", 0, 10),
            ("sun_elevation", 5, 90),
            ("sun_azimuth", 0, 360),
            ("sun_energy", 0, 20),
            ("num_bags", 0, 10_000),
            ("num_machinery", 0, 1000),
            ("min_piles_per_cluster", 0, 10_000),
            ("max_piles_per_cluster", 0, 10_000),
            ("cluster_size", 5, 500),
            ("width", 64, MAX_SIDE_PX),
            ("height", 64, MAX_SIDE_PX),
        )
        for name, low, high in ranges:
            value = getattr(self, name)
            if value is not None:
                check_number(option_name(name), value, low, high)
        fewest, most = self.min_piles_per_cluster, self.max_piles_per_cluster
        if fewest is not None and most is not None and fewest > most:
            raise UsageError(f"--min-piles-per-cluster {fewest}: more than --max-piles-per-cluster {most}")


def option_name(field: str) -> str:
    """`num_rows` -> `--num-rows`."""
    return f"--{field.replace('_', '-')}"
