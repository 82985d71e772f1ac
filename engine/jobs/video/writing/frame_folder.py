"""Writes a folder of frames: one PNG per picture, each moved to its name when complete.

The journal, with the SHA-256 of each frame, is in a hidden folder beside it. Other files in the
folder are not touched.
"""

import contextlib
import hashlib
import os
import re
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from engine.errors import SinkError
from engine.jobs.kit.job_folder import JobFolder, Shape
from engine.jobs.video.job import VideoJob
from engine.sinks.generation_info import GenerationInfo
from engine.sources.pictures import InputPicture, Pictures
from engine.system.atomic_file import (
    MAX_JOB_WAIT_S,
    remove_file,
    replace_file,
    sync_file,
    sync_folder,
)
from engine.system.folder_files import walk_files
from engine.system.undoing import undo_on_error
from engine.system.work_folder import one_line, sha256_of

SUFFIX = ".png"
MAX_WRITERS = 4
_FRAME = re.compile(r"frame_\d{6,}\.png")

FRAMES: Shape = {"frames": dict[str, str]}
"""The shape of its journal entries."""


class FrameFolder:
    """A VideoOutput that writes frames; see outputs.py."""

    def __init__(
        self,
        job: VideoJob,
        pictures: Pictures,
        work: JobFolder,
        metadata: Callable[[], GenerationInfo | None],
        *,
        is_resumed: bool,
    ) -> None:
        """`metadata()` is called for each picture. `is_resumed`: continue with the frames recorded
        in `work`."""
        self.path = work.output
        self.notes: list[str] = []
        self.done = 0
        self.work = work
        self._metadata = metadata
        self._batch = job.batch
        self._has_written = is_resumed
        self._is_new = not self.path.exists()
        self._older = set(frames_in(self.path, pictures, is_recursive=job.recursive))
        self._folders = {self.path}
        """The folder, and the subfolders with frames of this run."""
        self._unjournaled: dict[str, str] = {}
        if is_resumed:
            work.resume(self._whole())
        self._is_live = pictures.kind == "live"
        self.resumable = self.done
        count = min(MAX_WRITERS, os.cpu_count() or 1)
        self._most_waiting = 2 * count
        self._writers = ThreadPoolExecutor(count, thread_name_prefix="frame writer")
        self._waiting: deque[tuple[str, Future[str]]] = deque()

    def add(self, picture: InputPicture, pixels: np.ndarray) -> None:
        with self.work.one_line():
            self.work.begin()
            name = picture.name + SUFFIX
            path = self.path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            self._folders.update(
                parent for parent in path.parents if parent.is_relative_to(self.path)
            )
            turned = cv2.cvtColor(pixels, cv2.COLOR_RGB2BGR)
            self._waiting.append(
                (name, self._writers.submit(_write, path, turned, self._metadata()))
            )
            while len(self._waiting) > self._most_waiting:
                self._take()

    def finish(self, *, is_whole: bool) -> None:
        with self.work.one_line():
            while self._waiting:
                self._take()
            if self.path.is_dir():
                for folder in self._folders:
                    sync_folder(folder)
        self._writers.shutdown()
        with self.work.one_line():
            for folder in self._folders:
                for left in folder.glob(f".*{SUFFIX}.partial"):  # partial frame of a killed run
                    remove_file(left, missing_ok=True)
        if is_whole:
            self.work.remove()
            if self._older:
                self.notes.append(
                    f"{self.path}: {len(self._older)} frames from before are still there"
                )
        else:
            self.work.close(keeps_files=self._has_written)

    def abandon(self) -> None:
        self._writers.shutdown()
        with contextlib.suppress(SinkError):  # this may be the step that failed
            while self._waiting:
                self._take()
        self.work.close(keeps_files=self._has_written)
        for folder in sorted(self._folders, reverse=True) if self._is_new else ():
            with contextlib.suppress(OSError):  # not empty, or never created
                folder.rmdir()

    def _whole(self) -> Iterator[dict[str, Any]]:
        damaged = ""
        count = 0
        for entry in self.work.entries():
            frames = entry["frames"]
            damaged = damaged or next(
                (name for name in frames if not self._is_whole(name, frames[name])), ""
            )
            if damaged:
                count += len(frames)
                continue
            self.done += len(frames)
            self._older.difference_update(frames)
            yield entry
        if damaged:
            what = f"{self.path / damaged}: is damaged, changed or missing"
            self.notes.append(
                f"{what}; its batch and later ones are painted again ({count} pictures)"
            )

    def _is_whole(self, name: str, sha256: str) -> bool:
        with contextlib.suppress(OSError):
            return sha256_of(self.path / name) == sha256
        return False

    def _take(self) -> None:
        """Wait for the oldest frame in flight and count it as written; raises its error."""
        name, written = self._waiting[0]
        sha256 = written.result()
        self._waiting.popleft()
        self._older.discard(name)
        self._has_written = True
        self._unjournaled[name] = sha256
        if len(self._unjournaled) == self._batch:
            self.work.append({"frames": self._unjournaled})
            self.resumable += 0 if self._is_live else len(self._unjournaled)
            self._unjournaled = {}


def _write(path: Path, pixels: np.ndarray, metadata: GenerationInfo | None) -> str:
    """Write (height, width, 3) uint8 BGR and return its SHA-256. Runs on one of several writer
    threads. Flushes the content to the disk; the name is durable once the folder is flushed."""
    partial = path.with_name(f".{path.name}.partial")
    # No options: with an explicit compression level OpenCV tries five filters per row, which takes
    # twice as long.
    _, encoded = cv2.imencode(SUFFIX, pixels)
    content = encoded.data if metadata is None else metadata.in_png(encoded.data)
    with one_line(path), undo_on_error(lambda: remove_file(partial, missing_ok=True)):
        partial.write_bytes(content)
        sync_file(partial)
        replace_file(partial, path, timeout_s=MAX_JOB_WAIT_S)
    return hashlib.sha256(content).hexdigest()


def frames_in(folder: Path, pictures: Pictures, *, is_recursive: bool) -> Iterator[str]:
    """Yield names of existing files in the folder that could be frames of these pictures."""
    if not folder.is_dir():
        return
    is_numbered = pictures.kind in ("video", "live")
    for file in walk_files(folder, (SUFFIX,), _raise, is_recursive=is_recursive):
        if not is_numbered or _FRAME.fullmatch(file.name):
            yield file.relative_to(folder).as_posix()


def _raise(problem: str) -> None:
    raise SinkError(problem)
