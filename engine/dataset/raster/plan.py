"""Bakes the ground's albedo, seen from above: the texture that Cycles uses."""

from dataclasses import replace

import moderngl
import numpy as np

from engine.dataset.geometry.batches import SceneGeometry
from engine.dataset.raster.device import VIEW_BLOCK, open_device
from engine.dataset.raster.marks import Marks, tracks_and_lime
from engine.dataset.raster.targets import MAX_TILE_PX, confine, read_pixels, tiles_of
from engine.dataset.raster.terrain_mesh import terrain_texture
from engine.dataset.raster.view import GroundCover, View
from engine.dataset.scene.camera import SiteCamera

_MARKS, _TERRAIN, _NO_DEPTH, _CLOUDS, _PICTURE = range(5)


def bake_ground_texture(
    geometry: SceneGeometry,
    side_px: int,
    side_m: float | None = None,
    middle_m: tuple[float, float] = (0.0, 0.0),
) -> np.ndarray:
    """Bake the albedo over a square (None: the whole terrain): (side_px, side_px, 3) uint8 sRGB,
    row 0 north, column 0 west. Raises RenderError, NoGLError."""
    scene = geometry.scene
    pixel_m = (scene.terrain.side_m if side_m is None else side_m) / side_px
    left_px, top_px = round(middle_m[0] / pixel_m), -round(middle_m[1] / pixel_m)
    plan = np.empty((side_px, side_px, 3), np.uint8)
    with open_device() as device:
        context = device.context
        context.front_face = "cw"
        tiles = tiles_of(side_px, side_px, min(MAX_TILE_PX, device.largest_px))
        size_px = (tiles[0].width_px, tiles[0].height_px)
        marks_texture = device.texture(size_px, 4)
        marks_target = device.framebuffer([marks_texture])
        target = device.framebuffer([device.texture(size_px, 4)])
        terrain = terrain_texture(device, geometry.terrain, scene.terrain)
        no_depth = device.texture((1, 1), 1, "f4")
        program = device.program("marks", "marks_vertex", u_ground_depth=_NO_DEPTH)
        marks = Marks(device, program, tracks_and_lime(scene), None)
        cover = GroundCover(
            device, scene.ground, scene.sun, clouds_unit=_CLOUDS, picture_unit=_PICTURE
        )
        ground_pass = device.pass_over_all(
            "ground_plan",
            defines=cover.ground_defines,
            u_marks=_MARKS,
            u_terrain=_TERRAIN,
            **cover.units,
        )
        camera = SiteCamera(width_px=side_px, height_px=side_px)
        view = View(
            scene=replace(scene, camera=camera.window(left_px, top_px, side_px, side_px)),
            nearest_m=1.0,
            farthest_m=2.0,
            plan_pixel_m=pixel_m,
        )
        block = device.own(context.buffer(view.pack()))
        block.bind_to_uniform_block(VIEW_BLOCK)
        for tile in tiles:
            block.write(replace(view, tile_px=(tile.left_px, tile.top_px, *size_px)).pack())
            confine(marks_target, tile)
            confine(target, tile)
            no_depth.use(_NO_DEPTH)
            marks_target.use()
            marks_target.clear()
            marks.draw(tile)
            marks_texture.use(_MARKS)
            terrain.use(_TERRAIN)
            cover.use()
            target.use()
            context.enable_only(moderngl.NOTHING)
            ground_pass.render(vertices=3)
            plan[tile.slices] = read_pixels(target, tile, 4, 0, "f1")[..., :3]
            device.check()
    return plan
