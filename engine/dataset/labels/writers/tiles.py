"""Writes every picture again in tiles: a separate dataset in the folder tiles/, with the same
formats and splits.

Trainers scale a drone's 5280 px to 640, or cut it up. Tiles overlap, so that a pile on the edge of
one is whole in the next; the last of a row or column is moved inwards, so that all have the same
size without black bars. A tile is a picture like any other, a window of camera, arrays and record,
from which the other writers make its labels.
"""

import math
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, fields, replace
from pathlib import PurePosixPath
from typing import Any

import numpy as np

from engine.dataset.labels.options import LabelOptions
from engine.dataset.labels.record import (
    DatasetContents,
    FinishedPicture,
    LabelledThing,
    LabelSource,
    PictureRecord,
)
from engine.dataset.labels.writers import LabelWriter, writers_of
from engine.dataset.labels.writers.pixels import encode_png
from engine.dataset.scene.camera import camera_values
from engine.dataset.task import PictureTask

FOLDER = "tiles"


@dataclass(frozen=True, slots=True, kw_only=True)
class TileWindow:
    row: int  # index in the grid, from 0
    column: int
    left_px: int
    top_px: int
    width_px: int
    height_px: int

    def cut(self, picture: np.ndarray) -> np.ndarray:
        """The tile's part of (height, width, ...), a view."""
        return picture[
            self.top_px : self.top_px + self.height_px, self.left_px : self.left_px + self.width_px
        ]


