"""Builds a whole scene from options and a seed."""

import numpy as np

from engine.jobs.dataset.options import Preset, SceneOptions
from engine.jobs.dataset.scene.camera import SiteCamera
from engine.jobs.dataset.scene.clusters import lay_clusters
from engine.jobs.dataset.scene.description import GroundLook, SiteScene, Sun
from engine.jobs.dataset.scene.distractors import place_distractors
from engine.jobs.dataset.scene.marks import lay_lime, lay_tracks
from engine.jobs.dataset.scene.piles import plant
from engine.jobs.dataset.scene.rows import lay_rows
from engine.jobs.dataset.scene.settling import settle
from engine.jobs.dataset.scene.streams import Seed, stream
from engine.jobs.dataset.scene.terrain import make_terrain

LOESS = np.array([(0.42, 0.30, 0.16), (0.50, 0.38, 0.22), (0.15, 0.17, 0.05)])
"""Soil, subsoil, grass: yellow-brown silt, lighter where it is cut."""
HILLS = np.array([(0.26, 0.125, 0.065), (0.36, 0.175, 0.09), (0.08, 0.13, 0.03)])
"""Weathered red earth under more grass."""
GRASS_LOESS = (0.08, 0.28)
GRASS_HILLS = (0.30, 0.55)


def describe_scene(options: SceneOptions, seed: int) -> SiteScene:
    """Build the scene, identical on every machine. UsageError, with the number that fits, if something does not fit."""
    settled = settle(options, seed)
    terrain = make_terrain(settled, seed)
    layout = lay_clusters(settled, terrain, seed) if settled.use_clusters else lay_rows(settled, seed)
    piles = plant(layout, terrain, settled.geological_preset, seed)
    distractors = place_distractors(settled, terrain, piles, seed)
    return SiteScene(
        seed=seed,
        camera=SiteCamera(width_px=settled.width, height_px=settled.height),
        sun=Sun(elevation_deg=settled.sun_elevation, azimuth_deg=settled.sun_azimuth, energy=settled.sun_energy),
        terrain=terrain,
        ground=look_of_ground(settled.geological_preset, seed),
        piles=piles,
        distractors=distractors,
        tracks=lay_tracks(layout, settled.site, piles, distractors, seed),
        lime_lines=lay_lime(layout, seed),
    )


def look_of_ground(preset: Preset | None, seed: Seed) -> GroundLook:
    """Colours of loess or of hills, or a random mix of both without a preset."""
    draw = stream(seed, "ground")
    mix, light, share = draw.random(3)
    towards_hills = {"loess": 0.0, "hills": 1.0}.get(preset or "", mix)
    colors = (LOESS + (HILLS - LOESS) * towards_hills) * (0.9 + 0.2 * light)
    low, high = np.array(GRASS_LOESS) + (np.array(GRASS_HILLS) - np.array(GRASS_LOESS)) * towards_hills
    soil, subsoil, grass = ((float(red), float(green), float(blue)) for red, green, blue in colors)
    return GroundLook(
        soil=soil,
        subsoil=subsoil,
        grass=grass,
        grass_share=float(low + (high - low) * share),
        noise_seed=int(draw.integers(2**32)),
    )
