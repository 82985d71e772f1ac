"""Renders a stage to a picture."""

import numpy as np

from engine.jobs.dataset.geometry.batches import SceneStage
from engine.jobs.dataset.raster.device import MOVED, open_device
from engine.jobs.dataset.raster.drawing import StageDrawing
from engine.jobs.dataset.raster.targets import SAMPLES, RasterTargets
from engine.jobs.dataset.raster.tiles import MAX_TILE_PX, cut
from engine.jobs.dataset.rendered import Rendered


def render(
    stage: SceneStage, *, wants_colors: bool = True, tile_px: int = MAX_TILE_PX, samples: int = SAMPLES
) -> Rendered:
    """Render the stage through its camera. NoGLError or RenderError, in one line.

    Without `wants_colors` the colours are black. `samples`: of colour, per pixel. Numbers and depth depend on neither
    `tile_px` nor `samples`. The same stage gives the same bytes on the same GL renderer. Opens and closes a GL context
    on this thread.
    """
    camera = stage.scene.camera
    shape = (camera.height_px, camera.width_px)
    colors = np.zeros((*shape, 3), np.uint8)
    instances, depth_m = np.empty(shape, np.uint16), np.empty(shape, np.float32)
    with open_device(() if camera.is_plain else (MOVED,)) as device:
        tiles = cut(camera.width_px, camera.height_px, min(tile_px, device.largest_px))
        size_px = (tiles[0].width_px, tiles[0].height_px)
        targets = RasterTargets(device, size_px, wants_colors=wants_colors, samples=samples)
        drawing = StageDrawing(device, stage, targets, wants_colors=wants_colors)
        device.check()
        for tile in tiles:
            place = tile.place
            instances[place], depth_m[place] = drawing.draw_numbers(tile)
            if wants_colors:
                colors[place] = drawing.draw_colors(tile)
            device.check()
        renderer = f"raster {device.name}"
    return Rendered(colors=colors, instances=instances, depth_m=depth_m, renderer=renderer)
