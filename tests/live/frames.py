"""Frames as the frame loop publishes them."""

import numpy as np

from engine.values import FrameId, PublishedFrame


def finished_frame(width: int = 8, height: int = 8, index: int = 0) -> PublishedFrame:
    """A black frame, as the frame loop publishes it."""
    pixels = np.zeros((height, width, 4), np.uint8)
    frame_id = FrameId(index=index, time_s=0.0)
    return PublishedFrame(
        id=frame_id, width=width, height=height, texture=None, read_rgba=lambda: pixels
    )
