"""piles.jsonl, read line by line."""

import json
from pathlib import Path

import pytest

from engine.dataset.labels.options import LabelOptions
from engine.dataset.labels.record import DatasetContents
from engine.dataset.labels.writers import writers_of
from engine.dataset.layout.pile_blocks import ALIASES
from engine.errors import SourceError
from tests.dataset.labels.records import disc, finished, source_of, thing

OPTIONS = LabelOptions(classes=("bag", "pile"), write=("piles",))


def contents_of(folder: Path) -> DatasetContents:
    (writer,) = writers_of(["piles"])
    pictures = []
    for index in range(2):
        source = source_of(
            thing(disc(6), 10 + index, 10, number=4, class_id=1),
            thing(disc(6), 97, 10, number=5, class_id=1, is_crowd=True, is_cut=True,
                visible_share=0.12345,
                  head_px=None, is_head_visible=False, whole_box=(97.0, 10.0, 130.0, 16.0)),
            thing(disc(6), 50, 10, number=9, category="bag", class_id=0),
            options=OPTIONS, index=index,
        )  # fmt: skip
        pictures.append(finished(folder, writer, source))
    return DatasetContents(folder=folder, options=OPTIONS, subsets=(), pictures=pictures)


def test_a_line_per_pile_and_picture_has_its_position_and_visible_fraction(tmp_path: Path) -> None:
    (writer,) = writers_of(["piles"])
    assert writer.finish(contents_of(tmp_path)) == ("piles.jsonl",)
    lines = [
        json.loads(line)
        for line in (tmp_path / "piles.jsonl").read_text(encoding="ascii").splitlines()
    ]
    assert [(line["index"], line["number"], line["is_labelled"]) for line in lines] == [
        (0, 4, True), (0, 5, False), (1, 4, True), (1, 5, False),
    ]  # fmt: skip
    assert lines[3] == {
        "image": "images/000001.png",
        "index": 1,
        "scene_number": 1,
        "view": 0,
        "subset": "",
        "number": 5,
        "kind": "phc",
        "diameter_m": 0.4,
        "exposed_m": 0.7,
        "tilt_deg": 0.3,
        "place_m": [1.0, 2.0, 0.5],
        "visible_share": 0.1235,
        "is_cut": True,
        "is_hidden": False,
        "head_px": None,
        "is_head_visible": False,
        "box_px": [97, 10, 103, 16],
        "whole_box_px": [97.0, 10.0, 130.0, 16.0],
        "area_px": 32,
        "is_labelled": False,
    }
    assert lines[2]["head_px"] == [14.0, 13.0]


def test_a_missing_part_is_reported(tmp_path: Path) -> None:
    (writer,) = writers_of(["piles"])
    contents = contents_of(tmp_path)
    (tmp_path / "piles/000001.jsonl").unlink()
    with pytest.raises(SourceError, match=r"000001\.jsonl: cannot be read"):
        writer.finish(contents)
    assert not list(tmp_path.glob("*.jsonl")) and not list(tmp_path.glob(".*"))


def test_the_documentation_names_the_kinds_of_the_labels_beside_those_of_the_options() -> None:
    text = (Path(__file__).parents[4] / "docs/how-to/dataset-ground.md").read_text("utf-8")
    for option, kind in ALIASES.items():
        assert (f"`{kind}` ({option})" if kind != option else f"`{kind}`") in text
