"""Paints and encodes the model's results on the writer thread, and completes the outputs."""

import contextlib
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path

from engine.errors import SinkError
from engine.jobs.segment.coco import CocoFile
from engine.jobs.segment.finished import FinishedBatches
from engine.jobs.segment.job import Mode, SegmentJob
from engine.jobs.segment.outputs import Form, SegmentOutput, forms_of
from engine.jobs.segment.pictures import MaskFolder, OverlayPicture, OverlayVideo, PngFolder
from engine.jobs.segment.results import MaskedPicture, OverlayStyle, SegmentedBatch
from engine.models.locate import public_name
from engine.sinks.generation_info import GenerationInfo, generation_info
from engine.sources.pictures import Pictures
from engine.system.package_version import package_version


class Writer:
    """Stores results, then feeds all outputs; leaves no incomplete output behind. One that cannot
    be written is discarded and reported in `failed`, and the others continue. SinkError if none is
    left."""

    def __init__(
        self, job: SegmentJob, pictures: Pictures, mode: Mode, finished: FinishedBatches
    ) -> None:
        self.written = 0
        self.work_s = 0.0
        """Seconds spent painting and encoding."""
        self.outputs: list[SegmentOutput] = []
        """Outputs that are complete."""
        self.failed: list[str] = []
        """Outputs that were given up and why, one line each."""
        self._open: list[SegmentOutput] = []
        """Outputs still being written."""
        self._forms = forms_of(job.outputs, job.pictures)
        self._job = job
        self._pictures = pictures
        self._mode = mode
        self._finished = finished
        self._metadata = _metadata_of(job, mode, finished.work.dtype) if job.metadata else None
        self._style = OverlayStyle(opacity=job.opacity, is_hard=job.edge == "hard")

    def run(self, results: Iterator[SegmentedBatch]) -> None:
        """Run on the writer thread."""
        try:
            for name, form in self._forms:
                with self._or_fail():
                    self._open.append(self._opened(Path(name), form))
            for segmented in results:
                began_s = time.perf_counter()
                if not segmented.is_restored:
                    self._finished.store(segmented)
                for picture, found in zip(
                    segmented.batch.pictures, segmented.result.segmentations, strict=True
                ):
                    result = MaskedPicture(picture, found, self._style)
                    for output in list(self._open):
                        with self._or_fail(output):
                            output.add(result)
                    self.written += 1
                self.work_s += time.perf_counter() - began_s
            if self.written:
                with contextlib.ExitStack() as each:  # completed ones stay if the next one fails
                    for output in reversed(self._open):
                        each.callback(self._finish, output)
        finally:
            for output in self._open:
                output.discard()

    def _finish(self, output: SegmentOutput) -> None:
        with self._or_fail(output):
            output.finish(partial(self._finished.store_published, output.path))
            self._open.remove(output)
            self.outputs.append(output)

    @contextlib.contextmanager
    def _or_fail(self, output: SegmentOutput | None = None) -> Iterator[None]:
        """Give this output up on SinkError; raise it if it was the last."""
        try:
            yield
        except SinkError as error:
            if output is not None:
                self._open.remove(output)
                output.discard()
            self.failed.append(str(error))
            if len(self.failed) == len(self._forms):
                for line in self.failed[:-1]:
                    error.add_note(line)
                raise

    def _opened(self, path: Path, form: Form) -> SegmentOutput:
        if form == "video":
            return OverlayVideo(
                path, self._pictures, self._metadata, every=self._job.every, limit=self._job.frames
            )
        if form == "picture":
            return OverlayPicture(path, self._metadata)
        if form == "coco":
            has_ids = self._mode == "track"
            return CocoFile(
                path, self._pictures, self._job.prompts, self._metadata, has_ids=has_ids
            )
        if form == "frames":  # as they were segmented, under their names in the COCO file
            return PngFolder(path, None, lambda result: result.picture.pixels)
        return MaskFolder(path, self._metadata)


def _metadata_of(job: SegmentJob, mode: Mode, dtype: str) -> GenerationInfo:
    values = {
        "Model": public_name(job.model),
        "Mode": mode,
        "Threshold": job.threshold,
        "Resolution": job.resolution,
        "Precision": dtype,
        "Box": " ".join(",".join(f"{number:g}" for number in box) for box in job.boxes) or None,
    }
    return generation_info(
        package_version(), ", ".join(filter(None, map(str.strip, job.prompts))), values
    )
