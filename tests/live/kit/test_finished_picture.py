"""The finished picture as children see it."""

import numpy as np

from engine.live.kit.picture_rings import finished_picture
from engine.values import FINISHED, FrameId


def test_it_has_the_colours_of_the_picture_without_alpha() -> None:
    rgba = np.random.default_rng(0).integers(0, 256, (5, 7, 4), np.uint8)
    rgba.flags.writeable = False
    frame = finished_picture(rgba, FrameId(index=3, time_s=0.1))
    assert np.array_equal(frame.pixels, rgba[..., :3])
    assert frame.pixels.flags.c_contiguous and not np.shares_memory(frame.pixels, rgba)
    assert (frame.index, frame.time_s, frame.source) == (3, 0.1, FINISHED)
