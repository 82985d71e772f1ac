"""Writes the source with coloured masks (a video with its sound, or one picture), a folder of masks
whose values are ids, or a folder of the pictures.

A video has one size, that of the first picture; others are scaled into it and padded. Other outputs
keep each size.
"""

from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import numpy as np
from PIL import Image

from engine.jobs.segment.outputs import JOB_WORK, MASK, WORK, OnWhole
from engine.jobs.segment.results import MaskedPicture
from engine.sinks.generation_info import GenerationInfo
from engine.sinks.picture_file import save_picture
from engine.sinks.picture_video import PictureVideo
from engine.sinks.whole_file import WholeFile
from engine.sources.pictures import Pictures, fit, resize_note
from engine.system.atomic_file import (
    MAX_JOB_WAIT_S,
    remove_file,
    replace_file,
    sync_file,
    sync_folder,
)
from engine.system.work_folder import WorkFolder, one_line

PNG_EFFORT = (
    1  # PNG compression level; a higher one saves little on flat masks and takes five times as long
)


class OverlayPicture:
    def __init__(self, path: Path, metadata: GenerationInfo | None) -> None:
        self.path = path
        self.notes: list[str] = []
        self._metadata = metadata
        self._file = WholeFile(path)

    def add(self, result: MaskedPicture) -> None:
        with one_line(self.path):
            save_picture(self._file.unfinished, result.overlay(), self._metadata)

    def finish(self, on_whole: OnWhole) -> None:
        on_whole(self._file.unfinished)
        self._file.publish()

    def discard(self) -> None:
        self._file.discard()


class PngFolder:
    """Writes one PNG per picture, each moved to its name when complete."""

    def __init__(
        self,
        path: Path,
        metadata: GenerationInfo | None,
        draw: Callable[[MaskedPicture], np.ndarray],
    ) -> None:
        """`draw`: renders the pixels to write."""
        self.path = path
        self._draw = draw
        self.notes: list[str] = []
        self._text = {} if metadata is None else metadata.options("PNG")
        self._folders = {path}
        """The folder, and the subfolders with pictures of this run."""
        self._written: set[str] = set()
        """Names in the folder: pictures, and subfolders with pictures."""
        self._new: list[Path] = []
        self._is_new = not path.exists()
        # Inside the folder, not beside it: a rename must stay on one disk, and the folder may be a
        # mount point.
        self._work_folder = WorkFolder(path, at=path / WORK)
        self._work_folder.empty()
        self._unfinished = self._work_folder.path / "picture.png"
        self._before = {entry.name for entry in path.iterdir()} - {WORK, JOB_WORK}

    def add(self, result: MaskedPicture) -> None:
        path = self.path / f"{result.picture.name}{MASK}"
        with one_line(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            self._folders.update(
                parent for parent in path.parents if parent.is_relative_to(self.path)
            )
            image = Image.fromarray(np.ascontiguousarray(self._draw(result)))
            image.save(self._unfinished, format="PNG", compress_level=PNG_EFFORT, **self._text)
            sync_file(self._unfinished)
            if not path.exists():
                self._new.append(path)
            replace_file(self._unfinished, path, timeout_s=MAX_JOB_WAIT_S)
        self._written.add(path.relative_to(self.path).parts[0])

    def finish(self, on_whole: OnWhole) -> None:
        for folder in self._folders:
            sync_folder(folder)
        self._work_folder.remove()
        if older := self._before - self._written:
            self.notes.append(f"{self.path}: {len(older)} other files from before are still there")

    def discard(self) -> None:
        for path in self._new:
            with suppress(OSError):  # another program has it open; the original error is reported
                remove_file(path, missing_ok=True)
        self._work_folder.remove()
        for folder in sorted(self._folders, reverse=True) if self._is_new else ():
            with suppress(OSError):  # another program has put a file there
                folder.rmdir()


class MaskFolder(PngFolder):
    """Writes ids in 8 bits, which every program reads unchanged, and in 16 from the first id above
    255 on. OpenCV would turn a palette into colours and lose the ids."""

    def __init__(self, path: Path, metadata: GenerationInfo | None) -> None:
        super().__init__(path, metadata, self._ids)
        self._is_wide = False

    def _ids(self, result: MaskedPicture) -> np.ndarray:
        ids = result.ids()
        if ids.dtype == np.uint16 and not self._is_wide:
            self._is_wide = True
            self.notes.append(
                f"{self.path}: 16 bits from {result.picture.name}{MASK} on, because ids are above "
                "255"
            )
        return ids.astype(np.uint16) if self._is_wide else ids


class OverlayVideo:
    def __init__(
        self,
        path: Path,
        pictures: Pictures,
        metadata: GenerationInfo | None,
        *,
        every: int,
        limit: int | None = None,
    ) -> None:
        height, width = pictures.first.pixels.shape[:2]
        self.path = path
        self._size_px = (width, height)
        self._counts = pictures.counts
        self._file = WholeFile(path)
        try:
            self._video = PictureVideo(
                self._file.unfinished,
                size=(width, height),
                video_format=pictures.video_format,
                every=every,
                tracks_from=Path(pictures.path),
                end_s=None if limit is None else limit * every / pictures.video_format.rate,
                displayed_path=path,
                metadata=metadata,
            )
        except BaseException:
            self._file.discard()
            raise
        self.notes = self._video.notes

    def add(self, result: MaskedPicture) -> None:
        overlay = result.overlay()
        if overlay.shape[1::-1] != self._size_px:
            if not self._counts.refitted:
                self.notes.append(f"{resize_note(result.picture, self._size_px)} in the film")
            self._counts.refitted += 1
            overlay = fit(overlay, self._size_px)
        self._video.add(overlay, result.picture.start_s, result.picture.end_s)

    def finish(self, on_whole: OnWhole) -> None:
        self._video.finish()
        on_whole(self._file.unfinished)
        self._file.publish()

    def discard(self) -> None:
        self._video.discard()
        self._file.discard()
