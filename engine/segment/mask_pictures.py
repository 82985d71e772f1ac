"""One picture with coloured masks, and a folder of pictures in which every value is an object's id."""

from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import numpy as np
from PIL import Image

from engine.atomic_file import move_into_place, sync_file, sync_folder
from engine.render.mask_look import object_colours
from engine.segment.outputs import PICTURES
from engine.segment.results import Result
from engine.sinks.whole_file import one_line, partial_path

JPEG_QUALITY = 95
PNG_EFFORT = 1  # masks are flat: more effort saves little and takes five times as long


class OverlayPicture:
    def __init__(self, path: Path) -> None:
        self.path = path
        self.notes: list[str] = []
        self._partial = partial_path(path)

    def add(self, result: Result) -> None:
        form = PICTURES[self.path.suffix.lower()]
        with one_line(self.path):
            Image.fromarray(result.overlay()).save(self._partial, format=form, quality=JPEG_QUALITY)

    def finish(self) -> None:
        with one_line(self.path):
            move_into_place(self._partial, self.path)

    def discard(self) -> None:
        self._partial.unlink(missing_ok=True)


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
        with one_line(path):
            path.mkdir(exist_ok=True)
        self._before = {entry.name for entry in path.iterdir()}

    def add(self, result: Result) -> None:
        path = self.path / f"{result.picture.name}.png"
        image = Image.fromarray(np.ascontiguousarray(result.ids()))
        image.putpalette(self._palette)
        _write(path, lambda file: image.save(file, format="PNG", compress_level=PNG_EFFORT))
        self._written.append(path)

    def finish(self) -> None:
        with one_line(self.path):
            sync_folder(self.path)
        older = self._before - {path.name for path in self._written}
        if older:
            self.notes.append(f"{self.path}: {len(older)} other files from before are still there")

    def discard(self) -> None:
        for path in self._written:
            if path.name not in self._before:
                path.unlink(missing_ok=True)
        if self._is_new:
            with suppress(OSError):  # somebody else has put something there
                self.path.rmdir()


def _write(path: Path, save: Callable[[Path], None]) -> None:
    partial = partial_path(path)
    with one_line(path):
        try:
            save(partial)
            sync_file(partial)
            partial.replace(path)
        except BaseException:
            partial.unlink(missing_ok=True)
            raise
