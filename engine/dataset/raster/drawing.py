"""Renders a scene's geometry to a picture: the passes, in the order of a tile.

ground depth     the bare terrain, bit-identical for any tiling
numbers          the pile at the centre of each pixel, and its depth
marks            tracks, lime and contact shade, projected onto that depth
shaded ground    the ground's colour once per pixel, so that its fine texture is not shaded per
                 small triangle
colours          the sky where there is one, terrain with that colour and all things, multi-sampled
"""

from dataclasses import replace

import moderngl
import numpy as np

from engine.dataset.geometry.batches import Rendered, SceneGeometry
from engine.dataset.raster import shadow
from engine.dataset.raster.device import MOVED, VIEW_BLOCK, Device, open_device
from engine.dataset.raster.marks import Marks, contact_shades, tracks_and_lime
from engine.dataset.raster.targets import (
    MAX_TILE_PX,
    NEAREST_M,
    SAMPLES,
    RasterTargets,
    Tile,
    corners_of,
    read_pixels,
    tiles_of,
)
from engine.dataset.raster.terrain_mesh import TerrainMesh, terrain_texture
from engine.dataset.raster.things import Things
from engine.dataset.raster.view import GroundCover, View
from engine.dataset.scene.camera import SiteCamera

# Texture units. moderngl binds a new texture to a unit it chooses, so all are bound again before
# each tile.
_GROUND_DEPTH, _MARKS, _TERRAIN, _GROUND_RGB, _THINGS_SHADOW, _GROUND_SHADOW, _CLOUDS, _PICTURE = (
    range(8)
)
_SHADOWS = {"u_things_shadow": _THINGS_SHADOW, "u_ground_shadow": _GROUND_SHADOW}
_SPARE_M = 0.5
MAX_SHADED_M = 700.0  # depth beyond which nothing casts a shadow
_SOLID = moderngl.DEPTH_TEST | moderngl.CULL_FACE


class SceneRenderer:
    def __init__(self, device: Device, geometry: SceneGeometry, targets: RasterTargets) -> None:
        self._device = device
        self._geometry = geometry
        self._targets = targets
        scene = geometry.scene
        context = device.context
        context.front_face = (
            "cw"  # row 0 of the target is the top, so everything is drawn upside down
        )
        self._terrain_mesh = TerrainMesh(device, geometry.terrain, scene.camera, scene.sun)
        self._ground_depth = self._terrain_mesh.vertex_array(
            device.program("ground_depth", "ground_vertex")
        )
        self._numbers_start = device.pass_over_all("numbers_start", u_ground_depth=_GROUND_DEPTH)
        numbered = device.program("numbers", "things_vertex", u_ground_depth=_GROUND_DEPTH)
        self._cover = GroundCover(
            device, scene.ground, scene.sun, clouds_unit=_CLOUDS, picture_unit=_PICTURE
        )
        shaded = device.program(
            "things_shade",
            "things_vertex",
            defines=self._cover.light_defines,
            u_terrain=_TERRAIN,
            **_SHADOWS,
            **self._cover.units,
        )
        shadowed = device.program("shadow_map", "shadow_things_vertex")
        self._things = Things(device, geometry.batches, scene.camera, numbered, shaded, shadowed)
        heights = [box[:, :, 2] for box in self._things.corners]
        lowest_m = min([self._terrain_mesh.lowest_m, *(float(each.min()) for each in heights)])
        highest_m = max([self._terrain_mesh.highest_m, *(float(each.max()) for each in heights)])
        half_m = float(np.abs(geometry.terrain.positions[:, :2]).max())
        nearest_m, farthest_m = _depth_range(scene.camera, half_m, lowest_m, highest_m)
        seen = scene.camera.slab(lowest_m, highest_m, farthest_m)[:, :2]
        self._shows_sky = bool(
            np.abs(seen).max() > half_m or scene.camera.drops_of(scene.camera.corners_px).min() <= 0
        )
        self._seen_m = seen.min(axis=0), seen.max(axis=0)
        self._view = View(scene=scene, nearest_m=nearest_m, farthest_m=farthest_m)
        self._block = device.own(context.buffer(self._view.pack()))
        self._prepare_colors(highest_m)

    def draw_numbers(self, tile: Tile) -> tuple[np.ndarray, np.ndarray]:
        """Draw (height, width) uint16 numbers and float32 depth in metres, infinite for the sky."""
        context = self._device.context
        targets = self._targets
        targets.confine(tile)
        self._block.write(
            replace(self._view, tile_px=(tile.left_px, tile.top_px, *targets.size_px)).pack()
        )
        self._block.bind_to_uniform_block(VIEW_BLOCK)
        targets.terrain.use()
        context.enable_only(_SOLID)
        targets.terrain.clear(self._view.farthest_m, depth=1.0)
        self._terrain_mesh.draw(self._ground_depth, tile)
        targets.ground_depth.use(_GROUND_DEPTH)
        targets.depth_alone.clear(depth=1.0)
        targets.numbers.use()
        context.enable_only(moderngl.NOTHING)
        self._numbers_start.render(vertices=3)
        context.enable_only(_SOLID)
        self._things.draw_numbers(tile)
        numbers = read_pixels(targets.numbers, tile, 1, 0, "u2")[..., 0]
        depth_m = read_pixels(targets.numbers, tile, 1, 1, "f4")[..., 0]
        if self._shows_sky:
            depth_m[depth_m >= np.float32(self._view.farthest_m)] = np.inf
        return numbers, depth_m

    def draw_colors(self, tile: Tile) -> np.ndarray:
        """Draw (height, width, 3) uint8 sRGB. Call draw_numbers for the tile first: it draws the
        ground's depth."""
        context = self._device.context
        targets = self._targets
        targets.ground_depth.use(_GROUND_DEPTH)
        self._terrain.use(_TERRAIN)
        self._things_shadow.use(_THINGS_SHADOW)
        self._ground_shadow.use(_GROUND_SHADOW)
        self._cover.use()
        targets.marks.use()
        targets.marks.clear()
        self._marks.draw(tile)
        targets.marks_texture.use(_MARKS)
        targets.shaded.use()
        context.enable_only(moderngl.NOTHING)
        self._shade.render(vertices=3)
        targets.shaded_ground.use(_GROUND_RGB)
        targets.colors.use()
        targets.colors.clear(depth=1.0)
        if self._sky is not None:
            self._sky.render(vertices=3)
        context.enable_only(_SOLID)
        self._terrain_mesh.draw(self._ground_cover, tile)
        self._things.draw_colors(tile)
        context.copy_framebuffer(targets.resolved, targets.colors)
        return read_pixels(targets.resolved, tile, 4, 0, "f1")[..., :3]

    def _prepare_colors(self, highest_m: float) -> None:
        device = self._device
        scene = self._geometry.scene
        self._terrain = terrain_texture(device, self._geometry.terrain, scene.terrain)
        self._ground_cover = self._terrain_mesh.vertex_array(
            device.program("ground_cover", "ground_vertex", u_ground_rgb=_GROUND_RGB)
        )
        rows = [
            tracks_and_lime(scene, self._seen_m),
            contact_shades(self._things.shading, scene.terrain),
        ]
        marks = device.program("marks", "marks_vertex", u_ground_depth=_GROUND_DEPTH)
        self._marks = Marks(device, marks, np.concatenate(rows), scene.camera)
        self._shade = device.pass_over_all(
            "ground_shade",
            defines=(*self._cover.ground_defines, *self._cover.light_defines),
            u_ground_depth=_GROUND_DEPTH,
            u_marks=_MARKS,
            u_terrain=_TERRAIN,
            **_SHADOWS,
            **self._cover.units,
        )
        self._sky = device.pass_over_all("sky") if self._shows_sky else None
        heights_m = (self._terrain_mesh.lowest_m, self._terrain_mesh.highest_m)
        space = shadow.fit(
            scene.camera,
            scene.sun,
            heights_m,
            highest_m,
            min(self._view.farthest_m, MAX_SHADED_M),
            device.largest_px,
        )
        self._things_shadow, things_target = shadow.make_map(device, space, space.texel_m)
        self._ground_shadow, ground_target = shadow.make_map(device, space, space.ground_texel_m)
        self._view = replace(self._view, shadow=space)
        self._block.write(self._view.pack())
        self._block.bind_to_uniform_block(VIEW_BLOCK)
        device.context.enable_only(moderngl.DEPTH_TEST)
        ground_target.use()
        self._terrain_mesh.vertex_array(
            device.program("shadow_map", "shadow_ground_vertex")
        ).render(moderngl.TRIANGLES)
        things_target.use()
        self._things.draw_shadows()


