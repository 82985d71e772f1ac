"""A small site, and pictures of it drawn by Blender."""

from dataclasses import replace
from pathlib import Path

import numpy as np

from engine.dataset.cycles.drawing import render
from engine.dataset.geometry.batches import Rendered, SceneGeometry
from engine.dataset.geometry.scene_geometry import build_geometry
from engine.dataset.scene.camera import SiteCamera
from engine.dataset.scene.description import SiteScene, Sun
from engine.dataset.scene.things import PileKind
from engine.dataset.task import RenderSettings
from tests.dataset.geometry.sites import hilly, pile, site

SETTINGS = RenderSettings(engine="cycles", max_samples=2, noise_threshold=0.05, use_gpu=False)


def yard(energy: float = 2.0) -> SiteScene:
    """36 piles of all kinds on rough ground, 240x180, so close that a pile is about 5 px wide."""
    terrain = hilly(3, count=101)
    kinds = list(PileKind)
    piles = []
    for k in range(36):
        x_m, y_m = (k % 6 - 2.5) * 4.1 + 0.13 * (k % 5), (k // 6 - 2.5) * 3.3
        ground_m = float(terrain.height_at(np.array(x_m), np.array(y_m)))
        piles.append(
            pile(
                kinds[k % 3], x_m=x_m, y_m=y_m, ground_m=ground_m, turn=0.4 * k, tilt_x=0.005,
                rust=k % 4,
                has_hoop=k % 3 == 0, is_cracked=k % 2 == 0,
            )
        )  # fmt: skip
    scene = site(tuple(piles), terrain=terrain)
    return replace(scene, camera=SiteCamera(width_px=240, height_px=180, height_m=16), sun=Sun(
        elevation_deg=45, azimuth_deg=120, energy=energy
    ))  # fmt: skip


def quarters() -> np.ndarray:
    """A texture for the ground: north-west red, north-east green, south-west blue, south-east
    grey."""
    picture = np.full((64, 64, 3), 140, np.uint8)
    picture[:32, :32], picture[:32, 32:], picture[32:, :32] = (
        (190, 110, 110),
        (110, 190, 110),
        (110, 110, 190),
    )
    return picture


class YardRenderer:
    """Pictures of the yard; each is drawn once and cached."""

    def __init__(self) -> None:
        self._known: dict[tuple[float, int, bool], Rendered] = {}

    def __call__(
        self, blender: Path, energy: float = 2.0, turn: int = 0, *, is_small: bool = False
    ) -> Rendered:
        """`turn`: draws the same picture again for another number."""
        key = energy, turn, is_small
        if key not in self._known:
            self._known[key] = render(
                self.geometry(energy, is_small=is_small), quarters(), SETTINGS, blender
            )
        return self._known[key]

    def geometry(self, energy: float = 2.0, *, is_small: bool = False) -> SceneGeometry:
        """Geometry of the yard; `is_small`: for a smaller camera, 80x60, over the same ground."""
        scene = yard(energy)
        camera = replace(scene.camera, width_px=80, height_px=60) if is_small else scene.camera
        return build_geometry(replace(scene, camera=camera))
