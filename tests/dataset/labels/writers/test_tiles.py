"""Tiles of a picture: a dataset of their own, in the formats of the pictures."""

import io
import json
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from engine.dataset import RenderSettings, SceneOptions
from engine.dataset.labels.options import LabelOptions
from engine.dataset.labels.record import (
    DatasetContents,
    FinishedPicture,
    LabelSource,
    PictureRecord,
)
from engine.dataset.labels.recording import find_instances
from engine.dataset.labels.writers.pixels import instance_mask
from engine.dataset.labels.writers.tiles import (
    TileWindow,
    TileWriter,
    cut_things,
    finished_tiles,
    tile_windows,
)
from engine.dataset.layout.options import Recipe2Options
from engine.dataset.scene.camera import camera_values
from engine.dataset.task import PictureTask
from engine.errors import UsageError
from tests.dataset.labels.small_records import (
    CAMERA,
    HEIGHT_PX,
    WIDTH_PX,
    disc,
    record,
    site,
    thing,
)

OPTIONS = LabelOptions(write=("yolo", "coco", "masks"), tiles=64, overlap=0.25)
WINDOWS = tile_windows(WIDTH_PX, HEIGHT_PX, 64, 0.25)


def source(labels: LabelOptions = OPTIONS) -> LabelSource:
    colors = np.random.default_rng(0).integers(0, 256, (HEIGHT_PX, WIDTH_PX, 3), dtype=np.uint8)
    task = PictureTask(
        options=SceneOptions(width=WIDTH_PX, height=HEIGHT_PX),
        drawing=RenderSettings(engine="raster"),
        base_seed=0,
        index=7,
        recipe_2=Recipe2Options(),
        labels=labels,
        subset="val",
    )
    depth_m = np.full(colors.shape[:2], 30, np.float32)
    return LabelSource(task=task, camera=CAMERA, record=site(), colors=colors, depth_m=depth_m)


def picture_of(content: bytes) -> np.ndarray:
    with Image.open(io.BytesIO(content)) as image:
        return np.asarray(image)


def test_every_tile_has_its_pixels_and_its_labels_in_every_format() -> None:
    what = source()
    files = TileWriter("tiles").files(what)
    paths = TileWriter("tiles").paths(what.task)
    assert tuple(files) == paths
    for first in range(0, len(paths), 5):  # the picture comes after its labels
        one = paths[first : first + 5]
        assert one[-1].startswith("tiles/images/") and len({Path(path).stem for path in one}) == 1
    assert len(files) == len(WINDOWS) * 5
    for window in WINDOWS:
        name = f"val/000007_{window.row:02d}_{window.column:02d}"
        assert np.array_equal(
            picture_of(files[f"tiles/images/{name}.png"]), window.cut(what.colors)
        )
        numbers = picture_of(files[f"tiles/masks/instances/{name}.png"])
        camera = CAMERA.window(window.left_px, window.top_px, 64, 64)
        part = json.loads(files[f"tiles/annotations/{name}.json"])
        assert part["image"]["file_name"] == f"{name}.png"
        assert part["image"]["camera"] | camera_values(camera) == part["image"]["camera"]
        labelled = [each for each in part["annotations"] if not each["iscrowd"]]
        assert (
            len(labelled)
            == len(np.unique(numbers[numbers > 0]))
            == len(files[f"tiles/labels/{name}.txt"].splitlines())
        )


def test_tiles_in_the_folder_are_counted_through_all_pictures(tmp_path: Path) -> None:
    task = source().task
    picture = FinishedPicture(
        index=7, paths=(*reversed(TileWriter("tiles").paths(task)), "images/val/7.png")
    )
    tiles = finished_tiles(picture)
    assert [tile.index for tile in tiles] == list(range(7 * len(WINDOWS), 8 * len(WINDOWS)))
    assert [tile.paths[-1] for tile in tiles] == [
        f"images/val/000007_{window.row:02d}_{window.column:02d}.png" for window in WINDOWS
    ]
    contents = DatasetContents(
        folder=tmp_path, options=OPTIONS, subsets=("train", "val"), pictures=[picture]
    )
    for tile, content in TileWriter("tiles").files(source()).items():
        (tmp_path / tile).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / tile).write_bytes(content)
    coco = tuple(f"tiles/coco_annotations_{subset}.json" for subset in ("train", "val"))
    assert TileWriter("tiles").finish(contents) == (
        "tiles/dataset.yaml",
        *coco,
        "tiles/masks/README.txt",
    )
    assert "1  pile" in (tmp_path / "tiles/masks/README.txt").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"tiles": 32}, "--tiles: 32 is not 64 to 16384"),
        ({"tiles": 640, "overlap": 1.0}, "--overlap: 1 is not 0 to 0.9"),
        ({"tiles": 640, "tile_min_area": -0.1}, "--tile-min-area: -0.1 is not 0 to 1"),
        ({"tiles": 640, "tile_quality": 0}, "--tile-quality: 0 is not 1 to 100"),
        ({"overlap": 0.5}, "--overlap: has no effect without --tiles, such as --tiles 640"),
    ],
)
def test_tiles_that_cannot_be_are_refused_in_one_line(
    values: dict[str, float], message: str
) -> None:
    with pytest.raises(UsageError) as caught:
        LabelOptions(**values).check()
    assert str(caught.value) == message


