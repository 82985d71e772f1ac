"""A segmentation child under test, and the objects it should find."""

from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from engine.ipc import FrameRing, RingFrame
from engine.ipc.segmentation_sheet import read_sheet
from engine.live.sam3.link import PRELOAD
from engine.values import Segmentation
from tests.live.child_rig import defaults_of
from tests.live.picture_rig import PictureRig

RESOLUTION = 112
BASE: dict[str, Any] = {"/sam3/enable": True, "/sam3/prompt/1": "sea"}


def scene(seed: int = 0, width: int = 96, height: int = 64, channels: int = 3) -> np.ndarray:
    """Noise, (height, width, channels) uint8, in which random weights find many objects."""
    return np.random.default_rng(seed).integers(0, 256, (height, width, channels), np.uint8)


def segmenting_core(model: Path) -> Callable[..., Segmentation]:
    """`segment(picture, prompts, **options)`: the core's result in this process. Options:
    threshold, most."""
    from engine.models.sam3 import SegmentationSpec
    from engine.models.sam3.load import load
    from engine.models.sam3.segmenter import Segmenter

    segmenter = Segmenter(
        load(SegmentationSpec(model=str(model), resolution=RESOLUTION), "cpu", "float32")
    )

    def segment(
        picture: np.ndarray,
        prompts: tuple[str, ...] = ("sea",),
        *,
        threshold: float = 0.5,
        most: int = 16,
    ) -> Segmentation:
        segmenter.threshold, segmenter.max_objects = threshold, most
        segmenter.set_prompts(prompts)
        return segmenter.segment(picture)[0]

    return segment


def is_same(one: Segmentation, other: Segmentation) -> bool:
    """True if exactly the same objects were found, in the same picture or an equal one."""
    is_alike = one.objects == other.objects and one.picture_px == other.picture_px
    return is_alike and np.array_equal(one.masks, other.masks)


class Sam3Rig(PictureRig):
    NAME, PRELOAD, VALUES, OUTPUT = "sam3", PRELOAD, defaults_of("sam3") | BASE, "objects"

    def __init__(
        self, model: Path | str, *, spec: Mapping[str, Any] | None = None, **more: Any
    ) -> None:
        super().__init__(
            {"model": str(model), "resolution": RESOLUTION, **(spec or {})}, scene(), **more
        )

    def show(self, picture: np.ndarray, *, is_elsewhere: bool = False) -> None:
        """Feed this picture from now on, through another ring if its shape or its source
        changes."""
        if is_elsewhere or picture.shape != self.picture.shape:
            former = self.ring
            height, width, channels = picture.shape
            self.ring = FrameRing.create("sam3 source", width, height, channels=channels)
            self.supervisor.connect_input("source", self.ring.segment)
            former.close()
        self.picture = picture

    def finds(
        self, is_right: Callable[[Segmentation], bool] = lambda found: True
    ) -> Segmentation | None:
        """Feed the child if it asks; the newest result if it is new since the last call and
        right."""
        frame = self.shows(lambda frame: is_right(found_in(frame)))
        return None if frame is None else found_in(frame)

    def find_one(self, wait_for: Callable[..., Any]) -> Segmentation:
        """Feed one picture, and return its result."""
        self.feed()
        return found_in(wait_for(partial(self.shows_index, self.fed - 1), "the picture's result"))

    def shows_index(self, index: int) -> RingFrame | None:
        """The newest result if it is that of the picture with this index."""
        frame = self.newest()
        if frame is None or frame.index != index:
            return None
        self._seen = (self._segment, frame.sequence)
        return frame


def found_in(frame: RingFrame) -> Segmentation:
    return read_sheet(frame.pixels, index=frame.index, time_s=frame.time_s)
