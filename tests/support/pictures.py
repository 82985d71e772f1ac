"""Pictures for renderers and sinks."""

from dataclasses import replace
from typing import Any

import numpy as np

from engine.render.picture import OutgoingLook, PictureInput, Renderer
from engine.values import VideoFrame


def frame_of(pixels: np.ndarray, index: int = 0) -> VideoFrame:
    """A camera's picture, (height, width, 3) uint8."""
    return VideoFrame(pixels=np.ascontiguousarray(pixels), index=index, time_s=0.0, source="test")


def draw_once(renderer: Renderer, picture: PictureInput) -> Renderer:
    renderer.draw(picture)
    renderer.wait()
    return renderer


def on_air(picture: PictureInput, **changes: Any) -> PictureInput:
    """This picture with changes of what is on air: `deck=`, `graphics=`, `time_s=` and so on."""
    return replace(picture, on_air=replace(picture.on_air, **changes))


def dissolving(
    before: PictureInput | None, to: PictureInput, mix: float, number: int = 1, **how: Any
) -> PictureInput:
    """`to` during a fade from `before`, another deck; None for a still of what is on screen."""
    old = None if before is None else before.on_air
    return replace(to, outgoing=OutgoingLook(number=number, mix=mix, picture=old, **how))
