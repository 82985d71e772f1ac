"""The detector learns what it is shown. Its sets are real options, its pictures are read as
labelled, and its table has the results."""

import json
import shlex
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import torch
import typer

from engine.cli.main import commands_of
from tests.benchmarks.detector.bench import goals, markdown
from tests.benchmarks.detector.network import FoundBoxes, find
from tests.benchmarks.detector.pictures import cut_views, read_pictures
from tests.benchmarks.detector.scoring import nearness, overlap, rank
from tests.benchmarks.detector.sets import SETS, TRAINING
from tests.benchmarks.detector.threshold import best_rule, find_spots
from tests.benchmarks.detector.training import LabelledPicture, random_crop, train
from tests.cli.conftest import Cli


def picture_of_discs(seed: int, *, side_px: int, pitch_px: int = 52) -> LabelledPicture:
    """Discs of 10 to 40 px, at most one in each square of `pitch_px`; values over 150 on ground
    below 110."""
    draw = np.random.default_rng(seed)
    colors = draw.integers(50, 110, (side_px, side_px, 3)).astype(np.uint8)
    rows, columns = np.mgrid[:side_px, :side_px] + 0.5
    boxes = []
    for left in range(0, side_px - pitch_px + 1, pitch_px):
        for top in range(0, side_px - pitch_px + 1, pitch_px):
            if draw.random() < 0.3:
                continue
            radius = float(draw.uniform(5, 20))
            x, y = (
                start + pitch_px / 2 + draw.uniform(-1, 1) * (pitch_px / 2 - radius - 2)
                for start in (left, top)
            )
            is_disc = (columns - x) ** 2 + (rows - y) ** 2 < radius**2
            colors[is_disc] = draw.integers(160, 220, (int(is_disc.sum()), 3))
            boxes.append([x - radius, y - radius, x + radius, y + radius])
    return LabelledPicture(
        colors=colors, boxes=np.array(boxes).reshape(-1, 4), is_ignored=np.zeros(len(boxes), bool)
    )


# -- learning


@pytest.fixture(scope="module")
def network() -> torch.nn.Module:
    """Trained for seconds on discs of 10 to 40 px."""
    torch.set_num_threads(1)
    return train(
        [picture_of_discs(seed, side_px=160) for seed in range(8)], steps=60, seed=0, crop_px=128
    )


def test_bright_discs_are_learned_in_seconds(network: torch.nn.Module) -> None:
    unseen = [picture_of_discs(seed, side_px=192) for seed in range(100, 106)]
    found = [find(network, picture.colors) for picture in unseen]
    assert rank(found, unseen, nearness).average_precision > 0.9
    assert rank(found, unseen, overlap).average_precision > 0.8


def test_a_picture_in_tiles_gives_the_boxes_of_the_whole(network: torch.nn.Module) -> None:
    picture = picture_of_discs(200, side_px=320)
    whole, tiled = find(network, picture.colors), find(network, picture.colors, tile_px=192)
    is_sure = whole.scores > 0.5
    expected = replace(picture, boxes=whole.boxes[is_sure], is_ignored=~is_sure[is_sure])
    assert is_sure.sum() > 5
    assert rank([tiled], [expected], overlap).average_precision > 0.9


def test_the_same_seed_trains_the_same_weights() -> None:
    torch.set_num_threads(1)
    pictures = [picture_of_discs(seed, side_px=96) for seed in range(2)]
    first, again, other = (
        train(pictures, steps=2, seed=seed, crop_px=64).state_dict() for seed in (3, 3, 4)
    )
    assert all(torch.equal(first[name], again[name]) for name in first)
    assert not torch.equal(first["head.weight"], other["head.weight"])


@pytest.mark.parametrize("seed", range(4))
def test_boxes_stay_on_their_discs_however_a_crop_is_turned(seed: int) -> None:
    crop, boxes, is_ignored = random_crop(
        [picture_of_discs(seed, side_px=120)], 80, np.random.default_rng(seed)
    )
    light = crop.max(axis=2)
    bright = np.zeros(light.shape, bool)
    for x0, y0, x1, y1 in boxes.round().astype(int):
        bright[max(y0 - 1, 0) : y1 + 1, max(x0 - 1, 0) : x1 + 1] = True
    assert crop.shape == (80, 80, 3) and len(boxes) == len(is_ignored)
    assert light[~bright].max(initial=0) < 0.55 < light[bright].max(initial=1)


