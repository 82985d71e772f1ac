"""Pictures for renderers and sinks."""

import numpy as np

from engine.render.picture import PictureInput, Renderer
from engine.values import VideoFrame


def frame_of(pixels: np.ndarray, index: int = 0) -> VideoFrame:
    """A camera's picture, (height, width, 3) uint8."""
    return VideoFrame(pixels=np.ascontiguousarray(pixels), index=index, time_s=0.0, source="test")


def draw_once(renderer: Renderer, picture: PictureInput) -> Renderer:
    renderer.draw(picture)
    renderer.wait()
    return renderer
