"""Builds a scene of recipe 2 from options and a seed."""

from engine.jobs.dataset.options import SceneOptions
from engine.jobs.dataset.scene.description import SiteScene
from engine.jobs.dataset.scene.settling import settle
from engine.jobs.dataset.scene.streams import Seed, stream
from engine.jobs.dataset.scene.terrain import make_terrain
from engine.jobs.dataset.varied.cameras import draw_cameras
from engine.jobs.dataset.varied.clutter import place_clutter
from engine.jobs.dataset.varied.extent import extent_of
from engine.jobs.dataset.varied.field import lay_field
from engine.jobs.dataset.varied.grounds import draw_ground
from engine.jobs.dataset.varied.marks import lay_varied_lime, lay_varied_tracks
from engine.jobs.dataset.varied.options import VariedOptions
from engine.jobs.dataset.varied.piles import plant_varied
from engine.jobs.dataset.varied.sky import draw_sun


def describe_varied(options: SceneOptions, varied: VariedOptions, seed: Seed, view: int = 0) -> SiteScene:
    """Build one view of the scene. The things of a scene are the same in all its views, and so are their numbers."""
    cameras = draw_cameras(options, varied.camera, seed)
    extent = extent_of(cameras)
    settled = settle(options, seed)
    terrain = make_terrain(settled, seed)
    layout = lay_field(options, varied.layout, settled, terrain, extent, seed)
    piles = plant_varied(options, varied.piles, layout, terrain, seed)
    clutter = place_clutter(options, varied.clutter, terrain, layout, piles, extent, seed)
    return SiteScene(
        seed=int(stream(seed, "renderer").integers(2**31)),
        camera=cameras[view],
        sun=draw_sun(options, varied.sky, settled, seed, view),
        terrain=terrain,
        ground=draw_ground(options, varied.ground, seed),
        piles=piles,
        distractors=clutter,
        tracks=lay_varied_tracks(layout, extent, piles, clutter, seed),
        lime_lines=lay_varied_lime(layout, extent, seed),
    )
