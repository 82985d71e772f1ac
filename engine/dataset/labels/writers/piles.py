"""piles.jsonl: one line of JSON per visible pile and picture, for counting, measuring and following
piles. A pile has the same number in all views of a scene."""

import json

from engine.dataset.labels.options import LabelOptions
from engine.dataset.labels.record import DatasetContents, LabelledThing, LabelSource
from engine.dataset.labels.writers import LabelWriter
from engine.dataset.replacing import open_replacement
from engine.dataset.task import PictureTask
from engine.errors import SourceError
from engine.system.small_file import open_regular

PARTS = "piles"
WHOLE = "piles.jsonl"


class PilesWriter(LabelWriter):
    def paths(self, task: PictureTask) -> tuple[str, ...]:
        return (task.path(PARTS, ".jsonl"),)

    def files(self, source: LabelSource) -> dict[str, bytes]:
        (path,) = self.paths(source.task)
        piles = (thing for thing in source.record.things if thing.category == "pile")
        return {path: "".join(_line(source, pile) for pile in piles).encode("ascii")}

    def whole_names(self, options: LabelOptions, subsets: tuple[str, ...]) -> tuple[str, ...]:
        return (WHOLE,)

    def finish(self, contents: DatasetContents) -> tuple[str, ...]:
        with open_replacement(contents.folder / WHOLE) as whole:
            for picture in contents.pictures:
                for path in picture.paths_in(PARTS):
                    try:
                        with open_regular(contents.folder / path) as part:
                            whole.writelines(line.decode("ascii") for line in part)
                    except (FileNotFoundError, UnicodeDecodeError) as error:
                        raise SourceError(
                            f"{contents.folder / path}: cannot be read ({error})"
                        ) from error
        return (WHOLE,)


def _line(source: LabelSource, pile: LabelledThing) -> str:
    task = source.task
    values = {
        "image": source.record.file_name,
        "index": task.index,
        "scene_number": task.scene_number,
        "view": task.view,
        "subset": task.subset,
        **pile.values,
        "head_px": pile.head_values,
        "is_head_visible": pile.is_head_visible,
        "box_px": list(pile.box),
        "whole_box_px": list(pile.whole_box),
        "area_px": pile.area_px,
        "is_labelled": pile.class_id >= 0 and not pile.is_crowd,
    }
    return json.dumps(values) + "\n"