def test_the_camera_of_a_tile_has_its_own_principal_point_also_of_the_lens() -> None:
    what = source(replace(OPTIONS, write=("webdataset",), tile_quality=90))
    lens = {"focal_px": 1.0, "center_px": [60.0, 45.0], "k1": 0.0, "k2": 0.0}
    files = TileWriter("tiles").files(
        replace(what, record=replace(what.record, camera={"lens": lens}))
    )
    window = WINDOWS[-1]
    pictures = [path for path in files if path.startswith("tiles/images/")]
    assert all(path.endswith(".jpg") for path in pictures) and picture_of(
        files[pictures[0]]
    ).shape == (64, 64, 3)
    name = f"tiles/webdataset/samples/val/000007_{window.row:02d}_{window.column:02d}.json"
    camera = json.loads(files[name])["camera"]
    expected = [60 - window.left_px, 45 - window.top_px]
    assert [camera["cx"], camera["cy"]] == camera["lens"]["center_px"] == expected
    assert camera["tile_of"] == {"file_name": "images/000007.png", "left_px": 56, "top_px": 26}


@pytest.mark.parametrize(
    ("width", "height", "side", "overlap"),
    [
        (5280, 3956, 640, 0.2),
        (641, 640, 640, 0.0),
        (640, 640, 640, 0.5),
        (1000, 300, 640, 0.2),
        (70, 50, 64, 0.95),
    ],
)
def test_tiles_cover_the_picture_and_nothing_beyond(
    width: int, height: int, side: int, overlap: float
) -> None:
    windows = tile_windows(width, height, side, overlap)
    covered = np.zeros((height, width), np.uint8)
    for window in windows:
        part = window.cut(covered)
        assert (
            part.shape
            == (min(side, height), min(side, width))
            == (window.height_px, window.width_px)
        )
        part += 1
    assert covered.min() == 1
    for name in ("left_px", "top_px"):
        starts = sorted({getattr(window, name) for window in windows})
        assert all(
            side - (after - before) >= overlap * side - 1e-9 for before, after in pairwise(starts)
        )
    assert len({(window.row, window.column) for window in windows}) == len(windows)


def tile(
    what: PictureRecord, left: int, top: int, side: int = 40, min_share: float = 0.3
) -> PictureRecord:
    window = TileWindow(row=0, column=0, left_px=left, top_px=top, width_px=side, height_px=side)
    return replace(what, width_px=side, height_px=side, things=cut_things(what, window, min_share))


def test_the_labels_of_a_tile_are_the_pixels_that_it_shows() -> None:
    picture = instance_mask(site())
    for window in tile_windows(120, 90, 32, 0.3):
        cut = replace(site(), width_px=32, height_px=32, things=cut_things(site(), window, 0))
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
    (pile,) = tile(
        record(thing(1, 30, 10, np.ones((10, 10), bool), visible_share=0.8, is_hidden=True)), 34, 0
    ).things
    assert pile.box == (0, 10, 6, 20) and pile.whole_box == (-4, 10, 6, 20)
    assert (pile.is_cut, pile.is_hidden, pile.visible_share) == (True, True, pytest.approx(0.48))
    (whole,) = tile(record(thing(1, 30, 10, np.ones((10, 10), bool))), 30, 0).things
    assert (whole.is_cut, whole.visible_share, whole.box) == (False, 1, (0, 10, 10, 20))


def test_a_head_is_moved_into_the_tile_or_left_out() -> None:
    (pile,) = tile(record(thing(1, 30, 10, disc(10))), 10, 5).things
    assert (pile.head_px, pile.is_head_visible) == ((25, 10), True)
    (halved,) = tile(record(thing(1, 30, 10, disc(10))), 36, 0).things
    assert (halved.head_px, halved.is_head_visible) == (None, False)
