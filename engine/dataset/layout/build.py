"""Builds a scene of recipe 2 from options and a seed."""

from dataclasses import replace

import numpy as np

from engine.dataset.layout.assets import place_assets
from engine.dataset.layout.cameras import draw_cameras
from engine.dataset.layout.clutter import in_winter, place_clutter
from engine.dataset.layout.field import lay_field
from engine.dataset.layout.ground_cover import draw_ground_look
from engine.dataset.layout.marks import lay_tracks, strew_lime
from engine.dataset.layout.options import Recipe2Options
from engine.dataset.layout.piles import plant_piles
from engine.dataset.layout.placer import PiledSite
from engine.dataset.layout.settling import Settled, settle
from engine.dataset.layout.sight import (
    corners_of_views,
    visible_assets,
    visible_piles,
    visible_things,
    with_lens,
)
from engine.dataset.layout.sky import draw_sun
from engine.dataset.layout.terrain import deepest_m, make_terrain
from engine.dataset.options import SceneOptions
from engine.dataset.scene.description import CoverKind, SiteScene
from engine.dataset.scene.streams import Seed, stream

# share of sites with lower terraces than recipe 1's: most solar sites are on fields and plains
LEVEL_FRACTION = 0.65
BEYOND_M = (
    30.0  # ground around what the views show, for the feet of things that cast shadows into them
)


def describe_recipe_2(
    options: SceneOptions, recipe_2: Recipe2Options, seed: Seed, view: int = 0
) -> SiteScene:
    """Build one view of the scene, with what it may show; things and numbers are the same in all
    views of a scene."""
    cameras = draw_cameras(options, recipe_2.camera, seed)
    views = tuple(with_lens(camera, recipe_2.sensor.camera_effects) for camera in cameras)
    settled = lower_terraces(options, settle(options, seed), seed)
    seen_m = float(np.abs(corners_of_views(views, -deepest_m(settled))).max())
    terrain = make_terrain(settled, seed, 2 * (seen_m + BEYOND_M))  # no view sees its edge
    layout = lay_field(
        options,
        recipe_2.layout,
        settled,
        terrain,
        cameras,
        seed,
        min_pitch_m=recipe_2.piles.min_pitch_m,
        views=views,
    )
    gsd_m = sum(camera.gsd_m for camera in cameras) / len(cameras)
    piles = plant_piles(options, recipe_2.piles, layout, terrain, seed, gsd_m)
    ground_look = draw_ground_look(options, recipe_2.ground, seed)
    recipe_2.assets.check_under(min(camera.height_m for camera in cameras))
    site = PiledSite(
        terrain=terrain, layout=layout, piles=piles, views_m=corners_of_views(views), seed=seed
    )
    models, occupied = place_assets(recipe_2.assets, site)
    clutter = place_clutter(options, recipe_2.clutter, site, occupied)
    if any(cover.kind is CoverKind.SNOW for cover in ground_look.covers):
        clutter = in_winter(clutter)
    last = max((*(pile.number for pile in piles), *(thing.number for thing in clutter)), default=0)
    models = tuple(replace(one, number=number) for number, one in enumerate(models, last + 1))
    camera = cameras[view]
    # one flight, one light
    sun = draw_sun(options, recipe_2.sky, settled, seed, 0 if recipe_2.camera.strip else view)
    return SiteScene(
        seed=int(stream(seed, "renderer").integers(2**31)),
        camera=camera,
        sun=sun,
        terrain=terrain,
        ground=ground_look,
        piles=visible_piles(piles, views[view], sun),
        distractors=visible_things(clutter, views[view], sun),
        tracks=lay_tracks(site, clutter),
        lime_lines=strew_lime(site),
        assets=recipe_2.assets.assets,
        effects_seed=(*((seed,) if isinstance(seed, int) else seed), view),
        placed_assets=visible_assets(models, recipe_2.assets.assets, views[view], sun),
    )


def lower_terraces(options: SceneOptions, settled: Settled, seed: Seed) -> Settled:
    """The site with lower terraces, or nearly none, on a part of the sites; requested terraces
    stay."""
    if options.terrace_height is not None or options.num_terraces is not None:
        return settled
    relief = min(float(stream(seed, "terrain relief").random()) / LEVEL_FRACTION, 1.0)
    return replace(settled, terrace_height=settled.terrace_height * relief * relief)
