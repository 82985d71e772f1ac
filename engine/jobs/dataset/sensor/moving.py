"""Moves a rendered picture, its instance numbers and its depth to where the lens puts them."""

import numpy as np

from engine.jobs.dataset.rendered import Rendered
from engine.jobs.dataset.sensor.lens import Lens

ROWS_AT_ONCE = 256


def move(found: Rendered, lens: Lens, left_px: int, top_px: int) -> Rendered:
    """The photograph's window of a picture that was drawn `left_px` and `top_px` wider.

    Colours are interpolated (cubic, in steps of 1/32 px), numbers and depth come from the nearest pixel.
    """
    import cv2

    from engine.jobs.dataset.sensor.kernels import map_rows, pick_nearest

    height, width = lens.height_px, lens.width_px
    colors = np.empty((height, width, 3), np.uint8)
    instances = np.empty((height, width), np.uint16)
    depth_m = np.empty((height, width), np.float32)
    center, shift = np.array(lens.center_px), np.array([left_px, top_px], np.float64)
    is_split = lens.red != 1
    sources = [cv2.extractChannel(found.colors, c) for c in range(3)] if is_split else [found.colors]
    sizes = np.array([1 / lens.red, 1.0, lens.red] if is_split else [1.0])
    green = len(sizes) // 2
    numbers = np.require(found.instances, np.uint16, ("C", "W"))  # for Numba, a read-only array is another type
    depths_m = np.require(found.depth_m, np.float32, ("C", "W"))
    for top in range(0, height, ROWS_AT_ONCE):
        rows = slice(top, min(top + ROWS_AT_ONCE, height))
        shape = (len(sizes), rows.stop - rows.start, width)
        places, parts = np.empty(shape, "<i4"), np.empty(shape, np.uint16)
        map_rows(places, parts, lens.series, top, center, shift, sizes)
        pairs = places.view("<i2").reshape(*shape, 2)
        planes = [
            cv2.remap(source, pairs[n], parts[n], cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)
            for n, source in enumerate(sources)
        ]
        colors[rows] = cv2.merge(planes) if is_split else planes[0]
        pick_nearest(instances, depth_m, numbers, depths_m, places[green], parts[green], top)
    return Rendered(colors=colors, instances=instances, depth_m=depth_m, renderer=found.renderer)
