"""Receives the picture of another engine on this machine from shared memory (the sink `shared`)."""

from collections.abc import Generator
from contextlib import closing

import cv2
import numpy as np

from engine.sources.live import LiveSource
from engine.sources.published import SharedWatch

POLL_S = 0.002
# alpha is premultiplied: dropping it composites over black
TO_RGB = {1: cv2.COLOR_GRAY2RGB, 4: cv2.COLOR_RGBA2RGB}


class SharedRing(LiveSource):
    """Receives another engine's picture from its ring, by name or a part of it; reconnects when it
    ends."""

    kind = "shared"

    def pictures(self) -> Generator[np.ndarray | None, None, None]:
        with closing(SharedWatch(self.name, self._clock, others_only=True)) as watch:
            newest = None
            while not self._closing.wait(POLL_S):
                frame = watch.latest()
                if frame is not None and frame is not newest:
                    newest = frame
                    yield to_rgb(frame.pixels)
                elif watch.problem and newest is not None:
                    return
                elif watch.problem:
                    self.miss(watch.problem)


def to_rgb(pixels: np.ndarray) -> np.ndarray:
    """Convert a ring's (height, width, 1, 3 or 4) to (height, width, 3) uint8 RGB."""
    channels = pixels.shape[2]
    return pixels if channels == 3 else np.asarray(cv2.cvtColor(pixels, TO_RGB[channels]))
