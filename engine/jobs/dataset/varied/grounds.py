"""Looks of the ground in recipe 2."""

from dataclasses import dataclass

from engine.jobs.dataset.options import SceneOptions
from engine.jobs.dataset.scene.build import look_of_ground
from engine.jobs.dataset.scene.description import GroundLook
from engine.jobs.dataset.scene.streams import Seed


@dataclass(frozen=True, slots=True, kw_only=True)
class GroundOptions:
    def check(self) -> None:
        """Raise UsageError for an unknown look, and for options that exclude one another."""


def draw_ground(options: SceneOptions, ground: GroundOptions, seed: Seed) -> GroundLook:
    """Draw the look of the ground: hue, saturation and brightness independent of one another."""
    return look_of_ground(options.geological_preset, seed)
