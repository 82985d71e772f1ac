"""One picture with coloured masks, and a folder of pictures in which every value is an object's id."""

from contextlib import suppress
from pathlib import Path

import numpy as np
from PIL import Image

from engine.atomic_file import sync_file, sync_folder
from engine.render.mask_look import object_colours
from engine.segment.outputs import PICTURES, WORK
from engine.segment.results import Result
from engine.sinks.whole_file import WholeFile, one_line
from engine.work_folder import WorkFolder

JPEG_QUALITY = 95
PNG_EFFORT = 1  # masks are flat: more effort saves little and takes five times as long


class OverlayPicture:
    def __init__(self, path: Path) -> None:
        self.path = path
        self.notes: list[str] = []
        self._file = WholeFile(path)

    def add(self, result: Result) -> None:
        form = PICTURES[self.path.suffix.lower()]
        with one_line(self.path):
            Image.fromarray(result.overlay()).save(self._file.unfinished, format=form, quality=JPEG_QUALITY)

    def finish(self) -> None:
        self._file.publish()

    def discard(self) -> None:
        self._file.discard()


class MaskFolder:
    """8-bit palette PNGs of full size, named after the picture: 0 is nobody, else 1 + (id - 1) % 255, in its colour."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.notes: list[str] = []
        self._written: list[Path] = []
        self._is_new = not path.exists()
        colours = np.zeros((256, 3), np.uint8)
        colours[1:] = np.round(255 * object_colours(range(1, 256)))
        self._palette = colours.tobytes()
        # In it, not beside it: a picture is moved from there to its name, and the folder may be a disk of its own.
        self._place = WorkFolder(path, at=path / WORK)
        self._place.empty()
        self._unfinished = self._place.path / "mask.png"
        self._before = {entry.name for entry in path.iterdir()} - {WORK}

    def add(self, result: Result) -> None:
        path = self.path / f"{result.picture.name}.png"
        image = Image.fromarray(np.ascontiguousarray(result.ids()))
        image.putpalette(self._palette)
        with one_line(path):
            image.save(self._unfinished, format="PNG", compress_level=PNG_EFFORT)
            sync_file(self._unfinished)
            self._unfinished.replace(path)
        self._written.append(path)

    def finish(self) -> None:
        with one_line(self.path):
            sync_folder(self.path)
        self._place.remove()
        older = self._before - {path.name for path in self._written}
        if older:
            self.notes.append(f"{self.path}: {len(older)} other files from before are still there")

    def discard(self) -> None:
        for path in self._written:
            if path.name not in self._before:
                path.unlink(missing_ok=True)
        self._place.remove()
        if self._is_new:
            with suppress(OSError):  # somebody else has put something there
                self.path.rmdir()
