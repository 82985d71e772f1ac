"""Tiles: they cover the picture, and their labels are what each of them shows."""

from itertools import pairwise

import numpy as np
import pytest

from engine.jobs.dataset.labels import find_instances
from engine.jobs.dataset.labels.record import PictureRecord
from engine.jobs.dataset.labels.writers.pixels import instance_mask
from engine.jobs.dataset.labels.writers.tiles import TileWindow, cut_record, tile_windows
from tests.jobs.dataset.labels.small_records import disc, record, site, thing


@pytest.mark.parametrize(
    ("width", "height", "side", "overlap"),
    [(5280, 3956, 640, 0.2), (641, 640, 640, 0.0), (640, 640, 640, 0.5), (1000, 300, 640, 0.2), (70, 50, 64, 0.95)],
)
def test_tiles_cover_the_picture_and_nothing_beyond(width: int, height: int, side: int, overlap: float) -> None:
    windows = tile_windows(width, height, side, overlap)
    covered = np.zeros((height, width), np.uint8)
    for window in windows:
        part = window.cut(covered)
        assert part.shape == (min(side, height), min(side, width)) == (window.height_px, window.width_px)
        part += 1
    assert covered.min() == 1
    for name in ("left_px", "top_px"):
        starts = sorted({getattr(window, name) for window in windows})
        assert all(side - (after - before) >= overlap * side - 1e-9 for before, after in pairwise(starts))
    assert len({(window.row, window.column) for window in windows}) == len(windows)


def test_a_picture_of_21_megapixels_gives_80_tiles() -> None:
    windows = tile_windows(5280, 3956, 640, 0.2)
    assert len(windows) == 11 * 8
    assert (windows[-1].left_px, windows[-1].top_px) == (5280 - 640, 3956 - 640)


def tile(what: PictureRecord, left: int, top: int, side: int = 40, min_share: float = 0.3) -> PictureRecord:
    window = TileWindow(row=0, column=0, left_px=left, top_px=top, width_px=side, height_px=side)
    return cut_record(what, window, index=1, file_name="images/000007_0_0.png", camera={}, min_share=min_share)


def test_the_labels_of_a_tile_are_the_pixels_that_it_shows() -> None:
    picture = instance_mask(site())
    for window in tile_windows(120, 90, 32, 0.3):
        cut = cut_record(site(), window, index=0, file_name="t.png", camera={}, min_share=0)
        assert np.array_equal(instance_mask(cut), window.cut(picture))
        found = find_instances(window.cut(picture))
        assert [one.number for one in cut.labelled] == found.numbers.tolist()
        assert [list(one.box) for one in cut.labelled] == found.boxes.tolist()
        assert [one.area_px for one in cut.labelled] == found.areas.tolist()


def test_a_pile_stays_with_three_tenths_of_its_visible_area() -> None:
    what = record(thing(1, 30, 10, np.ones((10, 10), bool)))
    assert [one.area_px for one in tile(what, 37, 0).labelled] == [30]
    assert (tile(what, 38, 0).labelled, len(tile(what, 38, 0).classed)) == ((), 1)
    assert [one.area_px for one in tile(what, 38, 0, min_share=0.2).labelled] == [20]
    assert tile(what, 40, 0).things == ()


def test_a_pile_on_the_edge_of_a_tile_is_cut_and_less_visible() -> None:
    (pile,) = tile(record(thing(1, 30, 10, np.ones((10, 10), bool), visible_share=0.8, is_hidden=True)), 34, 0).things
    assert pile.box == (0, 10, 6, 20) and pile.whole_box == (-4, 10, 6, 20)
    assert (pile.is_cut, pile.is_hidden, pile.visible_share) == (True, True, pytest.approx(0.48))
    (whole,) = tile(record(thing(1, 30, 10, np.ones((10, 10), bool))), 30, 0).things
    assert (whole.is_cut, whole.visible_share, whole.box) == (False, 1, (0, 10, 10, 20))


def test_a_head_goes_along_or_is_gone() -> None:
    (pile,) = tile(record(thing(1, 30, 10, disc(10))), 10, 5).things
    assert (pile.head_px, pile.is_head_visible) == ((25, 10), True)
    (halved,) = tile(record(thing(1, 30, 10, disc(10))), 36, 0).things
    assert (halved.head_px, halved.is_head_visible) == (None, False)