def tile_windows(
    width_px: int, height_px: int, side_px: int, overlap: float
) -> tuple[TileWindow, ...]:
    """Square tiles that cover the picture, row by row; neighbours share at least `overlap`, 0 to
    below 1, of their side, which is at most the picture's."""
    width, height = min(side_px, width_px), min(side_px, height_px)
    return tuple(
        TileWindow(
            row=row, column=column, left_px=left, top_px=top, width_px=width, height_px=height
        )
        for row, top in enumerate(_starts(height_px, height, overlap))
        for column, left in enumerate(_starts(width_px, width, overlap))
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class TileTask(PictureTask):
    """Task of a tile, as that of a picture: `index` counts the tiles of all pictures of the
    dataset."""

    picture: int  # index of the picture that it is cut from
    window: TileWindow

    @property
    def name(self) -> str:
        """`000005_03_10`: the picture, row and column of the tile."""
        return f"{self.picture:06d}_{self.window.row:02d}_{self.window.column:02d}"

    @property
    def scene_number(self) -> int:
        return self.picture // self.views

    @property
    def view(self) -> int:
        return self.picture % self.views


class TileWriter(LabelWriter):
    def paths(self, task: PictureTask) -> tuple[str, ...]:
        paths: list[str] = []
        for tile in _tiles(task):
            paths += [
                path for writer in writers_of(tile.labels.formats) for path in writer.paths(tile)
            ]
            paths.append(_picture_path(tile))
        return tuple(f"{FOLDER}/{path}" for path in paths)

    def files(self, source: LabelSource) -> dict[str, bytes]:
        import simplejpeg

        contents: dict[str, bytes] = {}
        whole = source
        if source.content is not None:  # a JPEG does not hold the colours that were encoded
            whole = replace(source, colors=simplejpeg.decode_jpeg(source.content), content=None)
        for tile in _tiles(source.task):
            cut = _cut_source(whole, tile)
            for writer in writers_of(tile.labels.formats):
                contents |= {
                    f"{FOLDER}/{path}": content for path, content in writer.files(cut).items()
                }
            quality = tile.labels.tile_quality
            contents[f"{FOLDER}/{_picture_path(tile)}"] = (
                encode_png(cut.colors)
                if quality is None
                else simplejpeg.encode_jpeg(cut.colors, quality, colorsubsampling="420")
            )
        return contents

    def whole_names(self, options: LabelOptions, subsets: tuple[str, ...]) -> tuple[str, ...]:
        names = (
            name
            for writer in writers_of(options.formats)
            for name in writer.whole_names(options, subsets)
        )
        return tuple(f"{FOLDER}/{name}" for name in names)

    def finish(self, contents: DatasetContents) -> tuple[str, ...]:
        pictures = [tile for picture in contents.pictures for tile in finished_tiles(picture)]
        tiles = replace(contents, folder=contents.folder / FOLDER, pictures=pictures)
        writers = writers_of(contents.options.formats)
        return tuple(f"{FOLDER}/{name}" for writer in writers for name in writer.finish(tiles))


def finished_tiles(picture: FinishedPicture) -> list[FinishedPicture]:
    """List the tiles among a picture's files, with paths in the tiles' folder, row by row."""
    paths: dict[str, list[str]] = defaultdict(list)
    for path in picture.paths_in(FOLDER):
        paths[PurePosixPath(path).stem].append(path.removeprefix(f"{FOLDER}/"))
    names = sorted(paths, key=lambda name: [int(number) for number in name.split("_")])
    return [
        FinishedPicture(
            index=picture.index * len(names) + index,
            paths=tuple(sorted(paths[name], key=lambda path: path.startswith("images/"))),
        )
        for index, name in enumerate(names)
    ]


def _tiles(task: PictureTask) -> Iterator[TileTask]:
    assert task.labels.tiles is not None  # or the format would not be written
    windows = tile_windows(*task.picture_px, task.labels.tiles, task.labels.overlap)
    task_values: dict[str, Any] = {
        each.name: getattr(task, each.name) for each in fields(PictureTask)
    }
    for index, window in enumerate(windows):
        task_values["index"] = task.index * len(windows) + index
        yield TileTask(**task_values, picture=task.index, window=window)


def _picture_path(tile: TileTask) -> str:
    return tile.path("images", ".png" if tile.labels.tile_quality is None else ".jpg")


def _cut_source(source: LabelSource, tile: TileTask) -> LabelSource:
    window = tile.window
    camera = source.camera.window(window.left_px, window.top_px, window.width_px, window.height_px)
    lens = source.record.camera.get("lens")
    if lens:
        lens = lens | {"center_px": list(camera.center_px)}
    tile_of = {
        "file_name": source.record.file_name,
        "left_px": window.left_px,
        "top_px": window.top_px,
    }
    record = replace(
        source.record,
        file_name=_picture_path(tile),
        width_px=window.width_px,
        height_px=window.height_px,
        camera=source.record.camera | camera_values(camera) | {"lens": lens, "tile_of": tile_of},
        things=cut_things(source.record, window, tile.labels.tile_min_area),
    )
    return LabelSource(
        task=tile,
        camera=camera,
        record=record,
        colors=np.ascontiguousarray(window.cut(source.colors)),
        depth_m=np.ascontiguousarray(window.cut(source.depth_m)),
    )


def cut_things(
    record: PictureRecord, window: TileWindow, min_fraction: float
) -> tuple[LabelledThing, ...]:
    """Crop the things that a tile shows: new masks and boxes. A thing of which it shows less than
    `min_fraction` of the visible pixels is a sliver (`is_crowd`)."""
    return tuple(
        cut
        for thing in record.things
        if (cut := _cut_thing(thing, window, min_fraction)) is not None
    )


def _cut_thing(
    thing: LabelledThing, window: TileWindow, min_fraction: float
) -> LabelledThing | None:
    x0, y0 = (round(edge) for edge in thing.box[:2])
    left, top = max(window.left_px - x0, 0), max(window.top_px - y0, 0)
    right = window.left_px + window.width_px - x0
    bottom = window.top_px + window.height_px - y0
    if right <= 0 or bottom <= 0:
        return None
    seen = thing.mask[top:bottom, left:right]
    area = int(np.count_nonzero(seen))
    if area == 0:
        return None
    rows, columns = np.flatnonzero(seen.any(axis=1)), np.flatnonzero(seen.any(axis=0))
    mask = seen[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    first_x, first_y = (
        x0 + left + int(columns[0]) - window.left_px,
        y0 + top + int(rows[0]) - window.top_px,
    )
    whole = tuple(
        edge - start
        for edge, start in zip(thing.whole_box, (window.left_px, window.top_px) * 2, strict=True)
    )
    head = None
    if thing.head_px is not None:
        x, y = thing.head_px[0] - window.left_px, thing.head_px[1] - window.top_px
        head = (x, y) if 0 <= x < window.width_px and 0 <= y < window.height_px else None
    return replace(
        thing,
        is_crowd=thing.class_id >= 0 and (thing.is_crowd or area < min_fraction * thing.area_px),
        head_px=head,
        is_head_visible=thing.is_head_visible and head is not None,
        box=(first_x, first_y, first_x + mask.shape[1], first_y + mask.shape[0]),
        whole_box=(whole[0], whole[1], whole[2], whole[3]),
        area_px=area,
        visible_share=thing.visible_share * area / thing.area_px,
        is_cut=min(whole[:2]) < 0 or whole[2] > window.width_px or whole[3] > window.height_px,
        mask=mask.copy(),
    )


def _starts(length_px: int, side_px: int, overlap: float) -> list[int]:
    """First pixels of the fewest tiles that cover the length; evenly spaced but for the last, which
    ends at its end."""
    step = max(1, math.floor(side_px * (1 - overlap)))
    last = length_px - side_px
    return [*range(0, last, step), last]
