"""A stage as a picture."""

import numpy as np

from engine.jobs.dataset.geometry.batches import Stage
from engine.jobs.dataset.raster.device import open_device
from engine.jobs.dataset.raster.drawing import StageDrawing
from engine.jobs.dataset.raster.targets import SAMPLES, Targets
from engine.jobs.dataset.raster.tiles import MAX_TILE_PX, cut
from engine.jobs.dataset.rendered import Rendered


def render(stage: Stage, *, wants_colors: bool = True, tile_px: int = MAX_TILE_PX, samples: int = SAMPLES) -> Rendered:
    """The stage as its camera sees it; without colours they are black. Numbers and depth do not depend on `tile_px` nor
    on `samples` (of colour, a pixel). The same stage gives the same bytes on the same renderer. It opens a GL context
    on this thread and closes it. NoGLError, RenderError, in one line."""
    camera = stage.scene.camera
    shape = (camera.height_px, camera.width_px)
    colors = np.zeros((*shape, 3), np.uint8)
    instances, depth_m = np.empty(shape, np.uint16), np.empty(shape, np.float32)
    with open_device() as device:
        tiles = cut(camera.width_px, camera.height_px, min(tile_px, device.largest_px))
        size_px = (tiles[0].width_px, tiles[0].height_px)
        targets = Targets(device, size_px, wants_colors=wants_colors, samples=samples)
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
