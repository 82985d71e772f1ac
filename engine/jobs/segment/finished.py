"""Stores the model's results on the disk, so that a resumed run need not compute them again.

    .out.mp4.segment/    lock, journal.jsonl, masks.bin, tracker_000123.pt

The masks of each finished batch are appended to masks.bin, then a journal entry records their
offset. A resumed run reads them, and writes all outputs from the first picture on, byte-identical
to those of an uninterrupted run. In track mode the tracker's exact state is saved every
CHECKPOINT_S, and pictures after it are segmented again.
"""

import zlib
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Annotated, Any, TypedDict

import msgspec
import numpy as np

from engine.errors import SourceError
from engine.jobs.kit.fingerprint import Fingerprint, digest_of_files, fingerprint_of, model_files
from engine.jobs.kit.job_folder import JobFolder, Shape
from engine.jobs.kit.options import option_values
from engine.jobs.kit.resuming import mark_of
from engine.jobs.segment.job import Mode, SegmentJob
from engine.jobs.segment.results import BatchResult, SegmentedBatch
from engine.sources.pictures import Batch, Pictures
from engine.system.atomic_file import remove_file
from engine.system.package_version import package_version
from engine.system.small_file import open_regular
from engine.values import FoundObject, Segmentation

CHECKPOINT_S = (
    30.0  # between tracker states; a kill loses at most this much work, and saving takes 0.1 s
)
MASKS = "masks.bin"
QUICK = 1  # zlib level; masks are flat and compress well


_Natural = Annotated[int, msgspec.Meta(ge=0)]
_Extent = tuple[_Natural, _Natural, int]
_Name = Annotated[str, msgspec.Meta(pattern=r"^tracker_\d+\.pt$")]


class _FoundEntry(TypedDict):
    objects: list[FoundObject]
    picture_px: tuple[int, int]
    index: int
    time_s: float
    masks: tuple[_Natural, _Natural, _Natural]


SHAPES: tuple[Shape, ...] = (
    {"pictures": list[int], "masks": _Extent, "not_finite": int, "found": list[_FoundEntry]},
    {"tracker": tuple[_Name, int, int]},
    {"published": dict[str, list[int]]},
)
"""The shapes of its journal entries."""


