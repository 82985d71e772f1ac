"""The user's options for scenes. None: not given, so each picture gets a random value. Lengths are
in metres."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from engine.errors import UsageError
from engine.jobs.kit import check_number, option

Preset = Literal["loess", "hills"]
MAX_CLUSTERS = 5
MAX_SIDE_PX = 16384
RANGES = {
    "num_clusters": (1, MAX_CLUSTERS),
    "terrain_size": (20, 1000),
    "num_rows": (1, 1000),
    "piles_per_row": (1, 1000),
    "row_spacing": (2, 50),
    "num_terraces": (1, 100),
    "terrace_height": (0, 10),
    "sun_elevation": (5, 90),
    "sun_azimuth": (0, 360),
    "sun_energy": (0, 20),
    "num_bags": (0, 10_000),
    "num_machinery": (0, 1000),
    "min_piles_per_cluster": (0, 10_000),
    "max_piles_per_cluster": (0, 10_000),
    "cluster_size": (5, 500),
    "width": (64, MAX_SIDE_PX),
    "height": (64, MAX_SIDE_PX),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class SceneOptions:
    """Options of the scene and the picture's size, without those of rendering."""

    width: int = option(
        5280,
        "Width in pixels; of the sensor, if --view is given. Recipe 1 always shows 200 m.",
        metavar="64..16384",
    )
    height: int = option(3956, "Height in pixels, likewise.", metavar="64..16384")
    use_clusters: bool | None = option(
        None,
        "Piles in clusters, or in rows. (default: random)",
        flags="--use-clusters/--no-use-clusters",
    )
    num_clusters: int | None = option(
        None, "Clusters of piles. (default: random, 1 to 5)", metavar="1..5"
    )
    cluster_size: float | None = option(
        None,
        "Size of a cluster in metres; centres are 1.5 times as far apart. (default: 30)",
        metavar="M",
    )
    min_piles_per_cluster: int | None = option(
        None, "Fewest piles of a cluster. (default: 50, or as many as fit)", metavar="N"
    )
    max_piles_per_cluster: int | None = option(
        None, "Most piles of a cluster. (default: 100, or as many as fit)", metavar="N"
    )
    num_rows: int | None = option(None, "Rows of piles. (default: random, 12 to 17)", metavar="N")
    piles_per_row: int | None = option(
        None, "Piles in a row. (default: random, 30 to 39)", metavar="N"
    )
    row_spacing: float | None = option(
        None, "Metres between rows. (default: random, 3 to 4)", metavar="2..50"
    )
    terrain_size: float | None = option(
        None,
        "Side of the site in metres; more than 200 is as 200. Recipe 2: of its terraces, given "
        "rows or clusters. "
        "(default: random, 180 to 220)",
        metavar="20..1000",
    )
    num_terraces: int | None = option(
        None, "Terraces of the site. (default: random, 6 to 11)", metavar="1..100"
    )
    terrace_height: float | None = option(
        None, "Height of a terrace in metres. (default: random, 1.5 to 3)", metavar="0..10"
    )
    geological_preset: Preset | None = option(
        None, "Ground and kinds of piles. (default: a mix)", metavar="loess|hills"
    )
    num_bags: int | None = option(
        None, "Bags. (default: 30, or as many as fit; recipe 2: random, 0 to 30)", metavar="N"
    )
    """A given number must fit; otherwise as many as fit. The same for machines."""
    num_machinery: int | None = option(
        None, "Machines. (default: 15, or as many as fit; recipe 2: random, 0 to 15)", metavar="N"
    )
    sun_elevation: float | None = option(
        None,
        "Sun: degrees above the horizon. (default: random, 30 to 60; recipe 2: by place and date)",
        metavar="5..90",
    )
    sun_azimuth: float | None = option(
        None,
        "Sun: degrees clockwise from north. (default: random; recipe 2: by place and date)",
        metavar="0..360",
    )
    sun_energy: float | None = option(
        None,
        "Sun: W/m2, as in Blender. (default: random, 1.5 to 2.5; recipe 2: also by its elevation)",
        metavar="0..20",
    )

    def check(self) -> None:
        """Raise UsageError for a number out of its range. `settle` checks that all fit together."""
        check_ranges(self, RANGES)
        fewest = self.min_piles_per_cluster
        most = self.max_piles_per_cluster
        if fewest is not None and most is not None and fewest > most:
            raise UsageError(
                f"--min-piles-per-cluster {fewest}: more than --max-piles-per-cluster {most}"
            )


def check_ranges(options: object, ranges: Mapping[str, tuple[float, float | None]]) -> None:
    """Raise UsageError for an option outside its range. `ranges`: by field."""
    for name, (low, high) in ranges.items():
        value = getattr(options, name)
        if value is not None:
            check_number(option_name(name), value, low, high)


def option_name(field: str) -> str:
    """`num_rows` -> `--num-rows`."""
    return f"--{field.replace('_', '-')}"
