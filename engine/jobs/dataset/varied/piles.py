"""Piles of recipe 2: kinds, sizes, feet, paint, rust, caps."""

from dataclasses import dataclass, replace

from engine.jobs.dataset.options import SceneOptions
from engine.jobs.dataset.scene.description import Terrain
from engine.jobs.dataset.scene.layout import SiteLayout
from engine.jobs.dataset.scene.piles import plant
from engine.jobs.dataset.scene.streams import Seed
from engine.jobs.dataset.scene.things import Pile


@dataclass(frozen=True, slots=True, kw_only=True)
class PileOptions:
    def check(self) -> None:
        """Raise UsageError for a number out of its range, and for options that exclude one another."""


def plant_varied(
    options: SceneOptions, piles: PileOptions, layout: SiteLayout, terrain: Terrain, seed: Seed
) -> tuple[Pile, ...]:
    """Place all piles of the layout, numbered from 1."""
    planted = plant(layout, terrain, options.geological_preset, seed)
    return tuple(replace(pile, number=number) for number, pile in enumerate(planted, 1))
