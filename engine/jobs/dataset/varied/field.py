"""Layout of recipe 2: rows of any direction that run over the picture's edge, with 0 to 768 piles in a picture."""

from dataclasses import dataclass

from engine.jobs.dataset.options import SceneOptions
from engine.jobs.dataset.scene.clusters import lay_clusters
from engine.jobs.dataset.scene.description import Terrain
from engine.jobs.dataset.scene.layout import SiteLayout
from engine.jobs.dataset.scene.rows import lay_rows
from engine.jobs.dataset.scene.settling import Settled
from engine.jobs.dataset.scene.streams import Seed
from engine.jobs.dataset.varied.extent import Extent


@dataclass(frozen=True, slots=True, kw_only=True)
class FieldOptions:
    def check(self) -> None:
        """Raise UsageError for a number out of its range, and for options that exclude one another."""


def lay_field(
    options: SceneOptions, field: FieldOptions, settled: Settled, terrain: Terrain, extent: Extent, seed: Seed
) -> SiteLayout:
    """Lay out lines of piles."""
    return lay_clusters(settled, terrain, seed) if settled.use_clusters else lay_rows(settled, seed)
