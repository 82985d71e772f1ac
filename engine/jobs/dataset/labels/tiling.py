"""Cuts a picture's record and arrays into tiles.

A detector sees 640 px; a drone's picture of 5280 px scaled to that has piles of 4 px. So trainers cut such pictures up.
Tiles overlap, so that a pile on the edge of one is whole in the next. The last tile of a row or column is moved inwards
to end at the picture's edge: there are no black bars, and all tiles have the same size.
"""

import math
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from engine.jobs.dataset.labels.record import LabelledThing, PictureRecord


@dataclass(frozen=True, slots=True, kw_only=True)
class TileWindow:
    """A tile's place in its picture, px."""

    row: int
    """Place in the grid, from 0."""
    column: int
    left_px: int
    top_px: int
    width_px: int
    height_px: int

    def cut(self, picture: np.ndarray) -> np.ndarray:
        """The tile's part of (height, width, ...), a view."""
        return picture[self.top_px : self.top_px + self.height_px, self.left_px : self.left_px + self.width_px]


def tile_windows(width_px: int, height_px: int, side_px: int, overlap: float) -> tuple[TileWindow, ...]:
    """Square tiles that cover the picture, row by row.

    Neighbours share at least `overlap`, 0 to below 1, of their side. A side of the picture that is shorter than a tile
    gives tiles of that side.
    """
    width, height = min(side_px, width_px), min(side_px, height_px)
    return tuple(
        TileWindow(row=row, column=column, left_px=left, top_px=top, width_px=width, height_px=height)
        for row, top in enumerate(_starts(height_px, height, overlap))
        for column, left in enumerate(_starts(width_px, width, overlap))
    )


def cut_record(
    record: PictureRecord,
    window: TileWindow,
    *,
    index: int,
    file_name: str,
    camera: dict[str, Any],
    min_share: float,
) -> PictureRecord:
    """The record of one tile: everything that it shows.

    A thing of which it shows less than `min_share` of the visible pixels is a sliver (`is_crowd`), as in pictures one
    of which too little is visible. `index`, `file_name` and `camera` are the tile's own. Masks are cut and boxes
    measured anew, so they agree to the pixel with what the tile shows.
    """
    cut = (_cut_thing(thing, window, min_share) for thing in record.things)
    return replace(
        record,
        index=index,
        file_name=file_name,
        width_px=window.width_px,
        height_px=window.height_px,
        camera=camera,
        things=tuple(thing for thing in cut if thing is not None),
    )


def _cut_thing(thing: LabelledThing, window: TileWindow, min_share: float) -> LabelledThing | None:
    x0, y0 = (round(edge) for edge in thing.box[:2])
    left, top = max(window.left_px - x0, 0), max(window.top_px - y0, 0)
    right, bottom = window.left_px + window.width_px - x0, window.top_px + window.height_px - y0
    if right <= 0 or bottom <= 0:
        return None
    seen = thing.mask[top:bottom, left:right]
    area = int(np.count_nonzero(seen))
    if area == 0:
        return None
    rows, columns = np.flatnonzero(seen.any(axis=1)), np.flatnonzero(seen.any(axis=0))
    mask = seen[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    first_x, first_y = x0 + left + int(columns[0]) - window.left_px, y0 + top + int(rows[0]) - window.top_px
    whole = tuple(
        edge - start for edge, start in zip(thing.whole_box, (window.left_px, window.top_px) * 2, strict=True)
    )
    head = None
    if thing.head_px is not None:
        x, y = thing.head_px[0] - window.left_px, thing.head_px[1] - window.top_px
        head = (x, y) if 0 <= x < window.width_px and 0 <= y < window.height_px else None
    return replace(
        thing,
        is_crowd=thing.class_id >= 0 and (thing.is_crowd or area < min_share * thing.area_px),
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
    """First pixels of the fewest tiles that cover the length; evenly spaced but for the last, which ends at its end."""
    step = max(1, math.floor(side_px * (1 - overlap)))
    last = length_px - side_px
    return [*range(0, last, step), last]