class FinishedBatches:
    """Stored results of a run. One thread. SinkError, in one line that says how to resume, if the
    disk is full."""

    def __init__(self, work: JobFolder, *, is_tracked: bool, is_resumed: bool) -> None:
        """`is_resumed`: True if the results in `work` belong to this job. Only `restored` raises
        SourceError."""
        self.work = work
        self.count = 0
        """Number of batches that need not be segmented again."""
        self.tracker: bytes | None = None
        """State of the tracker after these batches."""
        self.notes: list[str] = []
        self._masks = work.path / MASKS
        self._end = 0
        self._checkpoint: str | None = None
        self._published: dict[str, list[int]] = {}
        if is_resumed:
            self._resume(is_tracked=is_tracked)

    def restored(self, batches: Iterator[Batch]) -> Iterator[SegmentedBatch]:
        """Yield the first `count` batches with their stored results, read one at a time."""
        entries = (entry for entry in self.work.entries() if "pictures" in entry)
        for _ in range(self.count):
            batch = next(batches, None)
            if batch is None:  # the run was stopped
                return
            entry = next(entries)
            if [picture.number for picture in batch.pictures] != entry["pictures"]:
                changed = (
                    f"{self.work.output}: cannot resume, the pictures of the source have changed"
                )
                raise SourceError(f"{changed}; --overwrite instead of --resume starts again")
            content = self._content(entry["masks"])
            assert content is not None  # checked when the run was resumed
            segmentations = list(_read_segmentations(entry["found"], zlib.decompress(content)))
            result = BatchResult(segmentations=segmentations, not_finite=entry["not_finite"])
            yield SegmentedBatch(batch=batch, result=result, is_restored=True)

    def store(self, batch: SegmentedBatch) -> None:
        """Store a batch that was segmented in this run."""
        self.work.begin()
        masks = (np.ascontiguousarray(each.masks).data for each in batch.result.segmentations)
        content = zlib.compress(b"".join(masks), QUICK)
        with self.work.one_line():
            with self._masks.open("r+b" if self._masks.exists() else "wb") as file:
                file.seek(self._end)
                file.write(content)
            self.work.append(
                {
                    "pictures": [picture.number for picture in batch.batch.pictures],
                    "masks": [self._end, len(content), zlib.crc32(content)],
                    "not_finite": batch.result.not_finite,
                    "found": [_entry_of(each) for each in batch.result.segmentations],
                }
            )
            self._end += len(content)
            if batch.tracker is not None:
                self._store_tracker(batch.tracker, batch.batch.pictures[-1].number)

    def store_published(self, output: Path, unfinished: Path) -> None:
        """Record an output just before it gets its name, so that a later run recognises it."""
        self._published[str(output)] = mark_of(unfinished)
        with self.work.one_line():
            self.work.append({"published": self._published})

    def _store_tracker(self, state: bytes, number: int) -> None:
        name = f"tracker_{number:06d}.pt"
        (self.work.path / name).write_bytes(state)
        self.work.append({"tracker": [name, len(state), zlib.crc32(state)]})
        if self._checkpoint is not None:
            remove_file(self.work.path / self._checkpoint, missing_ok=True)
        self._checkpoint = name

    def _resume(self, *, is_tracked: bool) -> None:
        """Find the intact entries, and rewrite the journal without the others."""
        intact: list[dict[str, Any]] = []
        last = 0  # entries to resume from
        lost = pictures = 0
        for entry in self.work.entries():
            if "published" in entry:
                self._published = entry["published"]
            elif "tracker" in entry:
                name, size, crc = entry["tracker"]
                state = _read(self.work.path / name)
                if (
                    not lost
                    and state is not None
                    and (len(state), zlib.crc32(state)) == (size, crc)
                ):
                    intact.append(entry)
                    self.tracker = state
                    self._checkpoint = name
                    last = len(intact)
            elif lost or self._content(entry["masks"]) is None:
                lost += 1
                pictures += len(entry["pictures"])
            else:
                intact.append({"pictures": entry["pictures"], "masks": entry["masks"]})
                last = last if is_tracked else len(intact)
        if lost:
            self.notes.append(f"{self._masks}: is damaged; {pictures} pictures are segmented again")
        batches = [entry for entry in intact[:last] if "pictures" in entry]
        self.count = len(batches)
        self._end = batches[-1]["masks"][0] + batches[-1]["masks"][1] if batches else 0
        self.work.resume(self._intact_entries(self.count))
        if not self.count:
            self.tracker = None
            self._checkpoint = None

    def _intact_entries(self, count: int) -> Iterator[dict[str, Any]]:
        """Yield the first `count` entries of the old journal, read one at a time."""
        for entry in self.work.entries():
            if "pictures" in entry:
                if not count:
                    continue
                count -= 1
            if "pictures" in entry or (
                "tracker" in entry and entry["tracker"][0] == self._checkpoint
            ):
                yield entry
        if self._published:
            yield {"published": self._published}

    def _content(self, extent: list[int]) -> bytes | None:
        """Read compressed masks; None if their checksum does not match."""
        first, size, crc = extent
        content = _read(self._masks, first, size)
        return content if content and (len(content), zlib.crc32(content)) == (size, crc) else None


def segment_fingerprint(job: SegmentJob, pictures: Pictures, mode: Mode) -> Fingerprint:
    """Fingerprint of a job: everything that affects the outputs."""
    return fingerprint_of(
        {
            "the source": digest_of_files(sorted(pictures.files)),
            "--no-metadata": not job.metadata or None,
            "--recursive": job.recursive or None,
            "the outputs": job.outputs,
            **option_values(job, but=("cluster", "metadata", "recursive", "resume", "overwrite")),
            "a file of the model": digest_of_files(model_files(job.model)),
            "--mode": mode,
            "the version of multiverse": package_version(),
            "the version of transformers": package_version("transformers"),
        }
    )


def _entry_of(segmentation: Segmentation) -> dict[str, Any]:
    values = {
        name: getattr(segmentation, name) for name in ("objects", "picture_px", "index", "time_s")
    }
    described: dict[str, Any] = msgspec.to_builtins(values | {"masks": segmentation.masks.shape})
    return described


def _read_segmentations(described: list[dict[str, Any]], masks: bytes) -> Iterator[Segmentation]:
    first = 0
    for each in described:
        count, height, width = each["masks"]
        end = first + count * height * width
        yield Segmentation(
            objects=msgspec.convert(each["objects"], tuple[FoundObject, ...]),
            masks=np.frombuffer(masks[first:end], np.uint8).reshape(count, height, width),
            picture_px=tuple(each["picture_px"]),
            index=each["index"],
            time_s=each["time_s"],
        )
        first = end


def _read(path: Path, first: int = 0, size: int = -1) -> bytes | None:
    with suppress(OSError), open_regular(path) as file:
        file.seek(first)
        return file.read(size)
    return None