def _depth_range(
    camera: SiteCamera, half_m: float, lowest_m: float, highest_m: float
) -> tuple[float, float]:
    """Least and greatest depth of the scene: heights `lowest_m` to `highest_m` on a square of twice
    `half_m`."""
    drops = camera.drops_of(camera.corners_px)
    corners = corners_of(
        np.array([[-half_m, -half_m, lowest_m]]), np.array([[half_m, half_m, highest_m]])
    )[0]
    farthest_m = float(camera.depth_of(corners).max())
    if drops.min() > 0:
        farthest_m = min(farthest_m, (camera.height_m - lowest_m) / float(drops.min()))
    nearest_m = (
        (camera.height_m - highest_m) / float(drops.max()) - _SPARE_M
        if drops.max() > 0
        else NEAREST_M
    )
    nearest_m = max(nearest_m, NEAREST_M)
    return nearest_m, max(farthest_m + _SPARE_M, nearest_m + _SPARE_M)


def render(
    geometry: SceneGeometry, *, tile_px: int = MAX_TILE_PX, samples: int = SAMPLES
) -> Rendered:
    """Render the scene through its camera, on this thread. NoGLError or RenderError, in one line.
    `samples`: of colour, per pixel. The same geometry gives the same bytes on the same GL
    renderer."""
    camera = geometry.scene.camera
    shape = (camera.height_px, camera.width_px)
    colors = np.empty((*shape, 3), np.uint8)
    instances = np.empty(shape, np.uint16)
    depth_m = np.empty(shape, np.float32)
    with open_device(() if camera.is_plain else (MOVED,)) as device:
        tiles = tiles_of(camera.width_px, camera.height_px, min(tile_px, device.largest_px))
        size_px = (tiles[0].width_px, tiles[0].height_px)
        drawing = SceneRenderer(device, geometry, RasterTargets(device, size_px, samples=samples))
        device.check()
        for tile in tiles:
            slices = tile.slices
            instances[slices], depth_m[slices] = drawing.draw_numbers(tile)
            colors[slices] = drawing.draw_colors(tile)
            device.check()
        renderer = f"raster {device.name}"
    return Rendered(colors=colors, instances=instances, depth_m=depth_m, renderer=renderer)