# -- rules that learn nothing


@pytest.mark.parametrize("channel", ["light", "dark"])
def test_discs_of_another_brightness_than_the_background_are_found_by_a_rule(channel: str) -> None:
    def picture(seed: int) -> LabelledPicture:
        discs = picture_of_discs(seed, side_px=160)
        return discs if channel == "light" else replace(discs, colors=255 - discs.colors)

    rule = best_rule([picture(seed) for seed in range(2)])
    unseen = [picture(seed) for seed in range(50, 53)]
    found = [find_spots(each.colors, rule) for each in unseen]
    assert channel in rule.channel and rank(found, unseen, nearness).at(0.0).f1 > 0.95


# -- scores


def picture_with(boxes: np.ndarray) -> LabelledPicture:
    is_ignored = np.zeros(len(boxes), bool)
    return LabelledPicture(colors=np.zeros((2, 2, 3), np.uint8), boxes=boxes, is_ignored=is_ignored)


def test_a_middle_counts_within_half_a_pile_but_at_least_four_pixels() -> None:
    for box, near_x, far_x in (([0, 0, 40, 40], 39.9, 40.2), ([18, 18, 22, 22], 23.9, 24.2)):
        for x, precision in ((near_x, 1.0), (far_x, 0.0)):
            found = FoundBoxes(boxes=np.array([[x - 5, 15, x + 5, 25]]), scores=np.ones(1))
            ranked = rank([found], [picture_with(np.array([box], float))], nearness)
            assert (ranked.is_right[0], ranked.average_precision) == pytest.approx(
                (precision, precision)
            ), (box, x)


def test_false_positives_are_counted_a_picture_where_there_is_no_pile() -> None:
    found = FoundBoxes(boxes=np.array([[0.0, 0, 9, 9]] * 3), scores=np.array([0.9, 0.7, 0.2]))
    nothing = FoundBoxes(boxes=np.zeros((0, 4)), scores=np.zeros(0))
    ranked = rank([found, nothing], [picture_with(np.zeros((0, 4)))] * 2, overlap)
    assert ranked.average_precision is None and ranked.at(0.5).false_positives == 1


# -- the bench


def test_both_recipes_are_trained_and_tried(bench_here: Cli, tmp_path: Path) -> None:
    short = (
        "--steps",
        "3",
        "--views",
        "2",
        "--pictures",
        "2",
        "--sets",
        "negatives",
        "--threads",
        "1",
        "--json",
    )
    done = bench_here("detector", "--work", str(tmp_path / "work"), *short)
    assert done.code == 0, done.err
    result = json.loads(done.out)
    assert set(result["sets"]) == {"plain", "negatives"}
    assert 1_000_000 < result["weights"] < 3_000_000, "small: it trains in minutes on a CPU"
    for name in TRAINING:
        assert (
            result["training"][name]["pictures"] == 2 and len(result["training"][name]["loss"]) == 1
        )
        assert result["training"][name]["megapixels"] == 0.8
        assert {"ap50", "ap_middle", "f1", "false_positives"} <= set(result["sets"]["plain"][name])
    assert result["sets"]["negatives"]["piles"] == 0
    assert result["sets"]["negatives"]["recipe 2"]["ap50"] is None
    assert markdown(result).count("\n") == 8


def test_every_set_is_a_command_that_the_dataset_accepts_and_shows_no_scene_that_was_trained_on(
    tmp_path: Path,
) -> None:
    group = typer.main.get_command(commands_of())
    command = group.commands["dataset"]  # type: ignore[attr-defined]
    for seed, options in (
        *((1000, each) for each in TRAINING.values()),
        *((9000, each) for each in SETS.values()),
    ):
        with command.make_context(
            "dataset", [str(tmp_path / "out"), *shlex.split(options)]
        ) as context:
            named = context.params
            assert (named["recipe"] in (1, 2), named["save_coco"], named["seed"]) == (
                True,
                True,
                seed,
            ), options


