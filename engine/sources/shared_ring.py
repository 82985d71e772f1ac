"""The picture of another engine on this machine, from its shared memory (the sink `shared`)."""

import os
from collections.abc import Iterator

import cv2
import numpy as np

from engine.errors import SharedMemoryError
from engine.ipc import FrameRing, RingReader
from engine.sources.live import SILENT_S, LiveSource
from engine.sources.names import chosen_name, not_found
from engine.sources.published import list_shared

LOOK_S = 0.25  # how often a ring is looked for
POLL_S = 0.002
TO_RGB = {1: cv2.COLOR_GRAY2RGB, 4: cv2.COLOR_RGBA2RGB}  # alpha is premultiplied: dropped, it lies over black


class SharedRing(LiveSource):
    """Whichever other engine's ring has the name, or a part of it; a new one when that has ended."""

    kind = "shared"

    def pictures(self) -> Iterator[np.ndarray | None]:
        reader = self._find()
        if reader is None:
            return
        try:
            sequence, newest_s = 0, self._clock.now_s()
            while not self._closing.wait(POLL_S):
                frame = reader.latest()
                if frame is not None and frame.sequence != sequence:
                    sequence, newest_s = frame.sequence, self._clock.now_s()
                    yield to_rgb(frame.pixels)
                    continue
                silent_s = self._clock.now_s() - newest_s
                if silent_s > SILENT_S or (silent_s > LOOK_S and reader.state != "live"):
                    return
        finally:
            reader.close()

    def _find(self) -> RingReader | None:
        """Of the ring that is meant, as soon as it is there; None at the end. Never our own: that would be a loop."""
        while True:
            others = [picture for picture in list_shared() if picture.pid != os.getpid()]
            name = chosen_name(self.name, [picture.name for picture in others])
            if name is not None:
                picture = next(picture for picture in others if picture.name == name)
                try:
                    return FrameRing.attach(picture.segment)
                except SharedMemoryError:
                    pass  # gone between two looks
            else:
                self.miss(not_found(self.label, [picture.name for picture in others]))
            if self._closing.wait(LOOK_S):
                return None


def to_rgb(pixels: np.ndarray) -> np.ndarray:
    """(height, width, 3) uint8 RGB of (height, width, 1, 3 or 4) from a ring."""
    channels = pixels.shape[2]
    return pixels if channels == 3 else np.asarray(cv2.cvtColor(pixels, TO_RGB[channels]))
