"""The writer's side: a thread that paints and encodes what the model has found, and ends the outputs."""

import time
from dataclasses import dataclass
from pathlib import Path

from engine.frame import Segmentation
from engine.handover import Handover
from engine.segment.coco import CocoFile
from engine.segment.job import Mode, SegmentJob
from engine.segment.mask_pictures import MaskFolder, OverlayPicture
from engine.segment.outputs import Output, form_of
from engine.segment.overlay_video import OverlayVideo
from engine.segment.results import PaintLook, Result
from engine.sources.batches import Batch
from engine.sources.pictures import Pictures


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Segmented:
    batch: Batch
    found: list[Segmentation]
    """One for each picture of the batch."""


class Writer:
    """Feeds all outputs, one after the other, and leaves none behind that is not whole."""

    def __init__(self, job: SegmentJob, pictures: Pictures, mode: Mode, results: Handover[Segmented]) -> None:
        self.written = 0
        self.work_s = 0.0
        """Spent in painting and encoding."""
        self.outputs: list[Output] = []
        self.notes: list[str] = []
        self._job = job
        self._pictures = pictures
        self._mode = mode
        self._results = results
        self._look = PaintLook(opacity=job.opacity, is_hard=job.edge == "hard")

    def run(self) -> None:
        try:
            for name in self._job.outputs:
                self.outputs.append(self._open(name))
            for segmented in self._results.items():
                began_s = time.perf_counter()
                for picture, found in zip(segmented.batch.pictures, segmented.found, strict=True):
                    result = Result(picture, found, self._look)
                    for output in self.outputs:
                        output.add(result)
                    self.written += 1
                self.work_s += time.perf_counter() - began_s
            if self.written:
                for output in self.outputs:
                    output.finish()
        except BaseException:
            self._discard()
            raise
        if not self.written:
            self._discard()

    def _discard(self) -> None:
        for output in self.outputs:
            output.discard()
        self.outputs = []

    def _open(self, name: str) -> Output:
        path, form = Path(name), form_of(name)
        if form == "video":
            return OverlayVideo(path, self._pictures, every=self._job.every)
        if form == "picture":
            return OverlayPicture(path)
        if form == "coco":
            return CocoFile(path, self._pictures, self._job.prompts, is_tracked=self._mode == "track")
        return MaskFolder(path)
