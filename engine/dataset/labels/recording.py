"""Makes the record of a picture: facts from the scene about each visible thing."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any, NamedTuple

import numpy as np

from engine.dataset.frozen import plain
from engine.dataset.geometry.batches import SceneGeometry
from engine.dataset.labels.look import look_of
from engine.dataset.labels.options import LabelOptions
from engine.dataset.labels.record import LabelledThing, PictureRecord
from engine.dataset.labels.visibility import AHEAD_M, find_outlines, measure_visibility
from engine.dataset.scene.camera import camera_values
from engine.dataset.scene.description import PlacedAsset, SiteScene
from engine.dataset.scene.things import PILE_CATEGORY, Distractor, Pile, category_of
from engine.dataset.sensor.photograph import Photograph
from engine.dataset.task import PictureTask

Thing = Pile | Distractor | PlacedAsset
NUMBERS = 2**16  # values of a uint16


def make_record(
    geometry: SceneGeometry, photo: Photograph, options: LabelOptions, *, file_name: str
) -> PictureRecord:
    """Record every numbered thing that is visible in the photograph of the site."""
    scene = geometry.scene
    numbers = photo.rendered.instances
    depth_m = photo.rendered.depth_m
    height, width = numbers.shape
    visible = find_instances(numbers)
    known: dict[int, Thing] = {
        pile.number or position: pile for position, pile in enumerate(scene.piles, 1)
    }
    others: tuple[Thing, ...] = (*scene.distractors, *scene.placed_assets)
    known |= {thing.number: thing for thing in others if thing.number}
    own_categories = {asset.name: asset.category for asset in scene.assets}
    outlines = find_outlines(geometry, visible.numbers, photo.to_picture)
    heads = _heads(scene, photo, [known[number] for number in visible.numbers.tolist()])
    things = []
    for number, (x0, y0, x1, y1), area, head in zip(
        *(each.tolist() for each in visible), heads, strict=True
    ):
        thing = known[number]
        visibility = measure_visibility(
            outlines.get(number), number, (x0, y0, x1, y1), area, numbers, depth_m
        )
        if isinstance(thing, PlacedAsset):
            category = own_categories[thing.asset]
        else:
            category = PILE_CATEGORY if isinstance(thing, Pile) else category_of(thing.kind)
        if head is not None and not (0 <= head[0] < width and 0 <= head[1] < height):
            head = None
        class_id = options.class_names.index(category) if category in options.class_names else -1
        things.append(
            LabelledThing(
                number=number,
                category=category,
                class_id=class_id,
                is_crowd=class_id >= 0 and visibility.visible_share < options.min_visible,
                position_m=(thing.x_m, thing.y_m, thing.ground_m),
                attributes={"kind": thing.kind.value}
                if isinstance(thing, Distractor)
                else thing.label_attributes,
                head_px=head,
                is_head_visible=head is not None
                and _is_head_visible(scene, thing, number, head, numbers, depth_m),
                box=(x0, y0, x1, y1),
                area_px=area,
                **asdict(visibility),
                mask=numbers[y0:y1, x0:x1] == number,
            )
        )
    return PictureRecord(
        file_name=file_name,
        width_px=width,
        height_px=height,
        camera=camera_values(scene.camera) | {"lens": photo.effects.get("lens")},
        classes=options.class_names,
        things=tuple(things),
    )


def facts_of(
    task: PictureTask, scene: SiteScene, photograph: Photograph, record: PictureRecord
) -> dict[str, Any]:
    """Facts of a picture for the manifest, as JSON values; the whole scene is in the file that
    `scene` names."""
    labelled = record.labelled
    per_class = Counter(thing.category for thing in labelled)
    return {
        "scene": task.path("scenes", ".json"),
        "subset": task.subset,
        "scene_number": task.scene_number,
        "view": task.view,
        "camera": record.camera,
        "ground": plain(scene.ground) | {"cover": scene.ground.cover},
        "sun": plain(scene.sun),
        "effects": plain(photograph.effects),
        "look": {
            name: round(value, 4) for name, value in look_of(photograph.rendered.colors).items()
        },
        "counts": {
            "piles": len(scene.piles),
            "others": len(scene.distractors) + len(scene.placed_assets),
            "piles_seen": sum(thing.category == "pile" for thing in record.things),
            "labelled": len(labelled),
            "labelled_by_class": {name: per_class[name] for name in record.classes},
            "labelled_hidden": sum(thing.is_hidden for thing in labelled),
            "labelled_cut": sum(thing.is_cut for thing in labelled),
            "crowd": sum(thing.is_crowd for thing in record.things),
        },
    }


def record_of_piles(numbers: np.ndarray, *, file_name: str) -> PictureRecord:
    """Make the record of recipe 1: the visible piles of (height, width) uint16 instances, each of
    which is labelled."""
    found = find_instances(numbers)
    things = [
        LabelledThing(
            number=number,
            category=PILE_CATEGORY,
            class_id=0,
            box=(x0, y0, x1, y1),
            whole_box=(x0, y0, x1, y1),
            area_px=area,
            mask=numbers[y0:y1, x0:x1] == number,
        )
        for number, (x0, y0, x1, y1), area in zip(*(each.tolist() for each in found), strict=True)
    ]
    height, width = numbers.shape
    return PictureRecord(
        file_name=file_name,
        width_px=width,
        height_px=height,
        camera={},
        classes=(PILE_CATEGORY,),
        things=tuple(things),
    )


def _heads(
    scene: SiteScene, photograph: Photograph, things: Sequence[Thing]
) -> list[tuple[float, float] | None]:
    tops = [thing.head_m for thing in things if isinstance(thing, Pile)]
    pixels = photograph.to_picture(scene.camera.pixel_of(np.array(tops).reshape(-1, 3)))
    pairs = ((x, y) for x, y in pixels.tolist())
    return [next(pairs) if isinstance(thing, Pile) else None for thing in things]


def _is_head_visible(
    scene: SiteScene,
    thing: Thing,
    number: int,
    head: tuple[float, float],
    numbers: np.ndarray,
    depth_m: np.ndarray,
) -> bool:
    """True if the pixel shows the pile, or something clearly behind its head, through an open
    section."""
    column = int(head[0])
    row = int(head[1])
    if numbers[row, column] == number or not isinstance(thing, Pile):
        return True
    head_depth_m = float(scene.camera.depth_of(np.array([thing.head_m]))[0])
    return bool(depth_m[row, column] > head_depth_m + AHEAD_M)


class Instances(NamedTuple):
    """Visible instances, ascending by number, each number once."""

    numbers: np.ndarray  # (k,) int64, 1..65535
    boxes: np.ndarray  # (k, 4) int64: x0 y0 x1 y1 in px; x1 and y1 are exclusive
    areas: np.ndarray  # (k,) int64: visible pixels


def find_instances(picture: np.ndarray) -> Instances:
    """Find every number other than 0 in `picture`, (height, width) uint16; separate parts share one
    box. It works on runs along the rows, a thousand times fewer than pixels."""
    height, width = picture.shape
    is_edge = np.ones((height, width + 1), bool)  # a row begins and ends with an edge
    np.not_equal(picture[:, 1:], picture[:, :-1], out=is_edge[:, 1:width])
    rows, columns = np.divmod(np.flatnonzero(is_edge), width + 1)
    begins = np.flatnonzero(columns < width)  # the last edge of a row does not begin a run
    begins = begins[picture[rows[begins], columns[begins]] > 0]
    rows = rows[begins]
    starts = columns[begins]
    ends = columns[begins + 1]
    numbers = picture[rows, starts]
    lows = np.full((2, NUMBERS), np.iinfo(np.int64).max)  # x0, y0
    highs = np.zeros((2, NUMBERS), np.int64)  # x1, y1
    areas = np.zeros(NUMBERS, np.int64)
    np.minimum.at(lows[0], numbers, starts)
    np.minimum.at(lows[1], numbers, rows)
    np.maximum.at(highs[0], numbers, ends)
    np.maximum.at(highs[1], numbers, rows + 1)
    np.add.at(areas, numbers, ends - starts)
    seen = np.flatnonzero(areas)
    return Instances(
        numbers=seen,
        boxes=np.concatenate([lows[:, seen], highs[:, seen]]).T.copy(),
        areas=areas[seen],
    )
