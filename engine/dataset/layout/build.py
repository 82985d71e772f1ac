"""Builds a scene of recipe 2 from options and a seed."""

from dataclasses import replace

import numpy as np

from engine.dataset.layout.assets import place_assets
from engine.dataset.layout.cameras import draw_cameras
from engine.dataset.layout.clutter import in_winter, place_clutter
from engine.dataset.layout.field import lay_field
from engine.dataset.layout.grounds import draw_ground
from engine.dataset.layout.marks import lay_tracks, strew_lime
from engine.dataset.layout.options import Recipe2Options
from engine.dataset.layout.piles import plant_piles
from engine.dataset.layout.placer import PiledSite
from engine.dataset.layout.settling import Settled, settle
from engine.dataset.layout.sight import corners_of_views, shown_assets, shown_piles, shown_things, with_lens
from engine.dataset.layout.sky import draw_sun
from engine.dataset.layout.terrain import deepest_m, make_terrain
from engine.dataset.options import SceneOptions
from engine.dataset.scene.description import CoverKind, SiteScene
from engine.dataset.scene.streams import Seed, stream

LEVEL_SHARE = 0.65  # share of sites with lower terraces than recipe 1's: most solar sites are on fields and plains
BEYOND_M = 30.0  # ground around what the views show, for the feet of things that cast shadows into them


def describe_recipe_2(options: SceneOptions, recipe_2: Recipe2Options, seed: Seed, view: int = 0) -> SiteScene:
    """Build one view of the scene, with what it may show; things and numbers are the same in all views of a scene."""
    cameras = draw_cameras(options, recipe_2.camera, seed)
    shown = tuple(with_lens(camera, recipe_2.sensor.camera_effects) for camera in cameras)
    settled = levelled(options, settle(options, seed), seed)
    seen_m = float(np.abs(corners_of_views(shown, -deepest_m(settled))).max())
    terrain = make_terrain(settled, seed, 2 * (seen_m + BEYOND_M))  # no view sees its edge
    layout = lay_field(
        options, recipe_2.layout, settled, terrain, cameras, seed, min_pitch_m=recipe_2.piles.min_pitch_m, shown=shown
    )
    gsd_m = sum(camera.gsd_m for camera in cameras) / len(cameras)
    piles = plant_piles(options, recipe_2.piles, layout, terrain, seed, gsd_m)
    ground = draw_ground(options, recipe_2.ground, seed)
    recipe_2.assets.check_under(min(camera.height_m for camera in cameras))
    site = PiledSite(terrain=terrain, layout=layout, piles=piles, views_m=corners_of_views(shown), seed=seed)
    models, taken = place_assets(recipe_2.assets, site)
    clutter = place_clutter(options, recipe_2.clutter, site, taken)
    if any(cover.kind is CoverKind.SNOW for cover in ground.covers):
        clutter = in_winter(clutter)
    last = max((*(pile.number for pile in piles), *(thing.number for thing in clutter)), default=0)
    models = tuple(replace(one, number=number) for number, one in enumerate(models, last + 1))
    camera = cameras[view]
    sun = draw_sun(options, recipe_2.sky, settled, seed, 0 if recipe_2.camera.strip else view)  # one flight, one light
    return SiteScene(
        seed=int(stream(seed, "renderer").integers(2**31)),
        camera=camera,
        sun=sun,
        terrain=terrain,
        ground=ground,
        piles=shown_piles(piles, shown[view], sun),
        distractors=shown_things(clutter, shown[view], sun),
        tracks=lay_tracks(site, clutter),
        lime_lines=strew_lime(site),
        assets=recipe_2.assets.assets,
        effects_seed=(*((seed,) if isinstance(seed, int) else seed), view),
        placed_assets=shown_assets(models, recipe_2.assets.assets, shown[view], sun),
    )


def levelled(options: SceneOptions, settled: Settled, seed: Seed) -> Settled:
    """The site with lower terraces, or nearly none, on a part of the sites; given terraces stay."""
    if options.terrace_height is not None or options.num_terraces is not None:
        return settled
    share = min(float(stream(seed, "terrain relief").random()) / LEVEL_SHARE, 1.0)
    return replace(settled, terrace_height=settled.terrace_height * share * share)