def test_an_unknown_set_is_rejected_before_anything_is_drawn(
    bench_here: Cli, tmp_path: Path
) -> None:
    done = bench_here("detector", "--work", str(tmp_path / "work"), "--sets", "gravel,mars")
    assert done.code == 2
    assert done.err.startswith("multiverse: --sets: mars is not one of plain, no pads, gravel")
    assert not (tmp_path / "work").exists()


@pytest.fixture
def labelled(tmp_path: Path) -> Path:
    """A dataset of one picture, red at the left, with a pile, a sliver and a crowd."""
    for name in ("images", "annotations"):
        (tmp_path / name).mkdir()
    colors = np.zeros((60, 80, 3), np.uint8)
    colors[:, :40, 2] = 200  # OpenCV writes blue first
    cv2.imwrite(str(tmp_path / "images" / "000000.png"), colors)
    boxes = {(10, 20, 30, 12): 0, (50, 5, 3, 20): 0, (60, 40, 20, 20): 1}
    annotations = [{"bbox": list(box), "iscrowd": crowd} for box, crowd in boxes.items()]
    part = {"image": {"file_name": "000000.png"}, "annotations": annotations}
    (tmp_path / "annotations" / "000000.json").write_text(json.dumps(part), encoding="utf-8")
    return tmp_path


def test_crowds_and_labels_of_three_pixels_may_be_found_or_not(labelled: Path) -> None:
    (picture,) = read_pictures(labelled, 1)
    assert picture.colors[5, 5].tolist() == [200, 0, 0]
    assert picture.boxes.tolist() == [[10, 20, 40, 32], [50, 5, 53, 25], [60, 40, 80, 60]]
    assert picture.is_ignored.tolist() == [False, True, True]


def test_views_keep_the_piles_that_they_show() -> None:
    colors = np.zeros((100, 300, 3), np.uint8)
    boxes = np.array([[x, 40.0, x + 20.0, 60.0] for x in range(0, 300, 50)])
    for x0, y0, x1, y1 in boxes.astype(int):
        colors[y0:y1, x0:x1] = 255
    whole = LabelledPicture(colors=colors, boxes=boxes, is_ignored=np.zeros(6, bool))
    views = cut_views(whole, 64, 30, np.random.default_rng(0))
    for view in views:
        is_pile = np.zeros((64, 64), bool)
        for x0, y0, x1, y1 in view.boxes.astype(int):
            is_pile[y0:y1, x0:x1] = True
        assert np.array_equal(is_pile, view.colors[:, :, 0] == 255)
    slivers = np.concatenate([view.boxes[view.is_ignored] for view in views])
    assert (
        len(views) == 30
        and len(slivers)
        and (slivers[:, 2:] - slivers[:, :2]).min(axis=1).max() < 4.1
    )


def of_a_set(piles: int, ap50: float | None, false_positives: float = 0.5) -> dict[str, Any]:
    def found(ap50: float | None, f1: float) -> dict[str, Any]:
        return {"ap50": ap50, "ap_middle": ap50, "f1": f1, "false_positives": false_positives}

    learned = {"recipe 1": found(ap50 and 0.2, 0.3), "recipe 2": found(ap50, 0.9)}
    return (
        {"piles": piles}
        | learned
        | {"rule, recipe 1": found(None, 0.1), "rule, recipe 2": found(None, 0.18)}
    )


def test_the_goals_are_those_of_the_worst_set() -> None:
    sets = {
        "plain": of_a_set(50, 0.8),
        "snow": of_a_set(50, 0.6),
        "negatives": of_a_set(0, None, 1.5),
    }
    assert goals(sets) == {
        "lowest AP50 as a share of plain, at least 0.9": 0.75,
        "lowest set": "snow",
        "false positives a picture without piles, below 1": 1.5,
        "F1 of the rule as a share of the detector's, below 0.3": 0.2,
    }
