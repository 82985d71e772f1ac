"""Things of recipe 2 that are not piles: machines, bags, and what a detector confuses with piles."""

from dataclasses import dataclass, replace

from engine.jobs.dataset.options import SceneOptions
from engine.jobs.dataset.scene.description import Terrain
from engine.jobs.dataset.scene.distractors import place_distractors
from engine.jobs.dataset.scene.layout import SiteLayout
from engine.jobs.dataset.scene.settling import Settled
from engine.jobs.dataset.scene.streams import Seed
from engine.jobs.dataset.scene.things import Distractor, Pile
from engine.jobs.dataset.varied.extent import Extent


@dataclass(frozen=True, slots=True, kw_only=True)
class ClutterOptions:
    def check(self) -> None:
        """Raise UsageError for a number out of its range, and for options that exclude one another."""


def place_clutter(
    options: SceneOptions,
    clutter: ClutterOptions,
    settled: Settled,
    terrain: Terrain,
    layout: SiteLayout,
    piles: tuple[Pile, ...],
    extent: Extent,
    seed: Seed,
) -> tuple[Distractor, ...]:
    """Place everything that is not a pile, numbered after the piles."""
    placed = place_distractors(settled, terrain, piles, seed)
    first = 1 + max((pile.number for pile in piles), default=0)
    return tuple(replace(thing, number=first + place) for place, thing in enumerate(placed))
