"""The options of labels, as a user gives them."""

from dataclasses import replace
from pathlib import Path

import pytest

from engine.dataset.job import DatasetJob
from engine.dataset.labels.options import FORMATS, YOLO_FORMATS, LabelOptions
from engine.dataset.labels.writers import writers_of
from engine.dataset.layout.cameras import CameraOptions
from engine.dataset.layout.options import Recipe2Options
from engine.dataset.task import RenderSettings, task_of
from engine.errors import UsageError


def job(recipe: int = 2, *, save_coco: bool = False, **labels: object) -> DatasetJob:
    drawing = RenderSettings(engine="raster")
    options = LabelOptions(**labels)  # type: ignore[arg-type]
    return DatasetJob(
        output=Path("out"), drawing=drawing, recipe=recipe, labels=options, save_coco=save_coco
    )


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        (
            {"classes": ("pile", "unicorn")},
            r"--classes 'unicorn': is not one of pile, bag, machine, ",
        ),
        ({"classes": ("pile", "bag", "pile")}, "--classes: pile is named twice"),
        ({"classes": ("",)}, "--classes ''"),
        ({"write": ("yolo", "yolo5")}, r"--write 'yolo5': is not one of yolo, yolo-obb, "),
        ({"min_visible": 1.5}, "--min-visible"),
    ],
)
def test_a_wrong_name_or_fraction_is_refused_with_what_is_allowed(
    labels: dict[str, object], message: str
) -> None:
    with pytest.raises(UsageError, match=message):
        job(**labels).check()


def test_more_formats_can_be_added_to_a_finished_run_but_no_other_classes() -> None:
    key = job().task(0).key
    assert (
        job(write=("coco", "yolo", "yolo-seg")).task(0).key
        == job(classes=("pile",)).task(0).key
        == key
    )
    assert job(write=("yolo-seg", "yolo")).task(0).key != key  # the files in labels/ are others
    assert job(classes=("bag", "pile")).task(0).key != job(classes=("pile", "bag")).task(0).key
    assert job(min_visible=0.3).task(0).key != key


def test_the_older_option_adds_coco_to_the_formats() -> None:
    assert job(save_coco=True).task(0).labels.written == ("yolo", "coco")
    assert job(save_coco=True, write=("coco", "piles")).task(0).labels.written == ("coco", "piles")


def test_every_format_has_a_writer_of_its_name_and_files_of_its_own() -> None:
    task = job(write=FORMATS, classes=("bag", "pile"), min_visible=0.5).task(7)
    assert task_of(task.as_json()) == task, "the options reach the process that draws"
    writers = writers_of(FORMATS)
    assert [writer.name for writer in writers] == list(FORMATS)
    paths = [path for writer in writers for path in writer.paths(task)]
    assert len(set(paths)) == len(paths) >= len(FORMATS) and all("000007" in path for path in paths)


def test_the_first_of_yolos_formats_is_where_ultralytics_reads() -> None:
    for first in YOLO_FORMATS:
        options = LabelOptions(
            write=("coco", first, *(name for name in FORMATS if name not in ("coco", first)))
        )
        folders = {name: options.folder_of(name) for name in YOLO_FORMATS}
        assert folders.pop(first) == "labels" and len({"labels", *folders.values()}) == 4


def test_tiles_larger_than_the_pictures_are_noted() -> None:
    camera = CameraOptions(view=(320, 200))
    recipe_2 = Recipe2Options(camera=camera)
    assert replace(job(tiles=200), recipe_2=recipe_2).notes == ()
    (note,) = replace(job(tiles=640), recipe_2=recipe_2).notes
    assert note == "--tiles 640: pictures are 320x200, so tiles are 320x200"
